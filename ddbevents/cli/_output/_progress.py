"""A progress bar on a terminal."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class ProgressBar:
    """A bar in the last line, to be hidden while anything else is printed."""

    def __init__(self, console: Console, label: str, total: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(
            *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._task = self._progress.add_task(label, total=total)
        self._is_wanted = console.is_terminal

    def advance(self, count: int) -> None:
        """Add to the number of finished items."""
        self._progress.advance(self._task, count)

    def show(self) -> None:
        """Draw the bar, on a terminal only."""
        if self._is_wanted:
            self._progress.start()

    def hide(self) -> None:
        """Clear the line of the bar."""
        if self._is_wanted:
            self._progress.stop()


@contextmanager
def show_progress(console: Console, label: str, total: int) -> Generator[ProgressBar]:
    """Show a progress bar until the end of the block."""
    bar = ProgressBar(console, label, total)
    bar.show()
    try:
        yield bar
    finally:
        bar.hide()
