"""Why no handler takes a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .._engine import BatchReport, Outcome
from .._records import StreamRecord
from .._routing import Route
from ._target import Target


def reasons(target: Target, report: BatchReport, first: int) -> Mapping[str, Sequence[int]]:
    """Each reason for which records were ignored, with their numbers.

    Args:
        target: The app.
        report: What came of the batch.
        first: The number of its first record.
    """
    numbers: dict[str, list[int]] = {}
    for number, told in enumerate(report.records, first):
        if told.outcome is Outcome.IGNORED and isinstance(told.record, StreamRecord):
            numbers.setdefault(_reason(target, told.record), []).append(number)
    return numbers


def _reason(target: Target, record: StreamRecord) -> str:
    handlers: dict[str | None, list[str]] = {}
    for route in _asked(target.routes, record):
        names = handlers.setdefault(route.selection.why_not(record), [])
        names.append(target.shorten(route.name))
    told = [f"{', '.join(dict.fromkeys(names))}: {reason}" for reason, names in handlers.items()]
    return "; ".join(told) or f"no handler of {record.kind} is registered"


def _asked(routes: Iterable[Route], record: StreamRecord) -> Iterable[Route]:
    """Those that might have taken it: a dead letter is for the handler that it names."""
    handler = record.letter and record.letter.handler
    if handler is not None:
        return [route for route in routes if route.name == handler]
    return [route for route in routes if record.kind in route.selection.kinds]
