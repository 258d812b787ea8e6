"""The output of handlers, printed or logged, which a command shows behind a bar."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Final, TextIO

from rich.console import Console
from typing_extensions import Buffer, override

from ..._logs import CALLBACK_FAILED, NOT_DEAD_LETTERED

# ERROR lines of the library that the table does not repeat
_NOT_IN_TABLE: Final = (NOT_DEAD_LETTERED, CALLBACK_FAILED)


def stdout_console() -> Console:
    """Return standard output, where a character that cannot be encoded is shown as an escape."""
    stdout: TextIO = sys.stdout
    reconfigure = getattr(stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    return Console(file=stdout, highlight=False)


class HandlerOutput(io.BufferedIOBase):
    """A file that shows each line behind a bar, without a buffer, so that debuggers work.

    Attributes:
        before_line: Called before a line begins.
    """

    def __init__(self, console: Console) -> None:
        self.name = "<output of handlers>"
        self._console = console
        self._bar = "│ " if console.encoding.startswith("utf") else "| "
        self._at_start = True
        self.before_line: Callable[[], None] = _do_nothing

    @override
    def writable(self) -> bool:
        return True

    @override
    def isatty(self) -> bool:
        return self._console.file.isatty()

    @override
    def fileno(self) -> int:
        return self._console.file.fileno()

    @override
    def write(self, data: Buffer, /) -> int:
        content = bytes(data)
        for line in content.decode(errors="replace").splitlines(keepends=True):
            self._write_line(line)
        return len(content)

    @override
    def flush(self) -> None:
        # an app may keep this stream and flush it after standard output is closed
        if not self._console.file.closed:
            self._console.file.flush()

    def end_line(self) -> None:
        """Begin a new line, unless this one is empty."""
        if not self._at_start:
            self._write_line("\n")

    def _write_line(self, line: str) -> None:
        if self._at_start:
            self.before_line()
            self._console.print(self._bar, style="dim", end="")
        self._console.file.write(line)
        self._at_start = line.endswith("\n")


def _do_nothing() -> None:
    """Stand in until there is a progress bar to hide."""


@contextmanager
def show_handler_output(console: Console) -> Generator[HandlerOutput]:
    """Show whatever is printed and logged in the block, in one stream, as CloudWatch does.

    A log handler is at the root before the app is imported, as in Lambda, so `logging.basicConfig` does
    nothing in either. The level is INFO unless the app sets another.
    """
    output = HandlerOutput(console)
    stream = io.TextIOWrapper(output, encoding="utf-8", errors="backslashreplace", write_through=True)
    root = logging.getLogger()
    handler = _log_handler(stream)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        with redirect_stdout(stream), redirect_stderr(stream):
            yield output
    finally:
        output.end_line()
        root.setLevel(level)
        root.removeHandler(handler)


def _log_handler(stream: io.TextIOWrapper) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_is_shown)
    return handler


def _is_shown(record: logging.LogRecord) -> bool:
    """Leave out lines that repeat the table, and the SDK's lines about its configuration."""
    match record.name.partition("."):
        case ("ddbevents", _, "batch"):
            return False
        case ("ddbevents", "", ""):
            return record.levelno < logging.ERROR or record.msg in _NOT_IN_TABLE
        case ("botocore" | "boto3", _, _):
            return record.levelno > logging.INFO
        case _:
            return True
