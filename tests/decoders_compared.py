"""Compares two decoders of a model: the same item in every detail, or the same error."""

from __future__ import annotations

import dataclasses
import re
from collections import deque
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter

from ddbevents import decode, decode_value

Decode = Callable[[Any], Any]


class Answer(NamedTuple):
    """A decoder's answer to an image: an item in a form that can be compared, or an error."""

    item: object
    error: Exception | None


def ask(decoder: Decode, image: Any) -> Answer:
    try:
        item = decoder(image)
    except Exception as error:  # noqa: BLE001  # users' validators raise anything
        return Answer(None, error)
    return Answer(shape(item), None)


def comparable(answer: Answer) -> object:
    """Return an answer with its error as text, without the addresses that users' validators may show."""
    return answer.item, type(answer.error), re.sub(r" at 0x[0-9a-f]+", "", str(answer.error))


def by_reference(model: Any) -> Decode:
    """Return the reference decoder of a model, which alone reads mappings that are no dicts."""
    return lambda image: decode(model, MappingProxyType(image))


def by_definition(model: Any) -> Decode:
    """Return the definition of a decoder: the model validates the image's plain values.

    Unlike a decoder it knows no strict models, and refuses malformed attributes that no field reads.
    """
    validate = TypeAdapter(model).validate_python

    def decode_plainly(image: Any) -> Any:
        values: Any = decode_value({"M": image})
        return validate({name: value for name, value in values.items() if not name.startswith("aws:rep:")})

    return decode_plainly


def difference(compiled: Decode, reference: Decode, image: Any) -> str | None:
    """Return how a compiled decoder's answer is wrong; it may leave any image to the reference decoder."""
    quick = ask(compiled, image)
    if quick.error is not None:
        return None
    right = ask(reference, image)
    if right.error is not None:
        return f"wrong acceptance of {image}: {quick.item}, but the reference decoder raises {right.error!r}"
    return None if quick.item == right.item else f"{image}: {quick.item} instead of {right.item}"


def shape(value: Any) -> object:
    """Return all that can be seen of an item: types, values, signs and zeros of numbers, fields set."""
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
        # the order in which a set lists its members is chance
        return (name, sorted(map(repr, map(shape, value))))
    if isinstance(value, (list, tuple, deque)):
        return (name, [*map(shape, value)])
    return (name, repr(value))
