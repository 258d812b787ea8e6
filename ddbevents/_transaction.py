"""A handler's DynamoDB writes, kept as data until the handler has returned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias, get_args

from ._attributes import AttributeValue
from ._codec import encode, encode_value
from ._conditions import Condition, fault_of
from ._errors import TransactionError
from ._tuples import NamedTuple

EncodedItem: TypeAlias = dict[str, AttributeValue]
"""An item, a key or a part of one in typed JSON."""

OnConflict: TypeAlias = Literal["fail", "skip"]
"""The effect of a false condition: the record fails, or its transaction, no longer wanted, is dropped."""

_ON_CONFLICT: Final = get_args(OnConflict)


class Put(NamedTuple):
    """Write a whole item."""

    table: str
    item: EncodedItem
    when: Condition | None
    on_conflict: OnConflict = "fail"


class Update(NamedTuple):
    """Change attributes of an item, which is created if it does not exist."""

    table: str
    key: EncodedItem
    set: EncodedItem
    add: EncodedItem
    remove: tuple[str, ...]
    delete: EncodedItem
    when: Condition | None
    on_conflict: OnConflict = "fail"


class Delete(NamedTuple):
    """Delete an item."""

    table: str
    key: EncodedItem
    when: Condition | None
    on_conflict: OnConflict = "fail"


class Check(NamedTuple):
    """Require a condition of an item that is not written, or only that it exists."""

    table: str
    key: EncodedItem
    when: Condition | None
    on_conflict: OnConflict = "fail"


class Raw(NamedTuple):
    """One of DynamoDB's own actions.

    Attributes:
        table: The table's name.
        operation: `Put`, `Update`, `Delete` or `ConditionCheck`.
        request: The value that boto3 takes under that name.
    """

    table: str
    operation: str
    request: Mapping[str, Any]


Write: TypeAlias = Put | Update | Delete | Check | Raw


def may_be_skipped(write: Write) -> bool:
    """Return whether the transaction is dropped, and does not fail, if the write's condition is false."""
    return not isinstance(write, Raw) and write.on_conflict == "skip"


class Transaction:
    """The second argument of a handler: its writes are committed together with its mark, all or none.

    Nothing is sent before the handler returns, and nothing if it raises. There may be up to 99 writes, each
    to a different item, of 4 MB together. Each method raises `InvalidItemError` for a value that DynamoDB
    cannot store, and `TransactionError` for a wrong table name, condition or `on_conflict`.

    A write's condition `when` says what must be true of its item before. If it is false, nothing is written
    and the record fails. With `on_conflict="skip"`, the whole transaction is not wanted any more instead:
    only the mark is written, and the record counts as handled. If conditions of both kinds are false, the
    record fails.
    """

    __slots__ = ("_writes",)

    def __init__(self) -> None:
        self._writes: list[Write] = []

    @property
    def writes(self) -> tuple[Write, ...]:
        """The writes so far, in order, with items and keys in typed JSON."""
        return tuple(self._writes)

    def put(
        self,
        table: str,
        item: object,
        *,
        when: Condition | None = None,
        on_conflict: OnConflict = "fail",
    ) -> None:
        """Write a whole item: a model, a dataclass or a mapping."""
        self._check(table, when, on_conflict, has_condition=when is not None)
        self._writes.append(Put(table, encode(item), when, on_conflict))

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
        on_conflict: OnConflict = "fail",
    ) -> None:
        """Change whole attributes of an item; `raw` can change parts of one.

        Args:
            table: The table's name.
            key: The item's whole primary key.
            set: Attributes to give a value.
            add: Numbers to add to numbers, sets to add to sets. A missing attribute counts as 0 or empty.
            remove: The name of an attribute to remove, or several names.
            delete: Sets whose members are removed from sets.
            when: The condition that the item must satisfy before.
            on_conflict: Whether a false condition fails the record or drops the transaction.

        Raises:
            TransactionError: It changes nothing, which DynamoDB refuses.
        """
        self._check(table, when, on_conflict, has_condition=when is not None)
        for clause, values in {"set": set, "add": add, "delete": delete}.items():
            self._check_mapping(clause, values or {}, table)
        self._check_mapping("key", key, table)
        write = Update(
            table,
            encode(key),
            _encode(set),
            _encode(add),
            _names(remove),
            _encode(delete),
            when,
            on_conflict,
        )
        if not (write.set or write.add or write.remove or write.delete):
            raise TransactionError(
                "an update needs set, add, remove or delete: to require a condition only, use check",
                index=len(self._writes),
                table=table,
            )
        self._writes.append(write)

    def delete(
        self,
        table: str,
        key: Mapping[str, object],
        *,
        when: Condition | None = None,
        on_conflict: OnConflict = "fail",
    ) -> None:
        """Delete an item."""
        self._check(table, when, on_conflict, has_condition=when is not None)
        self._check_mapping("key", key, table)
        self._writes.append(Delete(table, encode(key), when, on_conflict))

    def check(
        self,
        table: str,
        key: Mapping[str, object],
        *,
        when: Condition | None = None,
        on_conflict: OnConflict = "fail",
    ) -> None:
        """Commit only if an item that this transaction does not write satisfies the condition.

        Args:
            table: The table's name.
            key: The item's whole primary key.
            when: The condition; without one, the item must exist.
            on_conflict: Whether a false condition fails the record or drops the transaction.
        """
        self._check(table, when, on_conflict, has_condition=True)
        self._check_mapping("key", key, table)
        self._writes.append(Check(table, encode(key), when, on_conflict))

    def raw(self, action: Mapping[str, Mapping[str, Any]]) -> None:
        """Add a write that the other methods cannot express.

        Args:
            action: An action of `transact_write_items` exactly as boto3's client takes it, for example
                `{"Update": {"TableName": ..., "Key": ..., "UpdateExpression": ...}}`. Binary is bytes.

        Raises:
            TransactionError: It does not have the shape of one.
        """
        self._writes.append(_read_action(action, len(self._writes)))

    def _check(self, table: object, when: object, on_conflict: object, *, has_condition: bool) -> None:
        place = len(self._writes)
        if not isinstance(table, str):
            raise TransactionError("table must be the name of a table", index=place)
        if when is not None and (fault := fault_of(when)):
            raise TransactionError(f"when must be a condition: {fault}", index=place, table=table)
        if on_conflict not in _ON_CONFLICT:
            raise TransactionError(
                "on_conflict must be 'fail', which fails the record if the condition is false, or 'skip',"
                " which drops the transaction",
                index=place,
                table=table,
            )
        if on_conflict == "skip" and not has_condition:
            raise TransactionError(
                "on_conflict='skip' needs a condition, since a write without one is always done: add when=,"
                " as in when=Attr('pk').not_exists() for an item that must not exist yet",
                index=place,
                table=table,
            )

    def _check_mapping(self, argument: str, values: object, table: str) -> None:
        if not isinstance(values, Mapping):
            raise TransactionError(
                f"{argument} must be a mapping of attribute names to values, for example"
                f" {argument}={{'name': ...}}",
                index=len(self._writes),
                table=table,
            )


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
