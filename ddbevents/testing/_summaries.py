"""Batch reports and histories as tables, which the pytest plugin shows. Of items, they hold only keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from .._engine import BatchReport, RecordReport, reason_for_ignoring
from .._errors import BatchFailedError, DDBEventsError
from .._logs import describe
from .._records import StreamRecord
from ._mapping import Discarded, History, Invocation
from ._tables import short, table

AnyT = TypeVar("AnyT")


def summary(value: object) -> list[str]:
    """Return the lines that summarize a value of a test; no lines if the value is not the library's."""
    if isinstance(value, BatchReport):
        return _batch(value.records)
    if isinstance(value, BatchFailedError):
        return [*_advice([value.error], "the attribute error of the BatchFailedError")]
    if isinstance(value, History):
        return [*_invocations(value.invocations), *map(_discarded, value.discarded)]
    if not isinstance(value, (list, tuple)):
        return []
    return [
        *_batch(_each(value, RecordReport)),
        *_invocations(_each(value, Invocation)),
        *map(_discarded, _each(value, Discarded)),
    ]


def title(value: object) -> str:
    """Return a few words that name a value."""
    if isinstance(value, BatchReport):
        return f"<BatchReport of {len(value.records)} records>"
    if isinstance(value, (list, tuple)) and _each(value, RecordReport):
        return f"<{len(value)} records>"
    return repr(value)


def _each(values: Iterable[object], kind: type[AnyT]) -> list[AnyT]:
    return [value for value in values if isinstance(value, kind)]


def _batch(reports: Sequence[RecordReport]) -> list[str]:
    header = ("#", "kind", "key", "handlers", "outcome", "why")
    return [
        *table(header, [_record(number, report) for number, report in enumerate(reports, 1)]),
        *_advice([report.error for report in reports], "report.records[i].error"),
    ]


def _advice(errors: Iterable[BaseException | None], place: str) -> Iterator[str]:
    """Yield where the exceptions are of which a table shows the type and the place alone."""
    if not all(error is None or isinstance(error, DDBEventsError) for error in errors):
        yield f"the exception with its message: {place}, or pytest --log-level=DEBUG"


def _record(number: int, report: RecordReport) -> Sequence[str]:
    record = report.record
    return (
        str(number),
        record.kind if isinstance(record, StreamRecord) else "unreadable",
        " ".join("=".join((name, str(value))) for name, value in (record.keys or {}).items()),
        ", ".join(_handlers(report)),
        report.outcome,
        (reason_for_ignoring(report, short) or "") if report.error is None else describe(report.error),
    )


def _handlers(report: RecordReport) -> Iterator[str]:
    for handler, outcome in report.handlers:
        yield short(handler) if outcome is report.outcome else f"{short(handler)} ({outcome})"


def _invocations(invocations: Sequence[Invocation]) -> list[str]:
    header = ("#", "seconds", "shard", "records", "retry", "verdict", "retries from", "error")
    first = min((each.at for each in invocations), default=None)
    return table(header, [_invocation(number, each, first) for number, each in enumerate(invocations, 1)])


def _invocation(number: int, invocation: Invocation, first: datetime | None) -> Sequence[str]:
    seconds = 0 if first is None else (invocation.at - first).total_seconds()
    return (
        str(number),
        f"{seconds:g}",
        invocation.shard,
        str(len(invocation.records)),
        str(invocation.retry),
        invocation.verdict,
        invocation.checkpoint or "",
        "" if invocation.error is None else describe(invocation.error),
    )


def _discarded(discarded: Discarded) -> str:
    return f"{len(discarded.records)} records discarded: {discarded.condition}"
