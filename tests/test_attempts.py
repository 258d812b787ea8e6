"""Failures are counted, and after the last a record is put aside. Sinks have tests of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from datetime import UTC
from typing import Any

import pytest
from pydantic import BaseModel
from typing_extensions import override

from ddbevents import (
    ConfigurationError,
    Insert,
    InvalidRecordError,
    Outcome,
    Router,
    StoreError,
    StreamApp,
    Transaction,
    decode,
)
from ddbevents._errors import Reject
from ddbevents.dead_letters import DeadLetter, DeadLetters
from ddbevents.stores import MemoryStore
from tests.deliveries import FaultyStore, Letters
from tests.stream import CANARY, Json, batch, insert, named, sequence_number, user


class User(BaseModel):
    pk: str
    email: str


class Sick:
    """An app whose handler fails for some users as long as a test says."""

    def __init__(self, *, store: Any = None, letters: Letters | None = None, **when: int) -> None:
        self.letters = letters or Letters()
        self.failing = {"b"}
        self.error: Exception = ValueError(CANARY)
        self.ran: list[str] = []
        self.app = StreamApp(
            "app", store=store or MemoryStore(), dead_letter=DeadLetters(self.letters, **when)
        )
        self.app.on_insert(User)(self.handle)

    def handle(self, change: Insert[User]) -> None:
        self.ran.append(change.new.pk)
        if change.new.pk in self.failing:
            raise self.error

    def told(self, event: Json) -> list[str]:
        return [report.outcome.value for report in self.app.process(event).records]


def users(*keys: str) -> Json:
    return batch(*(insert(number, user(key)) for number, key in enumerate(keys, start=1)))


def unreadable(number: int) -> Json:
    return {**insert(number, user("b")), "eventName": None}


def test_a_record_is_put_aside_after_so_many_failed_attempts() -> None:
    sick = Sick(after=3)

    outcomes = [sick.told(users("a", "b")) for _ in range(4)]

    assert outcomes == [
        ["handled", "failed"],
        ["already handled", "failed"],
        ["already handled", "dead-lettered"],
        ["already handled", "already handled"],
    ]
    assert sick.ran == ["a", "b", "b", "b"]


def test_what_was_put_aside_counts_as_done() -> None:
    sick = Sick(after=1)

    report = sick.app.process(users("b", "b", "a"))

    assert (report.dead_lettered, report.handled) == (2, 1)
    assert report.response == {"batchItemFailures": []}
    assert report.failure is None


@pytest.mark.parametrize("is_readable", [True, False], ids=["refused", "unreadable"])
def test_a_record_that_is_twice_in_a_batch_is_put_aside_once(*, is_readable: bool) -> None:
    sick = Sick(after=1)
    record = insert(1, user("b")) if is_readable else unreadable(1)

    assert sick.told(batch(record, record)) == ["dead-lettered", "already handled"]
    assert len(sick.letters.letters) == 1


def test_a_letter_holds_all_that_is_known() -> None:
    sick = Sick(after=2)
    event = users("b")

    sick.told(event)
    sick.told(event)

    [letter] = sick.letters.letters
    assert letter._replace(failed_at=letter.failed_at) == DeadLetter(
        app="app",
        handler=f"{__name__}.Sick.handle",
        attempts=2,
        error="ValueError",
        message=CANARY,
        path=None,
        failed_at=letter.failed_at,
        record=event["Records"][0],
    )
    assert letter.failed_at.tzinfo is UTC


def test_a_record_that_succeeds_before_the_last_attempt_is_as_any_other() -> None:
    sick = Sick(after=3)

    sick.told(users("b"))
    sick.failing.clear()

    assert sick.told(users("b")) == ["handled"]
    assert sick.told(users("b")) == ["already handled"]
    assert sick.letters.letters == []


def test_attempts_of_each_handler_are_counted_by_themselves() -> None:
    sick = Sick(after=2)
    ran: list[str] = []

    @sick.app.on_insert(User)
    def second(change: Insert[User]) -> None:
        ran.append(change.new.pk)
        if len(ran) == 1:
            raise ValueError

    assert sick.told(users("b")) == ["failed"]
    assert ran == []
    assert sick.told(users("b")) == ["failed"]
    assert ran == ["b"]
    assert sick.told(users("b")) == ["handled"]
    assert len(sick.letters.letters) == 1


def test_the_handlers_after_one_that_is_put_aside_run() -> None:
    sick = Sick(after=1)
    ran: list[str] = []

    @sick.app.on_insert(User)
    def second(change: Insert[User]) -> None:
        ran.append(change.new.pk)

    [report] = sick.app.process(users("b")).records

    assert [outcome for _, outcome in report.handlers] == [Outcome.DEAD_LETTERED, Outcome.HANDLED]
    assert (report.outcome, ran) == (Outcome.DEAD_LETTERED, ["b"])


def test_each_handler_that_fails_is_put_aside_by_itself() -> None:
    sick = Sick(after=1)

    @sick.app.on_insert(User)
    def second(change: Insert[User]) -> None:
        raise ValueError

    [report] = sick.app.process(users("b")).records

    assert [outcome for _, outcome in report.handlers] == [Outcome.DEAD_LETTERED] * 2
    assert len(sick.letters.letters) == 2


def test_who_rejects_a_record_has_it_put_aside_at_once() -> None:
    sick = Sick(after=5)
    sick.error = Reject("no such customer")

    assert sick.told(users("b")) == ["dead-lettered"]
    assert (sick.letters.letters[0].error, sick.letters.letters[0].attempts) == ("Reject", 1)


def test_without_dead_letters_a_rejection_is_a_failure() -> None:
    app = StreamApp(store=MemoryStore())

    @app.on_insert(User)
    def reject(change: Insert[User]) -> None:
        raise Reject

    assert app(users("a")) == named(1)


def test_an_item_that_no_attempt_mends_is_put_aside_at_once_with_its_path() -> None:
    sick = Sick(after=5)

    assert sick.told(batch(insert(1, {"pk": {"S": "a"}}), insert(2, user("a")))) == [
        "dead-lettered",
        "handled",
    ]
    assert sick.letters.letters[0].path == "dynamodb.NewImage.email"
    assert sick.letters.letters[0].error == "InvalidItemError"


def test_what_a_handler_itself_could_not_read_or_write_has_all_its_attempts() -> None:
    letters = Letters()
    app = StreamApp(store=MemoryStore(), dead_letter=DeadLetters(letters, after=2))

    @app.on_insert(User)
    def read_something_else(change: Insert[User]) -> None:
        decode(User, {"pk": {"S": "a"}})

    assert app(users("a")) == named(1)
    assert app(users("a")) == named()
    assert (letters.letters[0].error, letters.letters[0].attempts) == ("InvalidItemError", 2)


@pytest.mark.parametrize("record", [None, CANARY, insert(1, user("a"), SequenceNumber=None)], ids=str)
def test_a_record_without_a_name_is_put_aside_with_what_came(record: object) -> None:
    sick = Sick(after=5)

    assert sick.told(batch(record, insert(2, user("a")))) == ["dead-lettered", "handled"]
    assert (sick.letters.letters[0].record, sick.letters.letters[0].handler) == (record, None)


def test_a_record_that_cannot_be_read_is_put_aside_once() -> None:
    sick = Sick()
    event = batch(unreadable(1), insert(2, user("a")))

    assert sick.told(event) == ["dead-lettered", "handled"]
    assert sick.told(event) == ["already handled", "already handled"]
    assert len(sick.letters.letters) == 1


def test_a_record_whose_table_cannot_be_read_is_put_aside_once() -> None:
    letters, router = Letters(), Router(table="Users")
    router.on_insert(User)(lambda change: None)
    app = StreamApp(store=MemoryStore(), dead_letter=DeadLetters(letters, after=1))
    app.include(router)
    event = batch({**insert(1, user("a")), "eventSourceARN": 5})

    outcomes = [app.process(event).records[0].outcome for _ in range(2)]

    assert outcomes == [Outcome.DEAD_LETTERED, Outcome.ALREADY_HANDLED]
    assert [letter.handler for letter in letters.letters] == [None]


def test_the_reason_for_a_failed_batch_is_none_that_was_put_aside() -> None:
    sick = Sick(after=3)

    report = sick.app.process(batch(None, insert(1, user("b"))))

    assert report.failure is not None
    assert report.failure.error is sick.error


def test_attempts_at_a_record_without_a_name_cannot_be_counted_so_there_is_one() -> None:
    sick = Sick(after_invalid=3)

    assert sick.told(batch(None)) == ["dead-lettered"]
    assert sick.letters.letters[0].attempts == 1


def test_attempts_at_what_cannot_be_read_are_counted_if_there_are_to_be_several() -> None:
    sick = Sick(after_invalid=2)
    event = batch(insert(1, user("a")), unreadable(2))

    assert [sick.told(event)[1] for _ in range(3)] == ["failed", "dead-lettered", "already handled"]


def test_a_letter_that_cannot_be_kept_leaves_the_record_failed(caplog: pytest.LogCaptureFixture) -> None:
    sick = Sick(after=1, letters=Letters(refusing=1))

    assert sick.told(users("a", "b", "b")) == ["handled", "failed", "not run"]
    assert "cannot be dead-lettered, and is delivered again: DeadLetterError" in caplog.text
    assert sick.told(users("a", "b", "b"))[1:] == ["dead-lettered", "dead-lettered"]


class BrokenSink:
    """A sink that raises what it was not to raise."""

    def send(self, letter: DeadLetter) -> None:  # noqa: ARG002  # the Protocol's
        raise ConnectionError(CANARY)


def test_a_sink_that_raises_anything_leaves_the_record_failed(caplog: pytest.LogCaptureFixture) -> None:
    app = StreamApp(store=MemoryStore(), dead_letter=DeadLetters(BrokenSink(), after=1))

    @app.on_insert(User)
    def fail(change: Insert[User]) -> None:
        if change.new.pk == "b":
            raise ValueError

    report = app.process(users("a", "b", "c"))

    assert [r.outcome.value for r in report.records] == ["handled", "failed", "handled"]
    assert CANARY not in caplog.text


def test_a_store_that_cannot_count_leaves_the_record_failed(caplog: pytest.LogCaptureFixture) -> None:
    sick = Sick(store=FaultyStore(["none", "down"]), after=3)

    assert sick.told(users("b")) == ["failed"]
    assert "cannot be dead-lettered, and is delivered again: StoreError" in caplog.text
    assert sick.letters.letters == []


def test_a_failure_of_the_store_is_nobodys_attempt() -> None:
    sick = Sick(store=FaultyStore(["none", "down"]), after=1)
    sick.failing.clear()

    assert sick.told(users("a")) == ["failed"]
    assert sick.told(users("a")) == ["handled"]
    assert sick.letters.letters == []


@pytest.mark.parametrize("window", [1, 9], ids=["alone", "packed"])
def test_a_transaction_that_did_not_get_through_is_nobodys_attempt(window: int) -> None:
    letters = Letters()
    store = FaultyStore(["none", "down"], window=window)
    app = StreamApp("app", store=store, dead_letter=DeadLetters(letters, after=1))

    @app.on_insert(User)
    def write(change: Insert[User], tx: Transaction) -> None: ...

    assert app(users("a")) == named(1)
    assert letters.letters == []


def test_a_record_whose_mark_of_being_put_aside_cannot_be_written_fails() -> None:
    sick = Sick(store=FaultyStore(["none", "down"]), after=1)

    assert sick.told(users("b")) == ["failed"]
    assert sick.told(users("b")) == ["dead-lettered"]
    assert len(sick.letters.letters) == 2


def test_a_record_that_cannot_be_read_fails_if_its_mark_cannot_be_written() -> None:
    sick = Sick(store=FaultyStore(["none", "down"]))
    event = batch(insert(1, user("a")), unreadable(2))

    assert sick.told(event) == ["failed", "failed"]
    assert sick.told(event) == ["handled", "dead-lettered"]


def test_what_was_put_aside_is_told_by_its_name() -> None:
    sick = Sick()
    sick.told(batch(unreadable(1)))

    [report] = sick.app.process(batch(unreadable(1))).records

    assert report.outcome is Outcome.ALREADY_HANDLED
    assert report.record.identifier == sequence_number(1)


def test_the_last_attempt_has_no_mark_besides_that_of_being_put_aside() -> None:
    store = FaultyStore()
    sick = Sick(store=store, after=2)

    sick.told(users("b"))
    sick.told(users("b"))

    assert len(store.marks) == 2


def test_only_records_that_fail_cost_requests() -> None:
    store = FaultyStore()
    sick = Sick(store=store, after=3)

    sick.told(users("a", "c"))

    assert store.requests == 2  # the marks are read, and written


class Asked(MemoryStore):
    """One that notes how many marks it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    @override
    def handled(self, marks: Collection[str]) -> AbstractSet[str]:
        self.asked.append(len(marks))
        return super().handled(marks)


def test_no_more_attempts_are_asked_for_than_may_have_failed() -> None:
    store = Asked()

    Sick(store=store, after=3).told(users("b"))

    assert store.asked == [2, 2]  # handled or put aside before, and the attempts before the last


def test_a_replay_costs_one_request() -> None:
    store = FaultyStore()
    sick = Sick(store=store, after=3)
    sick.told(users("a", "c"))
    store.requests = 0

    sick.told(users("a", "c"))

    assert store.requests == 1


def test_the_log_tells_of_what_is_put_aside_without_values(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    Sick(after=1).told(users("b"))

    [line] = caplog.records
    what, _, why = line.getMessage().partition(": ")
    assert what == (
        f"record {sequence_number(1)} (INSERT of Users) is dead-lettered to Letters, "
        f"for it failed in {__name__}.Sick.handle, attempt 1 of 1"
    )
    assert why.startswith("ValueError at")
    assert vars(line)["sequence_number"] == sequence_number(1)
    assert (line.levelname, vars(line)["error_type"]) == ("WARNING", "ValueError")
    assert vars(line)["attempt"] == 1
    assert CANARY not in caplog.text


def test_the_log_names_a_record_once(caplog: pytest.LogCaptureFixture) -> None:
    Sick(after=5).told(batch(insert(1, {"pk": {"S": "a"}})))

    assert caplog.records[0].getMessage().count(sequence_number(1)) == 1
    assert "dead-lettered to Letters" in caplog.text
    assert ": InvalidItemError: dynamodb.NewImage.email: User requires" in caplog.text


def test_the_log_names_another_record_that_a_handler_could_not_read(caplog: pytest.LogCaptureFixture) -> None:
    sick = Sick(after=5)
    sick.error = InvalidRecordError("is not as it should be", sequence_number=sequence_number(9))

    sick.told(users("b"))

    assert f"record {sequence_number(1)} (INSERT of Users) failed" in caplog.text
    assert f": InvalidRecordError: record {sequence_number(9)}: is not as" in caplog.text


def test_a_record_without_an_arn_is_named_by_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    Sick(after=5).told(batch({**insert(1, user("b")), "eventSourceARN": None}))

    assert f"record {sequence_number(1)} (INSERT) failed" in caplog.text


def test_the_log_counts_attempts(caplog: pytest.LogCaptureFixture) -> None:
    sick = Sick(after=3)
    sick.told(users("b"))
    sick.told(users("b"))

    second = caplog.records[1]
    assert second.getMessage().startswith(
        f"record {sequence_number(1)} (INSERT of Users) failed in {__name__}.Sick.handle, attempt 2 of 3: "
    )
    assert vars(second)["attempt"] == 2


def test_the_log_tells_of_what_cannot_be_put_aside(caplog: pytest.LogCaptureFixture) -> None:
    Sick(after=1, letters=Letters(refusing=1)).told(users("b"))

    line = caplog.records[0]
    assert line.getMessage() == (
        f"record {sequence_number(1)} (INSERT of Users) cannot be dead-lettered, and is delivered again: "
        "DeadLetterError: the sink cannot be reached"
    )
    assert vars(line)["sequence_number"] == sequence_number(1)
    assert (vars(line)["handler"], vars(line)["error_type"]) == (f"{__name__}.Sick.handle", "ValueError")
    assert vars(line)["attempt"] == 1


def test_dead_letters_need_a_store_which_counts() -> None:
    with pytest.raises(ConfigurationError, match="need a store"):
        StreamApp(dead_letter=DeadLetters(Letters()))
    with pytest.raises(ConfigurationError, match="need a store"):
        Sick().app.with_store(None)


@pytest.mark.parametrize("dead_letter", [Letters(), 5])
def test_what_are_no_dead_letters_is_refused(dead_letter: Any) -> None:
    with pytest.raises(ConfigurationError, match="dead_letter must be a DeadLetters"):
        StreamApp(store=MemoryStore(), dead_letter=dead_letter)


@pytest.mark.parametrize("when", [{"after": 0}, {"after_invalid": 0}, {"after": 2.5}], ids=str)
def test_a_record_has_one_attempt_at_least(when: Any) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        DeadLetters(Letters(), **when)


@pytest.mark.parametrize("sink", [Letters, object()], ids=["class", "no sink"])
def test_what_is_no_sink_is_refused(sink: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be an instance"):
        DeadLetters(sink)


class Unspeakable(Exception):  # noqa: N818  # what users write
    @override
    def __str__(self) -> str:
        raise TypeError


@pytest.mark.parametrize("error", [ModuleNotFoundError(CANARY), Unspeakable()], ids=["import", "no text"])
def test_any_exception_can_be_told_in_a_letter(error: Exception) -> None:
    sick = Sick(after=1)
    sick.error = error

    assert sick.told(users("b")) == ["dead-lettered"]
    assert (sick.letters.letters[0].error, sick.letters.letters[0].path) == (type(error).__name__, None)
    assert sick.letters.letters[0].message in {CANARY, ""}


def test_a_store_error_of_a_handlers_own_is_its_own_failure() -> None:
    sick = Sick(after=2)
    sick.error = StoreError("another store cannot be reached")

    assert sick.told(users("b", "a")) == ["failed", "handled"]
    assert sick.told(users("b", "a")) == ["dead-lettered", "already handled"]


class AsyncSink(Letters):
    """A sink that is awaited."""

    async def send(self, letter: DeadLetter) -> None:  # type: ignore[override]  # a sink may be either
        await asyncio.sleep(0)
        super().send(letter)


def test_a_sink_may_be_async() -> None:
    sick = Sick(after=1, letters=AsyncSink())

    assert sick.told(users("b")) == ["dead-lettered"]
    assert len(sick.letters.letters) == 1


def test_an_async_sink_that_fails_loses_nothing() -> None:
    sick = Sick(after=1, letters=AsyncSink(refusing=1))

    assert sick.told(users("b")) == ["failed"]
    assert sick.told(users("b")) == ["dead-lettered"]


class Interrupted(Letters):
    """A sink in which something else than an error happens."""

    def __init__(self, stop: BaseException) -> None:
        super().__init__()
        self.stop = stop

    @override
    def send(self, letter: DeadLetter) -> None:
        raise self.stop


def test_a_sink_that_is_cancelled_has_failed() -> None:
    assert Sick(after=1, letters=Interrupted(asyncio.CancelledError())).told(users("b")) == ["failed"]


def test_a_sink_may_end_the_process() -> None:
    with pytest.raises(SystemExit):
        Sick(after=1, letters=Interrupted(SystemExit())).told(users("b"))


def test_letters_of_an_app_with_another_sink_go_there_alone() -> None:
    sick, elsewhere = Sick(after=1), Letters()

    report = sick.app.with_sink(elsewhere).process(users("b"))

    assert report.dead_lettered == 1
    assert (len(elsewhere.letters), sick.letters.letters) == (1, [])


def test_an_app_without_dead_letters_has_none_with_a_sink() -> None:
    elsewhere = Letters()
    sick = Sick(after=1)
    app = StreamApp(store=MemoryStore()).with_sink(elsewhere)
    app.on_insert(User)(sick.handle)

    assert app(users("b")) == named(1)
    assert elsewhere.letters == []
