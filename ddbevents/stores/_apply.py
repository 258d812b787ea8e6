"""The writes of a transaction applied to items in typed JSON as DynamoDB would, or refused with a reason.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from .._attributes import Image
from .._conditions import Condition, matches
from .._errors import TransactionError, UnknownKeyError
from .._transaction import Check, Delete, EncodedItem, Put, Raw, Transaction, Update, Write, may_be_skipped
from .._tuples import NamedTuple
from ._limits import KeyNames, check_limits, size_of
from ._updates import apply_update, check_update, quote_name

TableKeys: TypeAlias = Mapping[str, str | Collection[str]]
"""The names of each table's key attributes, one or two."""

Read: TypeAlias = Callable[[str, EncodedItem], Image | None]
"""Returns the item with this key in a table, or None."""

_KEY_TYPES: Final = frozenset({"S", "N", "B"})
_MOST_ITEM_BYTES: Final = 400 * 1024


class Written(NamedTuple):
    """The result of one write.

    Attributes:
        table: The table's name.
        key: The item's primary key, its attributes sorted by name.
        image: The item after the write, or None if there is none.
    """

    table: str
    key: EncodedItem
    image: EncodedItem | None


def sorted_names(tables: TableKeys) -> dict[str, tuple[str, ...]]:
    """Return the names of each table's key attributes, sorted."""
    return {table: _sorted(names) for table, names in tables.items()}


def apply_all(writes: Sequence[Write], key_names: KeyNames, read: Read) -> list[Written]:
    """Return the results of a transaction's writes; each sees its item as it was before the transaction.

    There are none if the transaction is dropped, since all its false conditions are of writes that skip.

    Raises:
        TransactionError: DynamoDB would refuse one of the writes or the whole transaction.
    """
    learnt = {write.table: _sorted(write.key) for write in writes if not isinstance(write, Put | Raw)}

    def known(table: str) -> tuple[str, ...] | None:
        return key_names(table) or learnt.get(table)

    check_limits(writes, known)
    results = [_apply_one(index, write, known, read) for index, write in enumerate(writes)]
    written = [result for result in results if result is not None]
    return written if len(written) == len(writes) else []


def apply_put(table: str, item: object, key_names: KeyNames) -> Written:
    """Return the result of putting one item, whatever the table has under its key.

    Raises:
        InvalidItemError: DynamoDB cannot store the item.
        TransactionError: The table's key is unknown, or the item lacks it.
    """
    transaction = Transaction()
    transaction.put(table, item)
    [written] = apply_all(transaction.writes, key_names, lambda _table, _key: None)
    return written


def checked_key(key: EncodedItem, names: tuple[str, ...] | None) -> EncodedItem:
    """Return the key with its attributes sorted by name.

    Args:
        key: The key.
        names: The names of the table's key attributes, or None if they are unknown.

    Raises:
        TransactionError: The key has other attributes, or values that no key may have.
    """
    own = _sorted(key)
    if names not in {None, own}:
        listed = " and ".join(map(quote_name, names or ()))
        raise TransactionError(f"this table's key is {listed}, with no other attributes")
    return _key_of(key, own)


def _apply_one(index: int, write: Write, key_names: KeyNames, read: Read) -> Written | None:
    """Return the result of a write, or None if its condition is false and it skips."""
    try:
        key = _key(write, key_names(write.table))
        before = read(write.table, key)
        _check_write(write)
        if _is_dropped(write, before):
            return None
        image = _apply(write, before)
    except TransactionError as error:
        message = f"write {index}, {type(write).__name__.lower()} in table {write.table!r}: {error}"
        raise TransactionError(message, index=index, table=write.table) from None  # it repeats the cause
    return Written(write.table, key, image)


def _check_write(write: Write) -> None:
    """Refuse what DynamoDB refuses before it looks at the item."""
    if isinstance(write, Put):
        _check_size(write.item)
    elif isinstance(write, Update):
        check_update(write)


def _check_size(image: EncodedItem) -> None:
    if size_of(Put("", image, None)) > _MOST_ITEM_BYTES:
        raise TransactionError("the item would be larger than 400 KB")


def _is_dropped(write: Write, image: Image | None) -> bool:
    """Return whether the write's condition is false and it skips.

    Raises:
        TransactionError: It is false and does not skip.
    """
    when = _condition(write)
    if when is None or matches(when, image or {}):
        return False
    if may_be_skipped(write):
        return True
    raise TransactionError("its condition is false")


def _condition(write: Write) -> Condition | None:
    match write:
        case Raw():
            return None
        case Check(key=key, when=None):
            return Condition("exists", tuple(key)[:1])
        case _:
            return write.when


def _apply(write: Write, image: Image | None) -> EncodedItem | None:
    match write:
        case Put(item=item):
            return item
        case Update():
            updated = apply_update(write, {**write.key} if image is None else {**image})
            _check_size(updated)
            return updated
        case Delete():
            return None
        case Check():
            return {**image} if image is not None else None
        case Raw():  # pragma: no branch  # there is no other kind
            raise TransactionError("this store cannot do raw writes: use DynamoDBStore")


def _key(write: Write, names: tuple[str, ...] | None) -> EncodedItem:
    match write:
        case Put(table, item):
            if names is None:
                raise UnknownKeyError(
                    "the table's key is not known: name its key attributes when you create the store, as in"
                    f" tables={{{table!r}: ('pk', 'sk')}}"
                )
            return _key_of(item, names)
        case Raw():
            return {}
        case _:
            return checked_key(write.key, names)


def _key_of(item: Image, names: Iterable[str]) -> EncodedItem:
    for name in names:
        if name not in item:
            raise TransactionError(
                f"the item has no attribute {quote_name(name)}, which is part of the table's key: add it, or"
                " correct the key attributes that the store was given"
            )
    key: EncodedItem = {name: item[name] for name in names}
    for name, attribute in key.items():
        [(tag, content)] = attribute.items()
        if tag not in _KEY_TYPES or not content:
            raise TransactionError(
                f"the key attribute {quote_name(name)} must be text, a number or binary, and not empty"
            )
    if not key:
        raise TransactionError("a key has one or two attributes")
    return key


def _sorted(names: str | Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(sorted(names))
