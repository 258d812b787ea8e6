from __future__ import annotations

import json
import random
import re
from base64 import b64encode
from collections.abc import Generator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import uuid4

import boto3
import pytest

from ddbevents import encode, parse_event
from ddbevents.testing import Table, event
from examples.replication.app import app, client, lambda_handler
from tests.command_line import ROOT, run_beside_examples
from tests.dynamodb_local import oldest_iterator
from tests.dynamodb_tables import make_table, read_table
from tests.moto_server import aws_environment

if TYPE_CHECKING:
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient

REPLICATION = ROOT / "examples" / "replication"
EVENTS = sorted(REPLICATION.glob("events/*.json"))
[COMMAND] = re.findall(r"^ddbevents (.*)$", (REPLICATION / "README.md").read_text("utf-8"), re.MULTILINE)
HERE: Final = "eu-central-1"
THERE: Final = "eu-west-1"
REGIONS: Final = (HERE, THERE)
PHOTOS = {
    "cat": {
        "origin": HERE,
        "version": 1795424460000,
        "thumbnail": b"\x89PNG\r\n\x1a\n",
        "sizes": {120, 640},
        "price": Decimal("12.5"),
        "hashes": {b"\x00\x01", b"\xfe"},
    }
}

Json: TypeAlias = dict[str, Any]


class Region:
    """A Region of DynamoDB Local: a table, its stream, and the app that Lambda invokes there."""

    def __init__(self, name: str, table: str) -> None:
        self.name = name
        self.table = table
        self.app = app.with_store(None)  # deliveries run again, as with any crash
        self.dynamodb = client(name)
        self.streams: DynamoDBStreamsClient = boto3.client("dynamodbstreams", region_name=name)
        make_table(self.dynamodb, "pk", name=table)
        self.dynamodb.update_table(
            TableName=table,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self.arn = self.dynamodb.describe_table(TableName=table)["Table"].get("LatestStreamArn", "")
        [shard] = self.streams.describe_stream(StreamArn=self.arn)["StreamDescription"].get("Shards", [])
        self.iterator = oldest_iterator(self.streams, self.arn, shard.get("ShardId", ""))

    def write(self, key: str, version: int, **attributes: object) -> None:
        item = {"pk": key, "origin": self.name, "version": version, **attributes}
        self.dynamodb.put_item(TableName=self.table, Item=encode(item))

    def remove(self, key: str) -> None:
        self.dynamodb.delete_item(TableName=self.table, Key={"pk": {"S": key}})

    def items(self) -> dict[str, Json]:
        return read_table(self.dynamodb, self.table)

    def deliver(self) -> int:
        """Invoke the app with the new records of the stream, twice, and return how many there were."""
        page = self.streams.get_records(ShardIterator=self.iterator)
        self.iterator = page.get("NextShardIterator", "")
        arn = f"arn:aws:dynamodb:{self.name}:123456789012:table/{self.table}/stream/2026"
        records = [{**record, "awsRegion": self.name, "eventSourceARN": arn} for record in page["Records"]]
        batch = json.loads(json.dumps({"Records": records}, default=as_lambda_has_it))
        for _ in range(2):
            assert self.app(batch) == {"batchItemFailures": []}
        return len(records)


def as_lambda_has_it(value: bytes | datetime) -> str | float:
    return b64encode(value).decode() if isinstance(value, bytes) else value.timestamp()


@pytest.fixture(scope="module")
def environment(dynamodb_endpoint: str) -> Generator[pytest.MonkeyPatch]:
    with aws_environment(dynamodb_endpoint) as environment:
        client.cache_clear()
        yield environment
    client.cache_clear()


@pytest.fixture
def regions(environment: pytest.MonkeyPatch) -> list[Region]:
    table = f"photos-{uuid4()}"
    return [Region(name, table) for name in REGIONS]


def settle(regions: list[Region]) -> list[int]:
    """Deliver until no Region has a new record, and return how many each round had."""
    rounds = [1]
    while any(rounds[-2:]) and len(rounds) < 20:
        rounds.append(sum(region.deliver() for region in regions))
    return [count for count in rounds[1:] if count]


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def test_the_readme_fills_the_other_region(moto_endpoint: str, tmp_path: Path) -> None:
    with aws_environment(moto_endpoint):
        dynamodb = boto3.client("dynamodb", region_name=THERE)
        make_table(dynamodb, "pk", name="Photos")
        run = run_beside_examples(tmp_path, COMMAND)

    assert (run.returncode, run.stderr) == (0, "")
    assert "5 records in 2 events · 5 handled · " in run.stdout
    assert read_table(dynamodb, "Photos") == PHOTOS
    dynamodb.delete_table(TableName="Photos")


def test_every_type_of_attribute_arrives(regions: list[Region]) -> None:
    here, there = regions
    attributes = {
        "photo": b"\xff\x00",
        "hashes": {b"\x01", b"\xfe"},
        "sizes": {1, Decimal("2.5")},
        "tags": {"a", "b"},
        "price": Decimal("1234567890123456789012345678901234567.5"),
        "more": [{"deep": b"\x00"}, None, True, ""],
    }

    here.write("cat", 1, **attributes)
    settle(regions)

    assert there.items() == {"cat": {"origin": HERE, "version": 1, **attributes}}


def test_a_write_does_not_come_back(regions: list[Region]) -> None:
    here, _ = regions
    here.write("cat", 1)

    assert settle(regions) == [2]


def test_a_removal_does_not_loop(regions: list[Region]) -> None:
    here, there = regions
    here.write("cat", 1)
    settle(regions)

    here.remove("cat")

    assert settle(regions) == [2]
    assert there.items() == {}


@pytest.mark.parametrize(("mine", "theirs", "winner"), [(1, 2, THERE), (2, 1, HERE), (1, 1, THERE)])
def test_the_newest_write_wins(regions: list[Region], mine: int, theirs: int, winner: str) -> None:
    here, there = regions

    here.write("cat", mine)
    there.write("cat", theirs)
    settle(regions)

    assert [region.items()["cat"]["origin"] for region in regions] == [winner, winner]


def test_a_newer_write_outlives_a_removal(regions: list[Region]) -> None:
    here, there = regions
    here.write("cat", 1)
    settle(regions)

    here.remove("cat")
    there.write("cat", 2)
    settle(regions)

    assert here.items() == there.items() == {"cat": {"origin": THERE, "version": 2}}


@pytest.mark.parametrize("seed", range(2))
def test_both_regions_end_alike(regions: list[Region], seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # no secret
    here, there = regions

    for number in range(40):
        region, key = chance.choice(regions), chance.choice("abc")
        region.remove(key) if chance.random() < 0.2 else region.write(key, number)
        chance.choice(regions).deliver() if chance.random() < 0.3 else None
    settle(regions)

    assert here.items() == there.items()


def test_an_item_without_a_stamp_fails(environment: pytest.MonkeyPatch) -> None:
    report = app.with_store(None).process(event(Table("Photos", "pk").insert({"pk": "cat"})))

    assert report.failed == 1


def test_lambda_calls_the_app() -> None:
    assert lambda_handler is app


def test_records_rise_and_never_repeat() -> None:
    records = [record for path in EVENTS for record in parse_event(read(path))]
    numbers = [int(record.sequence_number) for record in records]

    assert numbers == sorted(set(numbers))
    assert len({record.event_id for record in records}) == len(records)
