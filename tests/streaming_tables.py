"""Tables of DynamoDB Local with a stream, for commands that follow it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from tests.dynamodb_local import clients
from tests.dynamodb_tables import make_table

AWS: Final = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
Item = Mapping[str, Any]
View = Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]


def streaming_table(endpoint: str, view: View = "NEW_AND_OLD_IMAGES") -> str:
    """Create a table with a stream, and return its name."""
    dynamodb, _ = clients(endpoint)
    table = make_table(dynamodb, "pk")
    dynamodb.update_table(
        TableName=table, StreamSpecification={"StreamEnabled": True, "StreamViewType": view}
    )
    return table


def put(endpoint: str, table: str, *items: Item) -> None:
    dynamodb, _ = clients(endpoint)
    for item in items:
        dynamodb.put_item(TableName=table, Item=item)


def delete(endpoint: str, table: str, *names: str) -> None:
    dynamodb, _ = clients(endpoint)
    for name in names:
        dynamodb.delete_item(TableName=table, Key={"pk": {"S": name}})


def disable(endpoint: str, table: str) -> None:
    """End the stream, so that what follows it ends, too."""
    dynamodb, _ = clients(endpoint)
    dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})


def ended_table(endpoint: str, items: Iterable[Item], view: View = "NEW_AND_OLD_IMAGES") -> str:
    """Create a table whose stream has ended, after some items were put."""
    table = streaming_table(endpoint, view)
    put(endpoint, table, *items)
    disable(endpoint, table)
    return table
