"""The terminal: a line for each record, the output of handlers, and a status line at the bottom."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ..._engine import Outcome
from .._output import OUTCOME_STYLES, printable


class Screen:
    """Shows what happens, on a terminal or in a file. One thread may use it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rest = ""  # of handlers' output: a line that has no end yet
        self._status = Text()
        self._live = Live(
            self._status,
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        if console.is_terminal:
            self._live.start()

    def output(self, text: str) -> None:
        """Show what handlers have written, line by line."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._print(Text(line))

    def row(self, row: Mapping[str, Any]) -> None:
        """Show the outcome of a record, and why it failed or was ignored."""
        outcome = Outcome(row["outcome"])
        style = OUTCOME_STYLES[outcome]
        handlers = ", ".join(_handler(name, each, outcome) for name, each in row["handlers"])
        line = Text.assemble(
            (f"{datetime.now().astimezone():%H:%M:%S} ", "dim"),
            f"{row['kind']:6} {row['key']}  ",
            (f"{handlers}  " if handlers else "", style),
            (outcome, style),
            f"  {row['ms']:.1f} ms" if row["ms"] else "",
        )
        self._print(line)
        if row["why"]:
            self._print(Text(f"  {row['why']}", "bold red" if outcome is not Outcome.IGNORED else "dim"))
        if row["traceback"]:
            self._print(Text(row["traceback"]))

    def note(self, text: str) -> None:
        """Show what happened to the app's process or to the stream."""
        self._print(Text(text, "dim"))

    def problem(self, text: str) -> None:
        """Show why nothing can run, or why a batch failed."""
        self._print(Text(text, "bold red"))

    def status(self, text: str) -> None:
        """Show the status line, on a terminal only."""
        if self._live.is_started and text != self._status.plain:
            self._status = Text(text, "reverse", no_wrap=True, overflow="ellipsis")
            self._live.update(self._status, refresh=True)

    def close(self) -> None:
        """Remove the status line."""
        self._live.stop()

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


def _handler(name: str, outcome: str, of_record: Outcome) -> str:
    return printable(name) if outcome == of_record else f"{printable(name)} ({outcome})"
