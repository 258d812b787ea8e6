"""A change as AWS delivers it, from every source, and the identifier that the answer names it by.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar, get_args

from ._attributes import Image, decode_attribute, split_tag
from ._errors import AttributePath, InvalidEventError, InvalidItemError, InvalidRecordError

Kind: TypeAlias = Literal["INSERT", "MODIFY", "REMOVE"]
ViewType: TypeAlias = Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]
NameT = TypeVar("NameT", bound=str)
ValueT = TypeVar("ValueT")
KeyValue: TypeAlias = str | int | Decimal | bytes

_KINDS: Final[Mapping[str, Kind]] = {name: name for name in get_args(Kind)}
_VIEW_TYPES: Final[Mapping[str, ViewType]] = {name: name for name in get_args(ViewType)}
_KEY_TAGS: Final = ("S", "N", "B")
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
    """

    event_id: str
    kind: Kind
    keys: Mapping[str, KeyValue]
    new_image: Image | None
    old_image: Image | None
    sequence_number: str
    identifier: str
    raw: Mapping[str, Any]

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
    """

    error: InvalidRecordError
    identifier: str | None
    keys: Mapping[str, KeyValue] | None

    def __repr__(self) -> str:
        """Without keys, as a record's."""
        return f"<UnreadableRecord {self.identifier}>"


def parse_event(event: object) -> list[StreamRecord]:
    """The records of an event, in the order in which they came.

    Args:
        event: What Lambda passes for a DynamoDB stream, or what boto3's `get_records` returns.

    Raises:
        InvalidEventError: It is no batch of records.
        InvalidRecordError: A record is not as AWS sends it.
    """
    records: list[StreamRecord] = []
    for record in read_event(event):
        if isinstance(record, UnreadableRecord):
            raise record.error
        records.append(record)
    return records


def read_event(event: object) -> list[StreamRecord | UnreadableRecord]:
    """The records of an event, those that cannot be read among them."""
    if not isinstance(event, dict):
        raise InvalidEventError(f"the event is {type(event).__name__}, not an object with Records")
    if "Records" not in event:
        raise InvalidEventError("the event has no Records: is the function's trigger a DynamoDB stream?")
    records = event["Records"]
    if not isinstance(records, list):
        raise InvalidEventError(f"Records of the event is {type(records).__name__}, not a list")
    return [_read(record, index) for index, record in enumerate(records)]


def _read(record: object, index: int) -> StreamRecord | UnreadableRecord:
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
        return UnreadableRecord(error, sequence_number, keys)


def _open(record: object) -> tuple[dict[str, Any], dict[str, Any]]:
    if not isinstance(record, dict):
        raise InvalidRecordError(f"a record is an object, not {type(record).__name__}")
    if record.get("eventSource") != "aws:dynamodb":
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
