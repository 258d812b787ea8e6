from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from ddbevents import BatchReport, Transaction, parse_event
from ddbevents.stores import MemoryStore, SQLiteStore
from ddbevents.testing import inserted, modified
from examples.projection.app import Order, app, correct, count, day_of, lambda_handler
from tests.command_line import ROOT, run_beside_examples

PROJECTION = ROOT / "examples" / "projection"
README = (PROJECTION / "README.md").read_text("utf-8")
EVENTS = sorted(PROJECTION.glob("events/*.json"))
[COMMAND] = re.findall(r"^ddbevents (.*)$", README, re.MULTILINE)

# the events, added up by hand
CUSTOMERS = [
    {"customer_id": "ada", "orders": 2},
    {"customer_id": "grace", "orders": 1},
    {"customer_id": "mary", "orders": 1},
]
REVENUE = [
    {"day": "2026-11-22", "orders": 2, "amount": Decimal("244.9")},
    {"day": "2026-11-23", "orders": 2, "amount": Decimal("92.5")},
]

Deliver: TypeAlias = Callable[[], subprocess.CompletedProcess[str]]


@pytest.fixture
def invoke(tmp_path: Path) -> Deliver:
    return partial(run_beside_examples, tmp_path, COMMAND)


@pytest.fixture
def order() -> Order:
    return Order.model_validate(
        {"order_id": "7", "customer_id": "ada", "placed_at": "2026-11-23T23:59:59Z", "amount": "9.50"}
    )


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def deliver_all(store: MemoryStore) -> list[BatchReport]:
    return [app.with_store(store).process(read(path)) for path in EVENTS]


def sorted_items(store: MemoryStore | SQLiteStore, table: str, key: str) -> list[dict[str, Any]]:
    return sorted(store.items(table), key=lambda item: item[key])


def test_the_readme_counts_each_order(invoke: Deliver, tmp_path: Path) -> None:
    run = invoke()

    store = SQLiteStore(tmp_path / ".ddbevents" / "marks.sqlite3")
    assert (run.returncode, run.stderr) == (0, "")
    assert "5 records in 2 events · 5 handled · " in run.stdout
    assert sorted_items(store, "customers", "customer_id") == CUSTOMERS
    assert sorted_items(store, "revenue", "day") == REVENUE
    store.close()


def test_a_second_run_counts_nothing(invoke: Deliver, tmp_path: Path) -> None:
    invoke()

    run = invoke()

    store = SQLiteStore(tmp_path / ".ddbevents" / "marks.sqlite3")
    assert (run.returncode, run.stderr) == (0, "")
    assert "5 records in 2 events · 5 already handled · " in run.stdout
    assert sorted_items(store, "revenue", "day") == REVENUE
    store.close()


def test_retried_events_count_once() -> None:
    store = MemoryStore()

    first, second = deliver_all(store), deliver_all(store)

    assert sum(report.handled for report in first) == 5
    assert sum(report.already_handled for report in second) == 5
    assert sorted_items(store, "customers", "customer_id") == CUSTOMERS
    assert sorted_items(store, "revenue", "day") == REVENUE


def test_an_order_counts_in_two_tables(order: Order) -> None:
    asked, expected = Transaction(), Transaction()

    count(inserted(order, keys="order_id"), asked)

    expected.update("customers", {"customer_id": "ada"}, add={"orders": 1})
    expected.update("revenue", {"day": "2026-11-23"}, add={"orders": 1, "amount": Decimal("9.50")})
    assert asked.writes == expected.writes


def test_a_correction_is_counted(order: Order) -> None:
    asked, expected = Transaction(), Transaction()
    corrected = order.model_copy(update={"amount": Decimal("8.00")})

    correct(modified(order, corrected, keys="order_id"), asked)

    expected.update("revenue", {"day": "2026-11-23"}, add={"amount": Decimal("-1.50")})
    assert asked.writes == expected.writes


def test_the_day_is_when_it_was_placed(order: Order) -> None:
    assert day_of(order) == "2026-11-23"


def test_lambda_calls_the_app() -> None:
    assert lambda_handler is app


def test_the_readme_names_the_keys() -> None:
    store = MemoryStore()

    deliver_all(store)

    assert "`customers`\n(partition key `customer_id`)" in README
    assert "`revenue` (partition key `day`)" in README
    assert store.item("customers", {"customer_id": "ada"}) == CUSTOMERS[0]
    assert store.item("revenue", {"day": "2026-11-22"}) == REVENUE[0]


def test_records_rise_and_never_repeat() -> None:
    records = [record for path in EVENTS for record in parse_event(read(path))]
    numbers = [int(record.sequence_number) for record in records]

    assert numbers == sorted(set(numbers))
    assert len({record.event_id for record in records}) == len(records)
