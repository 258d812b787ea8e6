"""Reading a record: strict about the fields that every handler needs, and quick where all is as usual.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import NoneType
from typing import Any, Final, Literal

from .._attributes import Image, decode_attribute, split_tag
from .._errors import AttributePath, InvalidItemError, InvalidRecordError
from ._record import (
    MOST_DIGITS,
    AnyRecord,
    KeyValue,
    Kind,
    StreamRecord,
    UnreadableRecord,
    ViewType,
    view_type_of,
)

_KEY_TAGS: Final = ("S", "N", "B")
SOURCE: Final = "aws:dynamodb"
KINESIS: Final = "aws:kinesis"
LONGEST_EVENT_ID: Final = 128
"""The longest eventID that is read."""

_IMAGES: Final[Mapping[Kind, Mapping[ViewType | None, tuple[str, ...]]]] = {
    "INSERT": {"NEW_IMAGE": ("NewImage",), "NEW_AND_OLD_IMAGES": ("NewImage",)},
    "MODIFY": {
        "NEW_IMAGE": ("NewImage",),
        "OLD_IMAGE": ("OldImage",),
        "NEW_AND_OLD_IMAGES": ("NewImage", "OldImage"),
    },
    "REMOVE": {"OLD_IMAGE": ("OldImage",), "NEW_AND_OLD_IMAGES": ("OldImage",)},
}
_KINDS: Final[Mapping[str, Kind]] = {name: name for name in _IMAGES}
_IMAGE_TYPES: Final = {dict, NoneType}
USUAL_IMAGES: Final = {"INSERT": (dict, NoneType), "MODIFY": (dict, dict), "REMOVE": (NoneType, dict)}


def read_records(records: Iterable[object]) -> Iterator[AnyRecord]:
    """Return the records of a stream's batch, in order, the unreadable ones among them."""
    read = [read_record(raw, index) for index, raw in enumerate(records)]
    numbers = {record.identifier for record in read}
    # a record's first field is its event id; that of an unreadable one is its error, which equals no other
    if len(numbers) == len(read) == len({record[0] for record in read}):
        return iter(read)
    return _with_twins_unreadable(read)


def _with_twins_unreadable(records: Iterable[AnyRecord]) -> Iterator[AnyRecord]:
    first: dict[str | None, object] = {}
    numbers: dict[str, str] = {}
    for index, record in enumerate(records):
        earlier = first.setdefault(record.identifier, record.raw)
        if isinstance(record, UnreadableRecord):
            yield record
        elif earlier is not record.raw and not are_equal(earlier, record.raw):
            yield twin(record, index, ("dynamodb", "SequenceNumber"), "sequence number but different content")
        elif numbers.setdefault(record.event_id, record.sequence_number) != record.sequence_number:
            # its marks would be those of the other record, so it would be skipped
            yield twin(record, index, ("eventID",), "eventID but another sequence number")
        else:
            yield record


def read_record(record: object, index: int) -> AnyRecord:
    """Return a record that a stream delivered at this place in a batch."""
    return _read_usual(record) or _read_any(record, index)


def read_known(record: object) -> StreamRecord:
    """Return a record that was readable before.

    Raises:
        InvalidRecordError: Somebody has changed it since.
    """
    read = read_record(record, 0)
    if isinstance(read, UnreadableRecord):
        raise read.error
    return read


def are_equal(one: object, other: object) -> bool:
    """Return whether two values of JSON are equal; False if they are nested too deeply to tell."""
    try:
        return one == other
    except RecursionError:
        return False


def twin(record: StreamRecord, index: int, path: AttributePath, same: str) -> UnreadableRecord:
    """Return what stands for a record that has the name of an earlier one, and other content."""
    error = InvalidRecordError(
        f"an earlier record in the batch has the same {same}: in an event made by hand, give each record an"
        " eventID and a SequenceNumber of its own, as ddbevents.testing does",
        path=path,
        sequence_number=record.sequence_number,
        index=index,
    )
    return UnreadableRecord(error, record.identifier, record.keys, record.raw)


def _read_usual(record: Any) -> StreamRecord | None:
    """Read a record that has text keys and the images of its kind, in one go; return None for any other.

    Whatever this leaves out or stumbles over, `_read_any` decides and explains.
    """
    try:
        body, event_id, kind = record["dynamodb"], record["eventID"], record["eventName"]
        number = body["SequenceNumber"]
        new, old = body.get("NewImage"), body.get("OldImage")
        if USUAL_IMAGES[kind] != (type(new), type(old)) or record["eventSource"] != SOURCE:
            return None
        keys: dict[str, str] = {}
        for name, attribute in body["Keys"].items():
            [(tag, text)] = attribute.items()
            if tag != "S" or type(text) is not str:
                return None
            keys[name] = text
        if not keys or not (type(number) is type(event_id) is str and type(record) is type(body) is dict):
            return None
        # without patterns, which a cold start would have to compile
        is_usual = number.isascii() and number.isdigit() and event_id.isascii() and event_id.isalnum()
        if not is_usual or len(number) > MOST_DIGITS or len(event_id) > LONGEST_EVENT_ID:
            return None
    except (AttributeError, LookupError, TypeError, ValueError):
        return None
    return StreamRecord(event_id, kind, keys, new, old, number, number, record)


def _read_any(record: object, index: int) -> AnyRecord:
    sequence_number: str | None = None
    keys: Mapping[str, KeyValue] | None = None
    try:
        envelope, body = _open(record)
        sequence_number = _number_of(envelope, body)
        keys = read_keys(body)
        return _stream_record(envelope, body, sequence_number, keys)
    except InvalidRecordError as error:
        error.sequence_number = sequence_number
        error.index = index
        return UnreadableRecord(error, sequence_number, keys, record)


def _open(record: object) -> tuple[dict[str, Any], dict[str, Any]]:
    if not isinstance(record, dict):
        reason = _foreign(record) or f"a record is an object, not {type(record).__name__}"
        raise InvalidRecordError(reason)
    if record.get("eventSource") != SOURCE:
        reason = _foreign(record) or "expected 'aws:dynamodb': is the function's trigger a DynamoDB stream?"
        raise InvalidRecordError(reason, path=("eventSource",))
    body = record.get("dynamodb")
    if not isinstance(body, dict):
        raise InvalidRecordError("expected an object", path=("dynamodb",))
    return record, body


def _foreign(record: object) -> str | None:
    from ._foreign import reason_for_record  # noqa: PLC0415  # cold start: for what is no stream's record

    return reason_for_record(record)


def _number_of(envelope: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    around = envelope.get("kinesis")
    if "SequenceNumber" in body or not isinstance(around, dict):
        return read_number(body.get("SequenceNumber"), ("dynamodb", "SequenceNumber"))
    return read_number(around.get("sequenceNumber"), ("kinesis", "sequenceNumber"))


def read_number(number: object, path: AttributePath) -> str:
    """Return a sequence number.

    Raises:
        InvalidRecordError: It is none.
    """
    if isinstance(number, str) and number.isascii() and number.isdigit() and len(number) <= MOST_DIGITS:
        return number
    raise InvalidRecordError(f"expected 1 to {MOST_DIGITS} digits as text", path=path)


def read_keys(body: Mapping[str, Any]) -> Mapping[str, KeyValue]:
    """Return the item's key from a record's `dynamodb` object.

    Raises:
        InvalidRecordError: It is absent or malformed.
    """
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
    new_image, old_image = read_image(body, "NewImage"), read_image(body, "OldImage")
    if (new_image is None and kind != "REMOVE") or (old_image is None and kind != "INSERT"):
        _demand_images(kind, body)
    return StreamRecord(
        read_event_id(envelope), kind, keys, new_image, old_image, sequence_number, sequence_number, envelope
    )


def _kind(envelope: Mapping[str, Any]) -> Kind:
    kind = envelope.get("eventName")
    if isinstance(kind, str) and kind in _KINDS:
        return _KINDS[kind]
    raise InvalidRecordError("expected INSERT, MODIFY or REMOVE", path=("eventName",))


def read_event_id(envelope: Mapping[str, Any]) -> str:
    """Return the eventID of a record.

    Raises:
        InvalidRecordError: It is malformed.
    """
    event_id = envelope.get("eventID")
    if not isinstance(event_id, str) or not event_id.isascii() or not event_id.replace("-", "").isalnum():
        raise InvalidRecordError("expected letters, digits and hyphens", path=("eventID",))
    if len(event_id) > LONGEST_EVENT_ID:
        raise InvalidRecordError(f"longer than {LONGEST_EVENT_ID} characters", path=("eventID",))
    return event_id


def are_images(kind: Kind, new: type, old: type, view_type: ViewType | None) -> bool:
    """Return whether a record of a kind has its images, given their types and the stream's view type."""
    if kind not in _KINDS or not {new, old} <= _IMAGE_TYPES:
        return False
    absent = {"NewImage": new is NoneType, "OldImage": old is NoneType}
    return not any(absent[name] for name in _IMAGES[kind].get(view_type, ()))


def _demand_images(kind: Kind, body: Mapping[str, Any]) -> None:
    view_type = view_type_of(body)
    for name in _IMAGES[kind].get(view_type, ()):
        if body.get(name) is None:
            reason = f"absent, although the StreamViewType is {view_type}"
            raise InvalidRecordError(reason, path=("dynamodb", name))


def read_image(body: Mapping[str, Any], name: Literal["NewImage", "OldImage"]) -> Image | None:
    """Return an image of a record's `dynamodb` object; None if it has none.

    Raises:
        InvalidRecordError: It is no object of attributes.
    """
    image = body.get(name)
    if image is None:  # AWS leaves it out; some emulators and hand-made events say null
        return None
    if not isinstance(image, dict):
        raise InvalidRecordError("expected an object of attributes", path=("dynamodb", name))
    return image
