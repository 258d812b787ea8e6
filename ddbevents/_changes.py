"""What a handler gets: a record whose images have become items of its model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, Generic, Literal, TypeAlias

from pydantic import BaseModel
from typing_extensions import TypeVar

from ._attributes import Image
from ._codec import decode, decode_by_law
from ._errors import InvalidItemError, InvalidRecordError
from ._records import Kind, StreamRecord

ImageName: TypeAlias = Literal["NewImage", "OldImage"]

ItemT = TypeVar("ItemT")
ItemT_co = TypeVar("ItemT_co", covariant=True)
OldT_co = TypeVar("OldT_co", covariant=True, default=ItemT_co)
KeyT_co = TypeVar("KeyT_co", covariant=True)

_VIEW_TYPE: Final[Mapping[str, str]] = {"NewImage": "NEW_IMAGE", "OldImage": "OLD_IMAGE"}


class _Change:  # noqa: PLW1641  # no hash, as any value that holds items
    """Equal by its parts, and shown with them. A dataclass would cost each cold start as much as a module."""

    __slots__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            getattr(self, part) == getattr(other, part) for part in self.__slots__
        )

    def __repr__(self) -> str:
        parts = ", ".join(f"{part}={getattr(self, part)!r}" for part in self.__slots__)
        return f"{type(self).__name__}({parts})"


class Insert(_Change, Generic[ItemT_co]):
    """An item that was not there before."""

    __slots__ = ("new", "record")
    __match_args__ = ("new", "record")

    def __init__(self, new: ItemT_co, record: StreamRecord) -> None:
        self.new: Final = new
        self.record: Final = record


class Modify(_Change, Generic[ItemT_co, OldT_co]):
    """An item before and after a write that changed it."""

    __slots__ = ("new", "old", "record")
    __match_args__ = ("old", "new", "record")

    def __init__(self, old: OldT_co, new: ItemT_co, record: StreamRecord) -> None:
        self.old: Final = old
        self.new: Final = new
        self.record: Final = record

    @property
    def changed(self) -> frozenset[str]:
        """The names of the fields that differ, and of those that only one of the two has."""
        old, new = _values(self.old), _values(self.new)
        both = old.keys() & new.keys()
        return frozenset({name for name in both if old[name] != new[name]} | (old.keys() ^ new.keys()))


class Remove(_Change, Generic[ItemT_co]):
    """An item that is gone, as it was last."""

    __slots__ = ("old", "record")
    __match_args__ = ("old", "record")

    def __init__(self, old: ItemT_co, record: StreamRecord) -> None:
        self.old: Final = old
        self.record: Final = record

    @property
    def expired(self) -> bool:
        """Whether time to live removed it, not an application.

        In a replica Region of a global table AWS may not tell, and then it is False.
        """
        return self.record.expired


class KeyChange(_Change, Generic[KeyT_co]):
    """A change of which only the item's key is read; all that a KEYS_ONLY stream carries."""

    __slots__ = ("keys", "record")
    __match_args__ = ("keys", "record")

    def __init__(self, keys: KeyT_co, record: StreamRecord) -> None:
        self.keys: Final = keys
        self.record: Final = record

    @property
    def kind(self) -> Kind:
        """INSERT, MODIFY or REMOVE."""
        return self.record.kind


Upsert: TypeAlias = Insert[ItemT] | Modify[ItemT, ItemT]
"""An item as it is now, whether it was there before or not."""

Change: TypeAlias = Insert[ItemT] | Modify[ItemT, ItemT] | Remove[ItemT]
"""Any change of an item; take it apart with `match`."""


def item_change(
    record: StreamRecord, model: type[Any], old_model: type[Any]
) -> Insert[Any] | Modify[Any, Any] | Remove[Any]:
    """The change that a record tells, its images decoded.

    Raises:
        InvalidRecordError: The stream does not carry an image that this needs, or the image is no such item.
    """
    if record.kind == "INSERT":
        return Insert(_item(record, "NewImage", model), record)
    if record.kind == "REMOVE":
        return Remove(_item(record, "OldImage", model), record)
    return Modify(_item(record, "OldImage", old_model), _item(record, "NewImage", model), record)


def key_change(record: StreamRecord, model: type[Any]) -> KeyChange[Any]:
    """The change that a record tells, only its key decoded."""
    return KeyChange(_decode(record, "Keys", model, key_image(record)), record)


def key_image(record: StreamRecord) -> Image:
    """The key attributes in typed JSON."""
    keys: Image = record.raw["dynamodb"]["Keys"]
    return keys


def needed_image(record: StreamRecord, name: ImageName) -> Image:
    """An image that a handler cannot do without.

    Raises:
        InvalidRecordError: The stream does not carry it; says which StreamViewType does.
    """
    image = record.new_image if name == "NewImage" else record.old_image
    if image is None:
        needed = (
            "NEW_AND_OLD_IMAGES" if record.kind == "MODIFY" else f"{_VIEW_TYPE[name]} or NEW_AND_OLD_IMAGES"
        )
        raise InvalidRecordError(
            f"absent, and a handler of {record.kind} needs it: set the table's StreamViewType to {needed}"
            " (on_keys needs no image)",
            path=("dynamodb", name),
            sequence_number=record.sequence_number,
        )
    return image


def _item(record: StreamRecord, name: ImageName, model: type[Any]) -> Any:
    return _decode(record, name, model, needed_image(record, name))


def _decode(record: StreamRecord, name: str, model: type[Any], image: Image) -> Any:
    try:
        return decode(model, image) if _has_one_tag_each(image) else decode_by_law(model, image)
    except InvalidItemError as error:
        raise error.within("dynamodb", name, sequence_number=record.sequence_number) from None


def _has_one_tag_each(image: Image) -> bool:
    """Whether no attribute has a second type tag, for which the fast decoder does not look."""
    try:
        return sum(map(len, image.values())) == len(image)
    except TypeError:
        return False


def _values(item: object) -> Mapping[str, object]:
    if isinstance(item, BaseModel):
        return {**vars(item), **(item.model_extra or {})}
    if dataclasses.is_dataclass(item):
        return {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
    if isinstance(item, Mapping):
        return item
    return {}
