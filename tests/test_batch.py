"""Which handlers run and which records are reported and marked, for every way a batch can go."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from typing_extensions import override

from ddbevents import (
    BatchFailedError,
    ConfigurationError,
    Insert,
    KeyChange,
    Outcome,
    Router,
    StoreError,
    StreamApp,
    StreamRecord,
    Transaction,
    TransactionError,
)
from ddbevents.stores import IdempotencyStore, MemoryStore, TransactionalStore
from tests.deliveries import FaultyStore
from tests.stream import (
    CANARY,
    Context,
    Json,
    MarksOnly,
    batch,
    insert,
    named,
    remove,
    sequence_number,
    shown,
    user,
)


class User(BaseModel):
    pk: str
    email: str


class Recorder:
    """An app with one handler that notes its records, and fails for some."""

    def __init__(self, *failing: int, store: IdempotencyStore | None = None, **options: Any) -> None:
        self.failing = {sequence_number(number) for number in failing}
        self.ran: list[str] = []
        self.app = StreamApp("app", store=store, **options)
        self.app.on_keys(dict)(self.handle)

    def handle(self, change: KeyChange[dict[str, Any]]) -> None:
        number = change.record.sequence_number
        self.ran.append(number)
        if number in self.failing:
            raise ValueError(CANARY)


def users(*keys: str) -> Json:
    return batch(*(insert(number, user(key)) for number, key in enumerate(keys, start=1)))


def outcomes(recorder: Recorder, event: Json, context: Context | None = None) -> list[str]:
    return [report.outcome.value for report in recorder.app.process(event, context).records]


def test_success_names_nothing() -> None:
    assert Recorder().app(users("a", "b"), Context()) == {"batchItemFailures": []}
    assert Recorder().app(batch()) == {"batchItemFailures": []}


def test_nothing_runs_after_a_failure() -> None:
    recorder = Recorder(2)

    assert outcomes(recorder, users("a", "b", "c")) == ["handled", "failed", "not run"]
    assert recorder.ran == [sequence_number(1), sequence_number(2)]


def test_other_items_go_on_with_a_store() -> None:
    recorder = Recorder(2, store=MemoryStore())

    assert outcomes(recorder, users("a", "b", "c", "b", "a")) == [
        "handled",
        "failed",
        "handled",
        "not run",
        "handled",
    ]
    assert recorder.app(users("a", "b")) == named(2)


def test_the_lowest_failure_is_named() -> None:
    assert Recorder(2, 3, store=MemoryStore()).app(users("a", "b", "c", "d")) == named(2)


def test_the_lowest_number_is_named() -> None:
    event = batch(insert(1, user("a")), insert(9, user("b")), insert(5, user("c")))

    assert Recorder(9).app(event) == named(5)


def test_numbers_compare_as_numbers() -> None:
    event = batch(insert(1, user("a"), SequenceNumber="100"), insert(2, user("b"), SequenceNumber="99"))
    app = StreamApp()
    app.on_keys(dict)(fail)

    assert app.process(event).response == {"batchItemFailures": [{"itemIdentifier": "99"}]}


def fail(change: object) -> None:
    raise ValueError


def test_a_failed_head_raises() -> None:
    with pytest.raises(
        BatchFailedError, match="the whole batch of 2 records has to be retried: ValueError at"
    ) as failed:
        Recorder(1).app(users("a", "b"))

    assert failed.value.identifier == sequence_number(1)
    assert isinstance(failed.value.error, ValueError)
    assert CANARY not in str(failed.value)
    assert failed.value.__cause__ is None


def test_a_batch_of_one_is_answered() -> None:
    assert Recorder(1).app(users("a")) == named(1)


def test_the_report_has_the_answer() -> None:
    assert Recorder(1).app.process(users("a", "b")).response == named(1)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=20), st.integers(0, 19))
def test_records_run_up_to_the_failure(keys: list[str], failing: int) -> None:
    failing = failing % len(keys)
    recorder = Recorder(failing + 1)

    report = recorder.app.process(users(*keys))

    assert recorder.ran == [sequence_number(number) for number in range(1, failing + 2)]
    assert report.response == named(failing + 1)
    assert (report.failure is not None) == (failing == 0 and len(keys) > 1)


@given(st.lists(st.sampled_from("abcd"), max_size=20), st.sets(st.integers(1, 20)))
def test_retries_run_each_record_once(keys: list[str], failing: set[int]) -> None:
    recorder = Recorder(*failing, store=MemoryStore())
    item_of = {sequence_number(number): key for number, key in enumerate(keys, start=1)}
    event = users(*keys)

    first = recorder.app.process(event)
    failed = [report.record.identifier for report in first.records if report.outcome is Outcome.FAILED]
    recorder.failing.clear()
    recorder.app.process(event)
    last = recorder.app.process(event)

    handled = [number for index, number in enumerate(recorder.ran) if number not in recorder.ran[index + 1 :]]
    assert last.already_handled == len(keys)
    assert len(recorder.ran) == len(keys) + len(failed)
    assert sorted(handled, key=item_of.__getitem__) == sorted(item_of, key=item_of.__getitem__)


def test_handled_records_do_not_rerun() -> None:
    store = MemoryStore()
    recorder = Recorder(store=store)

    recorder.app(users("a", "b"))
    report = recorder.app.process(users("a", "b"))

    assert (report.already_handled, len(recorder.ran)) == (2, 2)


def test_a_duplicate_runs_once() -> None:
    recorder = Recorder(store=MemoryStore())

    report = recorder.app.process(batch(insert(1, user("a")), insert(1, user("a"))))

    assert (report.handled, report.already_handled, len(recorder.ran)) == (1, 1, 1)


def test_each_handler_has_its_own_mark() -> None:
    app = StreamApp(store=MemoryStore())
    ran: list[str] = []

    @app.on_insert(User)
    def first(change: Insert[User]) -> None:
        ran.append("first")

    @app.on_insert(User)
    def second(change: Insert[User]) -> None:
        ran.append("second")
        if ran.count("second") == 1:
            raise ValueError

    @app.on_insert(User)
    def third(change: Insert[User]) -> None:
        ran.append("third")

    report = app.process(users("a"))
    again = app.process(users("a"))

    assert [outcome.value for _, outcome in report.records[0].handlers] == ["handled", "failed", "not run"]
    assert [outcome.value for _, outcome in again.records[0].handlers] == [
        "already handled",
        "handled",
        "handled",
    ]
    assert ran == ["first", "second", "second", "third"]


def test_the_reserve_stops_the_batch() -> None:
    context = Context(milliseconds=2_500)
    app = StreamApp("app", time_reserve=timedelta(seconds=1))

    def slow(change: object) -> None:
        context.milliseconds -= 1_000

    app.on_keys(dict)(slow)

    report = app.process(users("a", "b", "c", "d"), context)

    assert [r.outcome.value for r in report.records] == ["handled", "handled", "not run", "not run"]
    assert report.response == named(3)


def test_one_record_is_always_tried() -> None:
    recorder = Recorder(time_reserve=timedelta(minutes=10))

    assert outcomes(recorder, users("a", "b"), Context(milliseconds=1)) == ["handled", "not run"]


def test_unreadable_waits_after_a_stop() -> None:
    event = batch(insert(1, user("a")), insert(2, user("b")), {**insert(3, user("c")), "eventName": None})
    recorder = Recorder(store=MemoryStore())

    assert outcomes(recorder, event, Context(milliseconds=1)) == ["handled", "not run", "not run"]


def test_an_unreadable_record_takes_no_time() -> None:
    event = batch(insert(1, user("a")), {**insert(2, user("b")), "eventName": None})
    recorder = Recorder(store=MemoryStore())

    assert outcomes(recorder, event, Context(milliseconds=1)) == ["handled", "failed"]


def test_handled_records_take_no_time() -> None:
    store = MemoryStore()
    recorder = Recorder(store=store)
    recorder.app(users("a", "b", "c"))

    assert outcomes(recorder, users("a", "b", "c"), Context(milliseconds=0)) == ["already handled"] * 3


def test_a_deadline_at_the_head_says_so() -> None:
    context = Context(milliseconds=1)
    recorder = Recorder(store=MemoryStore())
    recorder.app(batch(insert(2, user("b"))))

    report = recorder.app.process(batch(insert(3, user("x")), insert(1, user("a"))), context)

    assert str(report.failure).endswith("no time was left")
    assert report.failure is not None
    assert report.failure.error is None


class BrokenStore:
    """A store that cannot be reached, from a certain call on."""

    def __init__(self, *, reads: bool, writes: int = 0) -> None:
        self.reads = reads
        self.writes = writes
        self.marks: list[str] = []

    def handled(self, marks: Collection[str], *, patience: timedelta) -> AbstractSet[str]:  # noqa: ARG002  # the Protocol's
        if not self.reads:
            raise StoreError("the store cannot be reached")
        return set(self.marks) & set(marks)

    def add(self, marks: Collection[str], *, patience: timedelta) -> None:  # noqa: ARG002  # the Protocol's
        if not self.writes:
            raise StoreError("the store cannot be reached")
        self.writes -= 1
        self.marks += marks


def test_nothing_runs_unprotected(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(store=BrokenStore(reads=False))
    recorder.app.on_insert(User, where=None)
    unreadable = {**insert(2, user("b")), "eventName": None}

    report = recorder.app.process(batch(insert(1, user("a")), unreadable))

    assert recorder.ran == []
    assert [r.outcome.value for r in report.records] == ["failed", "failed"]
    assert [type(r.error).__name__ for r in report.records] == ["StoreError", "InvalidRecordError"]
    assert isinstance(report.failure, BatchFailedError)
    assert "idempotency records cannot be read, so no handler ran" in caplog.text


def test_ignored_records_need_no_store() -> None:
    app = StreamApp(store=BrokenStore(reads=False))
    router = Router(table="Other")
    router.on_keys(dict)(Recorder().handle)
    app.include(router)

    assert app(users("a")) == {"batchItemFailures": []}


def test_ignored_records_cost_no_request() -> None:
    store = FaultyStore()

    assert StreamApp(store=store).process(users("a")).ignored == 1
    assert store.requests == 0


def test_nameless_records_cost_no_request() -> None:
    store = FaultyStore()

    assert outcomes(Recorder(store=store), batch(None)) == ["failed"]
    assert store.requests == 0


def test_unmarked_records_fail(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(store=BrokenStore(reads=True))

    assert outcomes(recorder, users("a", "b")) == ["failed", "failed"]
    assert "idempotency records cannot be written, so handlers may run again" in caplog.text


def test_unmarked_handlers_count_as_failed() -> None:
    report = Recorder(store=BrokenStore(reads=True)).app.process(users("a"))

    assert report.handlers == {"tests.test_batch.Recorder.handle": {Outcome.FAILED: 1}}


@pytest.mark.parametrize(
    ("faults", "what"),
    [
        (["down"], "idempotency records cannot be read, so no handler ran"),
        (["none", "down"], "idempotency records cannot be written, so handlers may run again"),
    ],
    ids=["read", "write"],
)
def test_the_log_says_why_marks_fail(caplog: pytest.LogCaptureFixture, faults: Any, what: str) -> None:
    Recorder(store=FaultyStore(faults)).app.process(users("a"))

    assert [line.getMessage() for line in caplog.records] == [
        f"{what}: StoreError: the store cannot be reached"
    ]


def test_a_record_has_the_store_error() -> None:
    [report] = Recorder(store=BrokenStore(reads=True)).app.process(users("a")).records

    assert isinstance(report.error, StoreError)


def test_earlier_marks_survive_an_outage() -> None:
    app = StreamApp(store=FaultyStore(["none", "none", "none", "down"]))
    trouble = [ValueError()]
    app.on_insert(User)(lambda change: None)

    @app.on_insert(User)
    def second(change: Insert[User]) -> None:
        if trouble:
            raise trouble.pop()

    app.process(users("a"))
    [report] = app.process(users("a")).records

    assert [outcome.value for _, outcome in report.handlers] == ["already handled", "failed"]


def test_a_failed_group_stops_the_batch() -> None:
    store = BrokenStore(reads=True, writes=1)
    recorder = Recorder(store=store)

    result = outcomes(recorder, users(*"a" * 60))

    assert len(store.marks) == 25
    assert len(recorder.ran) == 50
    assert result == ["handled"] * 25 + ["failed"] * 25 + ["not run"] * 10


def test_ignored_records_survive_an_outage() -> None:
    app = StreamApp(store=BrokenStore(reads=False))
    app.on_insert(User)(lambda change: None)

    report = app.process(batch(insert(1, user("a")), remove(2, user("b"))))

    assert [r.outcome.value for r in report.records] == ["failed", "ignored"]
    assert (report.failed, report.ignored, report.not_run) == (1, 1, 0)


def test_a_failure_keeps_its_own_error() -> None:
    app = StreamApp(store=BrokenStore(reads=True))

    @app.on_insert(User)
    def first(change: Insert[User]) -> None:
        pass

    @app.on_insert(User)
    def second(change: Insert[User]) -> None:
        raise ValueError

    assert isinstance(app.process(users("a")).records[0].error, ValueError)


def test_a_later_handler_stays_handled() -> None:
    store = MemoryStore()
    app = StreamApp("app", store=store)

    @app.on_insert(User)
    def first(change: Insert[User]) -> None:
        raise ValueError

    @app.on_insert(User)
    def second(change: Insert[User]) -> None: ...

    store.add([f"app#{second.__module__}.{second.__qualname__}#{1:032x}"])

    [report] = app.process(users("a")).records

    assert [outcome.value for _, outcome in report.handlers] == ["failed", "already handled"]


def test_leftover_tasks_are_awaited() -> None:
    app = StreamApp()
    seen: list[str] = []

    async def later(word: str) -> None:
        await asyncio.sleep(0.01)
        seen.append(word)

    @app.on_insert(User)
    async def handle(change: Insert[User]) -> None:
        task = asyncio.create_task(later(change.new.pk))
        task.add_done_callback(lambda _: None)

    app(users("a", "b"))

    assert seen == ["a", "b"]


@pytest.mark.parametrize("error", [asyncio.CancelledError(), ValueError(CANARY)], ids=["cancelled", "error"])
def test_an_async_error_fails_the_record(error: BaseException) -> None:
    app = StreamApp()

    @app.on_insert(User)
    async def handle(change: Insert[User]) -> None:
        raise error

    assert app(users("a")) == named(1)


def test_a_cancelled_sync_handler_fails() -> None:
    app = StreamApp()

    @app.on_insert(User)
    def handle(change: Insert[User]) -> None:
        raise asyncio.CancelledError

    assert app(users("a")) == named(1)


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_an_exit_flushes_the_marks(stop: type[BaseException], *, is_async: bool) -> None:
    store = BrokenStore(reads=True, writes=9)
    app = StreamApp("app", store=store)

    def handle(change: Insert[User]) -> None:
        if change.new.pk == "b":
            raise stop

    async def handle_async(change: Insert[User]) -> None:
        handle(change)

    app.on_insert(User)(handle_async if is_async else handle)

    with pytest.raises(stop):
        app(users("a", "b"))
    assert len(store.marks) == 1


def leave(change: object) -> None:
    raise SystemExit


def test_an_exit_marks_handlers_before_it() -> None:
    app, handled = StreamApp(store=MemoryStore()), list[object]()
    app.on_insert(dict)(handled.append)
    app.on_keys(dict)(leave)

    with pytest.raises(SystemExit):
        app(users("a"))
    with pytest.raises(SystemExit):
        app(users("a"))

    assert len(handled) == 1


def test_an_exit_says_that_marks_are_lost(caplog: pytest.LogCaptureFixture) -> None:
    app = StreamApp(store=BrokenStore(reads=True, writes=0))
    app.on_insert(dict)(lambda _: None)
    app.on_keys(dict)(leave)

    with pytest.raises(SystemExit):
        app(users("a"))

    [line] = caplog.messages
    assert line.startswith("idempotency records cannot be written, so handlers may run again: StoreError")


def test_a_report_has_the_record_as_read() -> None:
    app = StreamApp()

    @app.on_insert(User)
    def spoil(change: Insert[User]) -> None:
        change.record.raw["dynamodb"].clear()

    [report] = app.process(users("a")).records

    assert isinstance(report.record, StreamRecord)
    assert (report.record.keys, report.record.new_image) == ({"pk": "a"}, user("a"))


def test_all_handlers_get_the_image_as_read() -> None:
    app, handled = StreamApp(), list[str]()

    @app.on_insert(dict)
    def spoil(change: Insert[dict[str, Any]]) -> None:
        change.record.raw["dynamodb"]["NewImage"] = {}

    @app.on_insert(User)
    def handle(change: Insert[User]) -> None:
        handled.append(change.new.pk)
        assert change.record.new_image == user("a")

    app.on_insert(dict)(lambda change: handled.append(change.new["pk"]))

    assert app(users("a")) == named()
    assert handled == ["a", "a"]


def test_the_log_says_where_it_failed(caplog: pytest.LogCaptureFixture) -> None:
    app = StreamApp()

    @app.on_insert(User)
    async def handle(change: Insert[User]) -> None:
        await asyncio.sleep(0)
        open_mailbox()

    def open_mailbox() -> None:
        raise ConnectionError(CANARY)

    app(users("a"))

    places = r"ConnectionError at .*test_batch\.py:\d+ in handle, .*test_batch\.py:\d+ in open_mailbox$"
    assert re.search(places, caplog.records[0].getMessage())


def test_a_failing_builtin_has_no_place(caplog: pytest.LogCaptureFixture) -> None:
    app, handled = StreamApp(), list[object]()
    app.on_insert(User)(handled.remove)  # raises a ValueError, in no frame of its own

    app(users("a"))

    [line] = caplog.records
    assert line.getMessage().endswith("list.remove: ValueError")


def test_an_empty_store_is_a_store() -> None:
    class Empty(MemoryStore):
        def __len__(self) -> int:
            return 0

    assert not Empty()
    assert outcomes(Recorder(1, store=Empty()), users("a", "b")) == ["failed", "handled"]


def test_a_held_back_record_shows_marks() -> None:
    app = StreamApp("app", store=MemoryStore())

    @app.on_keys(dict)
    def first(change: KeyChange[dict[str, Any]]) -> None:
        pass

    @app.on_keys(dict)
    def second(change: KeyChange[dict[str, Any]]) -> None:
        raise ValueError

    app(batch(insert(2, user("a"))))
    report = app.process(users("a", "a"))

    assert [outcome.value for _, outcome in report.records[1].handlers] == ["already handled", "not run"]


class AsyncStore(MarksOnly):
    """A class that looks like a store, and would lose all marks."""

    async def add(self, marks: Collection[str], *, patience: timedelta) -> None: ...  # type: ignore[override]  # the mistake


def test_async_stores_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="not have async methods"):
        StreamApp(store=AsyncStore())  # type: ignore[arg-type]  # the mistake


def test_a_returned_generator_is_an_error() -> None:
    app = StreamApp()

    def count(change: Insert[User]) -> Any:
        return (number for number in range(3))

    app.on_insert(User)(count)

    [report] = app.process(users("a")).records

    assert isinstance(report.error, ConfigurationError)


def test_other_results_are_ignored() -> None:
    app = StreamApp()

    def count(change: Insert[User]) -> Any:
        return 5

    app.on_insert(User)(count)

    assert app(users("a")) == {"batchItemFailures": []}


def test_a_context_may_lack_the_time() -> None:
    class Nameless:
        function_name = "f"

    recorder = Recorder()

    report = recorder.app.process(users("a", "b"), Nameless())  # type: ignore[arg-type]  # as in users' tests

    assert report.handled == 2


def test_equal_key_numbers_are_one_item() -> None:
    recorder = Recorder(1, store=MemoryStore())
    keys = [{"pk": {"N": number}} for number in ("1", "1.0", "100", "1E+2", "2.5")] + [{"pk": {"B": "MQ=="}}]
    records = [insert(number, user("a"), Keys=key) for number, key in enumerate(keys, start=1)]

    assert outcomes(recorder, batch(*records)) == ["failed", "not run"] + ["handled"] * 4
    recorder.failing = {sequence_number(9)}
    again = [insert(9, user("a"), Keys=keys[2]), insert(10, user("a"), Keys=keys[3])]
    assert outcomes(recorder, batch(*again)) == ["failed", "not run"]


def test_only_debug_logs_show_messages(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Recorder(1).app(users("a"))

    [line] = caplog.records
    assert line.getMessage().startswith(
        f"record {sequence_number(1)} (INSERT of Users) failed in {__name__}.Recorder.handle: ValueError at"
    )
    assert "test_batch.py" in line.getMessage()
    assert (line.levelname, vars(line)["handler"]) == ("ERROR", "tests.test_batch.Recorder.handle")
    assert vars(line)["sequence_number"] == sequence_number(1)
    assert CANARY not in caplog.text

    caplog.set_level(logging.DEBUG, "ddbevents")
    Recorder(1).app(users("a"))

    assert CANARY in caplog.text


def test_debug_logs_have_the_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ddbevents")

    Recorder(1).app(users("a"))

    line = caplog.records[1]
    assert (
        line.getMessage()
        == f"record {sequence_number(1)} (INSERT of Users) failed in tests.test_batch.Recorder.handle"
    )
    assert line.exc_info is not None
    assert isinstance(line.exc_info[1], ValueError)


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({**insert(1, user("a")), "eventName": None}, f"record {sequence_number(1)}"),
        (None, "a record"),
    ],
    ids=["named", "nameless"],
)
def test_unreadable_records_log_one_line(caplog: pytest.LogCaptureFixture, record: object, name: str) -> None:
    caplog.set_level(logging.DEBUG, "ddbevents")

    Recorder(store=MemoryStore()).app.process(batch(record))

    [line] = [line for line in caplog.records if line.name == "ddbevents"]
    assert line.getMessage().startswith(f"{name} failed before any handler ran: InvalidRecordError: ")


class TransactionalMemory(MemoryStore):
    """A store that commits by noting how much it was asked to write."""

    def __init__(self) -> None:
        super().__init__()
        self.committed: list[tuple[str, int]] = []

    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:  # noqa: ARG002  # the Protocol's
        if self.handled([mark]):
            return False
        if not transaction.writes:
            raise TransactionError("there is nothing to write")
        self.add([mark])
        self.committed.append((mark, len(transaction.writes)))
        return True


def test_writes_and_mark_are_committed() -> None:
    store = TransactionalMemory()
    app = StreamApp("app", store=store)

    @app.on_insert(User)
    async def count(change: Insert[User], tx: Transaction) -> None:
        tx.update("statistics", {"pk": "users"}, add={"total": 1})

    app(users("a"))
    report = app.process(users("a"))

    mark = f"app#{count.__module__}.{count.__qualname__}#{1:032x}"
    assert store.committed == [(mark, 1)]
    assert report.already_handled == 1


def test_a_failed_commit_fails_the_record() -> None:
    app = StreamApp(store=TransactionalMemory())

    @app.on_insert(User)
    def count(change: Insert[User], tx: Transaction) -> None:
        pass

    assert app(users("a")) == named(1)


def test_an_exit_passes_through_a_commit() -> None:
    class Interrupted(TransactionalMemory):
        @override
        def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
            raise KeyboardInterrupt

    app = StreamApp(store=Interrupted())

    @app.on_insert(User)
    def count(change: Insert[User], tx: Transaction) -> None:
        pass

    with pytest.raises(KeyboardInterrupt):
        app(users("a"))


def test_a_commit_by_another_copy_counts() -> None:
    store = TransactionalMemory()
    app = StreamApp("app", store=store)

    @app.on_insert(User)
    def count(change: Insert[User], tx: Transaction) -> None:
        tx.put("t", {"pk": "x"})
        store.add([f"app#{__name__}.{test_a_commit_by_another_copy_counts.__name__}.<locals>.count#{1:032x}"])

    assert app(users("a")) == {"batchItemFailures": []}
    assert store.committed == []


def test_transactions_need_their_store() -> None:
    app = StreamApp(store=TransactionalMemory())

    @app.on_insert(User)
    def count(change: Insert[User], tx: Transaction) -> None: ...

    assert isinstance(TransactionalMemory(), TransactionalStore)
    with pytest.raises(ConfigurationError, match="give the app a store that has them"):
        app.with_store(MarksOnly())
    with pytest.raises(ConfigurationError, match="give the app a store that has them"):
        StreamApp().on_insert(User)(count)


def test_marks_begin_with_the_app_name(monkeypatch: pytest.MonkeyPatch) -> None:
    store = BrokenStore(reads=True, writes=9)
    app = StreamApp(store=store)

    @app.on_insert(User)
    def note(change: Insert[User]) -> None:
        pass

    app(users("a"), Context())
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "from-environment")
    app(users("a"))
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME")
    app(users("a"))

    assert [mark.partition("#")[0] for mark in store.marks] == [
        "welcome-users",
        "from-environment",
        "ddbevents",
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"name": ""},
        {"name": "a#b"},
        {"name": MemoryStore()},
        {"time_reserve": timedelta(seconds=-1)},
        {"time_reserve": 5},
        {"concurrency": 2.5},
        {"middleware": print},
        {"middleware": [None]},
    ],
    ids=shown,
)
def test_a_refusal_names_the_parameter(options: Any) -> None:
    [parameter] = options

    with pytest.raises(ConfigurationError, match=rf"^{parameter}\b"):
        StreamApp(**options)
