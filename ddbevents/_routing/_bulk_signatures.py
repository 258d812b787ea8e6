"""The signatures of bulk handlers, which take a list. Imported with the first one that is registered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from inspect import Parameter
from types import UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin

from typing_extensions import is_protocol

from .._errors import ConfigurationError

# tuples, since an annotation may be anything, even unhashable
_TOO_WIDE: Final = (Any, object)
_UNIONS: Final = (Union, UnionType)
_LISTS_BY_TEXT: Final = "Sequence|list|List|Iterable|Collection|MutableSequence|Reversible"


def item_hint(name: str, hint: Any, filled: Sequence[Parameter]) -> Any:
    """Return the annotation of one change, from that of the list.

    Args:
        name: The handler's name.
        hint: The annotation of its first parameter; text if it cannot be resolved.
        filled: The parameters that have to be filled.

    Raises:
        ConfigurationError: It is not annotated as a list, or takes a second argument.
    """
    if len(filled) > 1:
        raise ConfigurationError(
            f"{name} takes ({filled[0].name}, {filled[1].name}), but a bulk handler takes a list of changes"
            " and nothing else: a transaction belongs to one record, so use the decorator of the app itself"
        )
    found = _of_text(hint) if isinstance(hint, str) else _of_type(hint)
    if found is None:
        from ._handler_errors import no_list  # noqa: PLC0415  # for wrong handlers only

        raise no_list(name, hint)
    return found


def _of_text(hint: str) -> Any:
    named = re.fullmatch(rf"(?:\w+\.)*(?:{_LISTS_BY_TEXT})\[(.*)\]", hint)
    if named is not None:
        return named[1]
    return None if re.fullmatch(r"(?:\w+\.)*[A-Z][A-Za-z]*\[.*\]", hint) else Any


def _of_type(hint: Any) -> Any:
    """Return the type of a list's items; None if no list fits."""
    if get_origin(hint) in _UNIONS:
        members = [found for member in get_args(hint) if (found := _of_type(member)) is not None]
        return Union[tuple(members)] if members else None  # noqa: UP007  # of any number
    accepted = get_origin(hint) or hint
    if any(hint is wide for wide in _TOO_WIDE) or isinstance(hint, TypeVar) or is_protocol(accepted):
        return next(iter(get_args(hint)), Any)
    if not isinstance(accepted, type) or not issubclass(list, accepted):
        return None
    return next(iter(get_args(hint)), Any)
