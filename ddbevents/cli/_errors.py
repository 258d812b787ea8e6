"""What a command cannot do, told in one line."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.text import Text

from .._errors import DDBEventsError


class CommandError(DDBEventsError):
    """The command was given something that it cannot work with; the message says what to give instead."""


@contextmanager
def errors_in_one_line() -> Generator[None]:
    """Print a `CommandError` to standard error, and exit with 2."""
    try:
        yield
    except CommandError as error:
        line = " ".join(str(error).split())
        console = Console(stderr=True, highlight=False)
        console.print(Text.assemble(("error: ", "bold red"), line), soft_wrap=True)
        raise typer.Exit(2) from error
