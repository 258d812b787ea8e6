"""Figures: shown as tables, and kept as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.targets import OURS, TARGETS

_PACKAGES: Final = frozenset(
    {
        "aws-lambda-powertools",
        "boto3",
        "ddbevents",
        "dynamodb-json",
        "dynamodb-stream-router",
        "pydantic",
        "pydantic-core",
    }
)


class Result(NamedTuple):
    """What contenders took for the same work, by record or item if it has some.

    Attributes:
        title: The work.
        unit: The unit of the figures.
        base: The contender that the others are compared with.
        figures: By contender.
    """

    title: str
    unit: str
    base: str
    figures: Mapping[str, float]


class Report(NamedTuple):
    """The results of a run by name, and the versions of what was measured."""

    versions: Mapping[str, str]
    results: Mapping[str, Result]

    @property
    def versions_line(self) -> str:
        """The versions as text."""
        return ", ".join(f"{name} {version}" for name, version in self.versions.items())


def versions() -> dict[str, str]:
    """The versions that this interpreter finds."""
    found = {package.name.replace("_", "-"): package.version for package in distributions()}
    return {
        "Python": f"{platform.python_version()} ({platform.machine()})",
        **{name: found[name] for name in sorted(_PACKAGES & found.keys())},
    }


def print_table(name: str, result: Result, earlier: Mapping[str, float] | None = None) -> None:
    """Print a row for each contender, and what is asked of it."""
    print(*_lines(name, result, earlier or {}), sep="\n", flush=True)


def _lines(name: str, result: Result, earlier: Mapping[str, float]) -> Iterator[str]:
    figures, targets = result.figures, TARGETS.get(name, {})
    with_ours = OURS in figures and result.base != OURS
    yield f"\n({name}) {result.title}"
    heads = f"{'':42}{result.unit:>14}{'x first':>9}{'x ddbevents' if with_ours else '':>13}"
    yield f"{heads}{'change' if earlier else '':>9}  asked"
    for contender, figure in figures.items():
        ours = f"{figure / figures[OURS]:.2f}" if with_ours else ""
        row = f"{contender:42}{figure:14,.2f}{figure / figures[result.base]:9.2f}{ours:>13}"
        change = f"{figure / earlier[contender] - 1:+.1%}" if contender in earlier else ""
        asked = ""
        target = targets.get(contender)
        if target is not None and target.against in figures:
            of = "" if target.against in {result.base, OURS} else f", against {target.against}"
            asked = f"{target.verdict(figure / figures[target.against])}{of}"
        yield f"{row}{change:>9}  {asked}".rstrip()


def save(path: Path, report: Report) -> None:
    """Write a report for other scripts."""
    results = {name: result._asdict() for name, result in report.results.items()}
    content = {"versions": dict(report.versions), "results": results}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


def load(path: Path) -> Report:
    """Read a report that `save` wrote."""
    content: Any = json.loads(path.read_text("utf-8"))
    results = {name: Result(**fields) for name, fields in content["results"].items()}
    return Report(content["versions"], results)


def earlier_figures(path: Path | None) -> dict[str, Mapping[str, float]]:
    """Read the figures to compare with, if there are some."""
    return {name: result.figures for name, result in load(path).results.items()} if path else {}


def unknown(chosen: Iterable[str], names: Iterable[str]) -> str:
    """Say which of the chosen names there are not, and which there are; nothing if all are."""
    there = [*names]
    strangers = [name for name in chosen if name not in there]
    return f"no case is called {', '.join(strangers)}: choose from {', '.join(there)}" if strangers else ""
