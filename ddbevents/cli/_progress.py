"""How far a command is, shown on a terminal while nothing else is written."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """A progress bar in the last line, which makes room for what is written."""

    def __init__(self, console: Console, what: str, total: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(
            *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._task = self._progress.add_task(what, total=total)
        self._is_wanted = console.is_terminal

    def advance(self, count: int) -> None:
        """So many more are done."""
        self._progress.advance(self._task, count)

    def show(self) -> None:
        """Draw the bar, on a terminal."""
        if self._is_wanted:
            self._progress.start()

    def hide(self) -> None:
        """Clear the line, before something is written."""
        if self._is_wanted:
            self._progress.stop()


@contextmanager
def progress_bar(console: Console, what: str, total: int) -> Generator[Bar]:
    """A bar until the end of the block."""
    bar = Bar(console, what, total)
    bar.show()
    try:
        yield bar
    finally:
        bar.hide()
