"""What a contender is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from pydantic import BaseModel

Take: TypeAlias = Callable[[BaseModel], object]
"""What the handlers of a batch do with each item, old ones before new ones."""

TakeAll: TypeAlias = Callable[[Sequence[BaseModel]], object]
"""What a handler of lists does with them."""

Handle: TypeAlias = Callable[[Any], object]
"""A Lambda handler, without its context."""


class Reader(NamedTuple):
    """How one item is read.

    Attributes:
        expression: Of `model`, `image` and `record` (which holds the image), and of its own names. For a
            writer, of `item`.
        names: These.
    """

    expression: str
    names: Mapping[str, Any]


class Library(Protocol):
    """A module of contenders."""

    def readers(self, model: type[BaseModel]) -> Mapping[str, Reader]:
        """The ways to read an item."""
        ...

    def handlers(self, model: type[BaseModel], take: Take) -> Mapping[str, Handle]:
        """The ways to read a batch of inserted and modified items."""
        ...


class Writer(Protocol):
    """A module of contenders that write an item as well."""

    def writers(self) -> Mapping[str, Reader]:
        """The ways to write an order."""
        ...


class BulkLibrary(Protocol):
    """A module of contenders that handle a list of items as well."""

    def bulk_handler(self, model: type[BaseModel], take_all: TakeAll) -> Mapping[str, Handle]:
        """The ways to read all new items of a batch into one list."""
        ...


class Dispatcher(Protocol):
    """A module of contenders that tell items apart as well."""

    def dispatchers(self, models: Mapping[str, type[BaseModel]], take: Take) -> Mapping[str, Handle]:
        """The ways to read those new items of a batch whose `kind` has a model."""
        ...
