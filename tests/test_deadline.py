"""When too little time is left, and the rest of a batch waits for the next delivery."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from typing_extensions import override

from ddbevents import KeyChange, StreamApp, Transaction
from ddbevents.dead_letters import DeadLetter, DeadLetters
from ddbevents.stores import MemoryStore
from ddbevents.testing import EventSourceMapping, VirtualClock, insert
from tests.deliveries import FaultyStore, Letters
from tests.stream import Context, batch, user
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
