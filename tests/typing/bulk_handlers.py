"""Handlers of lists: unions of changes, registered by calls, and what a partial failure takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, assert_type

from ddbevents import (
    Insert,
    KeyChange,
    Latest,
    Modify,
    PartialFailure,
    Reject,
    Remove,
    StreamApp,
    Transaction,
    Upsert,
)
from tests.typing.models import Order, User, UserKey

app = StreamApp()


def mirror(changes: Sequence[Upsert[User] | Remove[User]]) -> None: ...


def mirror_by_key(changes: Iterable[Upsert[User] | KeyChange[UserKey]]) -> None: ...


def takes_two_models(changes: Sequence[Insert[User] | Insert[Order]]) -> None: ...


def takes_anything(changes: object) -> None: ...


def takes_any(changes: Any) -> None: ...


class Index:
    def put(self, changes: list[Upsert[User]]) -> None: ...

    async def put_later(self, states: Sequence[Latest[User]]) -> None: ...


assert_type(app.bulk(500).on_upsert(User)(mirror), Callable[[Sequence[Upsert[User]]], None])
assert_type(app.bulk(500).on_remove(User)(mirror), Callable[[Sequence[Remove[User]]], None])
app.bulk(500).on_upsert(User)(mirror_by_key)
app.bulk(500).on_keys(UserKey)(mirror_by_key)
app.bulk(500, isolate=False).on_insert(User)(takes_two_models)
app.bulk(500, isolate=False).on_insert(Order)(takes_two_models)
app.bulk(10).on_change(User)(takes_anything)
app.bulk(10).on_change(User)(takes_any)
assert_type(app.bulk(10).on_upsert(User)(Index().put), Callable[[list[Upsert[User]]], None])
app.bulk(10).on_latest(User)(Index().put_later)


# a list can be written to, so one of a union is no list of its members
def takes_list_of_union(changes: list[Upsert[User] | Remove[User]]) -> None: ...


app.bulk(10).on_remove(User)(takes_list_of_union)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]


def takes_one_of_two(changes: Sequence[Insert[User]] | Sequence[Modify[User]]) -> None: ...


app.bulk(10).on_insert(User)(takes_one_of_two)
app.bulk(10).on_modify(User)(takes_one_of_two)


def takes_transaction(changes: Sequence[Insert[User]], tx: Transaction) -> None: ...


app.bulk(10).on_insert(User)(takes_transaction)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
app.bulk("10").on_insert(User)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
app.bulk(10, isolate=1).on_insert(User)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@app.bulk(10).on_insert(User)
def names_failures(changes: Sequence[Insert[User]]) -> None:
    failure = PartialFailure()
    for change in changes:
        failure.add(change, Reject("no"))
        failure.add(change)
        failure.add(change, "no")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    if failure:
        raise failure


@app.bulk(10).on_latest(User)
def reads_states(states: list[Latest[User]]) -> None:
    for latest in states:
        assert_type(latest.item, User | None)
        assert_type(latest.records[0].event_id, str)
