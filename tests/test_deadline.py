"""When too little time is left, and the rest of a batch waits for the next delivery."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from unittest.mock import (
    AsyncMock,
    MagicMock,
    Mock,
    create_autospec,
)  # the doubles that users pass as contexts

import pytest
from typing_extensions import override

from ddbevents import ConfigurationError, KeyChange, LambdaContext, StreamApp, Transaction
from ddbevents.dead_letters import DeadLetter, DeadLetters
from ddbevents.stores import MemoryStore
from ddbevents.testing import EventSourceMapping, VirtualClock, insert
from tests.deliveries import FaultyStore, Hurry, Letters
from tests.stream import CANARY, Context, MarksOnly, batch, user
from tests.stream import insert as record

AnyKeys = KeyChange[dict[str, Any]]
NOW = timedelta(0)
PATIENCE = 20.0
"""Seconds after which a test that waits has failed."""


class Slow:
    """A handler that takes real time, and a context whose time left stands still."""

    def __init__(self, milliseconds: int) -> None:
        self.context = Context(milliseconds)
        self.ran: list[str] = []

    def handle(self, change: AnyKeys) -> None:
        self.ran.append(change.keys["pk"])
        time.sleep(0.03)


def users(*keys: str) -> Any:
    return batch(*(record(number, user(key)) for number, key in enumerate(keys, start=1)))


def test_twice_the_slowest_must_remain() -> None:
    slow = Slow(50)
    app = StreamApp(time_reserve=NOW)
    app.on_keys(dict)(slow.handle)

    report = app.process(users("a", "b", "c"), slow.context)

    assert (report.handled, report.not_run) == (1, 2)


def test_the_slowest_is_remembered() -> None:
    slow = Slow(50)
    app = StreamApp(time_reserve=NOW)

    @app.on_keys(dict)
    def hurry(change: AnyKeys) -> None:
        slow.context.milliseconds = 50 if change.keys["pk"] == "c" else 5_000
        slow.ran.append(change.keys["pk"])
        time.sleep(0.03 if change.keys["pk"] == "a" else 0)

    report = app.process(users("a", "b", "c", "d"), slow.context)

    assert (slow.ran, report.not_run) == (["a", "b", "c"], 1)


class SlowLetters(Letters):
    """A sink where each letter takes four seconds of the context's time."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context

    @override
    def send(self, letter: DeadLetter, *, patience: timedelta) -> None:
        self.context.milliseconds -= 4_000
        super().send(letter, patience=patience)


def test_dead_letters_respect_the_reserve() -> None:
    context = Context(10_000)
    letters = SlowLetters(context)
    app = StreamApp(store=MemoryStore(), dead_letter=DeadLetters(letters), time_reserve=timedelta(seconds=5))
    unreadable = [{**record(number, user("a")), "eventName": None} for number in range(1, 5)]

    report = app.process(batch(*unreadable), context)

    assert (report.dead_lettered, report.not_run, len(letters.letters)) == (2, 2, 2)


def test_dead_letters_count_as_slow() -> None:
    class Lasting(Letters):
        @override
        def send(self, letter: DeadLetter, *, patience: timedelta) -> None:
            time.sleep(0.03)
            super().send(letter, patience=patience)

    app = StreamApp(store=MemoryStore(), dead_letter=DeadLetters(Lasting()), time_reserve=NOW)
    unreadable = [{**record(number, user("a")), "eventName": None} for number in range(1, 4)]

    report = app.process(batch(*unreadable), Context(50))

    assert (report.dead_lettered, report.not_run) == (1, 2)


def test_enough_time_handles_all() -> None:
    slow = Slow(5_000)
    app = StreamApp(time_reserve=NOW)
    app.on_keys(dict)(slow.handle)

    assert app.process(users("a", "b", "c"), slow.context).handled == 3


@pytest.mark.parametrize(("milliseconds", "handled"), [(4_999, 1), (5_000, 3)], ids=["less", "as much"])
def test_exactly_the_reserve_is_enough(milliseconds: int, handled: int) -> None:
    app = StreamApp(time_reserve=timedelta(seconds=5))
    app.on_keys(dict)(ignore)

    assert app.process(users("a", "b", "c"), Context(milliseconds)).handled == handled


def ignore(change: AnyKeys) -> None: ...


def write(change: AnyKeys, tx: Transaction) -> None: ...


class SlowStore(FaultyStore):
    """A store whose first write takes 60 ms.

    Attributes:
        left: The milliseconds that are left after each write; the last are left after all others, too.
    """

    def __init__(self, context: Context, *left: int) -> None:
        super().__init__(window=25)
        self.context = context
        self.left = deque(left)
        self.seconds = 0.06

    def _write(self, how: str, marks: Any) -> bool:
        time.sleep(self.seconds)
        self.seconds = 0
        self.context.milliseconds = self.left.popleft() if len(self.left) > 1 else self.left[0]
        return super()._write(how, marks)


@pytest.mark.parametrize("handler", [ignore, write], ids=["marks", "packs"])
def test_the_time_to_flush_must_remain(handler: Callable[..., None]) -> None:
    context = Context(5_000)
    app = StreamApp(store=SlowStore(context, 50), time_reserve=NOW)
    app.on_keys(dict)(handler)

    report = app.process(users(*map(str, range(60))), context)

    assert (report.handled, report.not_run) == (25, 35)


@pytest.mark.parametrize("handler", [ignore, write], ids=["marks", "packs"])
def test_the_slowest_flush_is_remembered(handler: Callable[..., None]) -> None:
    context = Context(5_000)
    app = StreamApp(store=SlowStore(context, 5_000, 50), time_reserve=NOW)
    app.on_keys(dict)(handler)

    report = app.process(users(*map(str, range(60))), context)

    assert (report.handled, report.not_run) == (50, 10)


def test_records_and_flushes_add_up() -> None:
    slow = Slow(5_000)
    app = StreamApp(store=SlowStore(slow.context, 100), time_reserve=NOW)

    @app.on_keys(dict)
    def handle_last_slowly(change: AnyKeys) -> None:
        if change.keys["pk"] == "24":
            slow.handle(change)

    report = app.process(users(*map(str, range(60))), slow.context)

    assert (report.handled, report.not_run) == (25, 35)


def test_lanes_stop_too() -> None:
    context = Context(1_000)
    all_lanes = threading.Barrier(4)
    app = StreamApp(concurrency=4)

    @app.on_keys(dict)
    def spend(change: AnyKeys) -> None:
        all_lanes.wait(PATIENCE)
        context.milliseconds = 999

    report = app.process(users(*"abcdefghijklmnop"), context)

    assert (report.handled, report.failed, report.not_run) == (4, 0, 12)


def test_lanes_try_at_least_one() -> None:
    app = StreamApp(concurrency=4)
    app.on_keys(dict)(lambda change: None)

    report = app.process(users("a", "b", "c"), Context(0))

    assert report.handled >= 1
    assert report.handled + report.not_run == 3


class Impatient(MemoryStore):
    """Notes how long its calls may take."""

    def __init__(self) -> None:
        super().__init__()
        self.patience: dict[str, float] = {}

    @override
    def handled(self, marks: Any, *, patience: timedelta = timedelta(0)) -> Any:
        self.patience["handled"] = patience.total_seconds()
        return super().handled(marks)

    @override
    def add(self, marks: Any, *, patience: timedelta = timedelta(0)) -> None:
        self.patience["add"] = patience.total_seconds()
        super().add(marks)

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        self.patience["commit"] = patience.total_seconds()
        return super().commit(mark, transaction, patience=patience)


@pytest.mark.parametrize(
    ("context", "marks", "commit"),
    [(Context(600_000), 60, 5), (Context(40_000), 20, 5), (Context(4_000), 2, 2), (None, 60, 5)],
    ids=["ten minutes", "40 seconds", "4 seconds", "no deadline"],
)
def test_marks_may_take_longer_than_a_commit(context: Context | None, marks: int, commit: int) -> None:
    store = Impatient()
    app = StreamApp("app", store=store)
    app.on_keys(dict)(ignore)
    app.on_keys(dict)(write)

    assert app.process(users("a"), context).handled == 1
    assert store.patience == {"handled": marks, "add": marks, "commit": commit}


def test_patience_shrinks_with_the_time() -> None:
    given: list[timedelta] = []

    class Patient(MemoryStore):
        def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
            given.append(patience)
            return super().commit(mark, transaction, patience=patience)

    app = StreamApp(store=Patient(), time_reserve=NOW)

    @app.on_keys(dict)
    def write(change: AnyKeys, tx: Transaction) -> None: ...

    app(users("a"), Context(60_000))
    app.with_store(Patient())(users("b"), Context(0))
    app.with_store(Patient())(users("c"), Context(3_000))
    app.with_store(Patient())(users("d"))

    assert [patience.total_seconds() for patience in given] == [5, 0, 1.5, 5]


class Raising:
    """A context that does not answer."""

    @property
    def function_name(self) -> str:
        raise LookupError(CANARY)

    def get_remaining_time_in_millis(self) -> int:
        raise LookupError(CANARY)


class HalfMade:
    """A context whose method needs what it has not got."""

    @property
    def get_remaining_time_in_millis(self) -> int:
        raise LookupError(CANARY)


async def later() -> None: ...


def answering(answer: object) -> Any:
    return SimpleNamespace(get_remaining_time_in_millis=lambda: answer)


def holding(attribute: object) -> Any:
    return SimpleNamespace(get_remaining_time_in_millis=attribute)


WITHOUT_DEADLINE: dict[str, Any] = {
    "None": None,
    "a mock": MagicMock(),
    "a plain mock": Mock(),
    "a mock of a context": create_autospec(LambdaContext, instance=True),
    "an object without it": SimpleNamespace(function_name="welcome-users"),
    "a bare object": object(),
    "a dict": {"get_remaining_time_in_millis": 5},
    "text": "context",
    "a number": 60_000,
    "None in place of the method": holding(None),
    "for ever": answering(float("inf")),
    "a huge number": answering(10**400),
}


@pytest.mark.parametrize("context", WITHOUT_DEADLINE.values(), ids=WITHOUT_DEADLINE.keys())
def test_a_double_without_time_is_no_deadline(context: Any) -> None:
    app = StreamApp(store=MemoryStore(), time_reserve=timedelta(minutes=15))
    app.on_keys(dict)(ignore)

    assert app.preview(users("a", "b", "c"), context).not_run == 3
    assert app.process(users("a", "b", "c"), context).handled == 3


WITHOUT_TIME: dict[str, Any] = {
    "zero": answering(0),
    "negative": answering(-5),
    "negative float": answering(-0.5),
    "minus infinity": answering(float("-inf")),
    "hugely negative": answering(-(10**400)),
}


@pytest.mark.parametrize("context", WITHOUT_TIME.values(), ids=WITHOUT_TIME.keys())
def test_negative_time_is_none_left(context: Any) -> None:
    app = StreamApp(store=MemoryStore())
    app.on_keys(dict)(write)

    report = app.process(users("a", "b", "c"), context)

    assert (report.handled, report.not_run) == (1, 2)


NO_METHODS: dict[str, tuple[Any, str]] = {
    "a number": (holding(60_000), "is int, not a method"),
    "text": (holding("60000"), "is str, not a method"),
    "NaN": (answering(float("nan")), "returns NaN, not a number"),
    "None returned": (answering(None), "returns NoneType, not a number"),
    "text returned": (answering("60000"), "returns str, not a number"),
    "True returned": (answering(True), "returns bool, not a number"),  # noqa: FBT003  # what a double may return
    "a decimal": (answering(Decimal(60_000)), "returns Decimal, not a number"),
    "a timedelta": (answering(timedelta(seconds=60)), "returns timedelta, not a number"),
    "async": (holding(later), "returns coroutine, not a number"),
    "an async mock": (AsyncMock(), "returns coroutine, not a number"),
    "raising": (Raising(), "raises LookupError"),
    "half made": (HalfMade(), "raises LookupError"),
    "the class": (Context, "raises TypeError"),
    "an argument": (holding(lambda unit: unit), "raises TypeError"),
    "a mock that raises": (Mock(get_remaining_time_in_millis=Mock(side_effect=OSError)), "raises OSError"),
}


@pytest.mark.parametrize(("context", "reason"), NO_METHODS.values(), ids=NO_METHODS.keys())
def test_other_contexts_are_refused_first(context: Any, reason: str) -> None:
    ran: list[object] = []
    app = StreamApp("app", store=MemoryStore())
    app.on_keys(dict)(ran.append)

    with pytest.raises(ConfigurationError) as refused:
        app(users("a", "b"), context)
    with pytest.raises(ConfigurationError):
        app.preview(users("a", "b"), context)

    assert str(refused.value).startswith(
        f"the context's get_remaining_time_in_millis {reason}: pass Lambda's"
    )
    assert CANARY not in str(refused.value)
    assert ran == []


@pytest.mark.parametrize("late", [None, float("nan"), OSError(), StopIteration()], ids=repr)
def test_a_context_that_fails_late_stops(late: object) -> None:
    context: Any = Mock(get_remaining_time_in_millis=Mock(side_effect=[60_000, 60_000, 60_000, late]))
    app = StreamApp(time_reserve=NOW)
    app.on_keys(dict)(ignore)

    report = app.process(users(*"abcdef"), context)

    assert report.handled >= 1
    assert report.not_run >= 1
    assert report.handled + report.not_run == 6


FUNCTION_NAMES: dict[str, Any] = {
    "a mock's": MagicMock(),
    "a number": SimpleNamespace(function_name=5),
    "None": SimpleNamespace(function_name=None),
    "empty": SimpleNamespace(function_name=""),
    "absent": object(),
}


@pytest.mark.parametrize("context", FUNCTION_NAMES.values(), ids=FUNCTION_NAMES.keys())
def test_other_function_names_are_skipped(context: Any) -> None:
    store = MarksOnly()
    app = StreamApp(store=store)
    app.on_keys(dict)(ignore)

    app(users("a"), context)

    assert [mark.partition("#")[0] for mark in store.marks] == ["ddbevents"]


@pytest.mark.parametrize(
    ("context", "reason"),
    [(Raising(), "raises LookupError: pass"), (Context(function_name="a#b"), "contains '#'")],
    ids=["raising", "separator"],
)
def test_a_bad_function_name_is_refused(context: Any, reason: str) -> None:
    ran: list[object] = []
    app = StreamApp()
    app.on_keys(dict)(ran.append)

    with pytest.raises(ConfigurationError, match=f"the context's function_name {reason}"):
        app(users("a"), context)

    assert ran == []


def test_marks_that_nobody_keeps_need_no_time() -> None:
    app = StreamApp(middleware=[lambda _: nullcontext()])
    app.on_keys(dict)(lambda _: None)
    context = Hurry(questions=2)

    app(batch(record(1, user("a"))), context)

    assert context.questions == 1


def test_a_slow_batch_takes_several_turns() -> None:
    clock = VirtualClock()
    app = StreamApp()
    ran: list[str] = []

    @app.on_keys(dict)
    def take_50_milliseconds(change: AnyKeys) -> None:
        clock.advance(timedelta(milliseconds=50))
        ran.append(change.keys["pk"])

    mapping = EventSourceMapping(app, timeout=timedelta(seconds=2), clock=clock)
    keys = [f"item-{number:03}" for number in range(100)]
    mapping.put(*(insert({"pk": key}) for key in keys))
    history = mapping.run()

    assert ran == keys
    assert [len(invocation.records) for invocation in history.invocations] == [100, 79, 58, 37, 16]
    assert {invocation.verdict for invocation in history.invocations} == {"partial", "succeeded"}
    assert history.discarded == []


def test_slow_lanes_take_several_turns() -> None:
    app = StreamApp(concurrency=8, store=MemoryStore(), time_reserve=NOW)
    lock = threading.Lock()
    ran: list[str] = []
    context = Context(0)

    @app.on_keys(dict)
    def take_50_milliseconds(change: AnyKeys) -> None:
        with lock:
            context.milliseconds -= 50
            ran.append(change.keys["pk"])

    def invoke() -> int:
        context.milliseconds = 2_000
        return app.process(users(*map(str, range(100))), context).handled

    handled = [invoke() for _ in range(3)]

    assert sorted(ran) == sorted(map(str, range(100)))
    assert (sum(handled), 0 in handled) == (100, False)
