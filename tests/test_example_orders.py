from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from ddbevents import BatchFailedError, Insert, Modify, Outcome, Remove, StreamRecord, parse_event
from ddbevents.stores import MemoryStore
from examples.orders.app import (
    Customer,
    Order,
    announce_parcel,
    app,
    confirm_address,
    lambda_handler,
    restock,
    welcome,
)
from tests.command_line import ROOT, run_beside_examples

ORDERS = ROOT / "examples" / "orders"
EVENTS = sorted(ORDERS.glob("events/*.json"))
ALL_EVENTS = [*EVENTS, *sorted(ORDERS.glob("failing/*.json"))]
COMMANDS: list[str] = re.findall(r"^ddbevents (.*)$", (ORDERS / "README.md").read_text("utf-8"), re.MULTILINE)

RunReadme: TypeAlias = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def run_readme(tmp_path: Path) -> RunReadme:
    return partial(run_beside_examples, tmp_path)


@pytest.fixture
def record() -> StreamRecord:
    return parse_event(read(EVENTS[0]))[0]


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def name(path: Path) -> str:
    return path.stem


def order(status: str) -> Order:
    return Order.model_validate(
        {"kind": "order", "number": 7, "status": status, "amount": "9.5", "email": "ada@example.com"}
    )


def customer(email: str) -> Customer:
    return Customer(kind="customer", name="Ada", email=email)


def test_a_first_run_handles_everything(run_readme: RunReadme) -> None:
    run = run_readme(COMMANDS[0])

    assert (run.returncode, run.stderr) == (0, "")
    assert "mail to ada@example.com: Welcome, Ada!" in run.stdout
    assert "7 records in 4 events · 7 handled · " in run.stdout


def test_a_second_run_skips_everything(run_readme: RunReadme) -> None:
    run_readme(COMMANDS[0])

    run = run_readme(COMMANDS[0])

    assert (run.returncode, run.stderr) == (0, "")
    assert "mail to" not in run.stdout
    assert "7 records in 4 events · 7 already handled · " in run.stdout


def test_a_failing_run_shows_both_answers(run_readme: RunReadme) -> None:
    run = run_readme(COMMANDS[1])

    assert (run.returncode, run.stderr) == (1, "")
    assert '{"batchItemFailures": [{"itemIdentifier": "418273600000000012093761405"}]}\n' in run.stdout
    assert '{"errorType": "BatchFailedError", "errorMessage": "' in run.stdout
    assert "6 records in 2 events · 3 handled · 1 ignored · 2 failed · " in run.stdout


@pytest.mark.parametrize("path", EVENTS, ids=name)
def test_each_event_is_handled_once(path: Path) -> None:
    orders = app.with_store(MemoryStore())

    first = orders.process(read(path))
    second = orders.process(read(path))

    assert {report.outcome for report in first.records} == {Outcome.HANDLED}
    assert {report.outcome for report in second.records} == {Outcome.ALREADY_HANDLED}


def test_a_wrong_amount_fails_alone() -> None:
    report = app.with_store(MemoryStore()).process(read(ORDERS / "failing" / "1-amount-is-text.json"))

    assert [record.outcome for record in report.records] == ["handled", "failed", "ignored", "handled"]
    assert report.response == {"batchItemFailures": [{"itemIdentifier": report.records[1].record.identifier}]}


def test_a_failing_head_fails_the_batch() -> None:
    with pytest.raises(BatchFailedError):
        app.with_store(MemoryStore())(read(ORDERS / "failing" / "2-first-record-fails.json"))


def test_lambda_calls_the_app() -> None:
    assert lambda_handler is app


def test_records_rise_and_never_repeat() -> None:
    records = [record for path in ALL_EVENTS for record in parse_event(read(path))]
    numbers = [int(record.sequence_number) for record in records]

    assert numbers == sorted(set(numbers))
    assert len({record.event_id for record in records}) == len(records)


def test_a_new_customer_is_welcomed(record: StreamRecord, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    asyncio.run(welcome(Insert(customer("ada@example.com"), record)))

    assert caplog.messages == ["mail to ada@example.com: Welcome, Ada!"]


def test_both_addresses_get_a_mail(record: StreamRecord, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    change = Modify(customer("old@example.com"), customer("new@example.com"), record)

    asyncio.run(confirm_address(change))

    assert caplog.messages == [
        "mail to old@example.com: We now write to new@example.com.",
        "mail to new@example.com: This is your new address.",
    ]


def test_a_parcel_is_announced(record: StreamRecord, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    asyncio.run(announce_parcel(Modify(order("PAID"), order("SHIPPED"), record)))

    assert caplog.messages == ["mail to ada@example.com: Order 7 over 9.50 EUR is on its way."]


def test_an_expired_order_is_restocked(record: StreamRecord, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    restock(Remove(order("PLACED"), record))

    assert caplog.messages == ["order 7 was never paid: back to the shelf"]
