"""Compare CPU time: each contender once in every round, in one process, the best of many rounds.

pip install 'ddbevents[aws,powertools]' dynamodb-json dynamodb-stream-router
python benchmarks/decoding.py [--short] [--only batch-100,growth] [--json FILE] [--against FILE]

Each contender stands in `benchmarks/contenders/`; one whose package is missing is left out. All must give the
same items before they are timed. Only the ratios say something: times differ from machine to machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the benchmarks are found when this is the script

from pydantic import BaseModel

from benchmarks.cases import Contact
from benchmarks.comparing import WORKLOADS, Libraries, Workload, find_libraries, order_batch
from benchmarks.contenders import ours
from benchmarks.costs import FIRST_RECORDS, IMPORTS, PYDANTIC, Start, first_use, peaks, starts
from benchmarks.orders import Order, order
from benchmarks.results import Report, Result, earlier_figures, print_table, save, unknown, versions
from benchmarks.targets import LIMIT, ONE_BY_ONE, OURS
from benchmarks.timing import best, best_apart, cpu_clock


class Effort(NamedTuple):
    """How often things are done.

    Attributes:
        records: How many, in all rounds.
        least: The fewest rounds.
        most: The most rounds.
        starts: The fresh interpreters of each contender.
        sizes: The batches that grow.
        share: Of the largest event that Lambda takes.
    """

    records: int
    least: int
    most: int
    starts: int
    sizes: tuple[int, ...]
    share: float


_FULL: Final = Effort(20_000, 10, 60, 11, (10, 100, 1_000, 10_000), 1)
_SHORT: Final = Effort(1, 1, 1, 1, (10, 100), 0.02)


def main() -> None:
    """Print a table for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--short", action="store_true", help="only show that it runs")
    parser.add_argument("--only", default=",".join(CASES), help=f"some of {', '.join(CASES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to save the figures")
    parser.add_argument("--against", type=Path, metavar="FILE", help="saved figures to compare with")
    arguments = parser.parse_args()
    chosen: list[str] = arguments.only.split(",")
    if mistake := unknown(chosen, CASES):
        parser.error(mistake)
    effort, libraries = _SHORT if arguments.short else _FULL, [*find_libraries()]
    earlier = earlier_figures(arguments.against)
    report = Report(versions(), results := {})
    print(report.versions_line)
    if arguments.short:
        print("a short run: it shows that all run, and its figures say nothing")
    for case in chosen:
        for name, result in CASES[case](libraries, effort):
            results[name] = result
            print_table(name, result, earlier.get(name))
    if arguments.json:
        save(arguments.json, report)


def measure(workload: Workload, effort: Effort) -> Result:
    """Time the contenders of a workload."""
    rounds = max(effort.least, min(effort.most, effort.records // workload.parts))
    if workload.frozen:
        clocks = {name: cpu_clock(run, workload.parts) for name, run in workload.runs.items()}
        seconds = best(clocks, rounds)
    else:
        seconds = best_apart(workload.runs, workload.parts, rounds)
    return Result(workload.title, "µs", workload.base, {name: each * 1e6 for name, each in seconds.items()})


Named = Iterator[tuple[str, Result]]


def workload(name: str, libraries: Libraries, effort: Effort) -> Named:
    """One of those that are counted as well."""
    yield name, measure(WORKLOADS[name](libraries), effort)


def growth(_: Libraries, effort: Effort) -> Named:
    """A record in batches of several sizes, against the limit's."""
    found = {f"{size:,} records": measure(order_batch(size, [ours]), effort).figures for size in effort.sizes}
    base = f"{effort.sizes[0]:,} records"
    limits = {size: figures[LIMIT] for size, figures in found.items()}
    relative = {size: figures[OURS] / figures[LIMIT] for size, figures in found.items()}
    yield "growth-limit", Result("a record of the limit in larger batches", "µs", base, limits)
    yield (
        "growth",
        Result("a record of an app in larger batches, relative to the limit's", "", base, relative),
    )


def memory(_: Libraries, effort: Effort) -> Named:
    """The peaks of a batch as large as Lambda takes."""
    models: Mapping[str, type[BaseModel]] = {"full": Order, "narrow": Contact}
    for name, model in models.items():
        found = peaks(model, effort.share)
        figures = {ONE_BY_ONE: found.one_by_one / 1e6, OURS: found.app / 1e6}
        title = f"peak memory with the largest event of Lambda, {name} model: {found.records:,} records"
        yield f"memory-{name}", Result(title, "MB", ONE_BY_ONE, figures)


def imports(_: Libraries, effort: Effort) -> Named:
    """What a cold start pays for imports."""
    found = starts(IMPORTS, effort.starts)
    title = "import in a fresh interpreter, each beside pydantic"
    yield from _starts("import", f"{title}: {{}}", PYDANTIC, found)


def first_records(_: Libraries, effort: Effort) -> Named:
    """What a cold start pays until a first record is handled."""
    found = starts(FIRST_RECORDS, effort.starts)
    title = "import, and the first record, in a fresh interpreter, full model"
    yield from _starts("start", f"{title}: {{}}", LIMIT, found)


def _starts(name: str, title: str, base: str, found: Mapping[str, Start]) -> Named:
    times = {each: start.seconds * 1e3 for each, start in found.items()}
    sizes = {each: start.kibibytes / 1024 for each, start in found.items()}
    yield name, Result(title.format("CPU time"), "ms", base, times)
    yield f"{name}-memory", Result(title.format("memory"), "MiB", base, sizes)


def first_uses(_: Libraries, __: Effort) -> Named:
    """The compiling of a model."""
    made, first, second = (seconds * 1e3 for seconds in first_use(Order, order(1), 20))
    figures = {"pydantic makes the class": made, "the first decode": first, "the second decode": second}
    yield (
        "first",
        Result("a further model, as large as the full one", "ms", "pydantic makes the class", figures),
    )


CASES: Final[Mapping[str, Callable[[Libraries, Effort], Named]]] = {
    **{name: partial(workload, name) for name in WORKLOADS},
    "growth": growth,
    "memory": memory,
    "import": imports,
    "start": first_records,
    "first": first_uses,
}


if __name__ == "__main__":
    main()
