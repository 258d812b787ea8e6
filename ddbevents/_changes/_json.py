"""Changes and records as JSON. Loaded by those who write some."""

from __future__ import annotations

from collections.abc import Mapping

from .._codec import decode
from .._codec._json import write_json
from .._errors import InvalidItemError
from .._records import StreamRecord, UnreadableRecord
from . import AnyChange, parts_of


def write(value: object) -> str:
    """Return an item, a change or any plain value as one line of JSON, as `to_json` does."""
    return write_json(value, _parts_of)


def _parts_of(value: object) -> Mapping[str, object] | None:
    if isinstance(value, AnyChange):
        parts = [part for part in ("new", "old", "item") if part in parts_of(value)]
        return _with_items(value.record, {part: getattr(value, part) for part in parts})
    if isinstance(value, StreamRecord):
        images = {"new": value.new_image, "old": value.old_image}
        known = {part: image for part, image in images.items() if image is not None}
        return _with_items(value, {part: decode(dict, image) for part, image in known.items()})
    if isinstance(value, UnreadableRecord):
        raise InvalidItemError("a record that cannot be read has no items: pass its raw content")
    return None


def _with_items(record: StreamRecord, items: Mapping[str, object]) -> Mapping[str, object]:
    return {"kind": record.kind, "keys": record.keys, **items}
