"""The findings of a check: a row for each, or a block where the terminal is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ...deploy import Finding
from ._text import plural, printable

_TABLE_WIDTH: Final = 70
_STYLES: Final = {"error": "bold red", "warning": "yellow"}


def show_findings(console: Console, findings: Sequence[Finding], function: str) -> None:
    """Show what a check found, with the cure of each, and how much that is."""
    if console.width < _TABLE_WIDTH:
        for finding in findings:
            console.print(Text(" ").join([_severity(finding), Text(finding.code)]))
            for text in (finding.message, f"→ {finding.cure}"):
                console.print(Padding(Text(printable(text)), (0, 0, 0, 2)), overflow="fold")
    elif findings:
        console.print(_table(findings))
    errors = sum(finding.severity == "error" for finding in findings)
    counts = f"{plural(errors, 'error')}, {plural(len(findings) - errors, 'warning')}"
    console.print(f"{printable(function)}: {counts if findings else 'wired as its app needs it'}")


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        show_lines=False,
        header_style="dim",
        border_style="dim",
    )
    table.add_column("")
    table.add_column("finding", ratio=3, overflow="fold")
    table.add_column("cure", ratio=2, overflow="fold")
    for finding in findings:
        message = Text.assemble((finding.code, "bold"), f": {printable(finding.message)}")
        table.add_row(_severity(finding), message, Text(printable(finding.cure)))
    return table


def _severity(finding: Finding) -> Text:
    return Text(finding.severity, _STYLES[finding.severity])
