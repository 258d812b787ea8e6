"""Decoding, compared: one process, each contender once in every round, the best of many rounds.

pip install 'ddbevents[aws,powertools]' dynamodb-json dynamodb-stream-router
python benchmarks/decoding.py [--short] [--case a,b,...]

Each contender stands in `benchmarks/contenders/`; one whose package is missing is left out. All must give the
same items before they are timed. Only the ratios say something: times differ from machine to machine.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the benchmarks are found when this is the script

from benchmarks.cases import CASES, Contact, Kind, Order, order
from benchmarks.comparing import find_libraries, grow, read_batch, read_item, write_item
from benchmarks.contenders.interface import Library
from benchmarks.costs import first_decode, first_use, imports, peaks
from benchmarks.targets import (
    DUMP,
    GROWTH_TARGET,
    LIMIT,
    MEMORY_TARGET,
    OURS,
    TARGETS,
    at_most,
    verdict,
)

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
_BATCHES: Final[Mapping[str, Kind]] = {"e": "INSERT", "e2": "MODIFY"}


class Effort(NamedTuple):
    """How often things are done."""

    items: int
    batches: int
    imports: int
    sizes: tuple[int, ...]
    share: float


_FULL: Final = Effort(60, 20, 9, (10, 100, 1_000, 10_000), 1)
_SHORT: Final = Effort(1, 1, 1, (10, 100), 0.02)


def main() -> None:
    """Print a table for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--short", action="store_true", help="only show that it runs")
    parser.add_argument(
        "--case", default="", help="some of a, b, c, d, d2, l, e, e2, x, growth, memory, import, first"
    )
    arguments = parser.parse_args()
    print_versions()
    if arguments.short:
        print("a short run: it shows that all run, and its figures say nothing")
    cases = all_cases([*find_libraries()], _SHORT if arguments.short else _FULL)
    for name in arguments.case.split(",") if arguments.case else cases:
        cases[name]()


def all_cases(libraries: list[Library], effort: Effort) -> dict[str, Callable[[], None]]:
    """What can be asked for."""
    cases: dict[str, Callable[[], None]] = {}
    for name in CASES:
        cases[name] = partial(print_item, name, libraries, effort)
    for name in _BATCHES:
        cases[name] = partial(print_batch, name, libraries, effort)
    return cases | {
        "x": lambda: print_table("(x) encode the full model", write_item(libraries, effort.items), base=DUMP),
        "growth": partial(print_growth, effort),
        "memory": partial(print_memory, effort),
        "import": partial(print_imports, effort),
        "first": print_first_use,
    }


def print_versions() -> None:
    """What was measured, and on what."""
    found = {package.name.replace("_", "-"): package.version for package in distributions()}
    print(f"Python {platform.python_version()}, {platform.machine()}")
    print(", ".join(f"{name} {found[name]}" for name in sorted(_PACKAGES & found.keys())))


def print_item(name: str, libraries: list[Library], effort: Effort) -> None:
    """One item."""
    print_table(
        f"({name}) {CASES[name].title}", read_item(CASES[name], libraries, effort.items), TARGETS[name]
    )


def print_batch(name: str, libraries: list[Library], effort: Effort) -> None:
    """A batch, by record."""
    times = read_batch(_BATCHES[name], 1_000, libraries, effort.batches)
    print_table(f"({name}) a batch of 1,000, {_BATCHES[name]}", times, TARGETS.get(name))


def print_table(
    title: str, times: Mapping[str, float], targets: Mapping[str, float] | None = None, base: str = LIMIT
) -> None:
    """The ratios of all contenders."""
    limit, ours = times[base], times[OURS]
    print(f"\n{title}; the limit: {limit * 1e6:.2f} us")
    print(f"{'':40}{'x limit':>9}{'x ddbevents':>13}  target")
    for name, seconds in times.items():
        told = verdict(name, (targets or {}).get(name), seconds / limit, seconds / ours)
        print(f"{name:40}{seconds / limit:9.2f}{seconds / ours:13.2f}  {told}".rstrip())


def print_growth(effort: Effort) -> None:
    """Batches of several sizes."""
    seconds = grow(effort.sizes, effort.batches)
    first_limit, first_ours = seconds[effort.sizes[0]]
    print(f"\n(growth) a record in larger batches, against one in a batch of {effort.sizes[0]}")
    print(f"{'records':>8}{'limit':>9}{'ddbevents':>11}")
    for size, (limit, ours) in seconds.items():
        print(f"{size:8,}{limit / first_limit:9.2f}{ours / first_ours:11.2f}")
    *smaller, largest = (ours for _, ours in seconds.values())
    ratio = largest / min(smaller)
    print(f"the largest against the best of the others: {ratio:.2f}  {at_most(GROWTH_TARGET, ratio)}")


def print_memory(effort: Effort) -> None:
    """The peaks of a batch as large as Lambda takes."""
    print("\n(memory) the peak of an app with a 6 MB event, against its parsed JSON with one item at a time")
    for model in (Order, Contact):
        found = peaks(model, effort.share)
        ratio = found.app / found.one_by_one
        sizes = f"{found.app / 1e6:.1f} MB of {found.one_by_one / 1e6:.1f} MB"
        print(
            f"{found.records:6,} x {model.__name__:10}{ratio:6.2f}  {sizes}  {at_most(MEMORY_TARGET, ratio)}"
        )


def print_imports(effort: Effort) -> None:
    """What a cold start pays."""
    costs = imports(effort.imports)
    [base, *_] = costs.values()
    print("\n(import) a fresh interpreter, pydantic's own import in each; against pydantic alone")
    print(f"{'':40}{'time':>9}{'memory':>9}{'added MB':>10}")
    for name, cost in costs.items():
        added = (cost.kibibytes - base.kibibytes) / 1024
        times = cost.seconds / base.seconds
        print(f"{name:40}{times:9.2f}{cost.kibibytes / base.kibibytes:9.2f}{added:10.1f}")


def print_first_use() -> None:
    """The compiling."""
    made, first, second = first_use(Order, order(1), 20)
    print("\n(first) the full model: milliseconds to make the class, to decode first, and to decode again")
    print(f"{made * 1e3:.2f} {first * 1e3:.2f} {second * 1e3:.3f}")
    print(f"in a fresh interpreter, to decode first: {first_decode() * 1e3:.2f}")


if __name__ == "__main__":
    main()
