"""What DynamoDB makes of items when the writes of a transaction are applied to them, as pure functions.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html and
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from .._attributes import AttributeValue, Image, canonical, decode_map
from .._conditions import Condition, matches
from .._errors import InvalidItemError, TransactionError, format_path
from .._transaction import (
    Check,
    Delete,
    EncodedItem,
    Put,
    Raw,
    Transaction,
    Update,
    Write,
)
from ._limits import KeyNames, check_limits, size_of
from ._numbers import add_numbers

TableKeys: TypeAlias = Mapping[str, str | Collection[str]]
"""Tables with the names of their key attributes, one or two each."""

Read: TypeAlias = Callable[[str, EncodedItem], Image | None]
"""Gives the item of a table that has this key, or None if there is none."""

_SETS: Final = frozenset({"SS", "NS", "BS"})
_KEY_TYPES: Final = frozenset({"S", "N", "B"})
_MOST_ITEM_BYTES: Final = 400 * 1024


class Written(NamedTuple):
    """What one write makes of one item.

    Attributes:
        table: The table's name.
        key: The item's primary key, its attributes sorted by name.
        image: The item after it, or None if there is none.
    """

    table: str
    key: EncodedItem
    image: EncodedItem | None


def sorted_names(tables: TableKeys) -> dict[str, tuple[str, ...]]:
    """The names of each table's key attributes; one alone needs no list."""
    return {table: _sorted(names) for table, names in tables.items()}


def apply_all(writes: Sequence[Write], key_names: KeyNames, read: Read) -> list[Written]:
    """What the writes of one transaction make of their items, each of which is as it was before.

    Raises:
        TransactionError: One of them cannot be done, so none is to be done, or together they are too much.
    """
    told = {write.table: _sorted(write.key) for write in writes if not isinstance(write, Put | Raw)}

    def known(table: str) -> tuple[str, ...] | None:
        return key_names(table) or told.get(table)

    check_limits(writes, known)
    return [_apply_one(index, write, known, read) for index, write in enumerate(writes)]


def apply_put(table: str, item: object, key_names: KeyNames) -> Written:
    """What it makes of a table to put an item there.

    Raises:
        InvalidItemError: DynamoDB cannot store it.
        TransactionError: Its key is not known, or the item does not have it.
    """
    transaction = Transaction()
    transaction.put(table, item)
    [outcome] = apply_all(transaction.writes, key_names, lambda _table, _key: None)
    return outcome


def checked_key(key: EncodedItem, names: tuple[str, ...] | None) -> EncodedItem:
    """The key, its attributes sorted by name.

    Raises:
        TransactionError: It is not a key of a table whose key has these names.
    """
    own = _sorted(key)
    if names not in {None, own}:
        raise TransactionError(f"a key of this table has {_listed(names or ())}, and nothing else")
    return _key_of(key, own)


def plain(image: Image) -> dict[str, Any]:
    """An item as Python values."""
    return decode_map(image)


def apply(write: Write, image: Image | None) -> EncodedItem | None:
    """The item after a write to it, or None if there is none.

    Raises:
        TransactionError: The condition is false of the item, or the item cannot be changed so.
    """
    match write:
        case Put(_, item, when):
            _demand(when, image)
            return item
        case Update(when=when):
            _demand(when, image)
            return _update(write, {**write.key} if image is None else {**image})
        case Delete(when=when):
            _demand(when, image)
            return None
        case Check(_, key, when):
            _demand(Condition("exists", tuple(key)[:1]) if when is None else when, image)
            return {**image} if image is not None else None
        case Raw():  # pragma: no branch  # there is no other
            raise TransactionError("this store cannot do raw writes: DynamoDBStore can")


def _apply_one(index: int, write: Write, key_names: KeyNames, read: Read) -> Written:
    try:
        key = _key(write, key_names(write.table))
        image = apply(write, read(write.table, key))
        _check_size(image)
    except TransactionError as error:
        message = f"write {index}, {_operation(write)} in table {write.table!r}: {error}"
        raise TransactionError(message, index=index, table=write.table) from None  # the same, and where
    return Written(write.table, key, image)


def _check_size(image: EncodedItem | None) -> None:
    if image is not None and size_of(Put("", image, None)) > _MOST_ITEM_BYTES:
        raise TransactionError("the item would have more than 400 KB")


def _operation(write: Write) -> str:
    return type(write).__name__.lower()


def _demand(when: Condition | None, image: Image | None) -> None:
    if when is not None and not matches(when, image or {}):
        raise TransactionError("its condition is false")


def _key(write: Write, names: tuple[str, ...] | None) -> EncodedItem:
    match write:
        case Put(table, item):
            if names is None:
                raise TransactionError(
                    "the table's key is not known here: name its key attributes when you make the store,"
                    f" as in tables={{{table!r}: ('pk', 'sk')}}"
                )
            return _key_of(item, names)
        case Raw():
            return {}
        case _:
            return checked_key(write.key, names)


def _key_of(item: Image, names: Iterable[str]) -> EncodedItem:
    key: EncodedItem = {name: item.get(name, {"NULL": True}) for name in names}
    for name, attribute in key.items():
        [(tag, content)] = attribute.items()
        if tag not in _KEY_TYPES or not content:
            raise TransactionError(f"the key attribute {_shown(name)} is text, a number or binary, not empty")
    if not key:
        raise TransactionError("a key has one attribute or two")
    return key


def _update(write: Update, item: EncodedItem) -> EncodedItem:
    _check_names(write)
    for name in write.remove:
        item.pop(name, None)
    item |= write.set
    for name, value in write.add.items():
        item[name] = _add(name, item.get(name), value)
    for name, value in write.delete.items():
        left = _take_out(name, item.pop(name, None), value)
        item |= {} if left is None else {name: left}
    return item


def _check_names(write: Update) -> None:
    names = Counter([*write.set, *write.add, *write.remove, *write.delete])
    for name, count in names.items():
        if name in write.key:
            raise TransactionError(f"{_shown(name)} is part of the key, which no update changes")
        if count > 1:
            raise TransactionError(f"it says {count} times what becomes of {_shown(name)}")


def _add(name: str, old: AttributeValue | None, value: AttributeValue) -> AttributeValue:
    [(tag, content)] = value.items()
    if tag != "N" and tag not in _SETS:
        raise TransactionError(f"add takes a number or a set, and {_shown(name)} has {tag}")
    if old is None:
        return value
    _check_type("add", name, tag, old)
    if tag in _SETS:
        return {tag: list(_members(tag, [*old[tag], *content]).values())}
    return _sum(name, old, value)


def _sum(name: str, old: AttributeValue, value: AttributeValue) -> AttributeValue:
    try:
        return add_numbers(old, value)
    except InvalidItemError:
        raise TransactionError(f"the sum in {_shown(name)} is no number that DynamoDB has") from None


def _take_out(name: str, old: AttributeValue | None, value: AttributeValue) -> AttributeValue | None:
    [(tag, content)] = value.items()
    if tag not in _SETS:
        raise TransactionError(f"delete takes a set, and {_shown(name)} has {tag}")
    if old is None:
        return None
    _check_type("delete", name, tag, old)
    out = _members(tag, content)
    left = [member for key, member in _members(tag, old[tag]).items() if key not in out]
    return {tag: left} if left else None


def _members(tag: str, content: Iterable[str | bytes]) -> dict[object, str | bytes]:
    """By value: 1 and 1.0 are one."""
    return {canonical({tag[0]: member}): member for member in content}


def _check_type(clause: str, name: str, tag: str, old: AttributeValue) -> None:
    if tag not in old:
        raise TransactionError(
            f"{clause} takes {_listed(old)} for {_shown(name)}, as the item has, not {tag}"
        )


def _sorted(names: str | Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(sorted(names))


def _listed(names: Iterable[str]) -> str:
    return " and ".join(_shown(name) for name in names)


def _shown(name: str) -> str:
    return format_path((name,))
