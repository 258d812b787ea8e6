"""The table of a batch: a row for each record, or a block where the terminal is narrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..._engine import BatchReport, RecordReport
from ..._records import KeyValue, StreamRecord
from .._target import Target
from ._text import OUTCOME_STYLES, printable

_TABLE_WIDTH: Final = 70  # in fewer columns there is no room for keys


def show_table(console: Console, report: BatchReport, target: Target, first: int) -> None:
    """Show each record with its kind, key, handlers, outcome and time.

    Args:
        console: Where to print.
        report: The batch's report.
        target: The app.
        first: The number of the first record.
    """
    rows = [_row(number, record, target) for number, record in enumerate(report.records, first)]
    if console.width < _TABLE_WIDTH:
        _show_blocks(console, rows)
    else:
        console.print(_table(rows))


def _row(number: int, report: RecordReport, target: Target) -> list[Text]:
    kind = report.record.kind if isinstance(report.record, StreamRecord) else "unreadable"
    return [
        Text(str(number), "dim"),
        Text(kind),
        key_text(report.record.keys),
        Text("\n").join(_handlers(report, target)),
        Text(report.outcome, OUTCOME_STYLES[report.outcome]),
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


def key_text(keys: Mapping[str, KeyValue] | None) -> Text:
    """Return an item's key, as in `pk=ada sk=1`."""
    pairs = [
        Text.assemble((f"{name}=", "dim"), printable(str(value))) for name, value in (keys or {}).items()
    ]
    return Text(" ").join(pairs)


def _handlers(report: RecordReport, target: Target) -> Iterator[Text]:
    for handler, outcome in report.handlers:
        name = target.short_name(handler)
        yield Text(name if outcome is report.outcome else f"{name} ({outcome})", OUTCOME_STYLES[outcome])
