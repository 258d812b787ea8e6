"""Records that a handler takes, generated from its condition and from what filters look at.

The values come from both sides, and what the handler takes is decided by its own selection, so that no record
is here by mistake.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias

from ..._codec import discriminators, item_fields
from ..._errors import AttributePath, InvalidRecordError
from ..._records import Kind, ViewType, parse_event
from ..._routing import Route
from .._needs import VIEW_TYPES
from ._images import Image, solved, with_attribute
from ._live import AwsJson
from ._values import any_value, of_choice

_TRIES: Final = 150  # of each kind
_TIME_TO_LIVE: Final = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
_KEY_VALUES: Final = {"S": ["k", "A#1"], "N": ["1", "2.5"], "B": ["YQ=="]}

Json: TypeAlias = dict[str, Any]


class Stream(NamedTuple):
    """A stream that records are generated for.

    Attributes:
        arn: Its ARN.
        view_type: What its records carry.
        table: The description of its table.
    """

    arn: str
    view_type: ViewType
    table: AwsJson


def samples(route: Route, patterns: Sequence[str], stream: Stream) -> Iterator[Json]:
    """Yield records that a handler takes, or fails on: both have to arrive. The same ones each time."""
    random = Random(route.name)  # noqa: S311  # repeatable, not secret
    looked_at = [*dict.fromkeys(path for pattern in patterns for path in _paths(json.loads(pattern)))]
    for kind in sorted(route.selection.kinds - {"SNAPSHOT"}):  # which no stream has
        for _ in range(_TRIES):
            record = _record(kind, route, looked_at, stream, random)
            if _is_for(route, record):
                yield record


def _is_for(route: Route, record: Json) -> bool:
    [read] = parse_event({"Records": [record]})
    try:
        return route.takes(read)
    except InvalidRecordError:
        return True  # it fails loudly, which a filter must not hide


def _record(
    kind: Kind, route: Route, looked_at: Sequence[AttributePath], stream: Stream, random: Random
) -> Json:
    keys = _keys(stream.table, route, random)
    new, old = (_image(route, looked_at, keys, random) for _ in range(2))
    if random.random() < 0.5:  # most writes change an attribute or two  # noqa: PLR2004
        old = _changed(new, route, keys, random)
    images = {"Keys": keys, "NewImage": new, "OldImage": old}
    absent = {"INSERT": "OldImage", "REMOVE": "NewImage"}.get(kind)
    carried = {name: images[name] for name in images if name in VIEW_TYPES[stream.view_type] - {absent}}
    record: Json = {
        "eventID": f"{random.getrandbits(128):032x}",
        "eventName": kind,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": stream.arn.split(":")[3],
        "dynamodb": {
            "ApproximateCreationDateTime": 1_700_000_000,
            **carried,
            "SequenceNumber": "300000000000000000001",
            "SizeBytes": 100,
            "StreamViewType": stream.view_type,
        },
        "eventSourceARN": stream.arn,
    }
    is_expired = route.selection.expired
    if kind == "REMOVE" and (random.random() < 0.5 if is_expired is None else is_expired):  # noqa: PLR2004
        record["userIdentity"] = _TIME_TO_LIVE
    return record


def _keys(table: AwsJson, route: Route, random: Random) -> Image:
    """Return a key of the table; the attributes that decide whether the handler takes it are set to suit."""
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    names = [each["AttributeName"] for each in table["KeySchema"]]
    wanted = _wanted({}, route, random)
    keys = {name: {types[name]: random.choice(_KEY_VALUES[types[name]])} for name in names}
    suiting = {name: wanted[name] for name in names if name in wanted and types[name] in wanted[name]}
    return {**keys, **suiting}


def _image(route: Route, looked_at: Sequence[AttributePath], keys: Image, random: Random) -> Image:
    image: Image = {}
    for path in looked_at:
        image = with_attribute(image, path, any_value(random))
    return {**_wanted(image, route, random), **keys}


def _wanted(image: Image, route: Route, random: Random) -> Image:
    """Return an image that mostly is as the handler wants it."""
    selection = route.selection
    for field in discriminators(selection.model):
        image = with_attribute(image, random.choice(field.paths), of_choice(field, random))
    return image if selection.where is None else solved(selection.where, image, random, holds=True)


def _changed(image: Image, route: Route, keys: Image, random: Random) -> Image:
    selection = route.selection
    fields = item_fields(selection.model)
    paths = [path for name in sorted(selection.changed) for path in fields[name].paths]
    changed = image
    for path in paths or [("changed",)]:
        changed = with_attribute(changed, path, any_value(random))
    return {**changed, **keys}


def _paths(pattern: Mapping[str, Any], at: tuple[str, ...] = ()) -> Iterator[AttributePath]:
    """Yield the attributes of images that a pattern looks at."""
    for name, part in pattern.items():
        inner = (*at, *name.split("."))
        if name == "$or":
            for choice in part:
                yield from _paths(choice, at)
        elif isinstance(part, dict):
            yield from _paths(part, inner)
        elif len(inner) > 3 and inner[1] in {"NewImage", "OldImage"}:  # dynamodb.NewImage.name.S  # noqa: PLR2004
            yield inner[2:-1:2]  # every second name is a type tag
