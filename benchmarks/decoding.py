"""Compare CPU time: each contender once in every round, in one process, the best of many rounds.

pip install 'ddbevents[aws,powertools]' dynamodb-json dynamodb-stream-router
python benchmarks/decoding.py [--short] [--only batch-100,growth] [--json FILE]

Each contender stands in `benchmarks/contenders/`; one whose package is missing is left out. All must give the
same items before they are timed. Only the ratios say something: times differ from machine to machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the benchmarks are found when this is the script

from benchmarks.cases import Contact, Order, order
from benchmarks.comparing import WORKLOADS, Workload, find_libraries, order_batch
from benchmarks.contenders import ours
from benchmarks.costs import first_decode, first_use, imports, peaks
from benchmarks.results import Result, save, table, versions, versions_line
from benchmarks.targets import GROWTH_TARGET, LIMIT, MEMORY_TARGET, OURS, at_most
from benchmarks.timing import best, best_apart, cpu_clock

UNIT: Final = "us"
_MICROSECONDS: Final = 1e6


class Effort(NamedTuple):
    """How often things are done."""

    records: int
    imports: int
    sizes: tuple[int, ...]
    share: float


_FULL: Final = Effort(20_000, 9, (10, 100, 1_000, 10_000), 1)
_SHORT: Final = Effort(1, 1, (10, 100), 0.02)


def main() -> None:
    """Print a table for each case."""
    effort_of = {True: _SHORT, False: _FULL}
    others: dict[str, Callable[[Effort], None]] = {
        "growth": print_growth,
        "memory": print_memory,
        "import": print_imports,
        "first": print_first_use,
    }
    names = [*WORKLOADS, *others]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--short", action="store_true", help="only show that it runs")
    parser.add_argument("--only", default=",".join(names), help=f"some of {', '.join(names)}")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where to save the figures of the workloads"
    )
    arguments = parser.parse_args()
    chosen: list[str] = arguments.only.split(",")
    if unknown := [name for name in chosen if name not in names]:
        parser.error(f"no case is called {', '.join(unknown)}: choose from {', '.join(names)}")
    print(versions_line(versions()))
    if arguments.short:
        print("a short run: it shows that all run, and its figures say nothing")
    effort, libraries = effort_of[arguments.short], [*find_libraries()]
    results: dict[str, Result] = {}
    for name in chosen:
        if name in others:
            others[name](effort)
        else:
            results[name] = measure(WORKLOADS[name](libraries), effort)
            print(*table(name, results[name], UNIT), sep="\n")
    if arguments.json:
        save(arguments.json, UNIT, versions(), results)


def measure(workload: Workload, effort: Effort) -> Result:
    """Time the contenders of a workload."""
    rounds = min(60, max(1, effort.records // workload.parts))
    if workload.frozen:
        clocks = {name: cpu_clock(run, workload.parts) for name, run in workload.runs.items()}
        seconds = best(clocks, rounds)
    else:
        seconds = best_apart(workload.runs, workload.parts, rounds)
    return Result.of(workload, {name: each * _MICROSECONDS for name, each in seconds.items()})


def print_growth(effort: Effort) -> None:
    """Batches of several sizes."""
    sizes = effort.sizes
    found = [measure(order_batch(size, [ours]), effort).figures for size in sizes]
    limits, apps = ([figures[name] for figures in found] for name in (LIMIT, OURS))
    print(f"\n(growth) a record in larger batches, against one in a batch of {sizes[0]}")
    print(f"{'records':>8}{'limit':>9}{'ddbevents':>11}{'relative':>10}")
    for size, limit, app in zip(sizes, limits, apps, strict=True):
        of_limit, of_app = limit / limits[0], app / apps[0]
        print(f"{size:8,}{of_limit:9.2f}{of_app:11.2f}{of_app / of_limit:10.2f}")
    ratio = (apps[-1] / apps[0]) / (limits[-1] / limits[0])
    print(f"growth against the limit's own: {ratio:.2f}  {at_most(GROWTH_TARGET, ratio)}")


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


def print_first_use(effort: Effort) -> None:  # noqa: ARG001  # as every case
    """The compiling."""
    made, first, second = first_use(Order, order(1), 20)
    print("\n(first) the full model: milliseconds to make the class, to decode first, and to decode again")
    print(f"{made * 1e3:.2f} {first * 1e3:.2f} {second * 1e3:.3f}")
    print(f"in a fresh interpreter, to decode first: {first_decode() * 1e3:.2f}")


if __name__ == "__main__":
    main()
