"""The figures of a batch under the names that CloudWatch shows.

Imported by instruments, not by an app.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal, TypeAlias

from .._tuples import NamedTuple
from ._report import BatchReport

Unit: TypeAlias = Literal["Count", "Milliseconds", "Seconds"]


class Figure(NamedTuple):
    """A metric of CloudWatch.

    Attributes:
        name: Its name.
        unit: Its unit, as CloudWatch spells it.
        of: Returns its value, given the report of a batch; None if the batch has none.
    """

    name: str
    unit: Unit
    of: Callable[[BatchReport], float | None]


def _oldest_age(report: BatchReport) -> float | None:
    return None if report.oldest_age is None else report.oldest_age.total_seconds()


FIGURES: Final = (
    Figure("Records", "Count", lambda report: len(report.records)),
    Figure("Handled", "Count", lambda report: report.handled),
    Figure("AlreadyHandled", "Count", lambda report: report.already_handled),
    Figure("Ignored", "Count", lambda report: report.ignored),
    Figure("Failed", "Count", lambda report: report.failed),
    Figure("NotRun", "Count", lambda report: report.not_run),
    Figure("DeadLettered", "Count", lambda report: report.dead_lettered),
    Figure("BatchDuration", "Milliseconds", lambda report: report.seconds * 1000),
    Figure("OldestAge", "Seconds", _oldest_age),
)


def figures_of(report: BatchReport) -> Iterator[tuple[str, Unit, float]]:
    """Yield the name, the unit and the value of each figure that a batch has."""
    for name, unit, value_of in FIGURES:
        value = value_of(report)
        if value is not None:
            yield name, unit, value
