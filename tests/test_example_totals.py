from __future__ import annotations

import json
import random
import re
from collections.abc import Generator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from ddbevents import StreamApp, Transaction, parse_event
from ddbevents.stores import DynamoDBStore, MemoryStore, SQLiteStore
from ddbevents.testing import Table, event, modified
from examples.totals.app import Expense, app, correct, lambda_handler
from tests.command_line import ROOT, run_beside_examples
from tests.dynamodb_local import clients
from tests.dynamodb_tables import make_table, read_table

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

TOTALS = ROOT / "examples" / "totals"
README = (TOTALS / "README.md").read_text("utf-8")
EVENTS = sorted(TOTALS.glob("events/*.json"))
[COMMAND] = re.findall(r"^ddbevents (.*)$", README, re.MULTILINE)

# the events, added up by hand
PROJECTS = {
    "bridge": {"expenses": 2, "amount": Decimal("1349.5")},
    "tunnel": {"expenses": 1, "amount": Decimal("85.25")},
}

Json: TypeAlias = dict[str, Any]


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def totals(store: MemoryStore | SQLiteStore) -> dict[str, Json]:
    return {item.pop("project"): item for item in map(dict, store.items("project-totals"))}


@pytest.fixture
def dynamodb(dynamodb_endpoint: str) -> Generator[DynamoDBClient]:
    client, _ = clients(dynamodb_endpoint)
    make_table(client, "project", name="project-totals")
    yield client
    client.delete_table(TableName="project-totals")


@pytest.fixture
def table() -> Table:
    return Table("Expenses", "expense_id")


def expense(name: str, project: str, amount: object) -> Expense:
    return Expense.model_validate({"expense_id": name, "project": project, "amount": amount})


def test_the_readme_adds_up(tmp_path: Path) -> None:
    run = run_beside_examples(tmp_path, COMMAND)

    store = SQLiteStore(tmp_path / ".ddbevents" / "marks.sqlite3")
    assert (run.returncode, run.stderr) == (0, "")
    assert "8 records in 2 events · 7 handled · 1 ignored · " in run.stdout
    assert totals(store) == PROJECTS
    store.close()


def test_a_retry_adds_nothing() -> None:
    store = MemoryStore()
    for path in [*EVENTS, *EVENTS]:
        app.with_store(store)(read(path))

    assert totals(store) == PROJECTS


def test_dynamodb_adds_up_in_one_request(dynamodb: DynamoDBClient, table: Table) -> None:
    store = DynamoDBStore(make_table(dynamodb, "id"), client=dynamodb, pack=True)
    requests: list[object] = []
    dynamodb.meta.events.register(
        "before-call.dynamodb.TransactWriteItems", lambda **request: requests.append(request)
    )
    records = [table.insert(expense(str(number), "bridge", "0.10")) for number in range(99)]

    report = app.with_store(store).process(event(*records))

    assert report.handled == 99
    assert len(requests) == 1
    assert read_table(dynamodb, "project-totals", "project") == {
        "bridge": {"expenses": 99, "amount": Decimal("9.9")}
    }


def test_a_move_is_one_transaction() -> None:
    asked, expected = Transaction(), Transaction()
    change = modified(expense("e", "bridge", 5), expense("e", "tunnel", 7), keys="expense_id")

    correct(change, asked)

    expected.update("project-totals", {"project": "bridge"}, add={"expenses": -1, "amount": -5})
    expected.update("project-totals", {"project": "tunnel"}, add={"expenses": 1, "amount": 7})
    assert asked.writes == expected.writes


def test_other_changes_write_nothing(table: Table) -> None:
    old = {"expense_id": "e", "project": "bridge", "amount": 5, "note": "a"}

    report = app.with_store(MemoryStore()).process(event(table.modify(old, {**old, "note": "b"})))

    assert [record.outcome for record in report.records] == ["ignored"]


def history(chance: random.Random, table: Table) -> tuple[list[Json], dict[str, Json]]:
    """Return the records of random writes to a table of expenses, and the totals of its last state."""
    items: dict[str, Expense] = {}
    records: list[Json] = []
    for number in range(60):
        name = chance.choice("abcdef")
        before, item = items.pop(name, None), expense(name, chance.choice(["bridge", "tunnel"]), number)
        if before is None:
            records.append(table.insert(item))
        elif chance.random() < 0.3:
            records.append(table.remove(before))
            continue
        else:
            records.append(table.modify(before, item))
        items[name] = item
    return records, {project: sums([*items.values()], project) for project in ("bridge", "tunnel")}


def sums(expenses: Sequence[Expense], project: str) -> Json:
    amounts = [expense.amount for expense in expenses if expense.project == project]
    return {"expenses": len(amounts), "amount": sum(amounts)}


@pytest.mark.parametrize("seed", range(4))
def test_totals_are_those_of_the_table(table: Table, seed: int) -> None:
    records, expected = history(random.Random(seed), table)  # noqa: S311  # no secret
    store = MemoryStore()
    tested: StreamApp = app.with_store(store)

    for start in range(0, len(records), 7):
        tested(event(*records[start : start + 20]))  # the batches overlap, as after a retry

    assert totals(store) == expected


def test_the_readme_names_the_key() -> None:
    store = MemoryStore()
    app.with_store(store)(read(EVENTS[0]))

    assert "`project-totals` (partition key `project`" in README
    assert store.item("project-totals", {"project": "bridge"}) is not None


def test_lambda_calls_the_app() -> None:
    assert lambda_handler is app


def test_records_rise_and_never_repeat() -> None:
    records = [record for path in EVENTS for record in parse_event(read(path))]
    numbers = [int(record.sequence_number) for record in records]

    assert numbers == sorted(set(numbers))
    assert len({record.event_id for record in records}) == len(records)
