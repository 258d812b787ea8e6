"""Stream records, events and changes for tests, in the form in which AWS sends them.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any, Final, NamedTuple, TypeAlias, TypedDict, TypeVar, Unpack

from .._attributes import AttributeValue
from .._changes import Insert, Modify, Remove
from .._codec import encode
from .._errors import ConfigurationError
from .._records import Kind, StreamRecord, ViewType, parse_event
from ._mapping._clock import START, aware
from ._sizes import image_size

ItemT = TypeVar("ItemT")
OldT = TypeVar("OldT")
Json: TypeAlias = dict[str, Any]
_Image: TypeAlias = Mapping[str, AttributeValue]

_ACCOUNT: Final = "123456789012"
_BEGINNING: Final = 300_000_000_000_000_000_000  # 21 digits, as few as AWS sends
_USUAL_KEYS: Final = ("pk", "sk")
_CARRIES_NEW: Final = frozenset({"NEW_IMAGE", "NEW_AND_OLD_IMAGES"})
_CARRIES_OLD: Final = frozenset({"OLD_IMAGE", "NEW_AND_OLD_IMAGES"})
_TIME_TO_LIVE: Final = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}

_numbers: Final = count(1)  # of the records that belong to no Table, so that no two of a process are alike


class RecordDetails(TypedDict, total=False):
    """What a record says beside its item.

    Attributes:
        keys: The key attributes, named as in the table; `pk` and `sk` if not given and the item has a `pk`.
        table: The table's name.
        view_type: What the stream carries of each item; both images if not given.
        region: The Region of the table.
        at: When the change was made; the beginning of 2026 if not given.
    """

    keys: str | Iterable[str]
    table: str
    view_type: ViewType
    region: str
    at: datetime


class Table:
    """A table with a stream of its own, whose records are numbered from the same beginning in each test."""

    def __init__(
        self,
        name: str = "Table",
        keys: str | Iterable[str] = (),
        *,
        view_type: ViewType = "NEW_AND_OLD_IMAGES",
        region: str = "eu-central-1",
    ) -> None:
        """Define a table.

        Args:
            name: The table's name.
            keys: Its key attributes, named as in the table; `pk` and `sk` if not given and the item has them.
            view_type: What its stream carries of each item.
            region: Where it is.
        """
        self._source = _Source(name, _names(keys), view_type, region)
        self._numbers = count(1)

    def insert(self, item: object, *, at: datetime = START) -> Json:
        """The record of an item that was not there before."""
        return _record(self._source, _Writing("INSERT", None, item, at), next(self._numbers))

    def modify(self, old: object, new: object, *, at: datetime = START) -> Json:
        """The record of an item before and after a write."""
        return _record(self._source, _Writing("MODIFY", old, new, at), next(self._numbers))

    def remove(self, item: object, *, expired: bool = False, at: datetime = START) -> Json:
        """The record of an item that is gone; expired if time to live removed it."""
        return _record(self._source, _Writing("REMOVE", item, None, at, expired), next(self._numbers))


def insert(item: object, **details: Unpack[RecordDetails]) -> Json:
    """The record of an item that was not there before, as Lambda sends it.

    Args:
        item: A model, a dataclass or a mapping of plain Python values; named and written as `encode` does.
        details: What the record says beside the item, see `RecordDetails`.

    Returns:
        A new record of the process: each call gives a higher sequence number and another `eventID`.

    Raises:
        ConfigurationError: It cannot be told which attributes are the key.
        InvalidItemError: DynamoDB cannot store the item.
    """
    return _shared(_Writing("INSERT", None, item, details.get("at", START)), details)


def modify(old: object, new: object, **details: Unpack[RecordDetails]) -> Json:
    """The record of an item before and after a write; otherwise as `insert`.

    Raises:
        ConfigurationError: The two have different keys, or nothing differs: of that there is no record.
    """
    return _shared(_Writing("MODIFY", old, new, details.get("at", START)), details)


def remove(item: object, *, expired: bool = False, **details: Unpack[RecordDetails]) -> Json:
    """The record of an item that is gone; otherwise as `insert`.

    Args:
        item: The item as it was last.
        expired: Whether time to live removed it, not an application.
        details: What the record says beside the item, see `RecordDetails`.
    """
    return _shared(_Writing("REMOVE", item, None, details.get("at", START), expired), details)


def event(*records: Mapping[str, Any]) -> Json:
    """What Lambda passes to the function for these records."""
    return {"Records": [dict(record) for record in records]}


def inserted(item: ItemT, **details: Unpack[RecordDetails]) -> Insert[ItemT]:
    """What a handler gets for an item that was not there before, to call the handler directly."""
    return Insert(item, _parsed(insert(item, **details)))


def modified(old: OldT, new: ItemT, **details: Unpack[RecordDetails]) -> Modify[ItemT, OldT]:
    """What a handler gets for a write that changed an item, to call the handler directly."""
    return Modify(old, new, _parsed(modify(old, new, **details)))


def removed(item: ItemT, *, expired: bool = False, **details: Unpack[RecordDetails]) -> Remove[ItemT]:
    """What a handler gets for an item that is gone, to call the handler directly."""
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


class _Writing(NamedTuple):
    kind: Kind
    old: object
    new: object
    at: datetime
    expired: bool = False


def _shared(writing: _Writing, details: RecordDetails) -> Json:
    source = _Source(
        details.get("table", "Table"),
        _names(details.get("keys", ())),
        details.get("view_type", "NEW_AND_OLD_IMAGES"),
        details.get("region", "eu-central-1"),
    )
    return _record(source, writing, next(_numbers), "process")


def _record(source: _Source, writing: _Writing, number: int, origin: str = "table") -> Json:
    old = None if writing.kind == "INSERT" else encode(writing.old)
    new = None if writing.kind == "REMOVE" else encode(writing.new)
    keys = _keys(source.keys, [image for image in (new, old) if image is not None])
    carried = dict(_carried(source.view_type, keys, new, old))
    record: Json = {
        "eventID": _event_id(f"{origin} {source.arn}", number),
        "eventName": writing.kind,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": source.region,
        "dynamodb": {
            "ApproximateCreationDateTime": int(aware(writing.at).timestamp()),
            **{name: _as_json({"M": image})["M"] for name, image in carried.items()},
            "SequenceNumber": str(_BEGINNING + number),
            "SizeBytes": sum(map(image_size, carried.values())),
            "StreamViewType": source.view_type,
        },
        "eventSourceARN": source.arn,
    }
    return {**record, "userIdentity": dict(_TIME_TO_LIVE)} if writing.expired else record


def _carried(
    view_type: ViewType, keys: _Image, new: _Image | None, old: _Image | None
) -> Iterator[tuple[str, _Image]]:
    yield "Keys", keys
    if new is not None and view_type in _CARRIES_NEW:
        yield "NewImage", new
    if old is not None and view_type in _CARRIES_OLD:
        yield "OldImage", old


def _keys(names: tuple[str, ...], images: list[dict[str, AttributeValue]]) -> _Image:
    names = names or _usual_keys(images[0])
    for name in names:
        if any(name not in image for image in images):
            raise ConfigurationError(
                f"the item has no attribute {name!r} for its key: name the key's attributes as in the table"
            )
    keys, *others = [{name: image[name] for name in names} for image in images]
    if any(other != keys for other in others):
        raise ConfigurationError("a write cannot change an item's key: make a remove and an insert of it")
    if images[1:] == images[:1]:
        raise ConfigurationError("nothing differs: DynamoDB makes no record of a write that changes nothing")
    return keys


def _names(keys: str | Iterable[str]) -> tuple[str, ...]:
    return (keys,) if isinstance(keys, str) else tuple(keys)


def _usual_keys(image: _Image) -> tuple[str, ...]:
    if _USUAL_KEYS[0] in image:
        return tuple(name for name in _USUAL_KEYS if name in image)
    raise ConfigurationError(
        "which attributes are the table's key? Pass keys='userId', or keys=('customer', 'order')"
    )


def _event_id(stream: str, number: int) -> str:
    """32 hex digits that rise along a stream; no two streams share one."""
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
    """As DynamoDB writes it back: without an exponent, and without zeros at the end."""
    written = f"{Decimal(text):f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


_WRITTEN: Final[Mapping[str, Callable[[Any], str]]] = {
    "B": lambda binary: b64encode(binary).decode(),
    "N": _number,
}


def _parsed(record: Json) -> StreamRecord:
    return parse_event(event(record))[0]
