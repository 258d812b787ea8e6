"""The figures of workloads: shown as tables, and kept as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.comparing import Workload
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
    """The figures of a workload, for each record or item.

    Attributes:
        title: What the work is.
        base: The contender that the others are compared with.
        figures: By contender.
    """

    title: str
    base: str
    figures: Mapping[str, float]

    @classmethod
    def of(cls, workload: Workload, figures: Mapping[str, float]) -> Result:
        """Make the result of a workload."""
        return cls(workload.title, workload.base, figures)


def versions() -> dict[str, str]:
    """What this interpreter has, by name."""
    found = {package.name.replace("_", "-"): package.version for package in distributions()}
    return {
        "python": f"{platform.python_version()}, {platform.machine()}",
        **{name: found[name] for name in sorted(_PACKAGES & found.keys())},
    }


def versions_line(versions: Mapping[str, str]) -> str:
    """What was measured, and on what, in a line."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def table(name: str, result: Result, unit: str, earlier: Mapping[str, float] | None = None) -> Iterable[str]:
    """Yield the lines of a table with a row for each contender."""
    figures, targets = result.figures, TARGETS.get(name, {})
    yield f"\n({name}) {result.title}"
    heads = f"{'':40}{unit:>14}{'x limit':>9}{'x ddbevents':>13}"
    yield heads + (f"{'change':>10}" if earlier else "") + "  asked"
    for contender, figure in figures.items():
        row = f"{contender:40}{figure:14,.2f}{figure / figures[result.base]:9.2f}"
        row += f"{figure / figures[OURS]:13.2f}" if OURS in figures else f"{'':13}"
        if earlier:
            row += f"{figure / earlier[contender] - 1:10.1%}" if contender in earlier else f"{'new':>10}"
        target = targets.get(contender)
        if target is not None and target.against in figures:
            against = "" if target.against in {result.base, OURS} else f" of {target.against}"
            row += f"  {target.verdict(figure / figures[target.against])}{against}"
        yield row.rstrip()


def save(path: Path, unit: str, versions: Mapping[str, str], results: Mapping[str, Result]) -> None:
    """Write figures for other scripts."""
    workloads = {name: result._asdict() for name, result in results.items()}
    content = {"unit": unit, "versions": dict(versions), "workloads": workloads}
    path.write_text(json.dumps(content, indent=2) + "\n")


def load(path: Path) -> dict[str, Result]:
    """Read the results that `save` wrote."""
    content: Any = json.loads(path.read_text())
    return {name: Result(**fields) for name, fields in content["workloads"].items()}
