"""Stream records, events and changes for tests, in the form that AWS sends.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import (
    Any,
    Final,
    NamedTuple,
    Never,
    TypeAlias,
    TypedDict,
    TypeVar,
    Unpack,
    get_args,
)

from .._attributes import AttributeValue
from .._changes import Insert, Modify, Remove
from .._codec import encode
from .._errors import ConfigurationError
from .._records import Kind, StreamRecord, ViewType, parse_event
from ._clock import START, aware
from ._sizes import image_size

ItemT = TypeVar("ItemT")
OldT = TypeVar("OldT")
Json: TypeAlias = dict[str, Any]
_Image: TypeAlias = Mapping[str, AttributeValue]

_ACCOUNT: Final = "123456789012"
_FIRST_NUMBER: Final = 300_000_000_000_000_000_000  # 21 digits, the fewest that AWS sends
_DEFAULT_KEYS: Final = ("pk", "sk")
_MOST_KEYS: Final = 2
_KEY_TAGS: Final = frozenset({"S", "N", "B"})
_RECORD_FIELDS: Final = frozenset({"dynamodb", "eventID", "eventName", "eventSource"})
_CARRIES_NEW: Final = frozenset({"NEW_IMAGE", "NEW_AND_OLD_IMAGES"})
_CARRIES_OLD: Final = frozenset({"OLD_IMAGE", "NEW_AND_OLD_IMAGES"})
_TIME_TO_LIVE: Final = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}

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
        self._source = _source(name, keys, view_type, region)
        self._numbers = count(1)

    def insert(self, item: object, *, at: datetime = START) -> Json:
        """Return the record of a new item."""
        return _record(self._source, _Write("INSERT", None, item, at), next(self._numbers))

    def modify(self, old: object, new: object, *, at: datetime = START) -> Json:
        """Return the record of a write that changed an item."""
        return _record(self._source, _Write("MODIFY", old, new, at), next(self._numbers))

    def remove(self, item: object, *, expired: bool = False, at: datetime = START) -> Json:
        """Return the record of a removed item; `expired` if time to live removed it."""
        return _record(self._source, _Write("REMOVE", item, None, at, expired), next(self._numbers))


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
    return _standalone(_Write("INSERT", None, item, details.get("at", START)), details)


def modify(old: object, new: object, **details: Unpack[RecordDetails]) -> Json:
    """Return the record of a write that changed an item; otherwise like `insert`.

    Raises:
        ConfigurationError: The two have different keys, or are equal: DynamoDB makes no record of that.
    """
    return _standalone(_Write("MODIFY", old, new, details.get("at", START)), details)


def remove(item: object, *, expired: bool = False, **details: Unpack[RecordDetails]) -> Json:
    """Return the record of a removed item; otherwise like `insert`.

    Args:
        item: The item before its removal.
        expired: Whether time to live removed it, not an application.
        details: The other parts of the record, see `RecordDetails`.
    """
    return _standalone(_Write("REMOVE", item, None, details.get("at", START), expired), details)


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


def removed(item: ItemT, *, expired: bool = False, **details: Unpack[RecordDetails]) -> Remove[ItemT]:
    """Return the change that a handler gets for a removed item, to call the handler directly."""
    return Remove(item, _parsed(remove(item, expired=expired, **details)))


class _Source(NamedTuple):
    table: str
    keys: tuple[str, ...]
    view_type: ViewType
    region: str

    @property
    def arn(self) -> str:
        created = START.strftime("%Y-%m-%dT%H:%M:%S.000")
        return f"arn:aws:dynamodb:{self.region}:{_ACCOUNT}:table/{self.table}/stream/{created}"


class _Write(NamedTuple):
    kind: Kind
    old: object
    new: object
    at: datetime
    expired: bool = False


def _standalone(write: _Write, details: RecordDetails) -> Json:
    known = RecordDetails.__optional_keys__
    if unknown := sorted(details.keys() - known):
        raise ConfigurationError(
            f"a record has no {', '.join(map(repr, unknown))}: its details are {', '.join(sorted(known))}"
        )
    source = _source(
        details.get("table", "Table"),
        details.get("keys", ()),
        details.get("view_type", "NEW_AND_OLD_IMAGES"),
        details.get("region", "eu-central-1"),
    )
    return _record(source, write, next(_numbers), "process")


def _record(source: _Source, write: _Write, number: int, origin: str = "table") -> Json:
    old = None if write.kind == "INSERT" else encode(write.old)
    new = None if write.kind == "REMOVE" else encode(write.new)
    keys = _keys(source.keys, [image for image in (new, old) if image is not None])
    carried = dict(_carried(source.view_type, keys, new, old))
    record: Json = {
        "eventID": _event_id(f"{origin} {source.arn}", number),
        "eventName": write.kind,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": source.region,
        "dynamodb": {
            "ApproximateCreationDateTime": int(aware(write.at).timestamp()),
            **{name: _as_json({"M": image})["M"] for name, image in carried.items()},
            "SequenceNumber": str(_FIRST_NUMBER + number),
            "SizeBytes": sum(map(image_size, carried.values())),
            "StreamViewType": source.view_type,
        },
        "eventSourceARN": source.arn,
    }
    return {**record, "userIdentity": dict(_TIME_TO_LIVE)} if write.expired else record


def _carried(
    view_type: ViewType, keys: _Image, new: _Image | None, old: _Image | None
) -> Iterator[tuple[str, _Image]]:
    yield "Keys", keys
    if new is not None and view_type in _CARRIES_NEW:
        yield "NewImage", new
    if old is not None and view_type in _CARRIES_OLD:
        yield "OldImage", old


def _keys(names: tuple[str, ...], images: list[dict[str, AttributeValue]]) -> _Image:
    names = names or _default_keys(images[0])
    for name in names:
        if any(name not in image for image in images):
            known = ", ".join(sorted(images[0]))
            raise ConfigurationError(
                f"the item has no key attribute {name!r}: name the key attributes as they are in the table,"
                f" where the item has {known or 'no attributes'}"
            )
        _check_key(name, images[0][name])
    keys, *others = [{name: image[name] for name in names} for image in images]
    if any(other != keys for other in others):
        raise ConfigurationError("a write cannot change an item's key: use remove() and insert() instead")
    if images[1:] == images[:1]:
        raise ConfigurationError(
            "the items are equal: DynamoDB makes no record of a write that changes nothing"
        )
    return keys


def _check_key(name: str, attribute: AttributeValue) -> None:
    [(tag, content)] = attribute.items()
    if tag not in _KEY_TAGS:
        raise ConfigurationError(f"the key attribute {name!r} is {tag}: a key is text, a number or binary")
    if not content:
        raise ConfigurationError(f"the key attribute {name!r} is empty, which DynamoDB refuses in a key")


def _source(name: object, keys: object, view_type: object, region: object) -> _Source:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,255}", name):
        raise ConfigurationError("table must be the name of a table, not an ARN or anything else")
    if not isinstance(region, str) or not re.fullmatch(r"[a-z0-9-]{1,40}", region):
        raise ConfigurationError("region must be the name of a Region, for example 'eu-central-1'")
    known = {each: each for each in get_args(ViewType)}
    found = known.get(view_type) if isinstance(view_type, str) else None
    if found is None:
        raise ConfigurationError(f"view_type must be one of {', '.join(known)}")
    return _Source(name, _names(keys), found, region)


def _names(keys: object) -> tuple[str, ...]:
    names: list[object] = [keys] if isinstance(keys, str) or not isinstance(keys, Iterable) else [*keys]
    if len({*map(repr, names)}) < len(names) or len(names) > _MOST_KEYS:
        raise ConfigurationError("a table's key has one or two attributes: keys='pk' or keys=('pk', 'sk')")
    if not all(isinstance(name, str) and name for name in names):
        raise ConfigurationError("keys must be names of attributes: keys='pk' or keys=('pk', 'sk')")
    return tuple(map(str, names))


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


def _default_keys(image: _Image) -> tuple[str, ...]:
    if _DEFAULT_KEYS[0] in image:
        return tuple(name for name in _DEFAULT_KEYS if name in image)
    raise ConfigurationError(
        "which attributes are the table's key? Pass keys='userId', or keys=('customer', 'order')"
    )


def _event_id(stream: str, number: int) -> str:
    """Return 32 hex digits that rise along a stream and differ between streams."""
    return hashlib.blake2b(stream.encode(), digest_size=8).hexdigest() + f"{number:016x}"


def _as_json(attribute: AttributeValue) -> AttributeValue:
    [(tag, content)] = attribute.items()
    match tag:
        case "B" | "N":
            return {tag: _WRITTEN[tag](content)}
        case "BS" | "NS":
            return {tag: [_WRITTEN[tag[0]](member) for member in content]}
        case "L":
            return {tag: [_as_json(member) for member in content]}
        case "M":
            return {tag: {name: _as_json(member) for name, member in content.items()}}
        case _:
            return attribute


def _number(text: str) -> str:
    """Write a number as DynamoDB returns it: without an exponent or trailing zeros."""
    written = f"{Decimal(text):f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


_WRITTEN: Final[Mapping[str, Callable[[Any], str]]] = {
    "B": lambda binary: b64encode(binary).decode(),
    "N": _number,
}


def _parsed(record: Json) -> StreamRecord:
    return parse_event(event(record))[0]
