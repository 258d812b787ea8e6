"""Changes, which handlers get: a record with its images decoded to items of the handler's model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from typing import Any, Final, Generic, Literal, TypeAlias

from typing_extensions import TypeVar

from .._attributes import Image
from .._errors import InvalidItemError
from .._records import KeyValue, Kind, StreamRecord, read_known

ImageName: TypeAlias = Literal["NewImage", "OldImage"]
Place: TypeAlias = ImageName | Literal["Keys"]

ItemT = TypeVar("ItemT")
ItemT_co = TypeVar("ItemT_co", covariant=True)
OldT_co = TypeVar("OldT_co", covariant=True, default=ItemT_co)
KeyT_co = TypeVar("KeyT_co", covariant=True)

BOTH: Final[tuple[Place, ...]] = ("NewImage", "OldImage")

parts_of: Final[Callable[[Any], tuple[str, ...]]] = attrgetter("__match_args__")
"""Returns the names of a change's parts. If the base class declared them, they would be no literals."""


class AnyChange:  # noqa: PLW1641  # without a hash, as every value that holds items
    """Compares and shows its parts. A dataclass would cost a cold start as much as another module."""

    __slots__ = ("_record",)

    _record: StreamRecord | dict[str, Any]

    @property
    def record(self) -> StreamRecord:
        """The record, which is read when it is first asked for."""
        record = self._record
        if type(record) is dict:
            record = self._record = read_known(record)
        return record  # type: ignore[return-value]  # pyright: ignore[reportReturnType]  # it is read by now

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            getattr(self, part) == getattr(other, part) for part in parts_of(self)
        )

    def __repr__(self) -> str:
        parts = ", ".join(f"{part}={getattr(self, part)!r}" for part in parts_of(self))
        return f"{type(self).__name__}({parts})"


class Insert(AnyChange, Generic[ItemT_co]):
    """An item was created."""

    __slots__ = ("new",)
    __match_args__ = ("new", "record")

    def __init__(self, new: ItemT_co, record: StreamRecord) -> None:
        self.new: Final = new
        self._record = record


class Modify(AnyChange, Generic[ItemT_co, OldT_co]):
    """An item was changed."""

    __slots__ = ("new", "old")
    __match_args__ = ("old", "new", "record")

    def __init__(self, old: OldT_co, new: ItemT_co, record: StreamRecord) -> None:
        self.old: Final = old
        self.new: Final = new
        self._record = record

    @property
    def changed(self) -> frozenset[str]:
        """The names of the fields that differ between the two items, or that only one of them has."""
        from ._fields import differing  # noqa: PLC0415  # cold start: for those who ask

        return differing(self.old, self.new)


class Remove(AnyChange, Generic[ItemT_co]):
    """An item was removed: `old` is its last state."""

    __slots__ = ("old",)
    __match_args__ = ("old", "record")

    def __init__(self, old: ItemT_co, record: StreamRecord) -> None:
        self.old: Final = old
        self._record = record

    @property
    def expired(self) -> bool:
        """Whether DynamoDB's time to live removed the item.

        In a replica Region of a global table AWS may not say so, and then it is False.
        """
        return self.record.expired


class Upsert(AnyChange, Generic[ItemT_co]):
    """An item was created or changed, or an export or a scan has it: `new` is its state now.

    Only the new image is decoded, so a NEW_IMAGE stream is enough.
    """

    __slots__ = ("new",)
    __match_args__ = ("new", "record")

    def __init__(self, new: ItemT_co, record: StreamRecord) -> None:
        self.new: Final = new
        self._record = record

    @property
    def kind(self) -> Literal["INSERT", "MODIFY", "SNAPSHOT"]:
        """INSERT, MODIFY or SNAPSHOT."""
        kind = self.record.kind
        return "MODIFY" if kind == "REMOVE" else kind


class Snapshot(AnyChange, Generic[ItemT_co]):
    """An item that an export or a scan of its table has: `new` is its state then."""

    __slots__ = ("new",)
    __match_args__ = ("new", "record")

    def __init__(self, new: ItemT_co, record: StreamRecord) -> None:
        self.new: Final = new
        self._record = record


class Previous(AnyChange, Generic[ItemT_co]):
    """An item was changed or removed: `old` is its state before.

    Only the old image is decoded, so an OLD_IMAGE stream is enough.
    """

    __slots__ = ("old",)
    __match_args__ = ("old", "record")

    def __init__(self, old: ItemT_co, record: StreamRecord) -> None:
        self.old: Final = old
        self._record = record

    @property
    def kind(self) -> Literal["MODIFY", "REMOVE"]:
        """MODIFY or REMOVE."""
        return "MODIFY" if self.record.kind == "MODIFY" else "REMOVE"


class KeyChange(AnyChange, Generic[KeyT_co]):
    """An item was created, changed or removed. Only its key is decoded, so a KEYS_ONLY stream is enough."""

    __slots__ = ("keys",)
    __match_args__ = ("keys", "record")

    def __init__(self, keys: KeyT_co, record: StreamRecord) -> None:
        self.keys: Final = keys
        self._record = record

    @property
    def kind(self) -> Kind:
        """INSERT, MODIFY or REMOVE; SNAPSHOT if the handler takes such."""
        return self.record.kind


class Latest(AnyChange, Generic[ItemT_co]):
    """The last state of an item in a batch, whatever has happened to it there.

    Attributes:
        item: Its state now; None if it was removed, or left what the handler looks at.
        records: All records of the batch that it stands for, in order.
    """

    __slots__ = ("item", "records")
    __match_args__ = ("item", "record")

    def __init__(self, item: ItemT_co | None, records: tuple[StreamRecord, ...]) -> None:
        self.item: Final = item
        self.records: Final = records
        self._record = records[-1]

    @property
    def keys(self) -> Mapping[str, KeyValue]:
        """The item's primary key, as Python values."""
        return self.record.keys


Change: TypeAlias = Insert[ItemT] | Modify[ItemT, ItemT] | Remove[ItemT]
"""Any change of an item: tell them apart with `match`."""


def to_json(value: object) -> str:
    """Return an item, a change or any plain value as one line of JSON, exactly.

    Numbers are written with all their digits, sets as sorted lists and binary as base64 text. A field has
    its serialization alias. A change is written as `{"kind", "keys", "new", "old"}`, without an image that it
    does not have; so is a record, whose images become plain values. An image, which is typed JSON, stays so.

    Raises:
        InvalidItemError: JSON cannot hold the value: NaN, a secret, a value that holds itself.
    """
    from ._json import write  # noqa: PLC0415  # cold start: json is loaded by those who write it

    return write(value)


Decode: TypeAlias = Callable[[Any, Image], Any]
"""Returns the item of a model that an image holds."""

Read: TypeAlias = Callable[[StreamRecord, Decode], Any]
"""Returns the change that a handler gets. Raises `InvalidRecordError` if the stream does not carry an image,
or if it is no such item."""


_OF_ONE_PLACE: Final[Mapping[type[Any], Place]] = {
    Upsert: "NewImage",
    Snapshot: "NewImage",
    Previous: "OldImage",
    KeyChange: "Keys",
}


def reader(change: type[Any], model: type[Any], old_model: type[Any]) -> Read:
    """Return a reader of changes of one type.

    Args:
        change: The type. Those that an `on_change` handler gets have one reader, which decides by the kind.
        model: The model of their items or keys.
        old_model: The model of the old image.
    """
    if change is StreamRecord:
        return lambda record, _: record
    place = _OF_ONE_PLACE.get(change)
    if place is None:
        return _item_reader(model, old_model)
    return lambda record, decode: change(item_of(record, place, model, decode), record)


def _item_reader(model: type[Any], old_model: type[Any]) -> Read:
    def read(record: StreamRecord, decode: Decode) -> Insert[Any] | Modify[Any, Any] | Remove[Any]:
        if record.kind == "INSERT":
            return Insert(item_of(record, "NewImage", model, decode), record)
        if record.kind == "REMOVE":
            return Remove(item_of(record, "OldImage", old_model, decode), record)
        try:
            old = item_of(record, "OldImage", old_model, decode, needs=BOTH)
        except InvalidItemError as error:
            from ._image_errors import advise_on_old  # noqa: PLC0415  # cold start: for errors only

            advise_on_old(error, record, old_model)
            raise
        return Modify(old, item_of(record, "NewImage", model, decode, needs=BOTH), record)

    return read


def key_image(record: StreamRecord) -> Image:
    """Return the key attributes in typed JSON."""
    keys: Image = record.raw["dynamodb"]["Keys"]
    return keys


def needed_image(record: StreamRecord, place: Place, needs: Collection[Place] = ()) -> Image:
    """Return an image that a handler needs, or the key attributes.

    Args:
        record: The record.
        place: Which of them.
        needs: All that the handler needs of a record of this kind, if that is more.

    Raises:
        InvalidRecordError: The stream does not carry it. The message says which StreamViewType does, and
            which decorator does without it.
    """
    if place == "Keys":
        return key_image(record)
    image = record.new_image if place == "NewImage" else record.old_image
    if image is None:
        from ._image_errors import absent  # noqa: PLC0415  # cold start: for errors only

        raise absent(record, place, {place, *needs})
    return image


def item_of(
    record: StreamRecord, place: Place, model: Any, decode: Decode, *, needs: Collection[Place] = ()
) -> Any:
    image = needed_image(record, place, needs)
    try:
        return decode(model, image)
    except InvalidItemError as error:
        raise error.within("dynamodb", place, sequence_number=record.sequence_number) from None
