"""Bulk handlers and last states in odd corners: copies, changed lists, mistakes, two apps, previews."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from time import sleep
from typing import Any, Final, Literal

import pytest
from pydantic import BaseModel, field_validator

from ddbevents import (
    BatchReport,
    Change,
    ConfigurationError,
    Insert,
    Latest,
    PartialFailure,
    Reject,
    Router,
    StreamApp,
    current_context,
)
from ddbevents.dead_letters import DeadLetters
from ddbevents.stores import MemoryStore
from ddbevents.testing import MemorySink, queue_event
from tests.deliveries import WAYS, FaultyStore, Letters
from tests.stream import CANARY, Context, Json, batch, insert, modify, remove, user

HANDLED: Final = "handled"
EARLIER: Final = "already handled"
FAILED: Final = "failed"
NOT_RUN: Final = "not run"
DEAD: Final = "dead-lettered"
IGNORED: Final = "ignored"


class User(BaseModel):
    pk: str
    email: str


class Admin(BaseModel):
    pk: str
    role: Literal["admin"]


class Guest(BaseModel):
    pk: str
    role: Literal["guest"]


def outcomes(report: BatchReport) -> list[str]:
    return [each.outcome.value for each in report.records]


def users(keys: str) -> list[Json]:
    return [insert(number, user(key)) for number, key in enumerate(keys)]


def keys_of(changes: Sequence[Change[User]]) -> str:
    return "".join(str(change.record.keys["pk"]) for change in changes)


A1, A2, A3 = (user("a", f"{number}@x") for number in (1, 2, 3))


@pytest.mark.parametrize("copied", [[0, 0, 1], [0, 1, 0], [0, 1, 1], [0, 1, 0, 1]], ids=str)
def test_a_copy_is_no_later_state(copied: Sequence[int]) -> None:
    app = StreamApp("app", store=MemoryStore())
    states: list[tuple[str, int]] = []

    @app.on_latest(User)
    def mirror(latest: Latest[User]) -> None:
        assert latest.item is not None
        states.append((latest.item.email, len(latest.records)))

    records = [insert(0, A1), modify(1, A1, A2)]

    found = outcomes(app.process(batch(*[records[place] for place in copied])))

    assert states == [("2@x", 2)]
    assert sorted(found) == sorted([HANDLED] * 2 + [EARLIER] * (len(copied) - 2))


def test_a_copy_of_a_failed_state_waits() -> None:
    app = StreamApp("app", store=MemoryStore())

    @app.on_latest(User)
    def mirror(latest: Latest[User]) -> None:
        raise ValueError

    assert outcomes(app.process(batch(insert(0, A1), insert(0, A1)))) == [FAILED, NOT_RUN]


@WAYS
def test_a_list_may_be_emptied(lanes: int) -> None:
    app = StreamApp("app", store=MemoryStore(), concurrency=lanes)

    @app.bulk(9).on_insert(User)
    def index(changes: list[Insert[User]]) -> None:
        failure = PartialFailure()
        while changes:
            change = changes.pop()
            if change.new.pk == "b":
                failure.add(change)
        raise failure

    assert outcomes(app.process(batch(*users("abc")))) == [HANDLED, FAILED, HANDLED]


def test_halving_goes_on_behind_a_held_change() -> None:
    app = StreamApp("app", store=MemoryStore())
    calls: list[str] = []

    @app.bulk(9).on_change(User)
    def index(changes: Sequence[Change[User]]) -> None:
        calls.append(keys_of(changes))
        if "x" in calls[-1]:
            raise ValueError
        if "a" in calls[-1]:
            failure = PartialFailure()
            failure.add(changes[0])
            raise failure

    found = outcomes(app.process(batch(*users("abaxcdef"))))

    assert found == [FAILED, HANDLED, NOT_RUN, FAILED, *[HANDLED] * 4]
    assert calls == ["abaxcdef", "abax", "ab", "x", "cdef"]


def test_a_rejected_call_is_one_attempt(caplog: pytest.LogCaptureFixture) -> None:
    letters = Letters()
    app = StreamApp("app", store=MemoryStore(), dead_letter=DeadLetters(letters, after=2))

    @app.bulk(9, isolate=False).on_insert(User)
    def index(changes: Sequence[Insert[User]]) -> None:
        raise Reject(CANARY)

    assert outcomes(app.process(batch(*users("ab")))) == [FAILED, FAILED]
    assert "raised Reject for several changes at once" in caplog.text
    assert CANARY not in caplog.text
    assert outcomes(app.process(batch(*users("ab")))) == [DEAD, DEAD]


def single(app: StreamApp, handler: Callable[[Any], None]) -> None:
    app.on_insert(User)(handler)


def latest(app: StreamApp, handler: Callable[[Any], None]) -> None:
    app.on_latest(User)(handler)


@pytest.mark.parametrize("register", [single, latest])
def test_a_single_handler_fails_as_a_whole(
    register: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    app = StreamApp("app", store=MemoryStore())

    def refuse(change: Any) -> None:
        failure = PartialFailure()
        failure.add(change, Reject("no"))
        raise failure

    register(app, refuse)

    report = app.process(batch(*users("ab")))

    assert outcomes(report) == [FAILED, FAILED]
    assert isinstance(report.records[0].error, ConfigurationError)
    assert "PartialFailure, but it takes one change a call" in caplog.text


def test_seconds_are_shared_by_a_call() -> None:
    app = StreamApp("app", store=MemoryStore())

    @app.bulk(9).on_insert(User)
    def index(changes: Sequence[Insert[User]]) -> None:
        sleep(0.02)

    report = app.process(batch(*users("ab")))

    spent = [record.seconds for record in report.records]
    assert spent[0] == spent[1] >= 0.01
    assert sum(spent) <= report.seconds


def test_seconds_of_failed_calls_count() -> None:
    app = StreamApp("app", store=MemoryStore())

    @app.on_latest(User)
    def mirror(latest: Latest[User]) -> None:
        sleep(0.02)
        raise ValueError

    report = app.process(batch(insert(0, A1), modify(1, A1, A2)))

    assert 0.02 <= sum(record.seconds for record in report.records) <= report.seconds


def test_an_app_calls_in_its_context() -> None:
    app = StreamApp("app")
    seen: list[object] = []

    @app.bulk(9).on_insert(User)
    async def index(changes: Sequence[Insert[User]]) -> None:
        seen.append(current_context())

    context = Context()
    app(batch(*users("ab")), context)

    assert seen == [context]


def test_items_live_no_longer_than_their_call() -> None:
    app = StreamApp("app")
    items: weakref.WeakSet[User] = weakref.WeakSet()
    alive: list[int] = []

    class Kept(User):
        def __hash__(self) -> int:
            return id(self)

    @app.bulk(2).on_insert(Kept)
    def index(changes: Sequence[Insert[Kept]]) -> None:
        gc.collect()
        alive.append(len(items))
        items.update(change.new for change in changes)

    @app.on_insert(Kept)
    def welcome(change: Insert[Kept]) -> None:
        items.add(change.new)

    app.process(batch(*users("abcdef")))

    # the last one stands in the frame of its caller
    assert alive[0] <= 1
    assert max(alive[1:]) <= 2


def test_a_function_takes_two_entities() -> None:
    app = StreamApp("app", store=MemoryStore())
    states: list[str | None] = []

    def mirror(latest: Latest[Admin | Guest]) -> None:
        states.append(None if latest.item is None else latest.item.role)

    app.on_latest(Admin)(mirror)
    app.on_latest(Guest)(mirror)
    admin, guest = (user("a", role={"S": role}) for role in ("admin", "guest"))

    app.process(batch(insert(0, admin), modify(1, admin, guest)))
    app.process(batch(modify(2, guest, admin)))
    app.process(batch(remove(3, admin)))

    assert states == ["guest", "admin", None]


def test_a_preview_shows_who_follows() -> None:
    app = StreamApp("app", store=MemoryStore())

    @app.on_latest(Admin)
    def mirror(latest: Latest[Admin]) -> None: ...

    admin, guest = (user("a", role={"S": role}) for role in ("admin", "guest"))
    records = [insert(0, admin), modify(1, admin, guest), modify(2, guest, guest), insert(3, user("b"))]

    assert outcomes(app.preview(batch(*records))) == [NOT_RUN] * 3 + [IGNORED]
    assert outcomes(app.process(batch(*records))) == [HANDLED] * 3 + [IGNORED]
    assert outcomes(app.preview(batch(*records))) == [EARLIER] * 3 + [IGNORED]


def test_two_apps_have_marks_of_their_own() -> None:
    store, calls = MemoryStore(), list[str]()

    def index(changes: Sequence[Insert[User]]) -> None:
        calls.append(keys_of(changes))

    apps = [StreamApp(name, store=store) for name in ("one", "two")]
    for app in apps:
        app.bulk(9).on_insert(User)(index)

    assert [outcomes(app.process(batch(*users("ab")))) for app in apps] == [[HANDLED] * 2] * 2
    assert calls == ["ab", "ab"]


def routed(app: StreamApp, calls: list[str]) -> None:
    router = Router(table="Users")

    @router.bulk(2).on_insert(User)
    def index(changes: Sequence[Insert[User]]) -> None:
        calls.append(keys_of(changes))
        if "b" in calls[-1]:
            raise Reject

    app.include(router)


def test_a_router_brings_bulk_handlers() -> None:
    app, calls = StreamApp("app"), list[str]()
    routed(app, calls)

    app.process(batch(*users("acd")))

    assert calls == ["ac", "d"]


def test_another_store_and_sink_serve_them() -> None:
    app, calls, sink = StreamApp("app"), list[str](), MemorySink()
    routed(app, calls)
    app = StreamApp("app", store=MemoryStore(), dead_letter=DeadLetters(Letters()))
    routed(app, calls)
    other = app.with_store(MemoryStore()).with_sink(sink)

    assert outcomes(other.process(batch(*users("abc")))) == [HANDLED, DEAD, HANDLED]
    assert len(sink.letters) == 1
    assert outcomes(other.process(batch(*users("abc")))) == [EARLIER] * 3


def test_a_generator_is_refused() -> None:
    app = StreamApp("app")

    def index(changes: Sequence[Insert[User]]) -> Iterator[None]:
        yield

    assert [*index([])] == [None]
    with pytest.raises(ConfigurationError, match="generator"):
        app.bulk(9).on_insert(User)(index)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]


def test_a_suppressed_call_counts_as_handled() -> None:
    app = StreamApp("app", store=MemoryStore(), middleware=[lambda _: suppress(ValueError)])

    @app.bulk(9).on_insert(User)
    def index(changes: Sequence[Insert[User]]) -> None:
        raise ValueError

    assert outcomes(app.process(batch(*users("ab")))) == [HANDLED, HANDLED]


def test_the_newest_is_told_by_its_number() -> None:
    app = StreamApp("app", store=MemoryStore())
    states: list[str] = []

    @app.on_latest(User)
    def mirror(latest: Latest[User]) -> None:
        assert latest.item is not None
        states.append(latest.item.email)

    first, second = insert(0, A1), modify(1, A1, A2)
    app.process(batch(first))

    assert outcomes(app.process(batch(second, first))) == [HANDLED, EARLIER]
    assert states == ["1@x", "2@x"]


def test_another_table_says_nothing_of_an_item() -> None:
    app, router = StreamApp("app"), Router(table="Users")

    @router.on_latest(Admin)
    def mirror(latest: Latest[Admin]) -> None: ...

    app.include(router)
    admin, guest = (user("a", role={"S": role}) for role in ("admin", "guest"))
    other = modify(1, guest, guest)
    other["eventSourceARN"] = other["eventSourceARN"].replace("Users", "Others")

    found = outcomes(app.process(batch(insert(0, admin), other, modify(2, guest, guest))))

    assert found == [HANDLED, IGNORED, HANDLED]


class Both:
    """An app with a handler of single records, which fails with the second one, and a bulk handler."""

    def __init__(self, store: FaultyStore) -> None:
        self.log: list[str] = []
        self.app = StreamApp("app", store=store)
        self.app.on_insert(User)(self.welcome)
        self.app.bulk(9).on_insert(User)(self.index)

    def welcome(self, change: Insert[User]) -> None:
        self.log.append(change.new.pk.upper())
        if len(self.log) == 2:
            raise ValueError

    def index(self, changes: Sequence[Insert[User]]) -> None:
        self.log.append(keys_of(changes))


def test_records_before_a_failure_go_on() -> None:
    both = Both(FaultyStore())

    assert outcomes(both.app.process(batch(*users("aab")))) == [HANDLED, FAILED, HANDLED]
    assert both.log == ["A", "A", "B", "ab"]


def test_lost_marks_end_both_passes() -> None:
    both = Both(FaultyStore(["none", "down"]))

    assert outcomes(both.app.process(batch(*users("a")))) == [FAILED]
    assert both.log == ["A"]


def test_dead_letters_come_back_in_a_list() -> None:
    sink, calls = MemorySink(), list[str]()
    app = StreamApp("app", store=MemoryStore(), dead_letter=DeadLetters(sink, after=1))

    @app.bulk(9).on_insert(User)
    def index(changes: Sequence[Insert[User]]) -> None:
        calls.append(keys_of(changes))
        if len(calls) == 1:
            failure = PartialFailure()
            failure.add(changes[1])
            raise failure

    app.process(batch(*users("abc")))
    redriven = app.process(queue_event(*sink.letters, *sink.letters))

    assert calls == ["abc", "b"]
    assert outcomes(redriven) == [HANDLED, EARLIER]


def test_a_dead_letter_tells_that_an_item_left() -> None:
    sink, states = MemorySink(), list[object]()
    app = StreamApp("app", store=MemoryStore(), dead_letter=DeadLetters(sink, after=1))

    @app.on_latest(Admin)
    def mirror(latest: Latest[Admin]) -> None:
        states.append(latest.item)
        if len(states) == 1:
            raise ValueError

    admin, guest = (user("a", role={"S": role}) for role in ("admin", "guest"))

    assert outcomes(app.process(batch(insert(0, admin), modify(1, admin, guest)))) == [DEAD, DEAD]
    assert outcomes(app.process(queue_event(*sink.letters))) == [HANDLED]
    assert states == [None, None]


def test_mixed_up_dead_letters_end_in_the_last_state() -> None:
    sink, states = MemorySink(), list[str]()
    app = StreamApp("app", store=MemoryStore(), dead_letter=DeadLetters(sink, after=1))

    @app.on_latest(User)
    def mirror(latest: Latest[User]) -> None:
        assert latest.item is not None
        states.append(latest.item.email)
        if len(states) < 3:
            raise ValueError

    app.process(batch(insert(0, A1)))
    app.process(batch(modify(1, A1, A2)))

    assert outcomes(app.process(queue_event(*reversed(sink.letters)))) == [HANDLED, HANDLED]
    assert states == ["1@x", "2@x", "2@x"]


@WAYS
def test_an_exit_of_a_validator_passes_through(lanes: int) -> None:
    class Leaving(User):
        @field_validator("email")
        @classmethod
        def leave(cls, _: str) -> str:
            raise SystemExit

    app = StreamApp("app", store=MemoryStore(), concurrency=lanes)

    @app.bulk(9).on_insert(Leaving)
    def index(changes: Sequence[Insert[Leaving]]) -> None: ...

    with pytest.raises(SystemExit):
        app(batch(*users("ab")))
