"""The reasons why no handler takes a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..._engine import BatchReport, Outcome
from ..._records import StreamRecord
from ..._routing import Route
from .._target import Target


def reasons_for_ignoring(target: Target, report: BatchReport, first: int) -> Mapping[str, Sequence[int]]:
    """Return each reason for which records were ignored, with the numbers of the records.

    Args:
        target: The app.
        report: The batch's report.
        first: The number of the first record.
    """
    numbers: dict[str, list[int]] = {}
    for number, each in enumerate(report.records, first):
        if each.outcome is Outcome.IGNORED and isinstance(each.record, StreamRecord):
            numbers.setdefault(_reason(target, each.record), []).append(number)
    return numbers


def _reason(target: Target, record: StreamRecord) -> str:
    handlers: dict[str | None, list[str]] = {}
    for route in _candidates(target.routes, record):
        names = handlers.setdefault(route.selection.why_not(record), [])
        names.append(target.short_name(route.name))
    reasons = [f"{', '.join(dict.fromkeys(names))}: {reason}" for reason, names in handlers.items()]
    return "; ".join(reasons) or f"no handler for {record.kind} is registered"


def _candidates(routes: Iterable[Route], record: StreamRecord) -> Iterable[Route]:
    """Return the routes of the record's kind; for a dead letter, those of the handler that it names."""
    handler = record.letter and record.letter.handler
    if handler is not None:
        return [route for route in routes if route.name == handler]
    return [route for route in routes if record.kind in route.selection.kinds]
