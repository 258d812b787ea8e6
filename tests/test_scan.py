"""Scans of a table: every item once, in typed JSON, at a bounded rate."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from ddbevents import ConfigurationError, SourceError
from ddbevents.sources import scan
from ddbevents.sources._scan import TableScan  # positions are for `backfill` alone
from tests.dynamodb_local import clients
from tests.dynamodb_tables import make_table
from tests.exports import items_of
from tests.stream import Json
from tests.streams_fake import aws_error

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def client(dynamodb_endpoint: str) -> DynamoDBClient:
    return clients(dynamodb_endpoint)[0]


def filled(client: DynamoDBClient, count: int, **attributes: Any) -> str:
    """Create a table with so many items, and return its name."""
    table = make_table(client, "pk", "sk")
    for number in range(count):
        item = {"pk": {"S": f"u-{number:04}"}, "sk": {"S": "-"}, **attributes}
        client.put_item(TableName=table, Item=item)
    return table


def names(lines: list[Json]) -> list[str]:
    return sorted(line["Item"]["pk"]["S"] for line in lines)


def test_items_are_as_an_export_has_them(client: DynamoDBClient) -> None:
    table = filled(client, 1, photo={"B": b"foobar"}, tags={"SS": ["a"]})

    [event] = scan(table, client=client, run_id="run-1")

    assert json.loads(json.dumps(event)) == {
        "Items": [
            {
                "Item": {
                    "pk": {"S": "u-0000"},
                    "sk": {"S": "-"},
                    "photo": {"B": "Zm9vYmFy"},
                    "tags": {"SS": ["a"]},
                }
            }
        ],
        "BatchInput": {"table": table, "keys": ["pk", "sk"], "exportId": "run-1", "exportType": "SCAN"},
    }


@pytest.mark.parametrize("segments", [1, 4])
def test_each_item_comes_once(client: DynamoDBClient, segments: int) -> None:
    table = filled(client, 12, text={"S": "x" * 300_000})

    events = [*scan(table, client=client, segments=segments)]

    assert names(items_of(events)) == [f"u-{number:04}" for number in range(12)]
    assert len({event["BatchInput"]["exportId"] for event in events}) == 1
    assert len(events) >= 3


def test_runs_have_names_of_their_own(client: DynamoDBClient) -> None:
    table = filled(client, 1)

    runs = [next(scan(table, client=client))["BatchInput"]["exportId"] for _ in range(2)]

    assert runs[0] != runs[1]


def test_an_empty_table_has_no_events(client: DynamoDBClient) -> None:
    assert [*scan(make_table(client, "pk"), client=client)] == []


def test_a_scan_goes_on_anywhere(client: DynamoDBClient) -> None:
    table = filled(client, 12, text={"S": "x" * 300_000})
    first = TableScan(table, 3, client, "run-1", None).batches()
    before = [next(first), next(first)]

    position = json.loads(json.dumps(before[-1].position))
    after = TableScan(table, 3, client, "run-1", None).batches(position)

    lines = items_of(batch.event for batch in [*before, *after])
    assert names(lines) == [f"u-{number:04}" for number in range(12)]


class Pages:
    """A client for a table whose pages a test makes; those of a small DynamoDB have few items."""

    def __init__(self, *pages: list[Json], units: float = 1.0) -> None:
        self.pages = [*pages]
        self.units = units
        self.requests: list[Json] = []
        self.errors: list[Exception] = []

    def describe_table(self, **_: Any) -> Json:
        keys = [{"AttributeName": "pk", "KeyType": "HASH"}]
        return {"Table": {"TableName": "Users", "TableId": "id-1", "KeySchema": keys, "ItemCount": 7}}

    def scan(self, **arguments: Any) -> Json:
        self.requests.append(arguments)
        if self.errors:
            raise self.errors.pop()
        start = arguments.get("ExclusiveStartKey", {"pk": {"B": b"0"}})
        place = int(start["pk"]["B"])
        answer: Json = {"Items": self.pages[place], "ConsumedCapacity": {"CapacityUnits": self.units}}
        if place + 1 < len(self.pages):
            answer["LastEvaluatedKey"] = {"pk": {"B": str(place + 1).encode()}}
        return answer


def items(first: int, last: int) -> list[Json]:
    return [{"pk": {"B": str(number).encode()}} for number in range(first, last)]


def test_a_large_page_is_several_events() -> None:
    client = Pages(items(0, 1_001), [], items(1_001, 1_002))

    events = [*scan("Users", client=client)]

    assert [len(event["Items"]) for event in events] == [500, 500, 1, 1]
    assert events[0]["BatchInput"]["tableId"] == "id-1"


def test_a_position_is_behind_whole_pages() -> None:
    batches = [*TableScan("Users", 1, Pages(items(0, 501), items(501, 502)), None, None).batches()]

    assert [batch.position for batch in batches] == [None, {"0": {"pk": {"B": "MQ=="}}}, {"0": "done"}]


def test_a_finished_scan_reads_nothing() -> None:
    client = Pages(items(0, 1))

    assert [*TableScan("Users", 1, client, None, None).batches({"0": "done"})] == []
    assert client.requests == []


def test_a_binary_key_is_a_position() -> None:
    client = Pages(items(0, 1), items(1, 2))

    [batch] = TableScan("Users", 1, client, None, None).batches({"0": {"pk": {"B": "MQ=="}}})

    assert batch.event["Items"] == [{"Item": {"pk": {"B": "MQ=="}}}]


def test_the_rate_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)  # 20 seconds would be too long for a test
    client = Pages(*[items(number, number + 1) for number in range(5)], units=50)

    assert len([*scan("Users", client=client, read_units=10)]) == 5
    assert sum(pauses) == pytest.approx(5 + 10 + 15 + 20, abs=1)


def test_a_failing_scan_is_explained() -> None:
    client = Pages(items(0, 1))
    client.errors = [aws_error("AccessDeniedException")]

    with pytest.raises(
        SourceError, match="the table Users denies access: allow the role dynamodb:DescribeTable"
    ):
        items_of(scan("Users", client=client))


def test_a_table_has_to_be_there(client: DynamoDBClient) -> None:
    with pytest.raises(SourceError, match="the table table-gone is not there: check its name"):
        scan("table-gone", client=client)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"table": "arn:aws:s3:::users"}, "is neither a table's name nor its ARN"),
        ({"table": "Users", "segments": 0}, "segments has to be 1 to 100, not 0"),
        ({"table": "Users", "segments": 101}, "segments has to be 1 to 100, not 101"),
        ({"table": "Users", "read_units": 0}, "read_units has to be more than 0, not 0"),
    ],
)
def test_arguments_are_checked(arguments: Json, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        scan(**arguments)


def test_the_default_client_scans(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = filled(clients(dynamodb_endpoint)[0], 2)
    monkeypatch.setenv("AWS_ENDPOINT_URL", dynamodb_endpoint)  # where boto3 looks for all of it
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")

    assert names(items_of(scan(table))) == ["u-0000", "u-0001"]
