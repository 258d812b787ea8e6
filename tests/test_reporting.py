"""Who is told what came of a batch."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ddbevents import (
    BatchReport,
    ConfigurationError,
    InvalidRecordError,
    KeyChange,
    Outcome,
    StoreError,
    StreamApp,
)
from ddbevents.stores import MemoryStore
from tests.deliveries import FaultyStore
from tests.letters import letter, message
from tests.stream import CANARY, Json, batch, insert, remove, sequence_number, user

AnyKeys = KeyChange[dict[str, Any]]


def users(*keys: str) -> Json:
    return batch(*(insert(number, user(key)) for number, key in enumerate(keys, start=1)))


@pytest.fixture
def app() -> StreamApp:
    app = StreamApp(store=MemoryStore())
    app.on_insert(dict)(fail_for_b)
    return app


def fail_for_b(change: Any) -> None:
    if change.new["pk"] == "b":
        raise ValueError(CANARY)


def line_of(caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    [line] = [line for line in caplog.records if line.name == "ddbevents.batch"]
    return line


def test_callbacks_get_the_report_in_order_after_each_batch(app: StreamApp) -> None:
    told: list[tuple[str, BatchReport]] = []
    app.on_report(lambda report: told.append(("first", report)))
    app.on_report(lambda report: told.append(("second", report)))

    one, other = app.process(users("a")), app.process(users("b"))

    assert told == [("first", one), ("second", one), ("first", other), ("second", other)]


def test_a_callback_is_told_when_all_marks_are_written() -> None:
    store = FaultyStore()
    app = StreamApp(store=store)
    app.on_keys(dict)(lambda change: None)
    marks: list[int] = []
    app.on_report(lambda report: marks.append(len(store.marks)))

    app(users("a", "b"))

    assert marks == [2]


def test_the_decorator_gives_back_the_function_itself(app: StreamApp) -> None:
    reports: list[BatchReport] = []

    assert app.on_report(reports.append) == reports.append


def test_an_async_callback_runs_to_its_end(app: StreamApp) -> None:
    told: list[int] = []

    @app.on_report
    async def push(report: BatchReport) -> None:
        await asyncio.sleep(0)
        told.append(report.handled)

    app(users("a"))

    assert told == [1]


@pytest.mark.parametrize(
    "error", [ValueError(CANARY), asyncio.CancelledError(CANARY)], ids=["error", "cancelled"]
)
def test_a_callback_that_fails_changes_nothing_and_is_logged_without_values(
    app: StreamApp, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[BatchReport] = []

    @app.on_report
    def fail(report: BatchReport) -> None:
        raise error

    app.on_report(told.append)

    assert app(users("a")) == {"batchItemFailures": []}
    assert len(told) == 1
    assert "a callback of on_report failed:" in caplog.text
    assert "in fail" in caplog.text
    assert CANARY not in caplog.text


def test_a_callback_may_end_the_process(app: StreamApp) -> None:
    @app.on_report
    def leave(report: BatchReport) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        app(users("a"))


def test_a_callback_is_told_of_a_batch_that_the_app_then_raises_for(app: StreamApp) -> None:
    told: list[object] = []
    app.on_report(lambda report: told.append(report.failure))

    app.process(users("b", "a"))

    assert len(told) == 1
    assert told != [None]


def test_callbacks_of_an_app_with_another_store_are_its_own(app: StreamApp) -> None:
    told: list[str] = []
    app.on_report(lambda report: told.append("both"))
    other = app.with_store(None)
    other.on_report(lambda report: told.append("other"))

    app(users("a"))
    other(users("a"))

    assert told == ["both", "both", "other"]


def test_each_batch_is_one_line_in_the_log(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ddbevents.batch")
    report = app.process(batch(*users("a", "b", "b")["Records"], remove(4, user("a"))))

    line = line_of(caplog)
    assert line.levelname == "INFO"
    assert line.getMessage() == (
        f"4 records, 1 handled, 1 ignored, 1 failed, 1 not run in {report.seconds:.3f} s"
    )


def test_the_line_has_all_counts_as_attributes(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ddbevents.batch")
    report = app.process(users("a", "b", "b"))

    attributes = vars(line_of(caplog))
    assert {name: attributes[name] for name in ("records", "handled", "already_handled", "ignored")} == {
        "records": 3,
        "handled": 1,
        "already_handled": 0,
        "ignored": 0,
    }
    assert {name: attributes[name] for name in ("failed", "not_run", "dead_lettered", "seconds")} == {
        "failed": 1,
        "not_run": 1,
        "dead_lettered": 0,
        "seconds": report.seconds,
    }
    assert (
        attributes["oldest_age_seconds"] == report.oldest_age.total_seconds() if report.oldest_age else None
    )


def test_an_empty_batch_has_its_line_too(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ddbevents.batch")

    app(batch())

    assert line_of(caplog).getMessage().startswith("an empty batch in 0.0")
    assert vars(line_of(caplog))["oldest_age_seconds"] is None


def test_nothing_is_logged_of_a_batch_above_info(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "ddbevents.batch")

    app(users("a"))

    assert caplog.records == []


WITHOUT_LOGGING = """
import sys
from ddbevents import StreamApp
sys.modules.pop("logging", None)
assert StreamApp()({"Records": []}) == {"batchItemFailures": []}
print("logging" in sys.modules)
"""


def test_a_batch_that_goes_well_does_not_import_logging() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_LOGGING], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


def test_the_age_is_that_of_the_oldest_change(app: StreamApp) -> None:
    now = datetime.now(UTC)
    ages = [timedelta(minutes=1), timedelta(minutes=7), timedelta(minutes=2)]
    records = [
        insert(n, user("a"), ApproximateCreationDateTime=(now - age).timestamp())
        for n, age in enumerate(ages, start=1)
    ]

    age = app.process(batch(*records)).oldest_age

    assert age is not None
    assert timedelta(minutes=7) <= age < timedelta(minutes=8)


@pytest.mark.parametrize(
    "records",
    [
        [],
        [None],
        [insert(1, user("a"), ApproximateCreationDateTime=None)],
        [insert(1, user("a"), ApproximateCreationDateTime="yesterday")],
    ],
    ids=["empty", "unreadable", "untold", "malformed"],
)
def test_there_is_no_age_where_no_record_tells_one(app: StreamApp, records: list[Any]) -> None:
    assert app.process(batch(*records)).oldest_age is None


def test_there_is_no_age_of_a_report_that_was_made_by_hand() -> None:
    whole = StreamApp().process(users("a"))

    assert BatchReport(whole.records).oldest_age is None


def test_a_report_that_was_made_by_hand_is_of_a_stream_and_took_no_time() -> None:
    report = BatchReport(())

    assert (report.from_stream, report.seconds) == (True, 0)


def test_handlers_are_counted_each_by_itself(app: StreamApp) -> None:
    @app.on_insert(dict)
    def second(change: Any) -> None: ...

    app.process(users("a"))
    report = app.process(users("a", "b", "c", "d"))

    first = f"{__name__}.fail_for_b"
    assert report.handlers[first] == {Outcome.ALREADY_HANDLED: 1, Outcome.FAILED: 1, Outcome.HANDLED: 2}
    assert report.handlers[f"{second.__module__}.{second.__qualname__}"] == {
        Outcome.ALREADY_HANDLED: 1,
        Outcome.NOT_RUN: 1,
        Outcome.HANDLED: 2,
    }


def test_time_is_told_of_the_batch_and_of_each_record(app: StreamApp) -> None:
    report = app.process(users("a", "c"))

    assert 0 < sum(record.seconds for record in report.records) <= report.seconds
    assert report.finished_at is not None
    assert report.finished_at.tzinfo is UTC


def test_time_is_told_of_a_record_that_failed(app: StreamApp) -> None:
    [failed] = app.process(users("b")).records

    assert failed.outcome is Outcome.FAILED
    assert failed.seconds > 0


def test_handlers_of_a_record_that_is_left_did_not_run() -> None:
    app = StreamApp()
    app.on_insert(dict)(fail_for_b)

    report = app.process(users("b", "a"))

    assert report.records[1].handlers == ((f"{__name__}.fail_for_b", Outcome.NOT_RUN),)
    assert (report.records[1].error, report.records[1].seconds) == (None, 0)


def test_handlers_did_not_run_of_which_the_store_cannot_tell() -> None:
    app = StreamApp(store=FaultyStore(["down"]))
    app.on_insert(dict)(fail_for_b)

    [report] = app.process(users("a")).records

    assert (report.outcome, report.handlers) == (
        Outcome.FAILED,
        ((f"{__name__}.fail_for_b", Outcome.NOT_RUN),),
    )


def test_a_preview_tells_of_each_handler(app: StreamApp) -> None:
    @app.on_insert(dict)
    def second(change: Any) -> None:
        raise ValueError

    told = app.process(users("a"))
    previewed = app.preview(users("a"))

    assert previewed.records[0].record == told.records[0].record
    assert [outcome for _, outcome in previewed.records[0].handlers] == [
        Outcome.ALREADY_HANDLED,
        Outcome.NOT_RUN,
    ]
    assert [name for name, _ in previewed.records[0].handlers] == [
        name for name, _ in told.records[0].handlers
    ]


@pytest.mark.parametrize(
    ("record", "from_stream"),
    [(insert(1, user("a")), True), (message("a", letter(handler=None)), False)],
    ids=["stream", "queue"],
)
def test_a_preview_is_a_report_that_took_no_time(app: StreamApp, record: Json, *, from_stream: bool) -> None:
    report = app.preview(batch(record))

    assert (report.from_stream, report.seconds) == (from_stream, 0)
    assert report.finished_at is not None
    assert report.finished_at.tzinfo is UTC


def test_a_preview_tells_that_the_store_cannot_tell() -> None:
    app = StreamApp(store=FaultyStore(["down"]))
    app.on_insert(dict)(fail_for_b)

    [report] = app.preview(users("a")).records

    assert isinstance(report.error, StoreError)


def test_a_preview_tells_what_is_wrong_with_a_record(app: StreamApp) -> None:
    [report] = app.preview(batch({**insert(1, user("a")), "eventName": None})).records

    assert report.outcome is Outcome.FAILED
    assert isinstance(report.error, InvalidRecordError)
    assert report.record.identifier == sequence_number(1)


def test_a_record_that_cannot_be_read_has_no_handlers(app: StreamApp) -> None:
    report = app.process(batch(None))

    assert report.records[0].handlers == ()
    assert report.handlers == {}


def test_each_message_that_cannot_be_read_fails_by_itself(app: StreamApp) -> None:
    report = app.process(batch(message("a", "no letter"), message("b", "no letter")))

    assert (report.failed, report.not_run) == (2, 0)


def test_the_reason_is_that_of_a_record_that_failed_although_one_before_it_was_left() -> None:
    left, failed = StreamApp().process(users("a", "b")).records
    error = ValueError()

    report = BatchReport(
        (left._replace(outcome=Outcome.NOT_RUN), failed._replace(outcome=Outcome.FAILED, error=error))
    )

    assert report.failure is not None
    assert report.failure.error is error


def test_what_cannot_be_called_is_not_told(app: StreamApp) -> None:
    nothing: Any = None

    with pytest.raises(ConfigurationError, match="on_report takes a function"):
        app.on_report(nothing)
