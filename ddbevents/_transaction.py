"""The DynamoDB writes that a handler asked for, as data until the handler has returned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from ._attributes import AttributeValue
from ._codec import encode, encode_value
from ._conditions import Condition

EncodedItem: TypeAlias = dict[str, AttributeValue]


class Put(NamedTuple):
    """Write a whole item."""

    table: str
    item: EncodedItem
    when: Condition | None


class Update(NamedTuple):
    """Change attributes of an item, which is made if it is not there."""

    table: str
    key: EncodedItem
    set: EncodedItem
    add: EncodedItem
    remove: tuple[str, ...]
    delete: EncodedItem
    when: Condition | None


class Delete(NamedTuple):
    """Delete an item."""

    table: str
    key: EncodedItem
    when: Condition | None


class Check(NamedTuple):
    """Demand a condition of an item that is not written."""

    table: str
    key: EncodedItem
    when: Condition


Write: TypeAlias = Put | Update | Delete | Check


class Transaction:
    """What a handler of two parameters gets: its writes are committed with its mark, all or none.

    Nothing is sent before the handler returns, and nothing if it raises. Each method raises
    `InvalidItemError` for what DynamoDB cannot store.
    """

    __slots__ = ("_writes",)

    def __init__(self) -> None:
        self._writes: list[Write] = []

    @property
    def writes(self) -> tuple[Write, ...]:
        """The writes so far, in order, with items and keys in typed JSON."""
        return tuple(self._writes)

    def put(self, table: str, item: object, *, when: Condition | None = None) -> None:
        """Write a whole item: a model, a dataclass or a mapping."""
        self._writes.append(Put(table, encode(item), when))

    def update(  # noqa: PLR0913  # DynamoDB's own clauses
        self,
        table: str,
        key: Mapping[str, object],
        *,
        set: Mapping[str, object] | None = None,  # noqa: A002  # DynamoDB's own word
        add: Mapping[str, object] | None = None,
        remove: Iterable[str] = (),
        delete: Mapping[str, object] | None = None,
        when: Condition | None = None,
    ) -> None:
        """Change attributes of an item.

        Args:
            table: The table's name.
            key: The item's whole primary key.
            set: Attributes to give a value.
            add: Numbers to add to numbers, sets to add to sets; what is not there counts as 0 or empty.
            remove: The name of an attribute to take away, or several.
            delete: Sets to take out of sets.
            when: What must be true of the item before.
        """
        write = Update(table, encode(key), _encode(set), _encode(add), _names(remove), _encode(delete), when)
        self._writes.append(write)

    def delete(self, table: str, key: Mapping[str, object], *, when: Condition | None = None) -> None:
        """Delete an item."""
        self._writes.append(Delete(table, encode(key), when))

    def check(self, table: str, key: Mapping[str, object], *, when: Condition) -> None:
        """Commit only if the condition is true of an item that this transaction does not write."""
        self._writes.append(Check(table, encode(key), when))


def _names(remove: Iterable[str]) -> tuple[str, ...]:
    return (remove,) if isinstance(remove, str) else tuple(remove)


def _encode(values: Mapping[str, object] | None) -> EncodedItem:
    return {name: encode_value(value) for name, value in (values or {}).items()}
