"""The line at the end of a command, which counts outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from ..._engine import BatchReport, Outcome, RecordReport
from .._local import Invocation, records_of
from ._text import OUTCOME_STYLES, plural


def show_invoke_summary(console: Console, invocations: Sequence[Invocation]) -> None:
    """Show one line about all events."""
    reports = records_of(invocations)
    refused = sum(each.report is None for each in invocations)
    seconds = sum(each.seconds for each in invocations)
    _show_line(
        console,
        Text(f"{plural(len(reports), 'record')} in {plural(len(invocations), 'event')}", "bold"),
        *_counts(reports),
        *([Text(f"{plural(refused, 'event')} refused", "bold red")] if refused else ()),
        Text(f"{seconds * 1000:.0f} ms"),
    )


def show_redrive_summary(
    console: Console, source: str, reports: Sequence[RecordReport], removed: int, *, noun: str
) -> None:
    """Show one line about all dead letters of a source, or about the records that failure records name."""
    _show_line(
        console,
        Text(f"{plural(len(reports), noun)} in {source}", "bold"),
        *_counts(reports),
        Text(f"{removed} removed"),
    )


def show_backfill_summary(
    console: Console, source: str, outcomes: Mapping[str, int], failed: BatchReport | None
) -> None:
    """Show one line about all items of a source.

    Args:
        console: Where to print.
        source: The source's name.
        outcomes: How many items that are done had which outcome.
        failed: The items at which it stopped.
    """
    left = failed.records if failed else ()
    counts = Counter(outcomes) + Counter(report.outcome for report in left)
    _show_line(
        console, Text(f"{plural(counts.total(), 'item')} of {source}", "bold"), *_counts_by_outcome(counts)
    )


def show_dev_summary(console: Console, table: str, outcomes: Mapping[str, int], seconds: float) -> None:
    """Show one line about the records of a table, by their last outcome."""
    records = plural(sum(outcomes.values()), "record")
    _show_line(
        console,
        Text(f"{records} of {table} in {seconds:.0f} s", "bold"),
        *_counts_by_outcome(Counter(outcomes)),
    )


def show_tail_summary(console: Console, table: str, kinds: Mapping[str, int], seconds: float) -> None:
    """Show one line about the records of a table that were shown, by kind."""
    _show_line(
        console,
        Text(f"{plural(sum(kinds.values()), 'record')} of {table} in {seconds:.0f} s", "bold"),
        *(Text(f"{count} {kind}") for kind, count in sorted(kinds.items())),
    )


def _counts(reports: Sequence[RecordReport]) -> Iterator[Text]:
    for outcome in Outcome:
        count = sum(report.outcome is outcome for report in reports)
        if count:
            yield Text(f"{count} {outcome}", OUTCOME_STYLES[outcome])


def _counts_by_outcome(counts: Counter[str]) -> Iterator[Text]:
    for outcome in Outcome:
        if counts[outcome]:
            yield Text(f"{counts[outcome]} {outcome}", OUTCOME_STYLES[outcome])


def _show_line(console: Console, *parts: Text) -> None:
    console.print()
    console.print(Text(" · ").join(parts), soft_wrap=True)
