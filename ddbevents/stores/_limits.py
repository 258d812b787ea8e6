"""How much DynamoDB accepts in one transaction, and which writes are to the same item.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from .._attributes import AttributeValue, canonical
from .._errors import InvalidItemError, TransactionError
from .._transaction import Check, Delete, Put, Raw, Update, Write

KeyNames: TypeAlias = Callable[[str], tuple[str, ...] | None]
"""Returns the names of a table's key attributes, or None if they are unknown."""

MOST_WRITES: Final = 99
"""A TransactWriteItems takes 100 actions, one of which writes the mark."""

MOST_BYTES: Final = 4 * 1024 * 1024
"""The most that the items of one transaction may have together."""

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
_LONGEST_NUMBER: Final = 21
_OVERHEAD: Final = 3


def check_limits(writes: Sequence[Write], key_names: KeyNames) -> None:
    """Refuse, before anything is sent, a transaction that DynamoDB would not accept.

    An item's size is what AWS documents for storage; an update counts with the attributes that it names.

    Args:
        writes: The writes of one transaction, without its mark.
        key_names: Called only for a table that gets a put and other writes, none of which reveals its key.

    Raises:
        TransactionError: There are more than 99 writes, two writes to one item, or more than 4 MB.
    """
    if len(writes) > MOST_WRITES:
        raise TransactionError(
            f"{len(writes)} writes are too many: a transaction takes {MOST_WRITES} at most"
        )
    if sum(map(size_of, writes)) > MOST_BYTES:
        raise TransactionError(
            "the writes have more than 4 MB together, which no transaction may: write less at once"
        )
    seen: dict[Hashable, int] = {}
    for index, item in _shared_tables(writes, key_names):
        first = seen.setdefault(item, index)
        if first != index:
            raise TransactionError(
                f"write {index} is to the same item as write {first}, in table {writes[index].table!r}:"
                " a transaction takes one write per item, so combine them",
                index=index,
                table=writes[index].table,
            )


def item_of(write: Write, key_names: KeyNames) -> Hashable | None:
    """Return a value that two writes share exactly if they are to the same item.

    Args:
        write: The write.
        key_names: Called only for a put.

    Returns:
        None if the key is unknown or malformed.
    """
    key = _key_of(write, key_names)
    if not key:
        return None
    try:
        return write.table, frozenset([(name, _comparable(value)) for name, value in key.items()])
    except InvalidItemError:
        return None


def size_of(write: Write) -> int:
    """Return the bytes that a write counts towards the limit, rounded up where AWS says "about"."""
    match write:
        case Put():
            return _size(write.item)
        case Update():
            removed = sum(len(name.encode()) for name in write.remove)
            return sum(map(_size, (write.key, write.set, write.add, write.delete)), removed)
        case Delete() | Check():
            return _size(write.key)
        case raw:
            parts = (raw.request.get(part, {}) for part in ("Item", "Key", "ExpressionAttributeValues"))
            return sum(map(_size, parts))


def _shared_tables(writes: Sequence[Write], key_names: KeyNames) -> Iterator[tuple[int, Hashable]]:
    """Yield index and item of each write that shares its table with another, if its item is known."""
    counts = Counter(write.table for write in writes)
    revealed = {write.table: tuple(key) for write in writes if (key := _key_of(write, _unknown))}
    for index, write in enumerate(writes):
        if counts[write.table] > 1:
            item = item_of(write, lambda table: revealed.get(table) or key_names(table))
            if item is not None:
                yield index, item


def _unknown(_: str) -> None:
    return None


def _key_of(write: Write, key_names: KeyNames) -> Mapping[str, AttributeValue] | None:
    match write:
        case Put(item=item) | Raw(operation="Put", request={"Item": item}):
            names = key_names(write.table) or ()
            return {name: item[name] for name in names} if item.keys() >= set(names) else None
        case Raw():
            # raw JSON whose shape `Transaction.raw` has checked
            return cast("Mapping[str, AttributeValue]", write.request["Key"])
        case _:
            return write.key


def _comparable(value: AttributeValue) -> tuple[str, Any]:
    """Return a key attribute's value so that equal ones compare equal."""
    match value:
        case {"S": str(text)} if len(value) == 1:  # most are text, which is compared as it is
            return "S", text
        case _:
            return canonical(value)


def _size(attributes: Mapping[str, Any]) -> int:
    size = 0
    for name, value in attributes.items():
        size += _text_size(name) + _value_size(value)
    return size


def _value_size(attribute: Any) -> int:
    try:
        [(tag, content)] = attribute.items()
        return _SIZES[tag](content)
    except (AttributeError, LookupError, TypeError, ValueError):
        return 1  # true, false and null; or DynamoDB will refuse what a raw action has


def _map_size(members: Mapping[str, Any]) -> int:
    return _OVERHEAD + len(members) + _size(members)


def _list_size(members: Sequence[object]) -> int:
    return _OVERHEAD + len(members) + sum(map(_value_size, members))


def _number_size(text: str) -> int:
    return min(len(text) // 2 + 2, _LONGEST_NUMBER)


def _text_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


_SIZES: Final[Mapping[str, Callable[[Any], int]]] = {
    "S": _text_size,
    "N": _number_size,
    "B": len,
    "M": _map_size,
    "L": _list_size,
    "SS": lambda texts: sum(map(_text_size, texts)),
    "NS": lambda texts: sum(map(_number_size, texts)),
    "BS": lambda binaries: sum(map(len, binaries)),
}
