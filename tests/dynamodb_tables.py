"""Tables of the tests' own on a DynamoDB, made and read in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ddbevents._attributes._decode import decode_map

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def make_table(client: DynamoDBClient, *key: str, name: str | None = None) -> str:
    """An empty table with a partition key, and perhaps a sort key, of text; its name is new if not given."""
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
    """All items by their partition key, as Python values without it."""
    items = [decode_map(item) for item in client.scan(TableName=table, ConsistentRead=True)["Items"]]
    return {item.pop(key): item for item in items}
