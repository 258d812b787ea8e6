"""Batches, histories and schedules as tables of plain text. No item value is shown, except in keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from .._engine import BatchReport, RecordReport
from .._logs import describe
from .._records import StreamRecord
from ._mapping._history import Discarded, History, Invocation

AnyT = TypeVar("AnyT")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows below their header, each column as wide as it must be; nothing in it moves the cursor."""
    if not rows:
        return []
    cells = [[_printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def lines_of(value: object) -> list[str]:
    """What a test compares or holds, as a table; nothing if it is none of ours."""
    if isinstance(value, BatchReport):
        return _batch(value.records)
    if isinstance(value, History):
        return [*_invocations(value.invocations), *map(_discarded, value.discarded)]
    if not isinstance(value, (list, tuple)):
        return []
    return [
        *_batch(_each(value, RecordReport)),
        *_invocations(_each(value, Invocation)),
        *map(_discarded, _each(value, Discarded)),
    ]


def title_of(value: object) -> str:
    """What it is, in a few words."""
    if isinstance(value, BatchReport):
        return f"<BatchReport of {len(value.records)} records>"
    if isinstance(value, (list, tuple)) and _each(value, RecordReport):
        return f"<{len(value)} records>"
    return repr(value)


def short(handler: str) -> str:
    """A handler's name without its module."""
    return handler.rpartition(".")[2]


def _each(values: Iterable[object], kind: type[AnyT]) -> list[AnyT]:
    return [value for value in values if isinstance(value, kind)]


def _batch(reports: Sequence[RecordReport]) -> list[str]:
    header = ("#", "kind", "key", "handlers", "outcome", "error")
    return table(header, [_record(number, report) for number, report in enumerate(reports, 1)])


def _record(number: int, report: RecordReport) -> Sequence[str]:
    record = report.record
    return (
        str(number),
        record.kind if isinstance(record, StreamRecord) else "unreadable",
        " ".join("=".join((name, str(value))) for name, value in (record.keys or {}).items()),
        ", ".join(_handlers(report)),
        report.outcome,
        "" if report.error is None else describe(report.error),
    )


def _handlers(report: RecordReport) -> Iterator[str]:
    for handler, outcome in report.handlers:
        yield short(handler) if outcome is report.outcome else f"{short(handler)} ({outcome})"


def _invocations(invocations: Sequence[Invocation]) -> list[str]:
    header = ("#", "seconds", "shard", "records", "retry", "verdict", "begins again at", "error")
    began = min((each.at for each in invocations), default=None)
    return table(header, [_invocation(number, each, began) for number, each in enumerate(invocations, 1)])


def _invocation(number: int, invocation: Invocation, began: datetime | None) -> Sequence[str]:
    seconds = 0 if began is None else (invocation.at - began).total_seconds()
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


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]
