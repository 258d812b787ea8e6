"""Stream records in the form in which Lambda sends them, made of the items before and after a write."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import (
    Any,
    Final,
    NamedTuple,
    TypeAlias,
    get_args,
)

from .._attributes import AttributeValue
from .._codec import encode
from .._errors import ConfigurationError
from .._records import Kind, ViewType
from ._clock import START, aware
from ._sizes import image_size

Json: TypeAlias = dict[str, Any]
"""A part of an event."""

_Image: TypeAlias = Mapping[str, AttributeValue]
_ACCOUNT: Final = "123456789012"
_FIRST_NUMBER: Final = 300_000_000_000_000_000_000  # 21 digits, the fewest that AWS sends
_DEFAULT_KEYS: Final = ("pk", "sk")
_MOST_KEYS: Final = 2
_KEY_TAGS: Final = frozenset({"S", "N", "B"})
_CARRIES_NEW: Final = frozenset({"NEW_IMAGE", "NEW_AND_OLD_IMAGES"})
_CARRIES_OLD: Final = frozenset({"OLD_IMAGE", "NEW_AND_OLD_IMAGES"})
_SECONDS_OF_ANY_EXPIRY: Final = 100_000_000  # since 1970: long before there was a time to live
_LIKE_TIME_TO_LIVE: Final = re.compile(r"ttl|time.?to.?live|expir", re.IGNORECASE)
_TIME_TO_LIVE: Final = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


class Source(NamedTuple):
    """A table with a stream."""

    table: str
    keys: tuple[str, ...]
    view_type: ViewType
    region: str

    @property
    def arn(self) -> str:
        created = START.strftime("%Y-%m-%dT%H:%M:%S.000")
        return f"arn:aws:dynamodb:{self.region}:{_ACCOUNT}:table/{self.table}/stream/{created}"


class Write(NamedTuple):
    """A write to an item, which makes a record."""

    kind: Kind
    old: object
    new: object
    at: datetime
    expired: bool = False


def record_of(source: Source, write: Write, number: int, origin: str = "table") -> Json:
    old = None if write.kind == "INSERT" else encode(write.old)
    new = None if write.kind == "REMOVE" else encode(write.new)
    if write.expired and old is not None:
        _check_time_to_live(old)
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
            **{name: image_json(image) for name, image in carried.items()},
            "SequenceNumber": str(_FIRST_NUMBER + number),
            "SizeBytes": sum(map(image_size, carried.values())),
            "StreamViewType": source.view_type,
        },
        "eventSourceARN": source.arn,
    }
    return {**record, "userIdentity": dict(_TIME_TO_LIVE)} if write.expired else record


def _check_time_to_live(image: _Image) -> None:
    """Refuse an item that time to live never removes, since its moment of expiry is not a number.

    An item without such an attribute is taken: a model need not have all of them.
    """
    named = (name for name in image if "S" in image[name] and _LIKE_TIME_TO_LIVE.search(name))
    wrong = next(named, None)
    numbers = [Decimal(attribute["N"]) for attribute in image.values() if "N" in attribute]
    if wrong is not None and not any(number > _SECONDS_OF_ANY_EXPIRY for number in numbers):
        raise ConfigurationError(
            f"time to live removes no item whose {wrong!r} is S, as a datetime is written: it needs seconds"
            " as a number. Give the model a field_serializer that returns int(moment.timestamp())"
        )


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


def source_of(name: object, keys: object, view_type: object, region: object) -> Source:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,255}", name):
        raise ConfigurationError("table must be the name of a table, not an ARN or anything else")
    if not isinstance(region, str) or not re.fullmatch(r"[a-z0-9-]{1,40}", region):
        raise ConfigurationError("region must be the name of a Region, for example 'eu-central-1'")
    known = {each: each for each in get_args(ViewType)}
    found = known.get(view_type) if isinstance(view_type, str) else None
    if found is None:
        raise ConfigurationError(f"view_type must be one of {', '.join(known)}")
    return Source(name, _names(keys), found, region)


def _names(keys: object) -> tuple[str, ...]:
    names: list[object] = [keys] if isinstance(keys, str) or not isinstance(keys, Iterable) else [*keys]
    if len({*map(repr, names)}) < len(names) or len(names) > _MOST_KEYS:
        raise ConfigurationError("a table's key has one or two attributes: keys='pk' or keys=('pk', 'sk')")
    if not all(isinstance(name, str) and name for name in names):
        raise ConfigurationError("keys must be names of attributes: keys='pk' or keys=('pk', 'sk')")
    return tuple(map(str, names))


def _default_keys(image: _Image) -> tuple[str, ...]:
    if _DEFAULT_KEYS[0] in image:
        return tuple(name for name in _DEFAULT_KEYS if name in image)
    raise ConfigurationError(
        "which attributes are the table's key? Pass keys='userId', or keys=('customer', 'order')"
    )


def _event_id(stream: str, number: int) -> str:
    """Return 32 hex digits that rise along a stream and differ between streams."""
    return hashlib.blake2b(stream.encode(), digest_size=8).hexdigest() + f"{number:016x}"


def image_json(image: _Image) -> Json:
    """Return an image as AWS's JSON has it: binary as base64 text, numbers as DynamoDB writes them."""
    content: Json = _as_json({"M": image})["M"]
    return content


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
