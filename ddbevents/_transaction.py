"""The DynamoDB writes that a handler asked for, as data until the handler has returned, and their limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, cast

from ._attributes import AttributeValue, canonical
from ._codec import encode, encode_value
from ._conditions import Condition
from ._errors import InvalidItemError, TransactionError

EncodedItem: TypeAlias = dict[str, AttributeValue]
KeyNames: TypeAlias = Callable[[str], tuple[str, ...] | None]
"""The names of a table's key attributes, or None if they are not known."""

MOST_WRITES: Final = 99
"""A TransactWriteItems takes 100 actions, and one of them writes the mark."""

MOST_BYTES: Final = 4 * 1024 * 1024
"""Of the items of a transaction together."""

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
_LONGEST_NUMBER: Final = 21
_OVERHEAD: Final = 3


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
    """Demand a condition of an item that is not written, or only that it is there."""

    table: str
    key: EncodedItem
    when: Condition | None


class Raw(NamedTuple):
    """One of DynamoDB's own actions.

    Attributes:
        table: The table's name.
        operation: `Put`, `Update`, `Delete` or `ConditionCheck`.
        request: What boto3 takes under that name.
    """

    table: str
    operation: str
    request: Mapping[str, Any]


Write: TypeAlias = Put | Update | Delete | Check | Raw


class Transaction:
    """What a handler of two parameters gets: its writes are committed with its mark, all or none.

    Nothing is sent before the handler returns, and nothing if it raises. There may be up to 99 writes, each
    to another item, of 4 MB together. Each method raises `InvalidItemError` for what DynamoDB cannot store.
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
        """Change whole attributes of an item; `raw` can change parts of one.

        Args:
            table: The table's name.
            key: The item's whole primary key.
            set: Attributes to give a value.
            add: Numbers to add to numbers, sets to add to sets; what is not there counts as 0 or empty.
            remove: The name of an attribute to take away, or several.
            delete: Sets to take out of sets.
            when: What must be true of the item before.

        Raises:
            TransactionError: It changes nothing, which DynamoDB does not take.
        """
        write = Update(table, encode(key), _encode(set), _encode(add), _names(remove), _encode(delete), when)
        if not (write.set or write.add or write.remove or write.delete):
            raise TransactionError(
                "an update needs set, add, remove or delete: to demand something of an item, use check",
                index=len(self._writes),
                table=table,
            )
        self._writes.append(write)

    def delete(self, table: str, key: Mapping[str, object], *, when: Condition | None = None) -> None:
        """Delete an item."""
        self._writes.append(Delete(table, encode(key), when))

    def check(self, table: str, key: Mapping[str, object], *, when: Condition | None = None) -> None:
        """Commit only if the condition is true of an item that this transaction does not write.

        Args:
            table: The table's name.
            key: The item's whole primary key.
            when: The condition; without one the item must be there.
        """
        self._writes.append(Check(table, encode(key), when))

    def raw(self, action: Mapping[str, Mapping[str, Any]]) -> None:
        """Do what the other methods cannot say.

        Args:
            action: An action of `transact_write_items` exactly as boto3's client takes it, such as
                `{"Update": {"TableName": ..., "Key": ..., "UpdateExpression": ...}}`. Binary is bytes.

        Raises:
            TransactionError: It has not the shape of one.
        """
        self._writes.append(_read_action(action, len(self._writes)))


def check_limits(writes: Sequence[Write], key_names: KeyNames) -> None:
    """Refuse what DynamoDB would not take as one transaction, before anything is sent.

    Items count with the size that AWS documents for storage, an update with the attributes that it names.

    Args:
        writes: The writes of one transaction, without its mark.
        key_names: Asked only where several writes, a put among them, go to one table of which no other write
            tells the key.

    Raises:
        TransactionError: There are more than 99 writes, two writes to one item, or more than 4 MB.
    """
    if len(writes) > MOST_WRITES:
        raise TransactionError(f"{len(writes)} writes are too many: a transaction takes {MOST_WRITES}")
    if sum(map(size_of, writes)) > MOST_BYTES:
        raise TransactionError("more than 4 MB: a transaction takes no more, so write less at once")
    seen: dict[Hashable, int] = {}
    for index, item in _shared_tables(writes, key_names):
        first = seen.setdefault(item, index)
        if first != index:
            raise TransactionError(
                f"write {index} is to the item of write {first}, in table {writes[index].table!r}:"
                " a transaction takes one write to an item, so make them one",
                index=index,
                table=writes[index].table,
            )


def item_of(write: Write, key_names: KeyNames) -> Hashable | None:
    """What two writes have in common exactly if they are to the same item.

    Args:
        write: The write.
        key_names: Asked only for a put.

    Returns:
        None if it cannot be told, because a put's key is not known, or malformed.
    """
    try:
        key = {name: canonical(value) for name, value in (_key_of(write, key_names) or {}).items()}
    except InvalidItemError:
        return None
    return (write.table, frozenset(key.items())) if key else None


def size_of(write: Write) -> int:
    """How many bytes the write counts of a transaction's 4 MB, rounded up where AWS says "about"."""
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
    """Index and item of each write that is not the only one to its table, where it can be told."""
    counts = Counter(write.table for write in writes)
    told = {write.table: tuple(key) for write in writes if (key := _key_of(write, _nobody_knows))}
    for index, write in enumerate(writes):
        if counts[write.table] > 1:
            item = item_of(write, lambda table: told.get(table) or key_names(table))
            if item is not None:
                yield index, item


def _nobody_knows(_: str) -> None:
    return None


def _key_of(write: Write, key_names: KeyNames) -> Mapping[str, AttributeValue] | None:
    match write:
        case Put(item=item) | Raw(operation="Put", request={"Item": item}):
            names = key_names(write.table) or ()
            return {name: item[name] for name in names} if item.keys() >= set(names) else None
        case Raw():
            return cast("Mapping[str, AttributeValue]", write.request["Key"])  # raw JSON, of a shape checked
        case _:
            return write.key


def _size(attributes: Mapping[str, Any]) -> int:
    return sum(_text_size(name) + _value_size(value) for name, value in attributes.items())


def _value_size(attribute: object) -> int:  # noqa: PLR0911  # one case for each type
    match attribute:
        case {"S": str(text)}:
            return _text_size(text)
        case {"N": str(text)}:
            return _number_size(text)
        case {"B": bytes(binary)}:
            return len(binary)
        case {"M": dict(members)}:
            return _OVERHEAD + len(members) + _size(members)
        case {"L": list(members)}:
            return _OVERHEAD + len(members) + sum(map(_value_size, members))
        case {"SS": list(texts)}:
            return sum(map(_text_size, texts))
        case {"NS": list(texts)}:
            return sum(map(_number_size, texts))
        case {"BS": list(binaries)}:
            return sum(map(len, binaries))
        case _:
            return 1


def _number_size(text: str) -> int:
    return min(len(text) // 2 + 2, _LONGEST_NUMBER)


def _text_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _read_action(action: Mapping[str, Mapping[str, Any]], index: int) -> Raw:
    match list(action.items()):
        case [["Put" as operation, {"TableName": str(table), "Item": Mapping()} as request]]:
            return Raw(table, operation, request)
        case [
            [
                "Update" | "Delete" | "ConditionCheck" as operation,
                {"TableName": str(table), "Key": Mapping()} as request,
            ]
        ]:
            return Raw(table, operation, request)
        case _:
            raise TransactionError(
                "a raw action is {'Put': {'TableName': ..., 'Item': ...}}, or has Update, Delete or"
                " ConditionCheck with 'TableName' and 'Key'",
                index=index,
            )


def _names(remove: Iterable[str]) -> tuple[str, ...]:
    return (remove,) if isinstance(remove, str) else tuple(remove)


def _encode(values: Mapping[str, object] | None) -> EncodedItem:
    return {name: encode_value(value) for name, value in (values or {}).items()}
