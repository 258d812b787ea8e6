"""The decorators of bulk handlers, which take a list of changes a call."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Generic, Never, TypeVar, overload

from .._changes import Change, Insert, ItemT, KeyChange, Latest, Modify, Previous, Remove, Snapshot, Upsert
from .._conditions import Condition
from .._errors import ConfigurationError
from .._records import Kind, StreamRecord
from ._route import Bulk
from ._selection import KINDS

ChangeT = TypeVar("ChangeT")
OldT = TypeVar("OldT")
KeyT = TypeVar("KeyT")
ResultT = TypeVar("ResultT", None, Coroutine[Any, Any, None])


class BulkRegistration(Generic[ChangeT]):
    """The second half of a decorator: takes a handler of a list, and returns it unchanged."""

    __slots__ = ("_add", "_bulk")

    def __init__(self, add: Callable[[Callable[..., object], Bulk | None], None], bulk: Bulk) -> None:
        self._add = add
        self._bulk = bulk

    @overload  # also a handler of any iterable
    def __call__(
        self, handler: Callable[[Sequence[ChangeT]], ResultT]
    ) -> Callable[[Sequence[ChangeT]], ResultT]: ...

    @overload
    def __call__(self, handler: Callable[[list[ChangeT]], ResultT]) -> Callable[[list[ChangeT]], ResultT]: ...

    def __call__(self, handler: Callable[..., object]) -> Callable[..., object]:
        """Register the handler."""
        self._add(handler, self._bulk)
        return handler


def check_bulk(most: object, isolate: object) -> None:
    """Refuse arguments of `bulk`.

    Raises:
        ConfigurationError: One is of another kind.
    """
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise ConfigurationError(
            "bulk takes the largest number of changes a call, a whole number of at least 1: write bulk(100)"
        )
    if not isinstance(isolate, bool):
        raise ConfigurationError("isolate must be True or False")


class BulkDecorators:
    """The decorators of a router for handlers that take a list: `@app.bulk(500).on_upsert(User)`.

    They take what those of the router take, and choose the same records. A handler gets the changes of a
    batch in order, at most as many a call as `bulk` says. It raises `PartialFailure` to name those that
    failed.
    """

    __slots__ = ("_bulk", "_router")

    def __init__(self, router: Any, most: int, *, isolate: bool) -> None:
        self._router = router
        self._bulk = Bulk(most, isolate, takes_list=True)

    def on_insert(
        self, model: type[ItemT], *, where: Condition | None = None
    ) -> BulkRegistration[Insert[ItemT]]:
        """Call the handler with items that were created."""
        return self._of("on_insert", model, where=where)

    @overload  # both images are of the same model
    def on_modify(
        self,
        model: type[ItemT],
        *,
        where: Condition | None = None,
        changed: str | Iterable[str] = (),
        old: None = None,
    ) -> BulkRegistration[Modify[ItemT, ItemT]]: ...

    @overload  # the old image has a model of its own
    def on_modify(
        self,
        model: type[ItemT],
        *,
        where: Condition | None = None,
        changed: str | Iterable[str] = (),
        old: type[OldT],
    ) -> BulkRegistration[Modify[ItemT, OldT]]: ...

    def on_modify(
        self,
        model: type[Any],
        *,
        where: Condition | None = None,
        changed: str | Iterable[str] = (),
        old: type[Any] | None = None,
    ) -> BulkRegistration[Any]:
        """Call the handler with items that were changed."""
        return self._of("on_modify", model, where=where, changed=changed, old=old)

    def on_remove(
        self, model: type[ItemT], *, where: Condition | None = None, expired: bool | None = None
    ) -> BulkRegistration[Remove[ItemT]]:
        """Call the handler with items that were removed."""
        return self._of("on_remove", model, where=where, expired=expired)

    def on_upsert(
        self, model: type[ItemT], *, where: Condition | None = None
    ) -> BulkRegistration[Upsert[ItemT]]:
        """Call the handler with items that were created or changed."""
        return self._of("on_upsert", model, where=where)

    def on_snapshot(
        self, model: type[ItemT], *, where: Condition | None = None
    ) -> BulkRegistration[Snapshot[ItemT]]:
        """Call the handler with items that an export or a scan has."""
        return self._of("on_snapshot", model, where=where)

    def on_change(
        self, model: type[ItemT], *, where: Condition | None = None
    ) -> BulkRegistration[Change[ItemT]]:
        """Call the handler with every change of items."""
        return self._of("on_change", model, where=where)

    def on_previous(
        self, model: type[ItemT], *, where: Condition | None = None
    ) -> BulkRegistration[Previous[ItemT]]:
        """Call the handler with items as they were before they were changed or removed."""
        return self._of("on_previous", model, where=where)

    def on_latest(
        self, model: type[ItemT], *, where: Condition | None = None
    ) -> BulkRegistration[Latest[ItemT]]:
        """Call the handler with the last states of items, each once a batch."""
        return self._of("on_latest", model, where=where)

    def on_keys(
        self,
        model: type[KeyT],
        *,
        where: Condition | None = None,
        kinds: Kind | Iterable[Kind] = KINDS,
        expired: bool | None = None,
    ) -> BulkRegistration[KeyChange[KeyT]]:
        """Call the handler with the keys of items that were created, changed or removed."""
        return self._of("on_keys", model, where=where, kinds=kinds, expired=expired)

    def on_record(
        self, *more: Never, where: Condition | None = None, kinds: Kind | Iterable[Kind] = KINDS
    ) -> BulkRegistration[StreamRecord]:
        """Call the handler with the records themselves, of any table and undecoded."""
        return self._of("on_record", *more, where=where, kinds=kinds)

    def _of(self, decorator: str, *arguments: Any, **named: Any) -> BulkRegistration[Any]:
        registration = getattr(self._router, decorator)(*arguments, **named)
        return BulkRegistration(registration.add, self._bulk)
