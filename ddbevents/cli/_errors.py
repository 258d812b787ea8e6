"""The error that ends a command with exit code 2."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.text import Text

from .._errors import DDBEventsError


class CommandError(DDBEventsError):
    """The command cannot go on; the message says why, and what to do."""


@contextmanager
def exit_on_command_error() -> Generator[None]:
    """Print a `CommandError` to standard error as one line, and exit with 2."""
    try:
        yield
    except CommandError as error:
        line = " ".join(str(error).split())
        console = Console(stderr=True, highlight=False)
        console.print(Text.assemble(("error: ", "bold red"), line), soft_wrap=True)
        raise typer.Exit(2) from error
