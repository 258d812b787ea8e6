"""The figures of a batch under the names that CloudWatch shows.

Imported by instruments, not by an app.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

from ._report import BatchReport, Outcome

Unit: TypeAlias = Literal["Count", "Milliseconds", "Seconds"]

_NAMES: Final[Mapping[Outcome, str]] = {
    Outcome.HANDLED: "Handled",
    Outcome.ALREADY_HANDLED: "AlreadyHandled",
    Outcome.IGNORED: "Ignored",
    Outcome.FAILED: "Failed",
    Outcome.NOT_RUN: "NotRun",
    Outcome.DEAD_LETTERED: "DeadLettered",
}


def figures_of(report: BatchReport) -> Iterator[tuple[str, Unit, float]]:
    """Yield the name, the unit and the value of each figure that a batch has."""
    counts = Counter([each.outcome for each in report.records])
    yield "Records", "Count", len(report.records)
    for outcome, name in _NAMES.items():
        yield name, "Count", counts[outcome]
    yield "BatchDuration", "Milliseconds", report.seconds * 1000
    age = report.oldest_age
    if age is not None:
        yield "OldestAge", "Seconds", age.total_seconds()
