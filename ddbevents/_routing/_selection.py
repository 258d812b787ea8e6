"""The condition under which a handler takes a record, decided on its raw image before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .._attributes import Image, canonical
from .._changes import ImageName, key_image, needed_image
from .._codec import ItemField, discriminators, item_fields
from .._conditions import Condition, find_attribute, matches
from .._errors import AttributePath, InvalidItemError, InvalidRecordError, format_path
from .._records import Kind, StreamRecord


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

    def why_not(self, record: StreamRecord) -> str | None:
        """Why the handler is not to run, without values of the item; None if it is.

        Raises:
            InvalidRecordError: As `takes`, which decides.
        """
        return None if self.takes(record) else self._reason(self._first_false(record), record)

    def _reason(self, part: str, record: StreamRecord) -> str:
        match part:
            case "kinds":
                return f"it takes no {record.kind}"
            case "table":
                return f"table is {record.table}, not {self.table}"
            case "expired":
                return "time to live removed it" if record.expired else "time to live did not remove it"
            case "where":
                return f"where is false, which looks at {_listed(_paths(self.where))}"
            case "model":
                return f"{_listed(self._refused(record))} has no value that {self.model.__name__} allows"
            case _:
                return f"unchanged: {', '.join(sorted(self.changed))}"

    def _first_false(self, record: StreamRecord) -> str:
        """The name of the part on account of which a record is not taken; what `takes` says of each part."""
        so_far = Selection(self.kinds, None, None, dict, keys_only=self.keys_only)
        parts = iter(("table", "expired", "where", "model", "changed"))
        part = "kinds"
        while so_far.takes(record):
            part = next(parts)
            so_far = so_far._replace(**{part: getattr(self, part)})
        return part

    def _refused(self, record: StreamRecord) -> Iterable[AttributePath]:
        fields = discriminators(self.model)
        return next(field.paths for field in fields if not self._describes(record, [field]))

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


def _paths(*conditions: Condition | None) -> Iterable[AttributePath]:
    for condition in (each for each in conditions if each is not None):
        yield from (condition.path,) if condition.path else _paths(*condition.conditions)


def _listed(paths: Iterable[AttributePath]) -> str:
    return ", ".join(dict.fromkeys(map(format_path, paths)))


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
