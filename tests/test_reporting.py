"""Reports of a batch: callbacks, the line in the log, times and counts, and previews."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ddbevents import (
    BatchReport,
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


def test_callbacks_run_in_order(app: StreamApp) -> None:
    seen: list[tuple[str, BatchReport]] = []
    app.on_report(lambda report: seen.append(("first", report)))
    app.on_report(lambda report: seen.append(("second", report)))

    one, other = app.process(users("a")), app.process(users("b"))

    assert seen == [("first", one), ("second", one), ("first", other), ("second", other)]


def test_a_shown_report_has_no_values(app: StreamApp) -> None:
    report = app.process(users("a", "b"))

    assert CANARY in str(report.records[1].error)
    assert CANARY not in repr(report)
    assert "error=ValueError at " in repr(report)
    assert "error=None, seconds=" in repr(report.records[0])


def test_callbacks_run_after_the_marks() -> None:
    store = FaultyStore()
    app = StreamApp(store=store)
    app.on_keys(dict)(lambda change: None)
    marks: list[int] = []
    app.on_report(lambda report: marks.append(len(store.marks)))

    app(users("a", "b"))

    assert marks == [2]


def test_on_report_returns_the_function(app: StreamApp) -> None:
    reports: list[BatchReport] = []

    assert app.on_report(reports.append) == reports.append


def test_an_async_callback_is_awaited(app: StreamApp) -> None:
    seen: list[int] = []

    @app.on_report
    async def push(report: BatchReport) -> None:
        await asyncio.sleep(0)
        seen.append(report.handled)

    app(users("a"))

    assert seen == [1]


@pytest.mark.parametrize(
    "error", [ValueError(CANARY), asyncio.CancelledError(CANARY)], ids=["error", "cancelled"]
)
def test_a_failing_callback_is_only_logged(
    app: StreamApp, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[BatchReport] = []

    @app.on_report
    def fail(report: BatchReport) -> None:
        raise error

    app.on_report(seen.append)

    assert app(users("a")) == {"batchItemFailures": []}
    assert len(seen) == 1
    assert "a callback of on_report failed:" in caplog.text
    assert "in fail" in caplog.text
    assert CANARY not in caplog.text


def test_a_callback_may_end_the_process(app: StreamApp) -> None:
    @app.on_report
    def leave(report: BatchReport) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        app(users("a"))


def test_callbacks_see_failed_batches(app: StreamApp) -> None:
    seen: list[object] = []
    app.on_report(lambda report: seen.append(report.failure))

    app.process(users("b", "a"))

    assert len(seen) == 1
    assert seen != [None]


def test_with_store_copies_the_callbacks(app: StreamApp) -> None:
    seen: list[str] = []
    app.on_report(lambda report: seen.append("both"))
    other = app.with_store(None)
    other.on_report(lambda report: seen.append("other"))

    app(users("a"))
    other(users("a"))

    assert seen == ["both", "both", "other"]


def test_each_batch_logs_one_line(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ddbevents.batch")
    report = app.process(batch(*users("a", "b", "b")["Records"], remove(4, user("a"))))

    line = line_of(caplog)
    assert line.levelname == "INFO"
    assert line.getMessage() == (
        f"4 records, 1 handled, 1 ignored, 1 failed, 1 not run in {report.seconds:.3f} s"
    )


def test_the_line_has_all_counts(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
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
    assert report.oldest_age is not None
    assert attributes["oldest_age_seconds"] == report.oldest_age.total_seconds()


def test_an_empty_batch_logs_a_line(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ddbevents.batch")

    report = app.process(batch())

    assert line_of(caplog).getMessage() == f"an empty batch in {report.seconds:.3f} s"
    assert vars(line_of(caplog))["oldest_age_seconds"] is None


def test_nothing_is_logged_above_info(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "ddbevents.batch")

    app(users("a"))

    assert caplog.records == []


WITHOUT_LOGGING = """
import json, sys
from ddbevents import StreamApp
sys.modules.pop("logging", None)
app = StreamApp()
app.on_keys(dict)(lambda change: None)
assert app(json.loads(sys.argv[1])) == {"batchItemFailures": []}
print("logging" in sys.modules)
"""


def test_success_imports_no_logging() -> None:
    script = [sys.executable, "-c", WITHOUT_LOGGING, json.dumps(users("a"))]
    done = subprocess.run(script, capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


def test_the_oldest_change_has_the_age(app: StreamApp) -> None:
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
    ids=["empty", "unreadable", "absent", "malformed"],
)
def test_the_age_may_be_unknown(app: StreamApp, records: list[Any]) -> None:
    assert app.process(batch(*records)).oldest_age is None


def test_a_handmade_report_has_no_age() -> None:
    whole = StreamApp().process(users("a"))

    assert BatchReport(whole.records).oldest_age is None


def test_a_handmade_report_took_no_time() -> None:
    report = BatchReport(())

    assert (report.delivery, report.seconds) == ("stream", 0)


def test_each_handler_is_counted(app: StreamApp) -> None:
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


def test_records_and_batch_are_timed(app: StreamApp) -> None:
    report = app.process(users("a", "c"))

    assert 0 < sum(record.seconds for record in report.records) <= report.seconds
    assert report.finished_at is not None
    assert report.finished_at.tzinfo is UTC


def test_failed_records_are_timed(app: StreamApp) -> None:
    [failed] = app.process(users("b")).records

    assert failed.outcome is Outcome.FAILED
    assert failed.seconds > 0


def test_handlers_after_a_stop_did_not_run() -> None:
    app = StreamApp()
    app.on_insert(dict)(fail_for_b)

    report = app.process(users("b", "a"))

    assert report.records[1].handlers == ((f"{__name__}.fail_for_b", Outcome.NOT_RUN),)
    assert (report.records[1].error, report.records[1].seconds) == (None, 0)


def test_an_outage_keeps_handlers_unrun() -> None:
    app = StreamApp(store=FaultyStore(["down"]))
    app.on_insert(dict)(fail_for_b)

    [report] = app.process(users("a")).records

    assert (report.outcome, report.handlers) == (
        Outcome.FAILED,
        ((f"{__name__}.fail_for_b", Outcome.NOT_RUN),),
    )


def test_a_preview_shows_each_handler(app: StreamApp) -> None:
    @app.on_insert(dict)
    def second(change: Any) -> None:
        raise ValueError

    processed = app.process(users("a"))
    previewed = app.preview(users("a"))

    assert previewed.records[0].record == processed.records[0].record
    assert [outcome for _, outcome in previewed.records[0].handlers] == [
        Outcome.ALREADY_HANDLED,
        Outcome.NOT_RUN,
    ]
    assert [name for name, _ in previewed.records[0].handlers] == [
        name for name, _ in processed.records[0].handlers
    ]


@pytest.mark.parametrize(
    ("record", "delivery"),
    [(insert(1, user("a")), "stream"), (message("a", letter(handler=None)), "queue")],
    ids=["stream", "queue"],
)
def test_a_preview_takes_no_time(app: StreamApp, record: Json, delivery: str) -> None:
    report = app.preview(batch(record))

    assert (report.delivery, report.seconds) == (delivery, 0)
    assert report.finished_at is not None
    assert report.finished_at.tzinfo is UTC


def test_a_preview_shows_an_outage() -> None:
    app = StreamApp(store=FaultyStore(["down"]))
    app.on_insert(dict)(fail_for_b)

    [report] = app.preview(users("a")).records

    assert isinstance(report.error, StoreError)


def test_a_preview_shows_bad_records(app: StreamApp) -> None:
    [report] = app.preview(batch({**insert(1, user("a")), "eventName": None})).records

    assert report.outcome is Outcome.FAILED
    assert isinstance(report.error, InvalidRecordError)
    assert report.record.identifier == sequence_number(1)


def test_bad_records_have_no_handlers(app: StreamApp) -> None:
    report = app.process(batch(None))

    assert report.records[0].handlers == ()
    assert report.handlers == {}


def test_unreadable_messages_fail_alone(app: StreamApp) -> None:
    report = app.process(batch(message("a", "no letter"), message("b", "no letter")))

    assert (report.failed, report.not_run) == (2, 0)


def test_a_failure_outranks_a_left_record() -> None:
    left, failed = StreamApp().process(users("a", "b")).records
    error = ValueError()

    report = BatchReport(
        (left._replace(outcome=Outcome.NOT_RUN), failed._replace(outcome=Outcome.FAILED, error=error))
    )

    assert report.failure is not None
    assert report.failure.error is error
