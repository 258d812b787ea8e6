"""A table in several Regions: each gets the writes of all others, and the newest wins."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from pydantic import BaseModel

from ddbevents import Latest, StreamApp, StreamRecord, decode, encode
from ddbevents.stores import DynamoDBStore

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

OLDER = "attribute_not_exists(origin) OR version < :v"
REGIONS = os.environ.get("REGIONS", "eu-central-1,eu-west-1").split(",")


class Stamp(BaseModel):
    """What every writer puts into an item: its Region, and a version above all that the item has had."""

    origin: str
    version: int


app = StreamApp("replication", store=DynamoDBStore(os.environ.get("IDEMPOTENCY_TABLE", "handled-events")))
lambda_handler = app


@app.on_latest(dict[str, Any])
def replicate(latest: Latest[dict[str, Any]]) -> None:
    """Bring the last state of an item to the other Regions, unless it came from one of them."""
    record = latest.record
    if latest.item is None:
        for target in targets(record):
            delete(target, record)
    elif decode(Stamp, record.new_image or {}).origin == record.region:
        for target in targets(record):
            put(target, record, latest.item)


def put(target: DynamoDBClient, record: StreamRecord, item: dict[str, Any]) -> None:
    """Write an item, unless a newer one is there, or one as new of a Region later in the alphabet."""
    stamp = decode(Stamp, item_image := encode(item))
    with suppress(target.exceptions.ConditionalCheckFailedException):
        target.put_item(
            TableName=str(record.table),
            Item=item_image,
            ConditionExpression=f"{OLDER} OR (version = :v AND origin < :o)",
            ExpressionAttributeValues={":v": {"N": str(stamp.version)}, ":o": {"S": stamp.origin}},
        )


def delete(target: DynamoDBClient, record: StreamRecord) -> None:
    """Delete an item, unless a newer one is there. Deleting nothing makes no record, so it does not loop."""
    stamp = decode(Stamp, record.old_image or {})
    with suppress(target.exceptions.ConditionalCheckFailedException):
        target.delete_item(
            TableName=str(record.table),
            Key=encode(record.keys),
            ConditionExpression=f"{OLDER} OR version = :v",
            ExpressionAttributeValues={":v": {"N": str(stamp.version)}},
        )


def targets(record: StreamRecord) -> Iterator[DynamoDBClient]:
    """Yield a client for each Region but the record's own."""
    return (client(region) for region in REGIONS if region != record.region)


@cache
def client(region: str) -> DynamoDBClient:
    """Return the client of a Region, which is made once an execution environment."""
    config = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 2})
    return boto3.client("dynamodb", region_name=region, config=config)
