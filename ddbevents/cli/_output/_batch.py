"""A batch on the terminal: its table, why records failed or were ignored, and the answer to Lambda.

Item values are shown in keys and tracebacks only.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from ..._engine import BatchReport
from ..._logs import describe_beside
from .._local import Invocation
from .._target import Target
from ._ignored import reasons_for_ignoring
from ._table import show_table
from ._text import printable, ranges


def show_invocation(console: Console, invocation: Invocation, target: Target) -> None:
    """Show the records of an event, the answer, and which records Lambda retries."""
    if invocation.report is not None and invocation.report.records:
        show_records(console, invocation.report, target)
    style = "" if invocation.is_done else "red"
    console.print(Text(json.dumps(invocation.answer), style), soft_wrap=True)
    if invocation.report is not None:
        _show_retries(console, invocation.report)


def show_records(console: Console, report: BatchReport, target: Target, first: int = 1) -> None:
    """Show the records of a batch, and why some failed or were ignored.

    Args:
        console: Where to print.
        report: The batch's report.
        target: The app.
        first: The number of the first record.
    """
    show_table(console, report, target, first)
    for error, numbers in _errors(report, first).items():
        console.print(Text.assemble((f"{ranges(numbers)} ", "bold red"), error), soft_wrap=True)
    for reason, numbers in reasons_for_ignoring(target, report, first).items():
        console.print(Text(f"{ranges(numbers)} ignored: {printable(reason)}", "dim"), soft_wrap=True)


def show_tracebacks(console: Console, report: BatchReport | None, first: int = 1) -> None:
    """Show the traceback of each failed record, with its message, which may contain item values."""
    for number, record in enumerate(report.records if report else (), first):
        if record.error is not None:
            lines = "".join(traceback.format_exception(record.error)).rstrip()
            console.print(Text.assemble((f"#{number} ", "bold red"), lines), soft_wrap=True)


def _errors(report: BatchReport, first: int) -> Mapping[str, Sequence[int]]:
    """Return each error once, with the numbers of its records: a store that is down fails all of them."""
    errors: dict[str, list[int]] = {}
    for number, record in enumerate(report.records, first):
        if record.error is not None:
            errors.setdefault(describe_beside(record.record, record.error), []).append(number)
    return errors


def _show_retries(console: Console, report: BatchReport) -> None:
    if report.failure is not None:
        return
    identifiers = [record.record.identifier for record in report.records]
    for failure in report.response["batchItemFailures"]:
        number = identifiers.index(failure["itemIdentifier"]) + 1
        who = "EventBridge Pipes" if report.delivery == "pipe" else "Lambda"
        retried = f"message #{number}" if report.delivery == "queue" else f"the records from #{number} on"
        console.print(Text(f"{who} retries {retried}", "dim"), soft_wrap=True)
