"""The decorators, which turn functions into handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Never, TypeVar, overload
from weakref import WeakSet

from .._changes import (
    Change,
    Insert,
    ItemT,
    KeyChange,
    Latest,
    Modify,
    Previous,
    Remove,
    Snapshot,
    Upsert,
    reader,
)
from .._codec import check_item_model
from .._conditions import Condition, both, check_condition
from .._errors import ConfigurationError
from .._records import Kind, StreamRecord, ViewType
from ._route import Bulk, PlainRegistration, Registration, Route
from ._routes import Routes, check_table
from ._selection import FORMS, KINDS, Selection, check_parts, kinds_of, names_of
from ._signatures import check_handler, defining_module

if TYPE_CHECKING:
    from ._bulk import BulkDecorators

OldT = TypeVar("OldT")
KeyT = TypeVar("KeyT")


class Router:
    """Handlers of one table, or of one entity of a single-table design.

    A handler takes `(change)` or `(change, transaction)`, returns None, and may be async. It runs for every
    record of its kind whose image (the old one of a removal, else the new one) satisfies `where` and has
    values that the model's `Literal` fields allow. All decorators return the function itself, and raise
    `ConfigurationError` for a handler that could not run.
    """

    def __init__(
        self,
        *,
        table: str | None = None,
        where: Condition | None = None,
        view_type: ViewType | None = None,
    ) -> None:
        """Make a router.

        Args:
            table: The name of the table whose records its handlers take; None for any.
            where: What must be true of an image for any of its handlers to run.
            view_type: The table's StreamViewType: decorators that such a stream cannot serve are refused.
                None for any.

        Raises:
            ConfigurationError: `table` is not the name of a table, `where` is not a condition, or `view_type`
                is none.
        """
        check_table(table)
        check_condition(where)
        if view_type is not None:
            from ._view_types import check_view_type  # noqa: PLC0415  # cold start: most have none

            check_view_type(view_type)
        self._view_type: ViewType | None = view_type
        self._table = table
        self._where = where
        self._routes = Routes()
        _routers.add(self)

    def on_insert(self, model: type[ItemT], *, where: Condition | None = None) -> Registration[Insert[ItemT]]:
        """Run the handler when an item was created."""
        return self._on("on_insert", model, where=where)

    @overload  # both images are of the same model
    def on_modify(
        self,
        model: type[ItemT],
        *,
        where: Condition | None = None,
        changed: str | Iterable[str] = (),
        old: None = None,
    ) -> Registration[Modify[ItemT, ItemT]]: ...

    @overload  # the old image has a model of its own
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
            changed: The name of a field of the model, or several: at least one of them must have changed.
            old: The model of the old image, where it is a different one, for example before a migration.
        """
        return self._on("on_modify", model, where=where, changed=names_of(changed), old=old)

    def on_remove(
        self, model: type[ItemT], *, where: Condition | None = None, expired: bool | None = None
    ) -> Registration[Remove[ItemT]]:
        """Run the handler when an item was removed.

        Args:
            model: The item's model.
            where: What must be true of the old image.
            expired: True for removals by time to live only, False for all others, None for both.
        """
        return self._on("on_remove", model, where=where, expired=expired)

    def on_upsert(self, model: type[ItemT], *, where: Condition | None = None) -> Registration[Upsert[ItemT]]:
        """Run the handler when an item was created or changed, reading only the new image.

        It also runs for each item that an export or a scan has, since it says what the item is now.
        """
        return self._on("on_upsert", model, where=where)

    def on_snapshot(
        self, model: type[ItemT], *, where: Condition | None = None
    ) -> Registration[Snapshot[ItemT]]:
        """Run the handler for each item that an export or a scan of the table has."""
        return self._on("on_snapshot", model, where=where)

    def on_previous(
        self, model: type[ItemT], *, where: Condition | None = None
    ) -> Registration[Previous[ItemT]]:
        """Run the handler when an item was changed or removed, reading only the old image.

        `where` and the model's `Literal` and `Prefix` fields look at the old image, also of a change.
        """
        return self._on("on_previous", model, where=where)

    def on_change(self, model: type[ItemT], *, where: Condition | None = None) -> Registration[Change[ItemT]]:
        """Run the handler for every change of an item."""
        return self._on("on_change", model, where=where)

    def on_latest(
        self, model: type[ItemT], *, where: Condition | None = None
    ) -> PlainRegistration[Latest[ItemT]]:
        """Run the handler once a batch for each item, with its last state, as a mirror of the table needs it.

        It runs in the second pass, as bulk handlers do, and takes no transaction. The state is None if the
        item was removed, or no longer satisfies `where` and the model's `Literal` and `Prefix` fields. A
        stream with new images is enough.

        Success counts for all records of the item. A failure leaves all of them open, is counted by the first
        one, and a dead letter holds the last one. The state never goes back in time within a shard's
        deliveries; a redrive of a dead letter may bring an older one, so let a version guard the mirror.

        Args:
            model: The item's model.
            where: What must be true of the new image for the item to be in the view.
        """
        return PlainRegistration(self._on("on_latest", model, where=where).add)

    def on_keys(
        self,
        model: type[KeyT],
        *,
        where: Condition | None = None,
        kinds: Kind | Iterable[Kind] = KINDS,
        expired: bool | None = None,
    ) -> Registration[KeyChange[KeyT]]:
        """Run the handler when an item was created, changed or removed, reading only its key.

        Args:
            model: The model of the key.
            where: What must be true of the key attributes.
            kinds: One kind of change, or several: `kinds="REMOVE"`.
            expired: True for removals by time to live only, False for all other changes, None for both.
                Needs REMOVE among the kinds.
        """
        return self._on("on_keys", model, where=where, kinds=kinds_of(kinds), expired=expired)

    def on_record(
        self, *more: Never, where: Condition | None = None, kinds: Kind | Iterable[Kind] = KINDS
    ) -> Registration[StreamRecord]:
        """Run the handler with the record itself, of any table and undecoded: its images are typed JSON.

        Args:
            more: Nothing: it takes no model, and its parentheses are written even if they are empty.
            where: What must be true of the image: the old one of a removal, else the new one. If the stream
                does not carry that image, the record fails.
            kinds: One kind of change, or several.
        """
        if more:
            raise ConfigurationError("on_record takes no model: write on_record() above the handler")
        return self._on("on_record", dict, where=where, kinds=kinds_of(kinds))

    def bulk(self, most: int, *, isolate: bool = True) -> BulkDecorators:
        """Return the same decorators for handlers that take a list: `@app.bulk(500).on_upsert(User)`.

        They run when the other handlers are through with the batch, one after the other, in order of
        registration. Order is kept per item within a handler, not between handlers. Changes that do not
        decode are in no list, and fail alone. Marks are written after each call.

        Args:
            most: The largest number of changes a call, at least 1.
            isolate: Whether a call that raises something else than `PartialFailure` is halved until the
                change is found that makes it fail, so that only this one counts as a failed attempt. Without
                it, it is an attempt of all of them.

        Raises:
            ConfigurationError: An argument is of another kind.
        """
        from ._bulk import BulkDecorators, check_bulk  # noqa: PLC0415  # cold start: for apps with bulk handlers

        check_bulk(most, isolate)
        return BulkDecorators(self, most, isolate=isolate)

    def _on(
        self,
        decorator: str,
        model: type[Any],
        *,
        where: Condition | None,
        old: type[Any] | None = None,
        **parts: Any,
    ) -> Registration[Any]:
        form, old = FORMS[decorator], model if old is None else old
        check_item_model(model)
        check_item_model(old, "old: ")
        check_condition(where)
        selection = Selection(
            kinds=parts.pop("kinds", frozenset(form.gives)),
            table=self._table,
            where=both(self._where, where),
            model=model,
            form=form,
            **parts,
        )
        check_parts(selection)
        if self._view_type is not None:
            from ._view_types import check_images  # noqa: PLC0415  # cold start: as above

            check_images(selection, self._view_type)
        changes = tuple(dict.fromkeys(form.gives.values()))
        read = reader(changes[0], model, old)

        def add(handler: Callable[..., object], bulk: Bulk | None) -> None:
            takes_list = bulk is not None and bulk.takes_list
            name, transactional = check_handler(handler, changes, model, old, takes_list=takes_list)
            if form.is_latest:
                from ._latest import latest_call  # noqa: PLC0415  # cold start: for apps with on_latest

                bulk = latest_call(name, selection, bulk, transactional=transactional)
            route = Route(name, handler, transactional, selection, selection.takes_all, old, read, bulk=bulk)
            self._admit(route._replace(module_spec=defining_module(handler).get("__spec__")))

        return Registration(add)

    def _admit(self, route: Route) -> None:
        self._routes.add(route)


_routers: Final[WeakSet[Router]] = WeakSet()  # to find those that no app includes


def doubts(routes: Routes, app_type: type[Router]) -> Iterator[str]:
    """Yield why records may never come to a handler.

    Args:
        routes: The routes of an app.
        app_type: The type of apps, which need not be included.
    """
    others = [routes_of(each) for each in _routers if not isinstance(each, app_type)]
    if next(iter(routes), None) is not None and all(each.is_frozen for each in others):
        return iter(())
    from ._doubts import doubts  # noqa: PLC0415  # cold start: every app asks, and most have none

    return doubts(routes, others)


routes_of: Final[Callable[[Router], Routes]] = attrgetter("_routes")
"""Returns the routes of a router or an app. Users see no more of a router than they need."""

view_type_of: Final[Callable[[Router], ViewType | None]] = attrgetter("_view_type")
"""Returns the view type of the stream that a router or an app is for; None for any."""
