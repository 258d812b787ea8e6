"""The errors for images that a handler cannot use: absent ones, and old ones of another form.

Loaded with the first such error.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from .._codec import decode_exactly
from .._errors import InvalidItemError, InvalidRecordError
from .._records import StreamRecord

_VIEW_TYPES: Final[Mapping[str, str]] = {
    "NewImage": "NEW_IMAGE or NEW_AND_OLD_IMAGES",
    "OldImage": "OLD_IMAGE or NEW_AND_OLD_IMAGES",
}


def absent(record: StreamRecord, image: str, needs: Collection[str]) -> InvalidRecordError:
    """Return the error for an image that the stream does not carry.

    Args:
        record: The record.
        image: The image.
        needs: All images that the handler needs of a record of this kind, this one among them.
    """
    needed = _VIEW_TYPES[image] if len(needs) == 1 else "NEW_AND_OLD_IMAGES"
    cure = f"set the table's StreamViewType to {needed}"
    if record.source == "export":
        cure = "export the changes with the view NEW_AND_OLD_IMAGES"
    return InvalidRecordError(
        f"absent, but a handler of {record.kind} needs it: {cure}, or register the handler with"
        f" {_serving(record)}",
        path=("dynamodb", image),
        sequence_number=record.sequence_number,
    )


def _serving(record: StreamRecord) -> str:
    """Return the decorator for what the stream does carry, which each of its records of a kind has."""
    stream = f"this {record.source}" if record.view_type is None else f"this {record.view_type} stream"
    if record.kind == "MODIFY" and record.new_image is not None:
        return f"on_upsert, which needs only the new image: {stream} carries it"
    if record.kind == "MODIFY" and record.old_image is not None:
        return f"on_previous, which needs only the old image: {stream} carries it"
    return f'on_keys(..., kinds="{record.kind}"), which needs no image'


def advise_on_old(error: InvalidItemError, record: StreamRecord, model: Any) -> None:
    """Say in an error what to do about the old image of a change, if it alone is of another form.

    Args:
        error: The error.
        record: The record.
        model: The model that refuses the old image.
    """
    try:
        decode_exactly(dict, record.old_image or {})
        decode_exactly(model, record.new_image or {})
    except Exception:  # noqa: BLE001  # validators are the user's own code
        return
    error.reason += (
        f". The new image fits {model.__name__}: give the old one a model of its own,"
        f" on_modify({model.__name__}, old=...); old=dict takes any, and on_upsert does not read it"
    )
    error.args = (error.reason,)
