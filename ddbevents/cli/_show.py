"""What came of events, as people like to see it. No item value is shown, except in keys."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .._engine import BatchReport, Outcome, RecordReport
from .._logs import describe_beside
from .._records import KeyValue, StreamRecord
from ._ignored import reasons
from ._invocation import Invocation, records_of
from ._target import Target

_STYLES: Final[Mapping[Outcome, str]] = {
    Outcome.HANDLED: "green",
    Outcome.ALREADY_HANDLED: "cyan",
    Outcome.IGNORED: "dim",
    Outcome.DEAD_LETTERED: "magenta",
    Outcome.FAILED: "bold red",
    Outcome.NOT_RUN: "yellow",
}
_LONGEST_RUN: Final = 2  # of numbers that are told one by one
_TABLE_WIDTH: Final = 70  # with less, the columns would be too narrow for keys


def show_invocation(console: Console, invocation: Invocation, target: Target) -> None:
    """The records of an event in a table, why some failed or were ignored, and the answer."""
    if invocation.report is not None and invocation.report.records:
        show_records(console, invocation.report, target)
    style = "" if invocation.is_done else "red"
    console.print(Text(json.dumps(invocation.answer), style), soft_wrap=True)
    if invocation.report is not None:
        _show_checkpoint(console, invocation.report)


def show_summary(console: Console, invocations: Sequence[Invocation]) -> None:
    """One line about all events."""
    reports = records_of(invocations)
    refused = sum(each.report is None for each in invocations)
    counts = [_count(reports, outcome) for outcome in Outcome]
    if refused:
        counts.append(Text(f"{_plural(refused, 'event')} refused", "bold red"))
    total = f"{_plural(len(reports), 'record')} in {_plural(len(invocations), 'event')}"
    parts = [Text(total, "bold"), *filter(None, counts), Text(_duration(invocations))]
    console.print()
    console.print(Text(" · ").join(parts), soft_wrap=True)


def show_redrive_summary(
    console: Console, source: str, reports: Sequence[RecordReport], removed: int
) -> None:
    """One line about all letters of a source."""
    parts = [
        Text(f"{_plural(len(reports), 'letter')} in {source}", "bold"),
        *filter(None, [_count(reports, outcome) for outcome in Outcome]),
        Text(f"{removed} removed"),
    ]
    console.print()
    console.print(Text(" · ").join(parts), soft_wrap=True)


def show_tracebacks(console: Console, report: BatchReport | None, first: int = 1) -> None:
    """How each record failed, as Python tells it: with messages, which may hold an item's values."""
    for number, record in enumerate(report.records if report else (), first):
        if record.error is not None:
            lines = "".join(traceback.format_exception(record.error)).rstrip()
            console.print(Text.assemble((f"#{number} ", "bold red"), lines), soft_wrap=True)


def show_records(console: Console, report: BatchReport, target: Target, first: int = 1) -> None:
    """The records of a batch in a table, and why some failed or were ignored.

    Args:
        console: Where to.
        report: What came of the batch.
        target: The app.
        first: The number of the first record.
    """
    rows = [_row(number, record, target) for number, record in enumerate(report.records, first)]
    if console.width < _TABLE_WIDTH:
        _show_blocks(console, rows)
    else:
        console.print(_table(rows))
    for error, numbers in _errors(report, first).items():
        console.print(Text.assemble((f"{_ranges(numbers)} ", "bold red"), error), soft_wrap=True)
    for reason, numbers in reasons(target, report, first).items():
        console.print(Text(f"{_ranges(numbers)} ignored: {_printable(reason)}", "dim"), soft_wrap=True)


def show_advice(console: Console, advice: Iterable[str]) -> None:
    """What to do next, a line each."""
    for line in advice:
        console.print(Text(line), soft_wrap=True)


def _errors(report: BatchReport, first: int) -> Mapping[str, Sequence[int]]:
    """Each error once, with the numbers of its records: a store that is down fails all of them."""
    errors: dict[str, list[int]] = {}
    for number, record in enumerate(report.records, first):
        if record.error is not None:
            errors.setdefault(describe_beside(record.record, record.error), []).append(number)
    return errors


def _ranges(numbers: Sequence[int]) -> str:
    """As in "#1 #2 #4-#100"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return " ".join(map(_range, runs))


def _range(run: Sequence[int]) -> str:
    if len(run) > _LONGEST_RUN:
        return f"#{run[0]}-#{run[-1]}"
    return " ".join(f"#{number}" for number in run)


def _row(number: int, report: RecordReport, target: Target) -> list[Text]:
    kind = report.record.kind if isinstance(report.record, StreamRecord) else "unreadable"
    return [
        Text(str(number), "dim"),
        Text(kind),
        _key(report.record.keys),
        Text("\n").join(_handlers(report, target)),
        Text(report.outcome, _STYLES[report.outcome]),
        Text(f"{report.seconds * 1000:.1f}" if report.seconds else ""),
    ]


def _table(rows: Sequence[Sequence[Text]]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        header_style="dim",
        border_style="dim",
    )
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("key", overflow="fold")
    table.add_column("handlers", overflow="fold")
    table.add_column("outcome", no_wrap=True)
    table.add_column("ms", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _show_blocks(console: Console, rows: Sequence[Sequence[Text]]) -> None:
    for number, kind, key, handlers, outcome, milliseconds in rows:
        time = Text(f"{milliseconds} ms" if milliseconds else "")
        console.print(Text(" ").join([number, kind, outcome, time]))
        for text in filter(None, (key, handlers)):
            console.print(Padding(text, (0, 0, 0, 2)), overflow="fold")


def _key(keys: Mapping[str, KeyValue] | None) -> Text:
    pairs = [
        Text.assemble((f"{name}=", "dim"), _printable(str(value))) for name, value in (keys or {}).items()
    ]
    return Text(" ").join(pairs)


def _printable(text: str) -> str:
    """Without what could move the cursor or not be encoded."""
    return text if text.isprintable() else ascii(text)[1:-1]


def _handlers(report: RecordReport, target: Target) -> Iterator[Text]:
    for handler, outcome in report.handlers:
        name = target.shorten(handler)
        yield Text(name if outcome is report.outcome else f"{name} ({outcome})", _STYLES[outcome])


def _show_checkpoint(console: Console, report: BatchReport) -> None:
    if report.failure is not None:
        return
    identifiers = [record.record.identifier for record in report.records]
    for named in report.response["batchItemFailures"]:
        number = identifiers.index(named["itemIdentifier"]) + 1
        what = f"Lambda delivers the records from #{number} on again"
        line = what if report.from_stream else f"the queue delivers #{number} again"
        console.print(Text(line, "dim"), soft_wrap=True)


def _count(reports: Sequence[RecordReport], outcome: Outcome) -> Text:
    count = sum(report.outcome is outcome for report in reports)
    return Text(f"{count} {outcome}" if count else "", _STYLES[outcome])


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _duration(invocations: Sequence[Invocation]) -> str:
    return f"{sum(each.seconds for each in invocations) * 1000:.0f} ms"
