"""When the rest of a batch is left to the next delivery."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from typing_extensions import override

from ddbevents import KeyChange, StreamApp, Transaction
from ddbevents._engine._deadline import Deadline
from ddbevents.dead_letters import DeadLetter, DeadLetters
from ddbevents.stores import MemoryStore
from ddbevents.testing import EventSourceMapping, VirtualClock, insert
from tests.deliveries import FaultyStore, Letters
from tests.stream import Context, batch, user
from tests.stream import insert as record

AnyKeys = KeyChange[dict[str, Any]]
NOW = timedelta(0)


class Slow:
    """Handlers that take real time, and a context in which the time left stands still."""

    def __init__(self, milliseconds: int) -> None:
        self.context = Context(milliseconds)
        self.ran: list[str] = []

    def handle(self, change: AnyKeys) -> None:
        self.ran.append(change.keys["pk"])
        time.sleep(0.03)


def users(*keys: str) -> Any:
    return batch(*(record(number, user(key)) for number, key in enumerate(keys, start=1)))


def test_no_record_is_begun_in_less_than_twice_the_time_of_the_slowest() -> None:
    slow = Slow(50)
    app = StreamApp(time_reserve=NOW)
    app.on_keys(dict)(slow.handle)

    report = app.process(users("a", "b", "c"), slow.context)

    assert (report.handled, report.not_run) == (1, 2)


def test_the_slowest_record_is_remembered_after_faster_ones() -> None:
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
    """A sink whose every letter takes four seconds of the context's time."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context

    @override
    def send(self, letter: DeadLetter) -> None:
        self.context.milliseconds -= 4_000
        super().send(letter)


def test_no_unreadable_record_is_put_aside_with_less_than_the_reserve_left() -> None:
    context = Context(10_000)
    letters = SlowLetters(context)
    app = StreamApp(store=MemoryStore(), dead_letter=DeadLetters(letters), time_reserve=timedelta(seconds=5))
    unreadable = [{**record(number, user("a")), "eventName": None} for number in range(1, 5)]

    report = app.process(batch(*unreadable), context)

    assert (report.dead_lettered, report.not_run, len(letters.letters)) == (2, 2, 2)


def test_the_time_to_put_an_unreadable_record_aside_is_that_of_a_record() -> None:
    class Lasting(Letters):
        @override
        def send(self, letter: DeadLetter) -> None:
            time.sleep(0.03)
            super().send(letter)

    app = StreamApp(store=MemoryStore(), dead_letter=DeadLetters(Lasting()), time_reserve=NOW)
    unreadable = [{**record(number, user("a")), "eventName": None} for number in range(1, 4)]

    report = app.process(batch(*unreadable), Context(50))

    assert (report.dead_lettered, report.not_run) == (1, 2)


def test_with_time_enough_all_is_done() -> None:
    slow = Slow(5_000)
    app = StreamApp(time_reserve=NOW)
    app.on_keys(dict)(slow.handle)

    assert app.process(users("a", "b", "c"), slow.context).handled == 3


@pytest.mark.parametrize(
    ("milliseconds", "is_near"), [(2_499, True), (2_500, False)], ids=["less", "as much"]
)
def test_twice_the_slowest_record_and_once_the_slowest_flush_are_kept_in_hand(
    milliseconds: int, *, is_near: bool
) -> None:
    deadline = Deadline(lambda: milliseconds, NOW)

    deadline.note_record(1.0)
    deadline.note_record(0.1)
    deadline.note_flush(0.5)
    deadline.note_flush(0.1)

    assert deadline.is_near() == is_near


class SlowStore(FaultyStore):
    """One that takes its time to write."""

    def _write(self, how: str, marks: Any) -> bool:
        time.sleep(0.06)
        return super()._write(how, marks)


@pytest.mark.parametrize("is_packed", [False, True], ids=["marks", "packs"])
def test_the_time_to_write_is_kept_in_hand(*, is_packed: bool) -> None:
    app = StreamApp(store=SlowStore(window=25), time_reserve=NOW)
    context = Context(40)

    def mark(change: AnyKeys) -> None: ...

    def write(change: AnyKeys, tx: Transaction) -> None: ...

    app.on_keys(dict)(write if is_packed else mark)
    report = app.process(users(*map(str, range(60))), context)

    assert (report.handled, report.not_run) == (25, 35)


def test_lanes_stop_too_and_each_invocation_makes_progress() -> None:
    context = Context(1_500)
    lock = threading.Lock()
    app = StreamApp(concurrency=4)

    @app.on_keys(dict)
    def spend(change: AnyKeys) -> None:
        with lock:
            context.milliseconds -= 100

    report = app.process(users(*"abcdefghijklmnop"), context)

    assert report.handled == 6
    assert (report.failed, report.not_run) == (0, 10)


def test_lanes_try_one_record_however_little_time_is_left() -> None:
    app = StreamApp(concurrency=4)
    app.on_keys(dict)(lambda change: None)

    report = app.process(users("a", "b", "c"), Context(0))

    assert report.handled >= 1
    assert report.handled + report.not_run == 3


def test_a_transaction_in_a_hurry_is_given_less_time_to_go_on_trying() -> None:
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


def test_a_hundred_records_of_50_milliseconds_within_2_seconds_are_each_done_once() -> None:
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


def test_a_hundred_records_in_lanes_are_each_done_once_and_some_in_each_invocation() -> None:
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
