"""How commands whose output is JSON load an app, and say what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Annotated, TypeAlias

import typer

from .._errors import ConfigurationError
from ._errors import CommandError
from ._target import Target, load_target

WritesOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--writes",
        metavar="TABLE=WRITES",
        help="What transactions write to a table, if handlers do not say: NAME=update,put. Can be repeated.",
        show_default=False,
    ),
]


def load_app(target: str) -> Target:
    """Import an app; what its module prints goes to standard error.

    Raises:
        CommandError: As for `load_target`.
    """
    with redirect_stdout(sys.stderr):
        return load_target(target)


@contextmanager
def as_command_error() -> Generator[None]:
    """Turn a wrong argument, or an app that cannot be deployed so, into the error of a command."""
    try:
        yield
    except ConfigurationError as error:
        raise CommandError(str(error)) from error


def tables_of(writes: Iterable[str] | None) -> Mapping[str, Iterable[str]] | None:
    """Return the tables that transactions write to, with the writes, as the option --writes has them.

    None without the option: then the handlers' code says them.

    Raises:
        CommandError: An option has no writes.
    """
    return None if writes is None else dict(map(_table_of, writes))


def _table_of(option: str) -> tuple[str, Iterable[str]]:
    name, equals, writes = option.partition("=")
    if not equals:
        raise CommandError(f"--writes {option} names no writes: say {option}=update, or put, delete, check")
    return name, writes.split(",")
