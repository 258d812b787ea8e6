"""Tables of plain text, for messages and for failed tests."""

from __future__ import annotations

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table whose columns are as wide as their cells; no lines without rows."""
    if not rows:
        return []
    cells = [[_printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def short(handler: str) -> str:
    """Return a handler's name without its module."""
    return handler.rpartition(".")[2]


def _printable(text: str) -> str:
    # Keys are a user's data: control characters in them must not move the cursor of a terminal.
    return text if text.isprintable() else ascii(text)[1:-1]
