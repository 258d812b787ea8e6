"""An app that is imported without its environment: every variable that it reads gets a placeholder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from ._errors import CommandError
from ._target import Target, load_target

_MOST: Final = 100  # variables: a module that reads others each time would go on for ever
_URLS: Final = ("URL", "URI", "QUEUE", "ENDPOINT")


def load_with_placeholders(target: str) -> tuple[Target, Sequence[str]]:
    """Import an app, and return it with the names of the variables that got a placeholder.

    Raises:
        CommandError: As `load_target`, or the import fails at a placeholder.
    """
    placed: list[str] = []
    while True:
        try:
            return load_target(target), placed
        except CommandError as error:
            name = _missing(error)
            if name is None or name in placed or len(placed) == _MOST:
                hint = f"; {', '.join(placed)} had a placeholder: set what has to be a real value"
                raise CommandError(f"{error}{hint if placed else ''}") from error.__cause__
            placed.append(name)
            os.environ[name] = _placeholder(name)


def _missing(error: CommandError) -> str | None:
    """Return the environment variable for want of which a module cannot be imported."""
    is_variable = isinstance(error.__cause__, KeyError) and "environment variable" in str(error)
    return str(error.__cause__.args[0]) if is_variable and error.__cause__ else None


def _placeholder(name: str) -> str:
    if any(part in name.upper() for part in _URLS):
        return f"https://sqs.placeholder/000000000000/{name}"
    return f"placeholder-{name.lower().replace('_', '-')}"
