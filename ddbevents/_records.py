"""A change as AWS delivers it, and the identifier that the answer names it by.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar, get_args

from ._attributes import Image, decode_attribute, split_tag
from ._dead_letter import DeadLetter
from ._errors import AttributePath, InvalidItemError, InvalidRecordError

Kind: TypeAlias = Literal["INSERT", "MODIFY", "REMOVE"]
ViewType: TypeAlias = Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]
NameT = TypeVar("NameT", bound=str)
ValueT = TypeVar("ValueT")
KeyValue: TypeAlias = str | int | Decimal | bytes

_KINDS: Final[Mapping[str, Kind]] = {name: name for name in get_args(Kind)}
_VIEW_TYPES: Final[Mapping[str, ViewType]] = {name: name for name in get_args(ViewType)}
_KEY_TAGS: Final = ("S", "N", "B")
_SOURCE: Final = "aws:dynamodb"
_USUAL_IMAGES: Final = {
    "INSERT": (dict, type(...)),
    "MODIFY": (dict, dict),
    "REMOVE": (type(...), dict),
}
_USUAL_NUMBER: Final = re.compile(r"[0-9]{1,40}").fullmatch
_USUAL_ID: Final = re.compile(r"[0-9A-Za-z]{1,128}").fullmatch
_LONGEST_SEQUENCE_NUMBER: Final = 40
_LONGEST_EVENT_ID: Final = 128
_IMAGES: Final[Mapping[Kind, Mapping[ViewType | None, tuple[str, ...]]]] = {
    "INSERT": {"NEW_IMAGE": ("NewImage",), "NEW_AND_OLD_IMAGES": ("NewImage",)},
    "MODIFY": {
        "NEW_IMAGE": ("NewImage",),
        "OLD_IMAGE": ("OldImage",),
        "NEW_AND_OLD_IMAGES": ("NewImage", "OldImage"),
    },
    "REMOVE": {"OLD_IMAGE": ("OldImage",), "NEW_AND_OLD_IMAGES": ("OldImage",)},
}


class StreamRecord(NamedTuple):
    """One change of one item, as the stream tells it.

    What stands beside the item is read when it is asked for, and raises `InvalidRecordError` if it is not as
    AWS sends it.

    Attributes:
        event_id: The same in every delivery of the record.
        kind: INSERT, MODIFY or REMOVE.
        keys: The item's primary key, as Python values.
        new_image: The item after the change in typed JSON, as it came; None if the stream does not carry it.
        old_image: The item before the change, likewise.
        sequence_number: 1 to 40 decimal digits. Rises along a shard; compare as int.
        identifier: What a partial batch response names the record by.
        raw: The record as it came. Not to be changed.
        letter: The dead letter that it was taken from; None if the stream delivers it.
    """

    event_id: str
    kind: Kind
    keys: Mapping[str, KeyValue]
    new_image: Image | None
    old_image: Image | None
    sequence_number: str
    identifier: str
    raw: Mapping[str, Any]
    letter: DeadLetter | None = None

    @property
    def source_arn(self) -> str | None:
        """The stream's ARN; None in what boto3's `get_records` gives."""
        return _optional(self.raw, ("eventSourceARN",), str)

    @property
    def table(self) -> str | None:
        """The table's name, from the ARN; None if there is no ARN."""
        return _table(self.source_arn)

    @property
    def region(self) -> str | None:
        """The Region of the table."""
        return _optional(self.raw, ("awsRegion",), str)

    @property
    def created_at(self) -> datetime | None:
        """When the change was made, to the second, in UTC; None if AWS left it out."""
        return _created_at(self.raw["dynamodb"])

    @property
    def size_bytes(self) -> int | None:
        """The size of keys and images."""
        return _optional(self.raw["dynamodb"], ("dynamodb", "SizeBytes"), int)

    @property
    def view_type(self) -> ViewType | None:
        """What the stream carries of each item; None if it is a kind not known here."""
        return _one_of(_VIEW_TYPES, self.raw["dynamodb"].get("StreamViewType"))

    @property
    def expired(self) -> bool:
        """Whether time to live removed the item."""
        return _expired(self.raw)

    def __repr__(self) -> str:
        """Without keys and images: a record ends up in logs."""
        return (
            f"<StreamRecord {self.kind} {self.sequence_number} of {_table(self.raw.get('eventSourceARN'))}>"
        )


class UnreadableRecord(NamedTuple):
    """A record that failed before anything could run.

    Attributes:
        error: Why.
        identifier: What the answer names it by; None if that cannot be read either.
        keys: Its item's key; None if that cannot be read, so that it may be any item's.
        raw: What came in the record's place.
    """

    error: InvalidRecordError
    identifier: str | None
    keys: Mapping[str, KeyValue] | None
    raw: object

    def __repr__(self) -> str:
        """Without keys, as a record's."""
        return f"<UnreadableRecord {self.identifier}>"


def read_records(records: Iterable[object]) -> Iterator[StreamRecord | UnreadableRecord]:
    """The records of a batch of a stream, those that cannot be read among them."""
    return _told_apart(map(read_record, records, count()))


def _told_apart(
    records: Iterable[StreamRecord | UnreadableRecord],
) -> Iterator[StreamRecord | UnreadableRecord]:
    """The records; one that has the number of an earlier one and is another cannot be read."""
    first: dict[str | None, object] = {}
    for index, record in enumerate(records):
        earlier = first.setdefault(record.identifier, record.raw)
        if earlier is record.raw or isinstance(record, UnreadableRecord) or _are_equal(earlier, record.raw):
            yield record
        else:
            yield _unreadable_twin(record, index)


def _are_equal(one: object, other: object) -> bool:
    try:
        return one == other
    except RecursionError:
        return False


def _unreadable_twin(record: StreamRecord, index: int) -> UnreadableRecord:
    error = InvalidRecordError(
        "an earlier record of the batch has this number and is another",
        path=("dynamodb", "SequenceNumber"),
        sequence_number=record.sequence_number,
        index=index,
    )
    return UnreadableRecord(error, record.identifier, record.keys, record.raw)


def read_record(record: object, index: int) -> StreamRecord | UnreadableRecord:
    """A record as a stream delivers it, at its place in the batch."""
    return _read_usual(record) or _read_any(record, index)


def _read_usual(record: Any) -> StreamRecord | None:
    """A record with text for a key and the images of its kind, in one go; None if it is any other."""
    try:
        body, event_id, kind = record["dynamodb"], record["eventID"], record["eventName"]
        number, new, old = body["SequenceNumber"], body.get("NewImage", ...), body.get("OldImage", ...)
        if _USUAL_IMAGES[kind] != (type(new), type(old)) or record["eventSource"] != _SOURCE:
            return None
        keys: dict[str, str] = {}
        for name, attribute in body["Keys"].items():
            [(tag, text)] = attribute.items()
            if tag != "S" or type(text) is not str:
                return None
            keys[name] = text
        if not (
            keys and _USUAL_NUMBER(number) and _USUAL_ID(event_id) and type(record) is type(body) is dict
        ):
            return None
    except (AttributeError, LookupError, TypeError, ValueError):
        return None
    new, old = None if new is ... else new, None if old is ... else old
    return StreamRecord(event_id, kind, keys, new, old, number, number, record)


def _read_any(record: object, index: int) -> StreamRecord | UnreadableRecord:
    sequence_number: str | None = None
    keys: Mapping[str, KeyValue] | None = None
    try:
        envelope, body = _open(record)
        sequence_number = _sequence_number(body)
        keys = _keys(body)
        return _stream_record(envelope, body, sequence_number, keys)
    except InvalidRecordError as error:
        error.sequence_number = sequence_number
        error.index = index
        return UnreadableRecord(error, sequence_number, keys, record)


def _open(record: object) -> tuple[dict[str, Any], dict[str, Any]]:
    if not isinstance(record, dict):
        raise InvalidRecordError(f"a record is an object, not {type(record).__name__}")
    if record.get("eventSource") != _SOURCE:
        reason = "expected 'aws:dynamodb': is the function's trigger a DynamoDB stream?"
        raise InvalidRecordError(reason, path=("eventSource",))
    body = record.get("dynamodb")
    if not isinstance(body, dict):
        raise InvalidRecordError("expected an object", path=("dynamodb",))
    return record, body


def _sequence_number(body: Mapping[str, Any]) -> str:
    number = body.get("SequenceNumber")
    if not isinstance(number, str) or not (number.isascii() and number.isdigit()):
        raise InvalidRecordError("expected 1 to 40 digits as text", path=("dynamodb", "SequenceNumber"))
    if len(number) > _LONGEST_SEQUENCE_NUMBER:
        raise InvalidRecordError("expected 1 to 40 digits as text", path=("dynamodb", "SequenceNumber"))
    return number


def _keys(body: Mapping[str, Any]) -> Mapping[str, KeyValue]:
    path = ("dynamodb", "Keys")
    keys = body.get("Keys")
    if not isinstance(keys, dict) or not keys:
        raise InvalidRecordError("expected the attributes of the item's key", path=path)
    return {name: _key(attribute, (*path, name)) for name, attribute in keys.items()}


def _key(attribute: Any, path: AttributePath) -> KeyValue:
    tag, content = split_tag(attribute, path)
    if tag == "S" and isinstance(content, str):
        return content
    if tag not in _KEY_TAGS:
        raise InvalidItemError("a key is text, a number or binary", path=path, expected=_KEY_TAGS)
    value: KeyValue = decode_attribute(attribute, path)
    return value


def _stream_record(
    envelope: dict[str, Any], body: dict[str, Any], sequence_number: str, keys: Mapping[str, KeyValue]
) -> StreamRecord:
    kind = _kind(envelope)
    new_image, old_image = _image(body, "NewImage"), _image(body, "OldImage")
    if (new_image is None and kind != "REMOVE") or (old_image is None and kind != "INSERT"):
        _demand_images(kind, body)
    return StreamRecord(
        _event_id(envelope), kind, keys, new_image, old_image, sequence_number, sequence_number, envelope
    )


def _one_of(names: Mapping[str, NameT], name: object) -> NameT | None:
    return names.get(name) if isinstance(name, str) else None


def _kind(envelope: Mapping[str, Any]) -> Kind:
    kind = _one_of(_KINDS, envelope.get("eventName"))
    if kind is not None:
        return kind
    raise InvalidRecordError("expected INSERT, MODIFY or REMOVE", path=("eventName",))


def _event_id(envelope: Mapping[str, Any]) -> str:
    event_id = envelope.get("eventID")
    if not isinstance(event_id, str) or not event_id.isascii() or not event_id.replace("-", "").isalnum():
        raise InvalidRecordError("expected letters, digits and hyphens", path=("eventID",))
    if len(event_id) > _LONGEST_EVENT_ID:
        raise InvalidRecordError(f"longer than {_LONGEST_EVENT_ID} characters", path=("eventID",))
    return event_id


def _demand_images(kind: Kind, body: Mapping[str, Any]) -> None:
    view_type = _one_of(_VIEW_TYPES, body.get("StreamViewType"))
    for name in _IMAGES[kind].get(view_type, ()):
        if name not in body:
            reason = f"absent, although the StreamViewType is {view_type}"
            raise InvalidRecordError(reason, path=("dynamodb", name))


def _image(body: Mapping[str, Any], name: Literal["NewImage", "OldImage"]) -> Image | None:
    image = body.get(name)
    if image is None and name not in body:
        return None
    if not isinstance(image, dict):
        raise InvalidRecordError("expected an object of attributes", path=("dynamodb", name))
    return image


def _table(arn: object) -> str | None:
    _, _, rest = arn.partition(":table/") if isinstance(arn, str) else ("", "", "")
    return rest.partition("/")[0] or None


def _optional(parent: Mapping[str, Any], path: tuple[str, ...], expected: type[ValueT]) -> ValueT | None:
    value = parent.get(path[-1])
    if value is None or type(value) is expected:
        return value
    raise InvalidRecordError(f"expected {'text' if expected is str else 'a number'}", path=path)


def _created_at(body: Mapping[str, Any]) -> datetime | None:
    moment = body.get("ApproximateCreationDateTime")
    if moment is None:
        return None
    if isinstance(moment, datetime):
        return moment.astimezone(UTC)
    if isinstance(moment, (int, float)) and not isinstance(moment, bool):
        try:
            return datetime.fromtimestamp(moment, UTC)
        except (ValueError, OverflowError, OSError):
            pass
    raise InvalidRecordError("expected seconds since 1970", path=("dynamodb", "ApproximateCreationDateTime"))


def _expired(envelope: Mapping[str, Any]) -> bool:
    """Time to live removes as a service; Lambda and boto3 spell the fields differently."""
    identity = envelope.get("userIdentity")
    if not isinstance(identity, dict):
        return False
    principal = identity.get("principalId", identity.get("PrincipalId"))
    return principal == "dynamodb.amazonaws.com" and identity.get("type", identity.get("Type")) == "Service"
