"""Words, numbers and colours that the table and the lines around it share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..._engine import Outcome

OUTCOME_STYLES: Final[Mapping[Outcome, str]] = {
    Outcome.HANDLED: "green",
    Outcome.ALREADY_HANDLED: "cyan",
    Outcome.IGNORED: "dim",
    Outcome.DEAD_LETTERED: "magenta",
    Outcome.FAILED: "bold red",
    Outcome.NOT_RUN: "yellow",
}
_SHORTEST_RANGE: Final = 3  # two numbers are shown one by one


def printable(text: str) -> str:
    """Return the text, escaped if it could move the cursor or cannot be encoded."""
    return text if text.isprintable() else ascii(text)[1:-1]


def plural(count: int, noun: str) -> str:
    """Return the count with the noun, as in "2 records"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def ranges(numbers: Sequence[int]) -> str:
    """Return rising numbers as in "#1 #2 #4-#100"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return " ".join(map(_range, runs))


def _range(run: Sequence[int]) -> str:
    if len(run) >= _SHORTEST_RANGE:
        return f"#{run[0]}-#{run[-1]}"
    return " ".join(f"#{number}" for number in run)
