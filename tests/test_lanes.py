"""Records of several items at once: how many, in which order, and how it ends.

`DDBEVENTS_LONG=1` lets threads take hasty turns for longer.
"""

from __future__ import annotations

import asyncio
import contextvars
import decimal
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, field_validator

from ddbevents import (
    BatchReport,
    ConfigurationError,
    Insert,
    InvalidRecordError,
    KeyChange,
    Outcome,
    Reject,
    StreamApp,
)
from ddbevents._async import is_inside_loop
from ddbevents.dead_letters import DeadLetters
from ddbevents.stores import MemoryStore
from tests.deliveries import LONGER, FaultyStore, Letters, World, deliver
from tests.stream import Json, MarksOnly, batch, insert, modify, named, user

PATIENCE: Final = 20.0
"""Seconds after which a test that waits has failed."""

AnyKeys = KeyChange[dict[str, Any]]
trace = contextvars.ContextVar("trace", default="none")


class User(BaseModel):
    pk: str
    email: str


def users(*keys: str) -> Json:
    return batch(*(insert(number, user(key)) for number, key in enumerate(keys, start=1)))


def items(count: int, records_each: int = 1) -> Json:
    return users(*[f"item-{place}" for place in range(count)] * records_each)


def told(app: StreamApp, event: Json) -> list[str]:
    return [report.outcome.value for report in app.process(event).records]


class Crowd:
    """Handlers that count how many of them run at the same time."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, change: object) -> Generator[None]:  # noqa: ARG002  # a middleware
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        yield
        with self._lock:
            self.running -= 1


def test_as_many_lanes_run_at_once_as_are_asked_for() -> None:
    crowd, barrier = Crowd(), threading.Barrier(16)
    app = StreamApp(concurrency=16, middleware=[crowd])

    @app.on_keys(dict)
    def meet(change: AnyKeys) -> None:
        barrier.wait(PATIENCE)

    report = app.process(items(32, 2))

    assert (report.handled, crowd.most) == (64, 16)


def test_async_handlers_of_several_lanes_run_at_once_in_one_loop() -> None:
    crowd, barrier = Crowd(), asyncio.Barrier(16)
    app = StreamApp(concurrency=16, middleware=[crowd])
    threads: set[int] = set()

    @app.on_keys(dict)
    async def meet(change: AnyKeys) -> None:
        threads.add(threading.get_ident())
        await asyncio.wait_for(barrier.wait(), PATIENCE)

    report = app.process(items(32, 2))

    assert (report.handled, crowd.most, len(threads)) == (64, 16, 1)


def test_lanes_run_in_threads_that_tell_whose_they_are() -> None:
    app, names = StreamApp(concurrency=4), set[str]()
    app.on_keys(dict)(lambda change: names.add(threading.current_thread().name.rpartition("_")[0]))

    app.process(items(4))

    assert names == {"ddbevents-lane"}


def test_one_lane_needs_no_thread() -> None:
    app, threads = StreamApp(concurrency=4), set[int]()
    app.on_keys(dict)(lambda change: threads.add(threading.get_ident()))

    app.process(items(1, 3))

    assert threads == {threading.get_ident()}


def test_one_at_a_time_is_the_default() -> None:
    crowd = Crowd()
    app = StreamApp(middleware=[crowd])
    app.on_keys(dict)(lambda change: None)

    app.process(items(8))

    assert crowd.most == 1


def test_the_records_of_an_item_run_in_order() -> None:
    app = StreamApp(concurrency=8)
    ran: list[tuple[str, str]] = []

    @app.on_insert(User)
    def note(change: Insert[User]) -> None:
        time.sleep(0.0005)
        ran.append((change.new.pk, change.record.sequence_number))

    app.process(users(*"abcd" * 10))

    assert len(ran) == 40
    assert all(
        [number for pk, number in ran if pk == key] == sorted(number for pk, number in ran if pk == key)
        for key in "abcd"
    )


@pytest.mark.parametrize("event", [batch(), batch(None), batch(None, insert(2, user("a")))], ids=str)
def test_a_batch_without_lanes_is_answered_as_one_at_a_time(event: Json) -> None:
    one, many = StreamApp(), StreamApp(concurrency=4)

    assert many.process(event).response == one.process(event).response


def test_what_follows_a_record_of_any_item_waits_for_all_before_it() -> None:
    app = StreamApp(store=MemoryStore(), concurrency=4)
    ran: list[str] = []

    @app.on_keys(dict)
    def note(change: AnyKeys) -> None:
        ran.append(change.keys["pk"])

    keyless = insert(3, user("?"), Keys=None)
    event = batch(insert(1, user("a")), insert(2, user("b")), keyless, insert(4, user("c")))

    assert told(app, event) == ["handled", "handled", "failed", "not run"]
    assert sorted(ran) == ["a", "b"]


def test_a_record_of_any_item_waits_for_all_before_it() -> None:
    app = StreamApp(store=MemoryStore(), concurrency=4)

    @app.on_keys(dict)
    def hesitate(change: AnyKeys) -> None:
        time.sleep(0.1)  # it would have failed by then

    event = batch(insert(1, user("a")), insert(2, user("a")), insert(3, user("?"), Keys=None))

    assert told(app, event) == ["handled", "handled", "failed"]


def test_without_a_store_lanes_end_before_their_next_record_once_one_failed() -> None:
    app = StreamApp(concurrency=2)
    both = threading.Barrier(2)

    @app.on_keys(dict)
    def fail(change: AnyKeys) -> None:
        both.wait(PATIENCE)
        if change.keys["pk"] == "a":
            raise ValueError
        time.sleep(0.3)  # the other lane's failure has been seen by then

    assert told(app, users("a", "b", "b", "c")) == ["failed", "handled", "not run", "not run"]


def test_with_a_store_the_other_lanes_go_on() -> None:
    app = StreamApp(store=MemoryStore(), concurrency=4)

    @app.on_keys(dict)
    def fail(change: AnyKeys) -> None:
        if change.keys["pk"] == "a":
            raise ValueError

    report = app.process(users("b", "a", "b", "a", "c"))

    assert [r.outcome.value for r in report.records] == ["handled", "failed", "handled", "not run", "handled"]
    assert report.response == named(2)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_context_variables_reach_handlers_in_all_lanes(*, is_async: bool) -> None:
    app = StreamApp(concurrency=4)
    seen: list[str] = []

    def note(change: AnyKeys) -> None:
        seen.append(trace.get())

    async def note_async(change: AnyKeys) -> None:
        seen.append(trace.get())

    app.on_keys(dict)(note_async if is_async else note)
    trace.set("request-7")
    app(items(8))

    assert seen == ["request-7"] * 8


def test_a_context_variable_that_a_lane_sets_is_its_own() -> None:
    app = StreamApp(concurrency=2)
    barrier = threading.Barrier(2)
    seen: list[str] = []

    @app.on_keys(dict)
    def change_trace(change: AnyKeys) -> None:
        seen.append(trace.get())
        barrier.wait(PATIENCE)
        trace.set(change.keys["pk"])

    trace.set("outside")
    app(items(2))

    assert seen == ["outside", "outside"]
    assert trace.get() == "outside"


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_who_ends_the_process_in_a_lane_ends_it_and_what_is_done_is_marked(
    stop: type[BaseException], *, is_async: bool
) -> None:
    store = MarksOnly()
    app = StreamApp("app", store=store, concurrency=2)
    both = threading.Barrier(2)
    ran: list[str] = []

    def handle(change: AnyKeys) -> None:
        ran.append(change.keys["pk"])
        both.wait(PATIENCE)
        if change.keys["pk"] == "a":
            raise stop
        time.sleep(0.3)  # the other lane has ended by then

    async def handle_async(change: AnyKeys) -> None:
        await asyncio.to_thread(handle, change)

    app.on_keys(dict)(handle_async if is_async else handle)

    with pytest.raises(stop):
        app(users("a", "b", "b", "b", "c"))
    assert sorted(ran) == ["a", "b"]
    assert len(store.marks) == 1


def test_who_ends_the_process_in_the_last_lane_ends_the_first_before_its_next_record() -> None:
    app = StreamApp(concurrency=2)
    ending = threading.Event()
    ran: list[str] = []

    @app.on_keys(dict)
    def handle(change: AnyKeys) -> None:
        ran.append(change.keys["pk"])
        if change.keys["pk"] == "b":
            ending.set()
            raise SystemExit
        ending.wait(PATIENCE)
        time.sleep(0.2)  # the other lane has ended by then

    with pytest.raises(SystemExit):
        app(users("a", "a", "b"))
    assert sorted(ran) == ["a", "b"]


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system sends threads no signals")
def test_an_interrupted_wait_for_lanes_ends_them_before_their_next_record() -> None:
    store = MarksOnly()
    app = StreamApp("app", store=store, concurrency=2)
    main, both, interrupted = threading.get_ident(), threading.Barrier(2), threading.Event()
    ran: list[str] = []

    def interrupt_main(*_: object) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    @app.on_keys(dict)
    def interrupt(change: AnyKeys) -> None:
        ran.append(change.keys["pk"])
        both.wait(PATIENCE)
        if change.keys["pk"] == "a":
            time.sleep(0.2)  # the main thread waits by then; a signal just before would be seen late
            signal.pthread_kill(main, signal.SIGINT)
        interrupted.wait(PATIENCE)
        time.sleep(0.3)  # the lanes have been told by then

    usual = signal.signal(signal.SIGINT, interrupt_main)
    with pytest.raises(KeyboardInterrupt):
        app(users(*"ab" * 5))
    signal.signal(signal.SIGINT, usual)
    assert sorted(ran) == ["a", "b"]
    assert len(store.marks) == 2


def test_a_cancelled_handler_in_a_lane_fails_its_record() -> None:
    app = StreamApp(store=MemoryStore(), concurrency=2)

    @app.on_keys(dict)
    async def cancel(change: AnyKeys) -> None:
        if change.keys["pk"] == "a":
            raise asyncio.CancelledError

    assert told(app, users("a", "b", "a")) == ["failed", "handled", "not run"]


@pytest.mark.parametrize("concurrency", [1, 2])
def test_keys_that_differ_in_their_last_digit_are_two_lanes(concurrency: int) -> None:
    app = StreamApp(store=MemoryStore(), concurrency=concurrency)
    numbers = [f"0.1{'0' * 36}{digit}" for digit in "1232"] + ["-0.5", "-0.50"]
    records = [insert(n, user("a"), Keys={"pk": {"N": text}}) for n, text in enumerate(numbers, start=1)]

    @app.on_keys(dict)
    def fail(change: AnyKeys) -> None:
        if change.record.raw["dynamodb"]["Keys"]["pk"]["N"][-1] in "25":
            raise ValueError

    with decimal.localcontext() as strict:
        strict.traps[decimal.Inexact] = strict.traps[decimal.Rounded] = True
        outcomes = told(app, batch(*records))

    assert outcomes == ["handled", "failed", "handled", "not run", "failed", "not run"]


def test_small_numbers_are_one_lane_however_they_are_written() -> None:
    app = StreamApp(store=MemoryStore())
    keys = [{"pk": {"N": number}} for number in ("1E-7", "0.00000010", "0.0000001")]

    @app.on_keys(dict)
    def fail(change: AnyKeys) -> None:
        raise ValueError

    event = batch(*[insert(number, user("a"), Keys=key) for number, key in enumerate(keys, start=1)])

    assert told(app, event) == ["failed", "not run", "not run"]


def test_a_record_that_is_twice_in_a_batch_runs_once_without_a_store() -> None:
    app = StreamApp(concurrency=4)
    ran: list[str] = []
    app.on_keys(dict)(lambda change: ran.append(change.keys["pk"]))

    assert told(app, batch(insert(1, user("a")), insert(1, user("a")))) == ["handled", "already handled"]
    assert ran == ["a"]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_another_record_of_the_same_number_is_a_failed_record(concurrency: int) -> None:
    app = StreamApp(store=MemoryStore(), concurrency=concurrency)
    app.on_keys(dict)(lambda change: None)
    twin = insert(2, user("b", "grace@example.com"))

    report = app.process(batch(insert(1, user("a")), insert(2, user("b")), twin, insert(3, user("b"))))

    assert [r.outcome.value for r in report.records] == ["handled", "handled", "failed", "not run"]
    assert isinstance(report.records[2].error, InvalidRecordError)
    assert "SequenceNumber: an earlier record of the batch has this number" in str(report.records[2].error)
    assert report.response == named(2)


def test_records_too_deep_to_compare_are_taken_for_two() -> None:
    app = StreamApp(store=MemoryStore())
    app.on_keys(dict)(lambda change: None)
    one, other = (insert(1, user("a", inside=deep(20_000))) for _ in range(2))

    assert told(app, batch(one, other)) == ["handled", "failed"]


def deep(levels: int) -> Json:
    attribute: Json = {"S": "x"}
    for _ in range(levels):
        attribute = {"M": {"inside": attribute}}
    return attribute


@pytest.mark.parametrize("concurrency", [1, 2])
def test_items_are_let_go_when_their_record_is_done(concurrency: int) -> None:
    app = StreamApp(store=MemoryStore(), concurrency=concurrency)
    alive: list[weakref.ref[User]] = []
    most: list[int] = []

    @app.on_insert(User)
    def first(change: Insert[User]) -> None:
        alive.append(weakref.ref(change.new))
        most.append(sum(item() is not None for item in alive))

    app.on_insert(User)(lambda change: None)
    report = app.process(users(*"ab" * 20))

    assert report.handled == 40
    assert max(most) <= 2 * concurrency


def inner_app(*, is_async: bool) -> StreamApp:
    app = StreamApp(store=MemoryStore(), concurrency=4)

    def handle(change: Insert[User]) -> None: ...

    async def handle_async(change: Insert[User]) -> None: ...

    app.on_insert(User)(handle_async if is_async else handle)
    return app


@pytest.mark.parametrize(("is_async", "told"), [(False, "handled"), (True, "failed")], ids=["sync", "async"])
def test_an_app_with_lanes_within_an_async_handler_does_not_wait_for_the_loop(
    told: str, *, is_async: bool
) -> None:
    app, inner = StreamApp(), inner_app(is_async=is_async)
    reports: list[BatchReport] = []

    @app.on_insert(User)
    async def handle(change: Insert[User]) -> None:
        reports.append(inner.process(users("a", "b")))

    app(users("z"))

    assert [report.outcome.value for report in reports[0].records] == [told, told]


def test_the_loop_is_known_from_inside_though_its_module_was_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = StreamApp()
    found: list[bool] = []

    @app.on_insert(User)
    async def handle(change: Insert[User]) -> None:
        monkeypatch.delitem(sys.modules, "ddbevents._async._loop")
        found.append(is_inside_loop())

    app(users("z"))

    assert found == [True]


@pytest.mark.parametrize("concurrency", [0, -1])
def test_less_than_one_at_a_time_is_refused(concurrency: int) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        StreamApp(concurrency=concurrency)


class Nested(BaseModel):
    """A model whose decoding is worth a thread's turn."""

    pk: str
    email: str
    tags: list[dict[str, int]] = []

    @field_validator("email")
    @classmethod
    def is_its_own(cls, email: str) -> str:
        return email.lower()


@contextmanager
def hasty_threads() -> Generator[None]:
    """Threads that take turns far more often than usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@settings(max_examples=5 * LONGER, deadline=None)
@given(st.integers(2, 60), st.integers(1, 8), st.sampled_from([1, 3, 10]), st.booleans())
def test_under_hasty_threads_each_record_has_its_own_item_and_each_mark_is_written(
    items_of: int, records_each: int, window: int, is_once_a_lane: bool
) -> None:
    store = FaultyStore(window=window, once_a_lane=is_once_a_lane)
    app = StreamApp("app", store=store, concurrency=16)
    seen: list[tuple[str, ...]] = []

    @app.on_modify(Nested)
    def look(change: Any) -> None:
        seen.append((change.record.keys["pk"], change.new.pk, change.new.email.partition("@")[0]))

    @app.on_modify(Nested)
    async def look_again(change: Any) -> None:
        look(change)

    @app.on_modify(Nested)
    def write(change: Any, tx: Any) -> None:
        look(change)

    event = batch(
        *(
            modify(n, user(key, "x@example.com"), user(key, f"{key}@EXAMPLE.com", tags=tags(n)))
            for n, key in enumerate([f"k{place}" for place in range(items_of)] * records_each, start=1)
        )
    )
    with hasty_threads():
        report = app.process(event)

    assert [names for names in seen if len({*names}) > 1] == []
    assert report.handled == items_of * records_each
    assert len(store.marks) == len({*store.marks}) == 3 * items_of * records_each


def test_under_hasty_threads_no_note_of_a_dead_letter_is_lost() -> None:
    app = StreamApp("app", store=MemoryStore(), dead_letter=DeadLetters(Letters()), concurrency=16)

    @app.on_insert(User)
    def refuse(_: Insert[User]) -> None:
        raise Reject("no such customer")

    event = items(1000)
    with hasty_threads():
        first = app.process(event)

    assert (first.dead_lettered, app.process(event).already_handled) == (1000, 1000)


def tags(number: int) -> Json:
    return {"L": [{"M": {"n": {"N": str(place)}}} for place in range(number % 5)]}


@settings(max_examples=3 * LONGER, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=50, max_size=200), st.integers(2, 16), st.integers(0, 50))
def test_under_hasty_threads_no_mark_is_lost_and_no_order_broken(
    keys: list[int], concurrency: int, failing: int
) -> None:
    store = FaultyStore(window=7)
    styles: Any = {"first": "sync", "second": "transaction"}
    world = World([*map(str, keys)], styles, {("first", 10 * failing): 2, ("second", 10 * failing + 10): 1})

    with hasty_threads():
        reports = deliver(world.app(store, concurrency=concurrency), world.records)

    assert reports[-1].response == {"batchItemFailures": []}
    assert sorted(store.marks) == sorted({*store.marks})
    assert len(store.marks) == 2 * len(keys)
    assert {*world.repeated, *world.out_of_order} == set()
    assert Outcome.FAILED not in [record.outcome for record in reports[-1].records]


FIRST_LANES = """
import asyncio, sys, threading
sys.setswitchinterval(1e-6)
from ddbevents import StreamApp
from tests.stream import batch, insert, user

app, loops, start = StreamApp(concurrency=16), set(), threading.Barrier(16)

async def note(change):
    loops.add(asyncio.get_running_loop())

async def begin(change):
    await note(change)

def both(change):
    start.wait(20)
    return begin(change)

app.on_keys(dict)(both)
app(batch(*(insert(n, user(str(n))) for n in range(16))))
print(len(loops))
"""


def test_the_first_async_handlers_of_a_process_share_a_loop_although_they_begin_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_LANES], capture_output=True, text=True, check=True)

    assert done.stdout == "1\n"


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_record_of_any_item_that_fails_first_keeps_all_others_from_running(concurrency: int) -> None:
    app = StreamApp(store=MemoryStore(), concurrency=concurrency)
    ran: list[object] = []
    app.on_keys(dict)(lambda change: ran.append(change.keys["pk"]))
    event = batch(insert(1, user("?"), Keys=None), *users(*"abcdefgh")["Records"][1:])

    assert told(app, event) == ["failed"] + ["not run"] * 7
    assert ran == []
