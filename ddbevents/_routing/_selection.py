"""The condition under which a handler takes a record, decided on its raw image before anything is decoded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

from .._attributes import Image, canonical
from .._changes import (
    BOTH,
    ImageName,
    Insert,
    KeyChange,
    Latest,
    Modify,
    Place,
    Previous,
    Remove,
    Snapshot,
    Upsert,
    key_image,
    needed_image,
)
from .._codec import ItemField, discriminators, item_fields
from .._conditions import Condition, find_attribute, matches
from .._errors import AttributePath, ConfigurationError, InvalidItemError, InvalidRecordError
from .._records import Kind, StreamRecord
from .._tuples import NamedTuple

Part: TypeAlias = Literal["kinds", "table", "expired", "where", "literals", "changed"]
"""A part of a selection."""

PLACES: Final[Mapping[type[Any], tuple[Place, ...]]] = {
    Insert: ("NewImage",),
    Modify: BOTH,
    Remove: ("OldImage",),
    Upsert: ("NewImage",),
    Previous: ("OldImage",),
    KeyChange: ("Keys",),
    Latest: ("NewImage",),
    Snapshot: ("NewImage",),
    StreamRecord: (),
}
"""The parts of a record that each change is decoded from, first the one that conditions look at."""

_NEWEST: Final[Mapping[Kind, ImageName]] = {
    "INSERT": "NewImage",
    "MODIFY": "NewImage",
    "REMOVE": "OldImage",
    "SNAPSHOT": "NewImage",
}


class Form(NamedTuple):
    """What a decorator makes of records, whatever it is called with.

    Attributes:
        decorator: The decorator's name.
        gives: The type of change that handlers get of each kind of record.
    """

    decorator: str
    gives: Mapping[Kind, type[Any]]

    def sees(self, kind: Kind) -> Place:
        """Return where conditions look in a record of a kind."""
        places = PLACES[self.gives[kind]]
        return places[0] if places else _NEWEST[kind]

    @property
    def is_latest(self) -> bool:
        """Whether handlers get items' last states."""
        return Latest in self.gives.values()


KINDS: Final[tuple[Kind, ...]] = ("INSERT", "MODIFY", "REMOVE")
"""The kinds of change that a stream has."""

_EVERY_KIND: Final[tuple[Kind, ...]] = (*KINDS, "SNAPSHOT")

FORMS: Final[Mapping[str, Form]] = {
    form.decorator: form
    for form in (
        Form("on_insert", {"INSERT": Insert}),
        Form("on_modify", {"MODIFY": Modify}),
        Form("on_remove", {"REMOVE": Remove}),
        Form("on_upsert", {"INSERT": Upsert, "MODIFY": Upsert, "SNAPSHOT": Upsert}),
        Form("on_snapshot", {"SNAPSHOT": Snapshot}),
        Form("on_previous", {"MODIFY": Previous, "REMOVE": Previous}),
        Form("on_change", {"INSERT": Insert, "MODIFY": Modify, "REMOVE": Remove}),
        Form("on_keys", dict.fromkeys(_NEWEST, KeyChange)),
        Form("on_latest", dict.fromkeys(_NEWEST, Latest)),
        Form("on_record", dict.fromkeys(_NEWEST, StreamRecord)),
    )
}
"""The forms of all decorators, by name."""


class Selection(NamedTuple):
    """The records that a handler takes: all parts have to hold, and are looked at in this order.

    Attributes:
        kinds: The kinds of change that the handler takes.
        table: The table's name; None for any.
        expired: True for removals by time to live only, False for all others, None for both.
        where: A condition on the image, or the key attributes, that the form says.
        model: The item's model, whose `Literal` and `Prefix` fields the image must match.
        form: What the decorator makes of records.
        changed: Fields of the model, of which at least one must have changed; empty for any change.
    """

    kinds: frozenset[Kind]
    table: str | None
    where: Condition | None
    model: Any
    form: Form
    changed: frozenset[str] = frozenset()
    expired: bool | None = None

    @property
    def takes_all(self) -> bool:
        """Whether the handler takes every record of its kinds."""
        is_of_any = self.table is None and self.expired is None and not self.changed
        return is_of_any and self.where is None and not discriminators(self.model)

    @property
    def text_literal(self) -> ItemField | None:
        """The `Literal` or `Prefix` field that alone decides, by the text of one attribute, if any does."""
        fields = discriminators(self.model)
        has_more = self.where is not None or self.table is not None or self.expired is not None
        if len(fields) != 1 or has_more or self.changed:
            return None
        [field] = fields
        is_one_attribute = len(field.paths) == len(field.paths[0]) == 1
        return field if is_one_attribute and {tag for tag, _ in field.choices} <= {"S"} else None

    def needs(self, kind: Kind) -> Collection[Place]:
        """Return the parts of a record that the handler cannot do without."""
        return PLACES[self.form.gives[kind]] or (() if self.where is None else (self.form.sees(kind),))

    def takes(self, record: StreamRecord) -> bool:
        """Return whether the handler takes a record.

        Raises:
            InvalidRecordError: That cannot be decided: an image or the table is missing, or an attribute that
                the condition looks at is malformed.
        """
        return self.mismatch(record) is None

    def mismatch(self, record: StreamRecord) -> Part | None:
        """Return the first part that does not hold; None if the handler takes the record.

        Raises:
            InvalidRecordError: As for `takes`.
        """
        if record.kind not in self.kinds:
            return "kinds"
        if self.table is not None and not _is_of_table(record, self.table):
            return "table"
        if self.expired is not None and record.expired is not self.expired:
            return "expired"
        fields = discriminators(self.model)
        if self.where is not None or fields:
            part = self.mismatch_of_images(record, fields)
            if part is not None:
                return part
        if self.changed and not any(_differ(record, field) for field in self._changed_fields()):
            return "changed"
        return None

    def mismatch_of_images(self, record: StreamRecord, fields: Iterable[ItemField]) -> Part | None:
        """Return whether `where` or some of the `Literal` and `Prefix` fields do not hold, and which."""
        if self.form.is_latest:
            return self._mismatch_of_latest(record, fields)
        return self.mismatch_in(record, self.form.sees(record.kind), fields, where=self.where)

    def _mismatch_of_latest(self, record: StreamRecord, fields: Iterable[ItemField]) -> Part | None:
        """Take also what says that an item left the view, or may have left it where no old image tells."""
        if record.kind == "REMOVE":
            if record.old_image is not None:
                return self.mismatch_in(record, "OldImage", fields, where=self.where)
            return self.mismatch_in(record, "Keys", _of_key(fields, record), where=None)
        entity = self.mismatch_in(record, "NewImage", fields, where=None)
        part = entity or self.mismatch_in(record, "NewImage", (), where=self.where)
        if part is None or record.kind == "INSERT":
            return part
        if record.old_image is not None:
            return self.mismatch_in(record, "OldImage", fields, where=self.where) and part
        return entity

    def mismatch_in(
        self, record: StreamRecord, place: Place, fields: Iterable[ItemField], *, where: Condition | None
    ) -> Part | None:
        """Return which of a condition and some `Literal` and `Prefix` fields does not hold in a place."""
        image = needed_image(record, place, self.needs(record.kind))
        try:
            if where is not None and not matches(where, image):
                return "where"
            return None if all(_holds_choice(field, image) for field in fields) else "literals"
        except InvalidItemError as error:
            raise error.within("dynamodb", place, sequence_number=record.sequence_number) from None

    def _changed_fields(self) -> Iterator[ItemField]:
        fields = item_fields(self.model)
        return (fields[name] for name in self.changed)


def check_parts(selection: Selection) -> None:
    """Refuse a `changed` or an `expired` that makes no sense for the model and the kinds.

    Raises:
        ConfigurationError: The model has no such field, or there are no removals to tell apart.
    """
    expired, changed = selection.expired, selection.changed
    if changed and (unknown := changed - (fields := item_fields(selection.model)).keys()):
        from ._changed_errors import unknown_fields  # noqa: PLC0415  # cold start: for mistakes only

        raise unknown_fields(selection.model, unknown, fields)
    if expired is not None and not isinstance(expired, bool):
        raise ConfigurationError("expired must be True, False or None, for both")
    if expired is not None and "REMOVE" not in selection.kinds:
        raise ConfigurationError(
            "expired tells removals apart, and kinds has no REMOVE: add it, or leave expired out"
        )


def kinds_of(kinds: object) -> frozenset[Kind]:
    """Return the kinds that a decorator was given: one, or several.

    Raises:
        ConfigurationError: One of them is no kind of change, or there is none.
    """
    given = [*kinds] if isinstance(kinds, Iterable) and not isinstance(kinds, (str, bytes)) else [kinds]
    if not given or any(kind not in _EVERY_KIND for kind in given):
        from ._kind_errors import wrong_kinds  # noqa: PLC0415  # cold start: for mistakes only

        raise wrong_kinds(given)
    return frozenset(kind for kind in _EVERY_KIND if kind in given)


def names_of(changed: object) -> frozenset[str]:
    """Return the names of fields that a decorator was given: one, or several."""
    if isinstance(changed, tuple) and not changed:
        return frozenset()
    names: list[object] = [changed]
    if isinstance(changed, Iterable) and not isinstance(changed, (str, bytes, Mapping)):
        names = [*changed]
    if not all(isinstance(name, str) for name in names):
        raise ConfigurationError("changed must be the name of a field, or a list of names")
    if not names:
        raise ConfigurationError("changed names no field: leave it out to take every change")
    return frozenset(map(str, names))


def _of_key(fields: Iterable[ItemField], record: StreamRecord) -> list[ItemField]:
    """Return the fields that read an attribute of the key, which every record has."""
    names = key_image(record).keys()
    return [field for field in fields if any(path[0] in names for path in field.paths)]


def _is_of_table(record: StreamRecord, table: str) -> bool:
    if record.table is None:
        raise InvalidRecordError(
            f"absent, but a handler takes only records of the table {table}",
            path=("eventSourceARN",),
            sequence_number=record.sequence_number,
        )
    return record.table == table


def _holds_choice(field: ItemField, image: Image) -> bool:
    path, attribute = _attribute_of(field, image)
    return not field.required if attribute is None else field.allows(canonical(attribute, path))


def _attribute_of(field: ItemField, image: Image) -> tuple[AttributePath, Any]:
    """Return the attribute that a field reads in an image, with its path; None if it finds none."""
    found = ((path, find_attribute(image, path)) for path in field.paths)
    return next((each for each in found if each[1] is not None), ((), None))


def _differ(record: StreamRecord, field: ItemField) -> bool:
    return _value_of(record, "OldImage", field) != _value_of(record, "NewImage", field)


def _value_of(record: StreamRecord, name: ImageName, field: ItemField) -> tuple[str, Any] | None:
    """Return what a field reads in an image, which may be another attribute than in the other image."""
    image = needed_image(record, name, BOTH)
    try:
        path, attribute = _attribute_of(field, image)
        return None if attribute is None else canonical(attribute, path)
    except InvalidItemError as error:
        raise error.within("dynamodb", name, sequence_number=record.sequence_number) from None
