"""The errors for kinds of change that are none, each with its own cure. Loaded for mistakes only."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Final, get_args

from .._errors import ConfigurationError, printable
from .._records import Kind

_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
# what other systems call them
_OTHERS: Final = {"UPDATE": "MODIFY", "DELETE": "REMOVE", "CREATE": "INSERT", "CHANGE": "MODIFY"}


def wrong_kinds(kinds: Collection[object]) -> ConfigurationError:
    """Return the error for kinds of change that are none."""
    if not kinds:
        return ConfigurationError("kinds names no kind of change: leave it out to take every change")
    wrong = next(each for each in kinds if each not in _KINDS)
    if not isinstance(wrong, str):
        return ConfigurationError(
            f"kinds must be one or several of {_listed(_KINDS)}, as text, not {type(wrong).__name__}"
        )
    near = get_close_matches(wrong.upper(), [*_KINDS, *_OTHERS], n=1)
    hint = f"; did you mean {_OTHERS.get(near[0], near[0])}?" if near else ""
    return ConfigurationError(f"kinds has no {printable(wrong)}: it takes {_listed(_KINDS)}{hint}")


def _listed(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}"
