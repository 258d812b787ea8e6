"""Holds a fast decoder to the law: the same item, or no answer."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from pydantic import BaseModel

Decode = Callable[[Any], Any]


class Answer(NamedTuple):
    """What a decoder says of an image: an item, as it can be compared, or its error."""

    item: object
    error: Exception | None


def ask(decode: Decode, image: Any) -> Answer:
    try:
        item = decode(image)
    except Exception as error:  # noqa: BLE001  # users' validators raise anything
        return Answer(None, error)
    return Answer(shape(item), None)


def difference(fast: Decode, law: Decode, image: Any) -> str | None:
    """How the fast decoder breaks the law: it answers otherwise, or where the law refuses."""
    quick = ask(fast, image)
    if quick.error is not None:
        return None
    right = ask(law, image)
    if right.error is not None:
        return f"wrong acceptance of {image}: {quick.item}, but the law says {right.error!r}"
    return None if quick.item == right.item else f"of {image}: {quick.item}, but the law says {right.item}"


def shape(value: Any) -> object:
    """All that can be seen of an item: types, values, signs and zeros of numbers, which fields were set."""
    kind = type(value)
    name = (kind.__module__, kind.__qualname__)
    if isinstance(value, BaseModel):
        parts = (value.__dict__, value.__pydantic_extra__, value.__pydantic_private__)
        return (name, value.model_fields_set, *map(shape, parts))
    if dataclasses.is_dataclass(value):
        return (name, shape(value.__dict__))
    if isinstance(value, dict):
        return (name, [(shape(key), shape(member)) for key, member in value.items()])
    if isinstance(value, (set, frozenset)):
        # in which order a set lists its members is chance
        return (name, sorted(map(repr, map(shape, value))))
    if isinstance(value, (list, tuple, deque)):
        return (name, [*map(shape, value)])
    return (name, repr(value))
