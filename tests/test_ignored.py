"""Records that no handler takes: why, in the report and in the log, and when the log warns of them."""

from __future__ import annotations

import copy
import logging
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from ddbevents import Attr, Insert, Outcome, RecordReport, Router, StreamApp
from tests.letters import letter, message
from tests.stream import CANARY, Json, batch, insert, modify, remove, sequence_number, user


class Customer(BaseModel):
    pk: str
    kind: Literal["custommer"]


class Person(BaseModel):
    pk: str
    email: str


def welcome(change: Insert[Customer]) -> None: ...


WELCOME = f"{__name__}.welcome"
TYPO = f"{WELCOME}: kind has no value that Customer allows"


@pytest.fixture
def app() -> StreamApp:
    app = StreamApp("customers")
    app.on_insert(Customer)(welcome)
    return app


def customer(number: int, **parts: Any) -> Json:
    return insert(number, user(f"u-{number}", CANARY, kind={"S": "customer"}), **parts)


def only(app: StreamApp, record: object) -> RecordReport:
    [report] = app.process(batch(record)).records
    return report


def pickled(report: RecordReport) -> object:
    return pickle.loads(pickle.dumps(report))  # noqa: S301  # our own


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [line.getMessage() for line in caplog.records if line.levelno == level]


def test_a_mistyped_literal_is_the_reason(app: StreamApp) -> None:
    report = only(app, customer(1))

    assert (report.outcome, report.why_ignored) == (Outcome.IGNORED, TYPO)


def test_a_preview_has_the_reason(app: StreamApp) -> None:
    [report] = app.preview(batch(customer(1))).records

    assert report.why_ignored == TYPO


def test_a_missing_kind_is_the_reason(app: StreamApp) -> None:
    assert only(app, remove(1, user("a"))).why_ignored == "no handler for REMOVE is registered"


def test_an_app_without_handlers_is_the_reason() -> None:
    assert only(StreamApp(), customer(1)).why_ignored == "the app has no handlers"


def test_each_handler_has_its_reason(app: StreamApp) -> None:
    router = Router(table="users")

    @router.on_change(Person, where=Attr("email").eq("x"))
    def note(change: object) -> None: ...

    @app.on_insert(Person, where=Attr("email").eq("x"))
    def print_it(change: object) -> None: ...

    app.include(router)
    name = f"{__name__}.test_each_handler_has_its_reason.<locals>"

    assert only(app, customer(1)).why_ignored == (
        f"{TYPO}; {name}.print_it: where is false, which looks at email;"
        f" {name}.note: table is Users, not users"
    )


@pytest.mark.parametrize("record", [None, insert(1, user("a", kind={"S": "custommer"}))])
def test_other_records_have_no_reason(app: StreamApp, record: object) -> None:
    assert only(app, record).why_ignored is None


def test_a_letter_has_the_reason_of_its_handler(app: StreamApp) -> None:
    app.on_remove(Person, where=Attr("email").eq("x"))(lambda change: None)
    dead_letter = letter(remove(1, user("a")), handler=WELCOME, app="customers")

    assert only(app, message("m", dead_letter)).why_ignored == f"{WELCOME}: it takes no REMOVE"


def test_a_reason_is_no_outcome(app: StreamApp) -> None:
    report = only(app, customer(1))

    assert report == RecordReport(report.record, Outcome.IGNORED)
    assert len(report) == 5
    assert repr(report) == repr(RecordReport(report.record, Outcome.IGNORED))


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickled])
def test_copies_keep_the_reason(app: StreamApp, duplicate: Any) -> None:
    report = only(app, customer(1))

    assert duplicate(report) == report
    assert duplicate(report).why_ignored == TYPO


def test_a_handmade_report_has_no_reason(app: StreamApp) -> None:
    report = only(app, customer(1))

    assert report._replace(seconds=1.0).why_ignored is None


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ({"kind": {"S": "custommer"}}, "it would take the record as it is now"),
        ({"kind": {"X": CANARY}}, "the type tag is none of"),
    ],
    ids=["fitting", "malformed"],
)
def test_changed_records_raise_nothing(app: StreamApp, image: Json, reason: str) -> None:
    record = customer(1)
    report = only(app, record)

    record["dynamodb"]["NewImage"].update(image)

    assert str(report.why_ignored).startswith(f"{WELCOME}: {reason}")
    assert CANARY not in str(report.why_ignored)


def test_names_from_outside_are_escaped() -> None:
    router = Router(table="users")
    router.on_insert(Person)(lambda change: None)
    app = StreamApp()
    app.include(router)
    arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/a\x1b[31m\n/stream/x"

    assert "table is a\\x1b[31m\\n, not users" in str(
        only(app, {**customer(1), "eventSourceARN": arn}).why_ignored
    )
    long = arn.replace("table/a", f"table/{'a' * 10_000}")
    assert len(str(only(app, {**customer(1), "eventSourceARN": long}).why_ignored)) < 600


def test_debug_lines_give_each_reason(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ddbevents.batch")
    ignored = [customer(number) for number in range(1, 8)]

    app(batch(*ignored, remove(8, user("a")), insert(9, user("b", kind={"S": "custommer"}))))

    first = ", ".join(map(sequence_number, range(1, 6)))
    assert lines(caplog, logging.DEBUG) == [
        f"7 records ignored: {first} and 2 more: {TYPO}",
        f"1 record ignored: {sequence_number(8)}: no handler for REMOVE is registered",
    ]
    assert CANARY not in caplog.text


def test_reasons_are_no_news(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ddbevents.batch")

    app(batch(customer(1), modify(2, user("a"), user("a", "new"))))

    assert "kind" not in caplog.text


# warnings, each once in a process and app


def customers(count: int) -> Json:
    return batch(*map(customer, range(1, count + 1)))


def wanted(number: int) -> Json:
    return insert(number, user("b", kind={"S": "custommer"}))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return lines(caplog, logging.WARNING)


def test_many_ignored_records_warn_once(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    app(customers(100))
    app(customers(100))

    [warning] = warnings(caplog)
    assert warning == (
        f"no handler took any of the first 100 records, the last of them because: {TYPO}. If that is as it"
        " should be, let FilterCriteria of the event source mapping drop such records"
    )
    assert CANARY not in caplog.text


def test_batches_are_counted_together(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    app(customers(99))
    few = warnings(caplog)
    app(customers(3))

    assert few == []
    assert warnings(caplog)[0].startswith("no handler took any of the first 102 records, the last")


def test_unreadable_records_do_not_count(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    app(customers(99))
    app.process(batch(customer(1), None))

    assert len(warnings(caplog)) == 1


def test_a_taken_record_ends_the_count(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    app(batch(customer(1), wanted(2)))
    app(customers(200))

    assert warnings(caplog) == []


def test_copies_count_together(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    app(customers(60))
    app.with_store(None)(customers(60))

    assert len(warnings(caplog)) == 1


def test_a_preview_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    app = StreamApp()

    app.preview(customers(200))
    app.preview(batch())

    assert warnings(caplog) == []


def test_a_warning_names_few_reasons(caplog: pytest.LogCaptureFixture) -> None:
    app, router = StreamApp(), Router(table="users")
    router.on_insert(Person)(note)
    app.include(router)
    arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/t-{}/stream/x"

    app(batch(*[{**customer(n), "eventSourceARN": arn.format(n % 5)} for n in range(100)]))

    name = f"{__name__}.note: table is"
    shown = f"{name} t-0, not users; {name} t-1, not users; {name} t-2, not users; and 2 more reasons"
    assert shown in warnings(caplog)[0]


def note(change: object) -> None: ...


def test_an_app_without_handlers_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    app = StreamApp()

    app(customers(1))
    app(customers(1))

    [warning] = warnings(caplog)
    assert warning == (
        "the app has no handlers, so it ignores every record: import the modules that register them, or"
        " include() their router"
    )


def test_a_forgotten_router_warns_once(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    forgotten = Router()
    forgotten.on_insert(Person)(note)

    app(batch(wanted(1)))
    app(batch(wanted(2)))

    assert warnings(caplog) == [
        f"no app includes the router of {__name__}.note, so no record comes there: call app.include(router)"
    ]
    assert forgotten is not app


def test_many_forgotten_handlers_are_cut(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    routers = [Router() for _ in range(7)]
    for_all = [router.on_insert(Person)(note) for router in routers]

    app(batch(wanted(1)))

    assert ".note and 2 more, so no record comes there" in warnings(caplog)[0]
    assert len(for_all) == 7


def test_an_included_router_is_not_forgotten(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    router, empty = Router(), Router()
    router.on_insert(Person)(note)
    StreamApp("another").include(router)

    app(batch(wanted(1)))

    assert warnings(caplog) == []
    assert empty is not router


def test_an_empty_event_warns_once(app: StreamApp, caplog: pytest.LogCaptureFixture) -> None:
    app(batch(wanted(1)))
    with ThreadPoolExecutor(8) as threads:
        answers = [*threads.map(app, [batch()] * 16)]

    assert answers == [{"batchItemFailures": []}] * 16
    assert warnings(caplog) == [
        "the event has no records. Lambda sends none like it: look at what invokes the function"
    ]
