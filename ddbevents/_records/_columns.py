"""A batch that is as usual in every record, which is a third of the work of reading the records one by one.

A batch with anything unusual in it is left to `read_records`, which decides and explains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._attributes import Image
from .._errors import InvalidRecordError
from .._tuples import NamedTuple
from ._reading import LONGEST_EVENT_ID, SOURCE, USUAL_IMAGES, are_images, read_keys
from ._record import MOST_DIGITS, Kind, StreamRecord


class Columns(NamedTuple):
    """The records of a batch, each at the same place in every column.

    Attributes:
        event_ids: What makes marks of them. All are different.
        kinds: INSERT, MODIFY or REMOVE.
        numbers: Their sequence numbers. All are different.
        bodies: The `dynamodb` objects, with all images that the stream carries.
        raws: The records as AWS sent them.
    """

    event_ids: Sequence[str]
    kinds: Sequence[Kind]
    numbers: Sequence[str]
    bodies: Sequence[dict[str, Any]]
    raws: Sequence[dict[str, Any]]

    def record(self, place: int) -> StreamRecord:
        """Return a record, as `read_record` reads it."""
        body, number = self.bodies[place], self.numbers[place]
        new: Image | None = body.get("NewImage")
        old: Image | None = body.get("OldImage")
        event_id, kind = self.event_ids[place], self.kinds[place]
        return StreamRecord(event_id, kind, read_keys(body), new, old, number, number, self.raws[place])


def columns_of(records: Sequence[Any]) -> Columns | None:  # noqa: C901, PLR0911  # one loop without calls, for speed
    """Return the columns of a batch; None if it has no records, or one with something unusual."""
    event_ids: list[str] = []
    kinds: list[Kind] = []
    numbers: list[str] = []
    bodies: list[dict[str, Any]] = []
    try:
        names = [*records[0]["dynamodb"]["Keys"]]
        if not names:
            return None
        for raw in records:
            body, event_id, kind = raw["dynamodb"], raw["eventID"], raw["eventName"]
            number, keys = body["SequenceNumber"], body["Keys"]
            if type(raw) is not dict or type(body) is not dict or raw["eventSource"] != SOURCE:
                return None
            if len(event_id) > LONGEST_EVENT_ID or len(number) > MOST_DIGITS:
                return None
            if type(keys) is not dict or len(keys) != len(names):
                return None
            is_insert = kind == "INSERT" and "OldImage" not in body
            if not (is_insert and type(body.get("NewImage")) is dict) and not _has_images(kind, body):
                return None
            for name in names:
                attribute = keys[name]
                if type(attribute) is not dict or len(attribute) != 1 or type(attribute.get("S")) is not str:
                    read_keys(body)
            event_ids.append(event_id)
            kinds.append(kind)
            numbers.append(number)
            bodies.append(body)
        # text has these methods too, but takes six times as long
        is_text = "".join(event_ids).encode().isalnum() and "".join(numbers).encode().isdigit()
        if not is_text or not _are_different(event_ids) or not _are_different(numbers):
            return None
    except (AttributeError, LookupError, TypeError, ValueError, InvalidRecordError):
        return None
    return Columns(event_ids, kinds, numbers, bodies, records)


def _are_different(names: Sequence[str]) -> bool:
    unique = {*names}
    return len(unique) == len(names) and "" not in unique


def _has_images(kind: Kind, body: dict[str, Any]) -> bool:
    types = type(body.get("NewImage")), type(body.get("OldImage"))
    return types == USUAL_IMAGES.get(kind) or are_images(kind, *types, body.get("StreamViewType"))
