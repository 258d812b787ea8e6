"""Handlers of items' last states: which records they take, and what becomes of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import pytest
from pydantic import BaseModel

from ddbevents import (
    Attr,
    BatchReport,
    ConfigurationError,
    Latest,
    PartialFailure,
    Prefix,
    Reject,
    StreamApp,
    Transaction,
    to_json,
)
from ddbevents.dead_letters import DeadLetters
from ddbevents.stores import MemoryStore
from tests.deliveries import FaultyStore, Letters
from tests.stream import Json, batch, insert, modify, remove, user


class User(BaseModel):
    pk: str
    email: str


class Admin(BaseModel):
    pk: str
    role: Literal["admin"]


class Cart(BaseModel):
    pk: Annotated[str, Prefix("CART#")]
    email: str


HANDLED: Final = "handled"
EARLIER: Final = "already handled"
FAILED: Final = "failed"
NOT_RUN: Final = "not run"
DEAD: Final = "dead-lettered"
IGNORED: Final = "ignored"


class Mirror:
    """An app with a handler of last states, which notes each of them."""

    def __init__(
        self, model: type[Any] = User, *, where: Any = None, store: Any = None, **options: Any
    ) -> None:
        self.states: list[tuple[str, str | None]] = []
        self.spans: list[int] = []
        self.error: Exception | None = None
        self.failing: set[str] = set()
        self.app = StreamApp("app", store=store, **options)
        self.app.on_latest(model, where=where)(self.mirror)

    def mirror(self, latest: Latest[Any]) -> None:
        key = str(latest.keys["pk"])
        item = latest.item
        self.states.append((key, None if item is None else getattr(item, "email", "there")))
        self.spans.append(len(latest.records))
        if key in self.failing:
            raise self.error or ValueError

    def run(self, *records: Json) -> list[str]:
        return outcomes(self.app.process(batch(*records)))


def outcomes(report: BatchReport) -> list[str]:
    return [each.outcome.value for each in report.records]


def without_old(record: Json) -> Json:
    """Return the record as a NEW_IMAGE stream has it."""
    body = {name: part for name, part in record["dynamodb"].items() if name != "OldImage"}
    return {**record, "dynamodb": {**body, "StreamViewType": "NEW_IMAGE"}}


A1, A2, A3 = (user("a", f"{number}@x") for number in (1, 2, 3))
B1 = user("b", "1@x")


def test_each_item_comes_once() -> None:
    mirror = Mirror()

    assert mirror.run(insert(0, A1), insert(1, B1), modify(2, A1, A2), modify(3, A2, A3)) == [HANDLED] * 4
    assert mirror.states == [("b", "1@x"), ("a", "3@x")]
    assert mirror.spans == [1, 3]


@pytest.mark.parametrize(
    ("records", "states"),
    [
        ([remove(0, A1)], [("a", None)]),
        ([insert(0, A1), remove(1, A1)], [("a", None)]),
        ([remove(0, A1), insert(1, A2)], [("a", "2@x")]),
        ([without_old(remove(0, A1))], [("a", None)]),
        ([without_old(modify(0, A1, A2))], [("a", "2@x")]),
    ],
)
def test_a_removed_item_has_no_state(records: list[Json], states: object) -> None:
    mirror = Mirror()

    mirror.run(*records)

    assert mirror.states == states


ACTIVE = user("a", "on@x", role={"S": "admin"})
PASSIVE = user("a", "off@x", role={"S": "guest"})


@pytest.mark.parametrize(
    ("records", "states"),
    [
        ([insert(0, ACTIVE)], [("a", "on@x")]),
        ([insert(0, PASSIVE)], []),
        ([modify(0, ACTIVE, PASSIVE)], [("a", None)]),
        ([modify(0, PASSIVE, ACTIVE)], [("a", "on@x")]),
        ([modify(0, PASSIVE, PASSIVE)], []),
        ([remove(0, ACTIVE)], [("a", None)]),
        ([remove(0, PASSIVE)], []),
        ([insert(0, ACTIVE), modify(1, ACTIVE, PASSIVE), remove(2, PASSIVE)], [("a", None)]),
        ([without_old(modify(0, ACTIVE, PASSIVE))], [("a", None)]),
        ([without_old(modify(0, PASSIVE, PASSIVE))], [("a", None)]),
        ([without_old(remove(0, PASSIVE))], [("a", None)]),
    ],
)
def test_an_item_leaves_a_where(records: list[Json], states: object) -> None:
    mirror = Mirror(where=Attr("role").eq("admin"))

    mirror.run(*records)

    assert mirror.states == states


@pytest.mark.parametrize(
    ("records", "states"),
    [
        ([insert(0, ACTIVE)], [("a", "there")]),
        ([modify(0, ACTIVE, PASSIVE)], [("a", None)]),
        ([modify(0, PASSIVE, ACTIVE)], [("a", "there")]),
        ([without_old(modify(0, PASSIVE, PASSIVE))], []),
        ([insert(0, ACTIVE), without_old(modify(1, ACTIVE, PASSIVE))], [("a", None)]),
        ([without_old(remove(0, PASSIVE))], [("a", None)]),
    ],
)
def test_an_item_becomes_another_entity(records: list[Json], states: object) -> None:
    mirror = Mirror(Admin)

    mirror.run(*records)

    assert mirror.states == states


@pytest.mark.parametrize(
    ("key", "states"), [("CART#1", [("CART#1", None)]), ("USER#1", [])], ids=["of it", "of another"]
)
def test_a_removal_is_told_by_the_key(key: str, states: object) -> None:
    mirror = Mirror(Cart)

    mirror.run(without_old(remove(0, user(key))))

    assert mirror.states == states


def test_a_failure_leaves_all_records_open() -> None:
    store = FaultyStore()
    mirror = Mirror(store=store)
    mirror.failing = {"a"}

    assert mirror.run(insert(0, A1), insert(1, B1), modify(2, A1, A2)) == [FAILED, HANDLED, NOT_RUN]
    assert len(store.marks) == 1


def test_a_retry_marks_all_of_them() -> None:
    mirror = Mirror(store=MemoryStore())
    records = insert(0, A1), modify(1, A1, A2)
    mirror.failing = {"a"}
    mirror.run(*records)
    mirror.failing = set()

    assert mirror.run(*records) == [HANDLED, HANDLED]
    assert mirror.run(*records) == [EARLIER, EARLIER]
    assert mirror.states == [("a", "2@x")] * 2


def test_the_letter_has_the_last_record() -> None:
    letters = Letters()
    mirror = Mirror(store=MemoryStore(), dead_letter=DeadLetters(letters, after=2))
    mirror.failing = {"a"}
    records = insert(0, A1), modify(1, A1, A2)

    assert mirror.run(*records) == [FAILED, NOT_RUN]
    assert mirror.run(*records) == [DEAD, DEAD]
    assert [letter.record for letter in letters.letters] == [records[1]]
    assert mirror.run(*records) == [EARLIER, EARLIER]


def test_older_records_of_a_handled_state_are_marked() -> None:
    store = MemoryStore()
    mirror = Mirror(store=store)
    records = insert(0, A1), modify(1, A1, A2)
    mirror.run(records[1])

    assert mirror.run(*records) == [HANDLED, EARLIER]
    assert mirror.states == [("a", "2@x")]
    assert mirror.run(*records) == [EARLIER, EARLIER]


def test_new_records_after_a_handled_one() -> None:
    mirror = Mirror(store=MemoryStore())
    mirror.run(insert(0, A1))

    assert mirror.run(insert(0, A1), modify(1, A1, A2)) == [EARLIER, HANDLED]
    assert mirror.spans == [1, 1]


def test_an_invalid_state_fails_alone() -> None:
    mirror = Mirror(store=MemoryStore())

    assert mirror.run(insert(0, A1), modify(1, A1, {"pk": {"S": "a"}}), insert(2, B1)) == [
        FAILED,
        NOT_RUN,
        HANDLED,
    ]
    assert mirror.states == [("b", "1@x")]


def test_an_invalid_state_that_is_past_is_no_matter() -> None:
    mirror = Mirror()

    assert mirror.run(insert(0, {"pk": {"S": "a"}}), modify(1, {"pk": {"S": "a"}}, A2)) == [HANDLED, HANDLED]


def test_a_list_of_states() -> None:
    app = StreamApp("app", store=MemoryStore())
    calls: list[list[tuple[str, bool]]] = []

    @app.bulk(2).on_latest(User)
    def mirror(states: Sequence[Latest[User]]) -> None:
        calls.append([(str(each.keys["pk"]), each.item is None) for each in states])
        if len(calls) == 1:
            failure = PartialFailure()
            failure.add(states[0])
            raise failure

    records = [insert(0, A1), modify(1, A1, A2), remove(2, B1), insert(3, user("c"))]
    assert outcomes(app.process(batch(*records))) == [FAILED, NOT_RUN, HANDLED, HANDLED]
    assert calls == [[("a", False), ("b", True)], [("c", False)]]


def test_it_runs_after_single_handlers() -> None:
    mirror = Mirror(store=MemoryStore())

    @mirror.app.on_change(User)
    def refuse(change: object) -> None:
        mirror.states.append(("single", None))
        raise Reject("no")

    assert mirror.run(insert(0, A1)) == [FAILED]
    assert mirror.states == [("single", None)]


def test_a_transaction_is_refused() -> None:
    app = StreamApp("app", store=MemoryStore())

    def mirror(latest: Latest[User], tx: Transaction) -> None: ...

    with pytest.raises(ConfigurationError, match="asks for a transaction, but a last state"):
        app.on_latest(User)(mirror)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_its_json() -> None:
    texts: list[str] = []
    app = StreamApp("app")

    @app.on_latest(User)
    def mirror(latest: Latest[User]) -> None:
        texts.append(to_json(latest))

    app.process(batch(insert(0, A1), remove(1, B1)))

    assert texts == [
        '{"kind":"INSERT","keys":{"pk":"a"},"item":{"pk":"a","email":"1@x"}}',
        '{"kind":"REMOVE","keys":{"pk":"b"},"item":null}',
    ]
