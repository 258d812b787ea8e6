"""Failed attempts are counted, and the last one dead-letters the record. Sinks have tests of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from datetime import UTC, timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from typing_extensions import override

from ddbevents import (
    ConfigurationError,
    Insert,
    InvalidRecordError,
    Outcome,
    Reject,
    Router,
    StoreError,
    StreamApp,
    Transaction,
    decode,
)
from ddbevents.dead_letters import DeadLetter, DeadLetters
from ddbevents.stores import MemoryStore
from tests.deliveries import FaultyStore, Letters
from tests.stream import CANARY, PATIENCE, Json, batch, insert, named, sequence_number, user


class User(BaseModel):
    pk: str
    email: str


class Sick:
    """An app whose handler fails for some users, until a test lets it succeed."""

    def __init__(self, *, store: Any = None, letters: Letters | None = None, **when: Any) -> None:
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

    def outcomes(self, event: Json) -> list[str]:
        return [report.outcome.value for report in self.app.process(event).records]


def users(*keys: str) -> Json:
    return batch(*(insert(number, user(key)) for number, key in enumerate(keys, start=1)))


def unreadable(number: int) -> Json:
    return {**insert(number, user("b")), "eventName": None}


def test_the_last_attempt_dead_letters() -> None:
    sick = Sick(after=3)

    outcomes = [sick.outcomes(users("a", "b")) for _ in range(4)]

    assert outcomes == [
        ["handled", "failed"],
        ["already handled", "failed"],
        ["already handled", "dead-lettered"],
        ["already handled", "already handled"],
    ]
    assert sick.ran == ["a", "b", "b", "b"]


def test_a_dead_letter_counts_as_done() -> None:
    sick = Sick(after=1)

    report = sick.app.process(users("b", "b", "a"))

    assert (report.dead_lettered, report.handled) == (2, 1)
    assert report.response == {"batchItemFailures": []}
    assert report.failure is None


def test_an_unwritten_dead_letter_is_a_failure() -> None:
    store = FaultyStore(["none", "down"])  # it can be read, but not written
    sick = Sick(store=store, after=1)

    [report] = sick.app.process(users("b")).records

    assert [outcome.value for _, outcome in report.handlers] == ["failed"]
    assert isinstance(report.error, StoreError)
    assert sick.outcomes(users("b")) == ["dead-lettered"]


@pytest.mark.parametrize("is_readable", [True, False], ids=["refused", "unreadable"])
def test_duplicates_make_one_dead_letter(*, is_readable: bool) -> None:
    sick = Sick(after=1)
    record = insert(1, user("b")) if is_readable else unreadable(1)

    assert sick.outcomes(batch(record, record)) == ["dead-lettered", "already handled"]
    assert len(sick.letters.letters) == 1


def test_nameless_records_are_dead_lettered_each() -> None:
    sick = Sick(after=1)
    nameless = [insert(number, user("a"), SequenceNumber=None) for number in (1, 2)]

    assert sick.outcomes(batch(*nameless)) == ["dead-lettered", "dead-lettered"]
    assert [letter.record for letter in sick.letters.letters] == nameless


def test_a_dead_letter_holds_everything() -> None:
    sick = Sick(after=2)
    event = users("b")

    sick.outcomes(event)
    sick.outcomes(event)

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


def test_a_late_success_is_a_success() -> None:
    sick = Sick(after=3)

    sick.outcomes(users("b"))
    sick.failing.clear()

    assert sick.outcomes(users("b")) == ["handled"]
    assert sick.outcomes(users("b")) == ["already handled"]
    assert sick.letters.letters == []


def test_each_handler_counts_its_attempts() -> None:
    sick = Sick(after=2)
    ran: list[str] = []

    @sick.app.on_insert(User)
    def second(change: Insert[User]) -> None:
        ran.append(change.new.pk)
        if len(ran) == 1:
            raise ValueError

    assert sick.outcomes(users("b")) == ["failed"]
    assert ran == []
    assert sick.outcomes(users("b")) == ["failed"]
    assert ran == ["b"]
    assert sick.outcomes(users("b")) == ["handled"]
    assert len(sick.letters.letters) == 1


def test_handlers_after_a_dead_letter_run() -> None:
    sick = Sick(after=1)
    ran: list[str] = []

    @sick.app.on_insert(User)
    def second(change: Insert[User]) -> None:
        ran.append(change.new.pk)

    [report] = sick.app.process(users("b")).records

    assert [outcome for _, outcome in report.handlers] == [Outcome.DEAD_LETTERED, Outcome.HANDLED]
    assert (report.outcome, ran) == (Outcome.DEAD_LETTERED, ["b"])


def test_each_handler_has_its_dead_letter() -> None:
    sick = Sick(after=1)

    @sick.app.on_insert(User)
    def second(change: Insert[User]) -> None:
        raise ValueError

    [report] = sick.app.process(users("b")).records

    assert [outcome for _, outcome in report.handlers] == [Outcome.DEAD_LETTERED] * 2
    assert len(sick.letters.letters) == 2


def test_a_rejection_dead_letters_at_once() -> None:
    sick = Sick(after=5)
    sick.error = Reject("no such customer")

    assert sick.outcomes(users("b")) == ["dead-lettered"]
    assert (sick.letters.letters[0].error, sick.letters.letters[0].attempts) == ("Reject", 1)


def test_a_rejection_alone_is_a_failure() -> None:
    app = StreamApp(store=MemoryStore())

    @app.on_insert(User)
    def reject(change: Insert[User]) -> None:
        raise Reject

    assert app(users("a")) == named(1)


def test_an_invalid_item_names_its_path() -> None:
    sick = Sick(after=5)

    assert sick.outcomes(batch(insert(1, {"pk": {"S": "a"}}), insert(2, user("a")))) == [
        "dead-lettered",
        "handled",
    ]
    assert sick.letters.letters[0].path == "dynamodb.NewImage.email"
    assert sick.letters.letters[0].error == "InvalidItemError"


def test_a_handlers_own_decoding_is_retried() -> None:
    letters = Letters()
    app = StreamApp(store=MemoryStore(), dead_letter=DeadLetters(letters, after=2))

    @app.on_insert(User)
    def read_something_else(change: Insert[User]) -> None:
        decode(User, {"pk": {"S": "a"}})

    assert app(users("a")) == named(1)
    assert app(users("a")) == named()
    assert (letters.letters[0].error, letters.letters[0].attempts) == ("InvalidItemError", 2)


@pytest.mark.parametrize("record", [None, CANARY, insert(1, user("a"), SequenceNumber=None)], ids=str)
def test_a_nameless_record_is_kept_whole(record: object) -> None:
    sick = Sick(after=5)

    assert sick.outcomes(batch(record, insert(2, user("a")))) == ["dead-lettered", "handled"]
    assert (sick.letters.letters[0].record, sick.letters.letters[0].handler) == (record, None)


def test_an_unreadable_record_goes_once() -> None:
    sick = Sick()
    event = batch(unreadable(1), insert(2, user("a")))

    assert sick.outcomes(event) == ["dead-lettered", "handled"]
    assert sick.outcomes(event) == ["already handled", "already handled"]
    assert len(sick.letters.letters) == 1


def test_an_unknown_table_goes_once() -> None:
    letters, router = Letters(), Router(table="Users")
    router.on_insert(User)(lambda change: None)
    app = StreamApp(store=MemoryStore(), dead_letter=DeadLetters(letters, after=1))
    app.include(router)
    event = batch({**insert(1, user("a")), "eventSourceARN": 5})

    outcomes = [app.process(event).records[0].outcome for _ in range(2)]

    assert outcomes == [Outcome.DEAD_LETTERED, Outcome.ALREADY_HANDLED]
    assert [letter.handler for letter in letters.letters] == [None]


def test_a_dead_letter_is_no_batch_failure() -> None:
    sick = Sick(after=3)

    report = sick.app.process(batch(None, insert(1, user("b"))))

    assert report.failure is not None
    assert report.failure.error is sick.error


def test_a_nameless_record_has_one_attempt() -> None:
    sick = Sick(after_invalid=3)

    assert sick.outcomes(batch(None)) == ["dead-lettered"]
    assert sick.letters.letters[0].attempts == 1


def test_unreadable_attempts_are_counted() -> None:
    sick = Sick(after_invalid=2)
    event = batch(insert(1, user("a")), unreadable(2))

    assert [sick.outcomes(event)[1] for _ in range(3)] == ["failed", "dead-lettered", "already handled"]


def test_a_refusing_sink_fails_the_record(caplog: pytest.LogCaptureFixture) -> None:
    sick = Sick(after=1, letters=Letters(refusing=1))

    assert sick.outcomes(users("a", "b", "b")) == ["handled", "failed", "not run"]
    assert "cannot be dead-lettered, so it will be retried: DeadLetterError" in caplog.text
    assert sick.outcomes(users("a", "b", "b"))[1:] == ["dead-lettered", "dead-lettered"]


class BrokenSink:
    """A sink that raises an error no sink should raise."""

    def send(self, letter: DeadLetter, *, patience: timedelta) -> None:  # noqa: ARG002  # the Protocol's
        raise ConnectionError(CANARY)


def test_a_broken_sink_fails_the_record(caplog: pytest.LogCaptureFixture) -> None:
    app = StreamApp(store=MemoryStore(), dead_letter=DeadLetters(BrokenSink(), after=1))

    @app.on_insert(User)
    def fail(change: Insert[User]) -> None:
        if change.new.pk == "b":
            raise ValueError

    report = app.process(users("a", "b", "c"))

    assert [r.outcome.value for r in report.records] == ["handled", "failed", "handled"]
    assert CANARY not in caplog.text


def test_an_uncounted_attempt_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    sick = Sick(store=FaultyStore(["none", "down"]), after=3)

    assert sick.outcomes(users("b")) == ["failed"]
    assert "cannot be dead-lettered, so it will be retried: StoreError" in caplog.text
    assert sick.letters.letters == []


def test_an_outage_is_no_attempt() -> None:
    sick = Sick(store=FaultyStore(["none", "down"]), after=1)
    sick.failing.clear()

    assert sick.outcomes(users("a")) == ["failed"]
    assert sick.outcomes(users("a")) == ["handled"]
    assert sick.letters.letters == []


@pytest.mark.parametrize("window", [1, 9], ids=["alone", "packed"])
def test_a_lost_commit_is_no_attempt(window: int) -> None:
    letters = Letters()
    store = FaultyStore(["none", "down"], window=window)
    app = StreamApp("app", store=store, dead_letter=DeadLetters(letters, after=1))

    @app.on_insert(User)
    def write(change: Insert[User], tx: Transaction) -> None: ...

    assert app(users("a")) == named(1)
    assert letters.letters == []


def test_an_unmarked_dead_letter_fails() -> None:
    sick = Sick(store=FaultyStore(["none", "down"]), after=1)

    assert sick.outcomes(users("b")) == ["failed"]
    assert sick.outcomes(users("b")) == ["dead-lettered"]
    assert len(sick.letters.letters) == 2


def test_an_unmarked_bad_record_fails() -> None:
    sick = Sick(store=FaultyStore(["none", "down"]))
    event = batch(insert(1, user("a")), unreadable(2))

    assert sick.outcomes(event) == ["failed", "failed"]
    assert sick.outcomes(event) == ["handled", "dead-lettered"]


def test_a_dead_letter_keeps_its_name() -> None:
    sick = Sick()
    sick.outcomes(batch(unreadable(1)))

    [report] = sick.app.process(batch(unreadable(1))).records

    assert report.outcome is Outcome.ALREADY_HANDLED
    assert report.record.identifier == sequence_number(1)


def test_the_last_attempt_writes_one_mark() -> None:
    store = FaultyStore()
    sick = Sick(store=store, after=2)

    sick.outcomes(users("b"))
    sick.outcomes(users("b"))

    assert len(store.marks) == 2


def test_only_failures_cost_requests() -> None:
    store = FaultyStore()
    sick = Sick(store=store, after=3)

    sick.outcomes(users("a", "c"))

    assert store.requests == 2  # the marks are read, and written


class Asked(MemoryStore):
    """A store that notes how many marks it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    @override
    def handled(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> AbstractSet[str]:
        self.asked.append(len(marks))
        return super().handled(marks, patience=patience)


def test_only_possible_attempts_are_read() -> None:
    store = Asked()

    Sick(store=store, after=3).outcomes(users("b"))

    assert store.asked == [2, 2]  # handled or dead-lettered before, and the attempts before the last


def test_a_replay_costs_one_request() -> None:
    store = FaultyStore()
    sick = Sick(store=store, after=3)
    sick.outcomes(users("a", "c"))
    store.requests = 0

    sick.outcomes(users("a", "c"))

    assert store.requests == 1


def test_a_dead_letter_logs_no_values(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    Sick(after=1).outcomes(users("b"))

    [line] = caplog.records
    what, _, why = line.getMessage().partition(": ")
    assert what == (
        f"record {sequence_number(1)} (INSERT of Users) was dead-lettered to Letters "
        f"after it failed in {__name__}.Sick.handle, attempt 1 of 1"
    )
    assert why.startswith("ValueError at")
    assert vars(line)["sequence_number"] == sequence_number(1)
    assert (line.levelname, vars(line)["error_type"]) == ("WARNING", "ValueError")
    assert vars(line)["attempt"] == 1
    assert CANARY not in caplog.text


def test_the_log_names_a_record_once(caplog: pytest.LogCaptureFixture) -> None:
    Sick(after=5).outcomes(batch(insert(1, {"pk": {"S": "a"}})))

    assert caplog.records[0].getMessage().count(sequence_number(1)) == 1
    assert "dead-lettered to Letters" in caplog.text
    assert ": InvalidItemError: dynamodb.NewImage.email: User requires" in caplog.text


def test_the_log_names_the_other_record(caplog: pytest.LogCaptureFixture) -> None:
    sick = Sick(after=5)
    sick.error = InvalidRecordError("is not as it should be", sequence_number=sequence_number(9))

    sick.outcomes(users("b"))

    assert f"record {sequence_number(1)} (INSERT of Users) failed" in caplog.text
    assert f": InvalidRecordError: record {sequence_number(9)}: is not as" in caplog.text


def test_the_log_does_without_an_arn(caplog: pytest.LogCaptureFixture) -> None:
    Sick(after=5).outcomes(batch({**insert(1, user("b")), "eventSourceARN": None}))

    assert f"record {sequence_number(1)} (INSERT) failed" in caplog.text


def test_the_log_counts_attempts(caplog: pytest.LogCaptureFixture) -> None:
    sick = Sick(after=3)
    sick.outcomes(users("b"))
    sick.outcomes(users("b"))

    second = caplog.records[1]
    assert second.getMessage().startswith(
        f"record {sequence_number(1)} (INSERT of Users) failed in {__name__}.Sick.handle, attempt 2 of 3: "
    )
    assert vars(second)["attempt"] == 2


def test_the_log_tells_of_a_refusing_sink(caplog: pytest.LogCaptureFixture) -> None:
    Sick(after=1, letters=Letters(refusing=1)).outcomes(users("b"))

    line = caplog.records[0]
    assert line.getMessage() == (
        f"record {sequence_number(1)} (INSERT of Users) cannot be dead-lettered, so it will be retried: "
        "DeadLetterError: the sink cannot be reached"
    )
    assert vars(line)["sequence_number"] == sequence_number(1)
    assert (vars(line)["handler"], vars(line)["error_type"]) == (f"{__name__}.Sick.handle", "ValueError")
    assert vars(line)["attempt"] == 1


def test_dead_letters_need_a_store() -> None:
    with pytest.raises(ConfigurationError, match="need a store"):
        StreamApp(dead_letter=DeadLetters(Letters()))
    with pytest.raises(ConfigurationError, match="need a store"):
        Sick().app.with_store(None)


@pytest.mark.parametrize("dead_letter", [Letters(), 5])
def test_other_dead_letters_are_refused(dead_letter: Any) -> None:
    with pytest.raises(ConfigurationError, match="dead_letter must be a DeadLetters"):
        StreamApp(store=MemoryStore(), dead_letter=dead_letter)


@pytest.mark.parametrize("when", [{"after": 0}, {"after_invalid": 0}, {"after": 2.5}], ids=str)
def test_attempts_are_at_least_one(when: Any) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        DeadLetters(Letters(), **when)


@pytest.mark.parametrize("sink", [Letters, object()], ids=["class", "no sink"])
def test_other_sinks_are_refused(sink: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be an instance"):
        DeadLetters(sink)


class Unspeakable(Exception):  # noqa: N818  # what users write
    @override
    def __str__(self) -> str:
        raise TypeError


@pytest.mark.parametrize("error", [ModuleNotFoundError(CANARY), Unspeakable()], ids=["import", "no text"])
def test_a_letter_takes_any_exception(error: Exception) -> None:
    sick = Sick(after=1)
    sick.error = error

    assert sick.outcomes(users("b")) == ["dead-lettered"]
    assert (sick.letters.letters[0].error, sick.letters.letters[0].path) == (type(error).__name__, None)
    assert sick.letters.letters[0].message in {CANARY, ""}


def test_a_handlers_store_error_is_its_own() -> None:
    sick = Sick(after=2)
    sick.error = StoreError("another store cannot be reached")

    assert sick.outcomes(users("b", "a")) == ["failed", "handled"]
    assert sick.outcomes(users("b", "a")) == ["dead-lettered", "already handled"]


class AsyncSink(Letters):
    """A sink that is awaited."""

    async def send(self, letter: DeadLetter, *, patience: timedelta) -> None:  # type: ignore[override]  # a sink may be either
        await asyncio.sleep(0)
        super().send(letter, patience=patience)


def test_a_sink_may_be_async() -> None:
    sick = Sick(after=1, letters=AsyncSink())

    assert sick.outcomes(users("b")) == ["dead-lettered"]
    assert len(sick.letters.letters) == 1


def test_a_failing_async_sink_loses_nothing() -> None:
    sick = Sick(after=1, letters=AsyncSink(refusing=1))

    assert sick.outcomes(users("b")) == ["failed"]
    assert sick.outcomes(users("b")) == ["dead-lettered"]


class Interrupted(Letters):
    """A sink that is interrupted, rather than failing."""

    def __init__(self, stop: BaseException) -> None:
        super().__init__()
        self.stop = stop

    @override
    def send(self, letter: DeadLetter, *, patience: timedelta) -> None:
        raise self.stop


def test_a_cancelled_sink_has_failed() -> None:
    assert Sick(after=1, letters=Interrupted(asyncio.CancelledError())).outcomes(users("b")) == ["failed"]


def test_a_sink_may_end_the_process() -> None:
    with pytest.raises(SystemExit):
        Sick(after=1, letters=Interrupted(SystemExit())).outcomes(users("b"))


def test_another_sink_gets_all_letters() -> None:
    sick, elsewhere = Sick(after=1), Letters()

    report = sick.app.with_sink(elsewhere).process(users("b"))

    assert report.dead_lettered == 1
    assert (len(elsewhere.letters), sick.letters.letters) == (1, [])


def test_a_sink_alone_dead_letters_nothing() -> None:
    elsewhere = Letters()
    sick = Sick(after=1)
    app = StreamApp(store=MemoryStore()).with_sink(elsewhere)
    app.on_insert(User)(sick.handle)

    assert app(users("b")) == named(1)
    assert elsewhere.letters == []
