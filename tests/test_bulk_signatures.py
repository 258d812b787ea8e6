"""A bulk handler that does not take a list of its changes is refused where it is decorated, with the cure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pytest
from pydantic import BaseModel

from ddbevents import (
    Change,
    ConfigurationError,
    Insert,
    Latest,
    Modify,
    Remove,
    Router,
    StreamApp,
    Transaction,
    Upsert,
)
from ddbevents.stores import MemoryStore
from tests.stream import batch, insert, user

if TYPE_CHECKING:
    NeverDefined = Insert
    Lists = list[Insert[Any]]

T = TypeVar("T")


class User(BaseModel):
    pk: str


class Order(BaseModel):
    pk: str


class Sized(Protocol):
    def __len__(self) -> int: ...


def bare(changes): ...  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
def anything(changes: object) -> None: ...
def any_value(changes: Any) -> None: ...
def sequence(changes: Sequence[Insert[User]]) -> None: ...
def a_list(changes: list[Insert[User]]) -> None: ...
def bare_list(changes: list) -> None: ...  # type: ignore[type-arg]
def iterable(changes: Iterable[Change[User]]) -> None: ...
def collection(changes: Collection[Any]) -> None: ...
def union_within(changes: Sequence[Insert[User] | Remove[User]]) -> None: ...
def union_of_lists(changes: Sequence[Insert[User]] | Sequence[Remove[User]]) -> None: ...
def optional(changes: list[Insert[User]] | None) -> None: ...
def a_protocol(changes: Sized) -> None: ...
def a_variable(changes: list[T]) -> None: ...
def unresolved(changes: Sequence[NeverDefined[User]]) -> None: ...
def unresolved_alias(changes: Lists) -> None: ...
def several(*changes: object) -> None: ...
async def in_async(changes: Sequence[Insert[User]]) -> None: ...


@pytest.mark.parametrize(
    "handler",
    [
        bare,
        anything,
        any_value,
        sequence,
        a_list,
        bare_list,
        iterable,
        collection,
        union_within,
        union_of_lists,
        optional,
        a_protocol,
        a_variable,
        unresolved,
        unresolved_alias,
        several,
        in_async,
    ],
)
def test_handlers_of_lists_are_taken(handler: Callable[..., Any]) -> None:
    app = StreamApp("app")

    app.bulk(10).on_insert(User)(handler)

    assert app.process(batch(insert(0, user("a")))).handled == 1


def one_change(change: Insert[User]) -> None: ...
def one_union(change: Insert[User] | Remove[User]) -> None: ...
def another_kind(changes: Sequence[Modify[User]]) -> None: ...
def another_model(changes: list[Insert[Order]]) -> None: ...
def another_thing(changes: dict[str, Insert[User]]) -> None: ...
def unresolved_change(change: NeverDefined[User]) -> None: ...
def a_transaction(changes: Sequence[Insert[User]], tx: Transaction) -> None: ...
def two(changes: Sequence[Insert[User]], more: object) -> None: ...
def returns(changes: Sequence[Insert[User]]) -> int: ...  # type: ignore[empty-body]
def generates(changes: Sequence[Insert[User]]) -> Iterable[None]:
    yield


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (
            one_change,
            r"annotated Insert\[User\]: annotate it Sequence\[Insert\[User\]\], or use the decorator",
        ),
        (one_union, "gets a list of changes, since it is registered with bulk"),
        (
            another_kind,
            r"a list of Insert\[User\], but .* one of Modify\[User\]: annotate it Sequence\[Insert\[User\]\]",
        ),
        (
            another_model,
            r"gets a list of Insert\[User\], but its parameter is annotated as one of Insert\[Order\]",
        ),
        (another_thing, "gets a list of changes"),
        (unresolved_change, "gets a list of changes"),
        (
            a_transaction,
            r"takes \(changes, tx\), but a bulk handler takes a list of changes and nothing else",
        ),
        (two, r"takes \(changes, more\), but a bulk handler"),
        (returns, "returns a value"),
        (generates, "is a generator"),
    ],
)
def test_other_handlers_are_refused(handler: Callable[..., Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        StreamApp("app", store=MemoryStore()).bulk(10).on_insert(User)(handler)


def test_a_generator_runs_when_iterated() -> None:
    assert [*generates([])] == [None]


@pytest.mark.parametrize("most", [0, -1, True, "10", None, 1.5])
def test_a_call_has_at_least_one_change(most: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"a whole number of at least 1: write bulk\(100\)"):
        Router().bulk(most)


@pytest.mark.parametrize("isolate", [None, 1, "no"])
def test_isolate_is_yes_or_no(isolate: Any) -> None:
    with pytest.raises(ConfigurationError, match="isolate must be True or False"):
        Router().bulk(10, isolate=isolate)


def either(changes: Any) -> None: ...


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (lambda app: app.on_insert(User), lambda app: app.bulk(5).on_modify(User), "with and without bulk"),
        (lambda app: app.bulk(5).on_insert(User), lambda app: app.on_modify(User), "with and without bulk"),
        (lambda app: app.bulk(5).on_insert(User), lambda app: app.on_latest(User), "with and without bulk"),
        (
            lambda app: app.bulk(5).on_insert(User),
            lambda app: app.bulk(6).on_modify(User),
            "with different arguments of bulk",
        ),
        (
            lambda app: app.bulk(5).on_insert(User),
            lambda app: app.bulk(5, isolate=False).on_modify(User),
            "with different arguments of bulk",
        ),
        (
            lambda app: app.bulk(5).on_insert(User),
            lambda app: app.bulk(5).on_latest(User),
            "with on_latest and with another decorator",
        ),
    ],
    ids=range(6),
)
def test_one_function_is_called_in_one_way(
    first: Callable[[StreamApp], Any], second: Callable[[StreamApp], Any], reason: str
) -> None:
    app = StreamApp("app")
    first(app)(either)

    with pytest.raises(ConfigurationError, match=f"either is registered twice, {reason}"):
        second(app)(either)


def test_a_router_brings_its_bulk_handlers() -> None:
    router, app, calls = Router(table="Users"), StreamApp("app"), list[int]()

    @router.bulk(2).on_upsert(User)
    def index(changes: Sequence[Upsert[User]]) -> None:
        calls.append(len(changes))

    app.include(router)
    app.process(batch(insert(0, user("a")), insert(1, user("b")), insert(2, user("c"))))

    assert calls == [2, 1]


def one_state(latest: Latest[User]) -> None: ...
def states(latest: Sequence[Latest[User]]) -> None: ...


def test_states_are_lists_in_bulk_only() -> None:
    app = StreamApp("app")

    with pytest.raises(ConfigurationError, match="gets a list of changes"):
        app.bulk(10).on_latest(User)(one_state)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    with pytest.raises(
        ConfigurationError, match=r"gets Latest\[User\], but .* Sequence.*, or register it with bulk"
    ):
        app.on_latest(User)(states)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
