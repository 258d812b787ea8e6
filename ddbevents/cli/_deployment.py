"""How commands whose output is JSON load an app, and say what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout

from .._errors import ConfigurationError
from ._errors import CommandError
from ._target import Target, load_target


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
