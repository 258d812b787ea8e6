"""Which handlers take a record, decided on its raw image before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, Final, Generic, NamedTuple, TypeVar, overload

from ._attributes import Image, canonical
from ._changes import (
    Change,
    ImageName,
    Insert,
    ItemT,
    KeyChange,
    Modify,
    Remove,
    Upsert,
    item_change,
    key_change,
    key_image,
    needed_image,
)
from ._codec import ItemField, check_item_model, item_fields
from ._conditions import Condition, find_attribute, matches
from ._errors import AttributePath, ConfigurationError, InvalidItemError, InvalidRecordError
from ._records import Kind, StreamRecord
from ._signatures import check_handler
from ._transaction import Transaction

ChangeT = TypeVar("ChangeT")
OldT = TypeVar("OldT")
KeyT = TypeVar("KeyT")
ResultT = TypeVar("ResultT", None, Coroutine[Any, Any, None])

_KINDS: Final[Mapping[type[Any], Kind]] = {Insert: "INSERT", Modify: "MODIFY", Remove: "REMOVE"}
_ALL_KINDS: Final[frozenset[Kind]] = frozenset({"INSERT", "MODIFY", "REMOVE"})


class Route(NamedTuple):
    """A handler with the condition under which it runs."""

    name: str
    handler: Callable[..., object]
    transactional: bool
    selection: Selection
    read: Callable[[StreamRecord], Any]

    def run(self, record: StreamRecord, transaction: Transaction | None = None) -> object:
        """Decode the record and call the handler; what it returns is to be awaited if it can be."""
        change = self.read(record)
        return self.handler(change) if transaction is None else self.handler(change, transaction)


class Selection(NamedTuple):
    """The condition of a route, in the order in which it is looked at."""

    kinds: frozenset[Kind]
    table: str | None
    where: Condition | None
    model: Any
    changed: frozenset[str] = frozenset()
    expired: bool | None = None
    keys_only: bool = False

    def takes(self, record: StreamRecord) -> bool:
        """Whether the handler is to run.

        Raises:
            InvalidRecordError: This cannot be said: an image or the table is not known, or an attribute that
                the condition looks at is malformed.
        """
        if record.kind not in self.kinds or not _is_of_table(record, self.table):
            return False
        if self.expired is not None and record.expired is not self.expired:
            return False
        if not self._describes(*self._image(record), record):
            return False
        return not self.changed or any(_differ(record, path) for path in self._changed_paths())

    def _image(self, record: StreamRecord) -> tuple[str, Image]:
        if self.keys_only:
            return "Keys", key_image(record)
        name: ImageName = "OldImage" if record.kind == "REMOVE" else "NewImage"
        return name, needed_image(record, name)

    def _describes(self, name: str, image: Image, record: StreamRecord) -> bool:
        try:
            return (self.where is None or matches(self.where, image)) and all(
                _holds_choice(field, image) for field in item_fields(self.model).values()
            )
        except InvalidItemError as error:
            raise error.within("dynamodb", name, sequence_number=record.sequence_number) from None

    def _changed_paths(self) -> Iterable[AttributePath]:
        fields = item_fields(self.model)
        return (path for name in self.changed for path in fields[name].paths)


class Registration(Generic[ChangeT]):
    """The second half of a decorator: takes a handler of the right type, and returns it as it is."""

    __slots__ = ("_add",)

    def __init__(self, add: Callable[[Callable[..., object]], None]) -> None:
        self._add = add

    @overload  # a handler that does as it likes
    def __call__(self, handler: Callable[[ChangeT], ResultT]) -> Callable[[ChangeT], ResultT]: ...

    @overload  # a handler whose writes are one transaction with its mark
    def __call__(
        self, handler: Callable[[ChangeT, Transaction], ResultT]
    ) -> Callable[[ChangeT, Transaction], ResultT]: ...

    def __call__(self, handler: Callable[..., object]) -> Callable[..., object]:
        """Register the handler."""
        self._add(handler)
        return handler


class Router:
    """Handlers of one table, or of one entity of a single-table design.

    A handler takes `(change)` or `(change, transaction)`, returns None, and may be async. It is offered every
    record of its kind; it runs if the record's image (the old one of a removal, else the new one) satisfies
    `where` and holds what the model's `Literal` fields allow. All decorators raise `ConfigurationError` for a
    handler that could not run, and return the function itself.
    """

    def __init__(self, *, table: str | None = None, where: Condition | None = None) -> None:
        """Make a router.

        Args:
            table: The name of the table whose records its handlers take; None for any.
            where: What must be true of an image for any of its handlers to run.
        """
        self._table = table
        self._where = where
        self._routes: list[Route] = []
        self._included = False

    def freeze(self) -> tuple[Route, ...]:
        """The handlers in order of registration; from here on no more can be registered."""
        self._included = True
        return tuple(self._routes)

    def on_insert(self, model: type[ItemT], *, where: Condition | None = None) -> Registration[Insert[ItemT]]:
        """Run the handler when an item was put that was not there before."""
        return self._on(model, (Insert,), where=where)

    @overload  # the item before the change is of the same model
    def on_modify(
        self,
        model: type[ItemT],
        *,
        where: Condition | None = None,
        changed: str | Iterable[str] = (),
        old: None = None,
    ) -> Registration[Modify[ItemT, ItemT]]: ...

    @overload  # it is read by a model of its own
    def on_modify(
        self,
        model: type[ItemT],
        *,
        where: Condition | None = None,
        changed: str | Iterable[str] = (),
        old: type[OldT],
    ) -> Registration[Modify[ItemT, OldT]]: ...

    def on_modify(
        self,
        model: type[ItemT],
        *,
        where: Condition | None = None,
        changed: str | Iterable[str] = (),
        old: type[Any] | None = None,
    ) -> Registration[Any]:
        """Run the handler when an item was changed.

        Args:
            model: The item's model.
            where: What must be true of the new image.
            changed: Names of fields of the model; at least one of their attributes must differ.
            old: The model of the old image, where it is another one, such as before a migration.
        """
        names = frozenset([changed] if isinstance(changed, str) else changed)
        return self._on(model, (Modify,), where=where, changed=names, old=old)

    def on_remove(
        self, model: type[ItemT], *, where: Condition | None = None, expired: bool | None = None
    ) -> Registration[Remove[ItemT]]:
        """Run the handler when an item was removed.

        Args:
            model: The item's model.
            where: What must be true of the old image.
            expired: True for removals by time to live only, False for all others, None for both.
        """
        return self._on(model, (Remove,), where=where, expired=expired)

    def on_upsert(self, model: type[ItemT], *, where: Condition | None = None) -> Registration[Upsert[ItemT]]:
        """Run the handler when an item was put or changed."""
        return self._on(model, (Insert, Modify), where=where)

    def on_change(self, model: type[ItemT], *, where: Condition | None = None) -> Registration[Change[ItemT]]:
        """Run the handler at any change of an item."""
        return self._on(model, (Insert, Modify, Remove), where=where)

    def on_keys(self, model: type[KeyT], *, where: Condition | None = None) -> Registration[KeyChange[KeyT]]:
        """Run the handler at any change, reading the item's key only; `where` sees the key attributes."""
        return self._on(model, (KeyChange,), where=where)

    def _on(
        self,
        model: type[Any],
        changes: tuple[type[Any], ...],
        *,
        where: Condition | None,
        changed: frozenset[str] = frozenset(),
        expired: bool | None = None,
        old: type[Any] | None = None,
    ) -> Registration[Any]:
        check_item_model(model)
        check_item_model(old or model)
        _check_fields(model, changed)
        keys_only = KeyChange in changes
        selection = Selection(
            kinds=_ALL_KINDS if keys_only else frozenset(_KINDS[change] for change in changes),
            table=self._table,
            where=_both(self._where, where),
            model=model,
            changed=changed,
            expired=expired,
            keys_only=keys_only,
        )
        read = (
            partial(key_change, model=model)
            if keys_only
            else partial(item_change, model=model, old_model=old or model)
        )

        def add(handler: Callable[..., object]) -> None:
            signature = check_handler(handler, changes, model, old or model)
            self._admit(Route(signature.name, handler, signature.transactional, selection, read))

        return Registration(add)

    def _admit(self, route: Route) -> None:
        if self._included:
            raise ConfigurationError(
                f"{route.name}: the router is included already; register handlers before include()"
            )
        for other in self._routes:
            if other.name == route.name and other.handler is not route.handler:
                raise ConfigurationError(
                    f"two handlers are called {route.name}: their marks would be the same, rename one"
                )
        self._routes.append(route)


def _is_of_table(record: StreamRecord, table: str | None) -> bool:
    if table is None:
        return True
    if record.table is None:
        raise InvalidRecordError(
            f"absent, and a handler takes records of the table {table} only",
            path=("eventSourceARN",),
            sequence_number=record.sequence_number,
        )
    return record.table == table


def _holds_choice(field: ItemField, image: Image) -> bool:
    if field.choices is None:
        return True
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


def _both(first: Condition | None, second: Condition | None) -> Condition | None:
    return first & second if first is not None and second is not None else first or second


def _check_fields(model: type[Any], names: frozenset[str]) -> None:
    known = item_fields(model).keys() if names else frozenset[str]()
    if unknown := sorted(names - known):
        raise ConfigurationError(
            f"{model.__name__} has no field {', '.join(unknown)}: changed takes fields, not attributes"
        )
