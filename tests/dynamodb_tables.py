"""DynamoDB tables for tests: create one, or read one whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ddbevents import decode

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def make_table(client: DynamoDBClient, *key: str, name: str | None = None) -> str:
    """Create a table with a partition key, and perhaps a sort key, of text, and return its name."""
    name = name or f"table-{uuid4()}"
    kinds = ("HASH", "RANGE")
    client.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": part, "KeyType": kind}  # type: ignore[typeddict-item]  # a Literal of theirs
            for part, kind in zip(key, kinds, strict=False)
        ],
        AttributeDefinitions=[{"AttributeName": part, "AttributeType": "S"} for part in key],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def read_table(client: DynamoDBClient, table: str, key: str = "pk") -> dict[str, dict[str, Any]]:
    """Return all items as Python values without the partition key, by that key."""
    items = [
        decode(dict[str, Any], item) for item in client.scan(TableName=table, ConsistentRead=True)["Items"]
    ]
    return {item.pop(key): item for item in items}
