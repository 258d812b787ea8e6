"""Records of several items at once: how many, in which order, and how they end.

`DDBEVENTS_CAMPAIGNS=long` tries more examples under hasty threads.
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
from collections.abc import Callable, Generator
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
from ddbevents.dead_letters import DeadLetters
from ddbevents.stores import MemoryStore
from tests.campaigns import size
from tests.deliveries import FaultyStore, Letters, World, deliver
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


def outcomes(app: StreamApp, event: Json) -> list[str]:
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


def test_as_many_lanes_run_as_asked() -> None:
    crowd, barrier = Crowd(), threading.Barrier(16)
    app = StreamApp(concurrency=16, middleware=[crowd])

    @app.on_keys(dict)
    def meet(change: AnyKeys) -> None:
        barrier.wait(PATIENCE)

    report = app.process(items(32, 2))

    assert (report.handled, crowd.most) == (64, 16)


def test_async_lanes_share_one_loop() -> None:
    crowd, barrier = Crowd(), asyncio.Barrier(16)
    app = StreamApp(concurrency=16, middleware=[crowd])
    threads: set[int] = set()

    @app.on_keys(dict)
    async def meet(change: AnyKeys) -> None:
        threads.add(threading.get_ident())
        await asyncio.wait_for(barrier.wait(), PATIENCE)

    report = app.process(items(32, 2))

    assert (report.handled, crowd.most, len(threads)) == (64, 16, 1)


def test_lane_threads_have_a_name() -> None:
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


def test_each_item_stays_in_order() -> None:
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
def test_lanes_do_not_change_the_answer(event: Json) -> None:
    one, many = StreamApp(), StreamApp(concurrency=4)

    assert many.process(event).response == one.process(event).response


def test_a_keyless_record_is_a_barrier() -> None:
    app = StreamApp(store=MemoryStore(), concurrency=4)
    ran: list[str] = []

    @app.on_keys(dict)
    def note(change: AnyKeys) -> None:
        ran.append(change.keys["pk"])

    keyless = insert(3, user("?"), Keys=None)
    event = batch(insert(1, user("a")), insert(2, user("b")), keyless, insert(4, user("c")))

    assert outcomes(app, event) == ["handled", "handled", "failed", "not run"]
    assert sorted(ran) == ["a", "b"]


def test_a_keyless_record_waits_for_all() -> None:
    app = StreamApp(store=MemoryStore(), concurrency=4)

    @app.on_keys(dict)
    def hesitate(change: AnyKeys) -> None:
        time.sleep(0.1)  # it would have failed by then

    event = batch(insert(1, user("a")), insert(2, user("a")), insert(3, user("?"), Keys=None))

    assert outcomes(app, event) == ["handled", "handled", "failed"]


def test_a_failure_ends_all_lanes() -> None:
    app = StreamApp(concurrency=2)
    both = threading.Barrier(2)

    @app.on_keys(dict)
    def fail(change: AnyKeys) -> None:
        both.wait(PATIENCE)
        if change.keys["pk"] == "a":
            raise ValueError
        time.sleep(0.3)  # the other lane's failure has been seen by then

    assert outcomes(app, users("a", "b", "b", "c")) == ["failed", "handled", "not run", "not run"]


def test_with_a_store_other_lanes_go_on() -> None:
    app = StreamApp(store=MemoryStore(), concurrency=4)

    @app.on_keys(dict)
    def fail(change: AnyKeys) -> None:
        if change.keys["pk"] == "a":
            raise ValueError

    report = app.process(users("b", "a", "b", "a", "c"))

    assert [r.outcome.value for r in report.records] == ["handled", "failed", "handled", "not run", "handled"]
    assert report.response == named(2)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_context_reaches_every_lane(*, is_async: bool) -> None:
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


def test_lanes_have_their_own_context() -> None:
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
def test_an_exit_in_a_lane_keeps_marks(stop: type[BaseException], *, is_async: bool) -> None:
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


def test_a_late_exit_stops_earlier_lanes() -> None:
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


@contextmanager
def on_interrupt(handler: Callable[..., object]) -> Generator[None]:
    """Let a function handle Ctrl-C."""
    usual = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system sends threads no signals")
def test_an_interrupt_ends_the_lanes() -> None:
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
        time.sleep(0.3)  # the lanes have been stopped by then

    with on_interrupt(interrupt_main), pytest.raises(KeyboardInterrupt):
        app(users(*"ab" * 5))
    assert sorted(ran) == ["a", "b"]
    assert len(store.marks) == 2


def test_a_cancelled_lane_handler_fails() -> None:
    app = StreamApp(store=MemoryStore(), concurrency=2)

    @app.on_keys(dict)
    async def cancel(change: AnyKeys) -> None:
        if change.keys["pk"] == "a":
            raise asyncio.CancelledError

    assert outcomes(app, users("a", "b", "a")) == ["failed", "handled", "not run"]


@pytest.mark.parametrize("concurrency", [1, 2])
def test_the_last_digit_tells_keys_apart(concurrency: int) -> None:
    app = StreamApp(store=MemoryStore(), concurrency=concurrency)
    numbers = [f"0.1{'0' * 36}{digit}" for digit in "1232"] + ["-0.5", "-0.50"]
    records = [insert(n, user("a"), Keys={"pk": {"N": text}}) for n, text in enumerate(numbers, start=1)]

    @app.on_keys(dict)
    def fail(change: AnyKeys) -> None:
        if change.record.raw["dynamodb"]["Keys"]["pk"]["N"][-1] in "25":
            raise ValueError

    with decimal.localcontext() as strict:
        strict.traps[decimal.Inexact] = strict.traps[decimal.Rounded] = True
        found = outcomes(app, batch(*records))

    assert found == ["handled", "failed", "handled", "not run", "failed", "not run"]


def test_small_equal_keys_are_one_lane() -> None:
    app = StreamApp(store=MemoryStore())
    keys = [{"pk": {"N": number}} for number in ("1E-7", "0.00000010", "0.0000001")]

    @app.on_keys(dict)
    def fail(change: AnyKeys) -> None:
        raise ValueError

    event = batch(*[insert(number, user("a"), Keys=key) for number, key in enumerate(keys, start=1)])

    assert outcomes(app, event) == ["failed", "not run", "not run"]


def test_a_duplicate_needs_no_store() -> None:
    app = StreamApp(concurrency=4)
    ran: list[str] = []
    app.on_keys(dict)(lambda change: ran.append(change.keys["pk"]))

    assert outcomes(app, batch(insert(1, user("a")), insert(1, user("a")))) == ["handled", "already handled"]
    assert ran == ["a"]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_reused_number_fails(concurrency: int) -> None:
    app = StreamApp(store=MemoryStore(), concurrency=concurrency)
    app.on_keys(dict)(lambda change: None)
    twin = insert(2, user("b", "grace@example.com"))

    report = app.process(batch(insert(1, user("a")), insert(2, user("b")), twin, insert(3, user("b"))))

    assert [r.outcome.value for r in report.records] == ["handled", "handled", "failed", "not run"]
    assert isinstance(report.records[2].error, InvalidRecordError)
    assert "SequenceNumber: an earlier record in the batch has the same sequence number" in str(
        report.records[2].error
    )
    assert report.response == named(2)


@pytest.mark.parametrize("store", [None, MemoryStore()], ids=["no store", "store"])
def test_a_reused_event_id_fails(store: MemoryStore | None) -> None:
    app = StreamApp(store=store)
    app.on_keys(dict)(lambda change: None)
    copied = {**insert(2, user("b")), "eventID": insert(1, user("a"))["eventID"]}

    report = app.process(batch(insert(1, user("a")), copied, insert(3, user("b"))))

    assert [r.outcome.value for r in report.records] == ["handled", "failed", "not run"]
    error = str(report.records[1].error)
    assert "eventID: an earlier record in the batch has the same eventID but another sequence number" in error
    assert "give each record an eventID and a SequenceNumber of its own, as ddbevents.testing does" in error
    assert report.response == named(2)


def test_unreadable_twins_are_both_reported() -> None:
    app = StreamApp(store=MemoryStore())
    app.on_keys(dict)(lambda change: None)
    nameless = {**insert(2, user("b")), "eventID": None}

    report = app.process(batch(insert(1, user("a")), nameless, nameless, insert(3, user("c"))))

    assert [r.outcome.value for r in report.records] == ["handled", "failed", "not run", "handled"]


@pytest.mark.usefixtures("no_collection")
def test_deep_records_count_as_different() -> None:
    app = StreamApp(store=MemoryStore())
    app.on_keys(dict)(lambda change: None)
    one, other = (insert(1, user("a", inside=deep(20_000))) for _ in range(2))

    assert outcomes(app, batch(one, other)) == ["handled", "failed"]


def deep(levels: int) -> Json:
    attribute: Json = {"S": "x"}
    for _ in range(levels):
        attribute = {"M": {"inside": attribute}}
    return attribute


@pytest.mark.parametrize("concurrency", [1, 2])
def test_items_are_released_when_done(concurrency: int) -> None:
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


@pytest.mark.parametrize(
    ("is_async", "outcome"), [(False, "handled"), (True, "failed")], ids=["sync", "async"]
)
def test_nested_lanes_do_not_deadlock(outcome: str, *, is_async: bool) -> None:
    app, inner = StreamApp(), inner_app(is_async=is_async)
    reports: list[BatchReport] = []

    @app.on_insert(User)
    async def handle(change: Insert[User]) -> None:
        reports.append(inner.process(users("a", "b")))

    app(users("z"))

    assert [report.outcome.value for report in reports[0].records] == [outcome, outcome]


FORGOTTEN = """
import sys
from ddbevents import StreamApp
from tests.stream import batch, insert, user

known = {*sys.modules}
inner, outer = StreamApp(concurrency=2), StreamApp()

@inner.on_keys(dict)
async def handle(change): ...

@outer.on_keys(dict)
async def forget(change):
    for name in [name for name in sys.modules if name.startswith("ddbevents.") and name not in known]:
        del sys.modules[name]
    report = inner.process(batch(insert(1, user("a")), insert(2, user("b"))))
    print(report.records[0].error)

outer(batch(insert(1, user("a"))))
"""


def test_forgotten_modules_do_not_deadlock() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORGOTTEN], capture_output=True, text=True, check=True, timeout=60
    )

    assert "use asyncio.to_thread" in done.stdout


@pytest.mark.parametrize("concurrency", [0, -1])
def test_concurrency_is_at_least_one(concurrency: int) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        StreamApp(concurrency=concurrency)


class Nested(BaseModel):
    """A model that takes long enough to decode for threads to switch meanwhile."""

    pk: str
    email: str
    tags: list[dict[str, int]] = []

    @field_validator("email")
    @classmethod
    def is_its_own(cls, email: str) -> str:
        return email.lower()


@contextmanager
def hasty_threads() -> Generator[None]:
    """Let threads take turns far more often than usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


@settings(max_examples=size(short=3, full=5, long=250))
@given(st.integers(2, 60), st.integers(1, 8), st.sampled_from([1, 3, 10]), st.booleans())
def test_hasty_threads_mix_no_items(
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


def test_hasty_threads_lose_no_dead_letter() -> None:
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


@settings(max_examples=size(short=2, full=3, long=150))
@given(st.lists(st.integers(0, 30), min_size=50, max_size=200), st.integers(2, 16), st.integers(0, 50))
def test_hasty_threads_keep_marks_and_order(keys: list[int], concurrency: int, failing: int) -> None:
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


def test_a_race_starts_only_one_loop() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_LANES], capture_output=True, text=True, check=True)

    assert done.stdout == "1\n"


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_keyless_head_stops_everything(concurrency: int) -> None:
    app = StreamApp(store=MemoryStore(), concurrency=concurrency)
    ran: list[object] = []
    app.on_keys(dict)(lambda change: ran.append(change.keys["pk"]))
    event = batch(insert(1, user("?"), Keys=None), *users(*"abcdefgh")["Records"][1:])

    assert outcomes(app, event) == ["failed"] + ["not run"] * 7
    assert ran == []
