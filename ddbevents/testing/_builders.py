"""Stream records, events and changes for tests, in the form that AWS sends.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import count
from typing import (
    Any,
    Final,
    Never,
    TypedDict,
    TypeVar,
    Unpack,
)

from .._changes import Insert, Latest, Modify, Remove, Upsert
from .._errors import ConfigurationError
from .._records import StreamRecord, ViewType, parse_event
from ._clock import START
from ._raw_records import Json, Write, record_of, source_of

ItemT = TypeVar("ItemT")
OldT = TypeVar("OldT")

_RECORD_FIELDS: Final = frozenset({"dynamodb", "eventID", "eventName", "eventSource"})

_numbers: Final = count(1)  # for records that belong to no Table: no two in a process are alike


class RecordDetails(TypedDict, total=False):
    """The parts of a record that do not come from its item.

    Attributes:
        keys: The names of the table's key attributes; by default `pk` and `sk` if the item has a `pk`.
        table: The table's name.
        view_type: The images that the stream carries; by default both.
        region: The table's Region.
        at: When the item was written; by default the beginning of 2026.
    """

    keys: str | Iterable[str]
    table: str
    view_type: ViewType
    region: str
    at: datetime


class Table:
    """A table with its own stream, whose sequence numbers start at the same number in every test."""

    def __init__(
        self,
        name: str = "Table",
        keys: str | Iterable[str] = (),
        *more: Never,
        view_type: ViewType = "NEW_AND_OLD_IMAGES",
        region: str = "eu-central-1",
    ) -> None:
        """Define a table.

        Args:
            name: The table's name.
            keys: The names of its key attributes; by default `pk` and `sk` if the item has a `pk`.
            more: Nothing. Two key attributes are one argument: `("pk", "sk")`.
            view_type: The images that its stream carries.
            region: Its Region.

        Raises:
            ConfigurationError: An argument is not what a table can have.
        """
        if more:
            raise ConfigurationError(
                "Table takes the names of both key attributes as one argument: Table('shop', ('pk', 'sk'))"
            )
        self._source = source_of(name, keys, view_type, region)
        self._numbers = count(1)

    def insert(self, item: object, *, at: datetime = START) -> Json:
        """Return the record of a new item."""
        return record_of(self._source, Write("INSERT", None, item, at), next(self._numbers))

    def modify(self, old: object, new: object, *, at: datetime = START) -> Json:
        """Return the record of a write that changed an item."""
        return record_of(self._source, Write("MODIFY", old, new, at), next(self._numbers))

    def remove(self, item: object, *, expired: bool = False, at: datetime = START) -> Json:
        """Return the record of a removed item; `expired` if time to live removed it."""
        return record_of(self._source, Write("REMOVE", item, None, at, expired), next(self._numbers))


def insert(item: object, **details: Unpack[RecordDetails]) -> Json:
    """Return the record of a new item, as Lambda sends it.

    Args:
        item: A model, a dataclass or a mapping of plain Python values, written as `encode` writes it.
        details: The other parts of the record, see `RecordDetails`.

    Returns:
        A new record: each call in a process has a higher sequence number and another `eventID`.

    Raises:
        ConfigurationError: The key attributes are not known, or another part is not what a record can have.
        InvalidItemError: DynamoDB cannot store the item.
    """
    return _standalone(Write("INSERT", None, item, details.get("at", START)), details)


def modify(old: object, new: object, **details: Unpack[RecordDetails]) -> Json:
    """Return the record of a write that changed an item; otherwise like `insert`.

    Raises:
        ConfigurationError: The two have different keys, or are equal: DynamoDB makes no record of that.
    """
    return _standalone(Write("MODIFY", old, new, details.get("at", START)), details)


def remove(item: object, *, expired: bool = False, **details: Unpack[RecordDetails]) -> Json:
    """Return the record of a removed item; otherwise like `insert`.

    Args:
        item: The item before its removal.
        expired: Whether time to live removed it, not an application.
        details: The other parts of the record, see `RecordDetails`.
    """
    return _standalone(Write("REMOVE", item, None, details.get("at", START), expired), details)


def event(*records: Mapping[str, Any]) -> Json:
    """Return the event that Lambda passes to a function for these records.

    Raises:
        ConfigurationError: Something else than a record is passed, for example a list of records.
    """
    return {"Records": [dict(_checked(record)) for record in records]}


def inserted(item: ItemT, **details: Unpack[RecordDetails]) -> Insert[ItemT]:
    """Return the change that a handler gets for a new item, to call the handler directly."""
    return Insert(item, _parsed(insert(item, **details)))


def modified(old: OldT, new: ItemT, **details: Unpack[RecordDetails]) -> Modify[ItemT, OldT]:
    """Return the change that a handler gets for a changed item, to call the handler directly."""
    return Modify(old, new, _parsed(modify(old, new, **details)))


def upserted(item: ItemT, **details: Unpack[RecordDetails]) -> Upsert[ItemT]:
    """Return what a handler of `on_upsert` gets for a new item, to call the handler directly."""
    return Upsert(item, _parsed(insert(item, **details)))


def latest(item: ItemT, *, removed: bool = False, **details: Unpack[RecordDetails]) -> Latest[ItemT]:
    """Return the last state of an item that a handler of `on_latest` gets, to call the handler directly.

    Args:
        item: The item.
        removed: Whether it was removed, so that the state has its keys, and no item.
        details: The other parts of its record, see `RecordDetails`.
    """
    if removed:
        return Latest(None, (_parsed(remove(item, **details)),))
    return Latest(item, (_parsed(insert(item, **details)),))


def removed(item: ItemT, *, expired: bool = False, **details: Unpack[RecordDetails]) -> Remove[ItemT]:
    """Return the change that a handler gets for a removed item, to call the handler directly."""
    return Remove(item, _parsed(remove(item, expired=expired, **details)))


def _standalone(write: Write, details: RecordDetails) -> Json:
    known = RecordDetails.__optional_keys__
    if unknown := sorted(details.keys() - known):
        raise ConfigurationError(
            f"a record has no {', '.join(map(repr, unknown))}: its details are {', '.join(sorted(known))}"
        )
    source = source_of(
        details.get("table", "Table"),
        details.get("keys", ()),
        details.get("view_type", "NEW_AND_OLD_IMAGES"),
        details.get("region", "eu-central-1"),
    )
    return record_of(source, write, next(_numbers), "process")


def _checked(record: object) -> Mapping[str, Any]:
    if isinstance(record, (list, tuple)) and not isinstance(record, StreamRecord):
        raise ConfigurationError("event takes records one by one: event(*records), not event(records)")
    if isinstance(record, StreamRecord):
        raise ConfigurationError("event takes records as Lambda sends them: pass the .raw of a StreamRecord")
    if not isinstance(record, Mapping):
        kind = type(record).__name__
        raise ConfigurationError(
            f"event takes records, not {kind}: make them with insert(), modify() or remove()"
        )
    if "Records" in record:
        raise ConfigurationError("event takes records, and this is an event: pass it to the app as it is")
    if record and record.keys().isdisjoint(_RECORD_FIELDS):
        raise ConfigurationError("event takes records, and this is an item: make its record with insert()")
    return record


def _parsed(record: Json) -> StreamRecord:
    return parse_event(event(record))[0]
