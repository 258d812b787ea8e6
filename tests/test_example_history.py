from __future__ import annotations

import json
import re
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from ddbevents import decode, encode, parse_event
from ddbevents.stores import DynamoDBStore, MemoryStore, SQLiteStore
from ddbevents.testing import Table, event
from examples.history.app import Page, Revision, app, lambda_handler, revision_of
from tests.command_line import ROOT, run_beside_examples
from tests.dynamodb_local import clients
from tests.dynamodb_tables import make_table

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

HISTORY = ROOT / "examples" / "history"
EVENTS = sorted(HISTORY.glob("events/*.json"))
[COMMAND] = re.findall(r"^ddbevents (.*)$", (HISTORY / "README.md").read_text("utf-8"), re.MULTILINE)
KEY = {"page-revisions": ("page_id", "version")}
ENDS = {
    ("draft", 1): "expired",
    ("home", 1): "changed",
    ("home", 2): "changed",
    ("rules", 1): "removed",
}

Json: TypeAlias = dict[str, Any]


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def ends(store: MemoryStore | SQLiteStore) -> dict[tuple[object, object], object]:
    return {(item["page_id"], item["version"]): item["ended"] for item in store.items("page-revisions")}


def page(version: int, text: str = "Hello") -> Json:
    return {"page_id": "home", "version": version, "title": "Home", "text": text, "editor": "ada"}


@pytest.fixture
def table() -> Table:
    return Table("Pages", "page_id", view_type="OLD_IMAGE")


@pytest.fixture
def dynamodb(dynamodb_endpoint: str) -> Generator[DynamoDBClient]:
    client, _ = clients(dynamodb_endpoint)
    client.create_table(
        TableName="page-revisions",
        KeySchema=[
            {"AttributeName": "page_id", "KeyType": "HASH"},
            {"AttributeName": "version", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "page_id", "AttributeType": "S"},
            {"AttributeName": "version", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    yield client
    client.delete_table(TableName="page-revisions")


def test_the_readme_keeps_each_revision(tmp_path: Path) -> None:
    run = run_beside_examples(tmp_path, COMMAND)

    store = SQLiteStore(tmp_path / "wiki.sqlite3")
    assert (run.returncode, run.stderr) == (0, "")
    assert "7 records in 2 events · 4 handled · 3 ignored · " in run.stdout
    assert ends(store) == ENDS
    store.close()


def test_a_revision_says_how_it_ended(table: Table) -> None:
    at = datetime(2026, 11, 23, 9, tzinfo=UTC)
    [record] = parse_event(event(table.modify(page(1), page(2, "Bye"), at=at)))

    revision = revision_of(Page.model_validate(page(1)), record)

    assert encode(revision) == {
        **encode(page(1)),
        "ended": {"S": "changed"},
        "ended_at": {"S": "2026-11-23T09:00:00Z"},
        "expires_at": {"N": "1826960400"},
    }


def test_a_record_without_a_time_ends_now(table: Table) -> None:
    record = table.remove(page(1))
    del record["dynamodb"]["ApproximateCreationDateTime"]

    before = datetime.now(UTC)
    revision = revision_of(Page.model_validate(page(1)), parse_event(event(record))[0])

    assert before <= revision.ended_at <= datetime.now(UTC)


def test_a_retry_keeps_nothing_more() -> None:
    store = MemoryStore(tables=KEY)
    reports = [app.with_store(store).process(read(path)) for path in [*EVENTS, *EVENTS]]

    assert [report.handled for report in reports] == [1, 3, 0, 0]
    assert ends(store) == ENDS


def test_no_revision_is_written_over(dynamodb: DynamoDBClient, table: Table) -> None:
    first = app.with_store(DynamoDBStore(make_table(dynamodb, "id"), client=dynamodb))
    again = app.with_store(DynamoDBStore(make_table(dynamodb, "id"), client=dynamodb))

    kept = first.process(event(table.modify(page(1), page(2))))
    skipped = again.process(event(table.modify(page(1, "another"), page(2))))

    items = dynamodb.scan(TableName="page-revisions", ConsistentRead=True)["Items"]
    assert [kept.handled, skipped.handled] == [1, 1]
    assert [decode(Revision, item).text for item in items] == ["Hello"]


def test_the_readme_names_the_key() -> None:
    readme = " ".join((HISTORY / "README.md").read_text("utf-8").split())

    assert "`page-revisions` (partition key `page_id` of type S, sort key `version` of type N" in readme


def test_lambda_calls_the_app() -> None:
    assert lambda_handler is app


def test_records_rise_and_never_repeat() -> None:
    records = [record for path in EVENTS for record in parse_event(read(path))]
    numbers = [int(record.sequence_number) for record in records]

    assert numbers == sorted(set(numbers))
    assert len({record.event_id for record in records}) == len(records)
