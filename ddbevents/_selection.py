"""The condition under which a handler takes a record, decided on its raw image before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ._attributes import Image, canonical
from ._changes import ImageName, key_image, needed_image
from ._codec import ItemField, discriminators, item_fields
from ._conditions import Condition, find_attribute, matches
from ._errors import AttributePath, InvalidItemError, InvalidRecordError
from ._records import Kind, StreamRecord


class Selection(NamedTuple):
    """The condition of a route, in the order in which it is looked at."""

    kinds: frozenset[Kind]
    table: str | None
    where: Condition | None
    model: Any
    changed: frozenset[str] = frozenset()
    expired: bool | None = None
    keys_only: bool = False

    @property
    def takes_all(self) -> bool:
        """Whether the handler is to run for every record of its kinds."""
        is_of_any = self.table is None and self.expired is None and not self.changed
        return is_of_any and self.where is None and not discriminators(self.model)

    def takes(self, record: StreamRecord) -> bool:
        """Whether the handler is to run.

        Raises:
            InvalidRecordError: This cannot be said: an image or the table is not known, or an attribute that
                the condition looks at is malformed.
        """
        if record.kind not in self.kinds or (self.table is not None and not _is_of_table(record, self.table)):
            return False
        if self.expired is not None and record.expired is not self.expired:
            return False
        fields = discriminators(self.model)
        if (fields or self.where is not None) and not self._describes(record, fields):
            return False
        return not self.changed or any(_differ(record, path) for path in self._changed_paths())

    def _describes(self, record: StreamRecord, fields: Iterable[ItemField]) -> bool:
        name: ImageName = "OldImage" if record.kind == "REMOVE" else "NewImage"
        image = key_image(record) if self.keys_only else needed_image(record, name)
        try:
            return (self.where is None or matches(self.where, image)) and _holds_choices(fields, image)
        except InvalidItemError as error:
            place = "Keys" if self.keys_only else name
            raise error.within("dynamodb", place, sequence_number=record.sequence_number) from None

    def _changed_paths(self) -> Iterable[AttributePath]:
        fields = item_fields(self.model)
        return (path for name in self.changed for path in fields[name].paths)


def _is_of_table(record: StreamRecord, table: str) -> bool:
    if record.table is None:
        raise InvalidRecordError(
            f"absent, and a handler takes records of the table {table} only",
            path=("eventSourceARN",),
            sequence_number=record.sequence_number,
        )
    return record.table == table


def _holds_choices(fields: Iterable[ItemField], image: Image) -> bool:
    return all(_holds_choice(field, image) for field in fields)


def _holds_choice(field: ItemField, image: Image) -> bool:
    for path in field.paths:
        attribute = find_attribute(image, path)
        if attribute is not None:
            return canonical(attribute, path) in field.choices
    return not field.required


def _differ(record: StreamRecord, path: AttributePath) -> bool:
    return _value_at(record, "OldImage", path) != _value_at(record, "NewImage", path)


def _value_at(record: StreamRecord, name: ImageName, path: AttributePath) -> tuple[str, Any] | None:
    try:
        attribute = find_attribute(needed_image(record, name), path)
        return None if attribute is None else canonical(attribute, path)
    except InvalidItemError as error:
        raise error.within("dynamodb", name, sequence_number=record.sequence_number) from None
