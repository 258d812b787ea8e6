"""What `DescribeTable` says of a table whose items are read. Loads boto3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from .._aws import Request
from .._errors import printable
from ._requests import Place, ask


class TablesClient(Protocol):
    """The methods of `boto3.client("dynamodb")` that a scan calls."""

    @property
    def describe_table(self) -> Request: ...
    @property
    def scan(self) -> Request: ...


class Table(NamedTuple):
    """A table.

    Attributes:
        name: Its name.
        table_id: The id that a table of the same name would not have; None in DynamoDB Local.
        keys: The attributes of its key.
        item_count: About how many items it has; AWS counts every six hours.
        stream_arn: The ARN of its latest stream; None if it never had one.
    """

    name: str
    table_id: str | None
    keys: Sequence[str]
    item_count: int
    stream_arn: str | None


def place_of(table: str, actions: str = "dynamodb:DescribeTable and dynamodb:Scan") -> Place:
    """Return a table as error messages name it, with the actions that a reader needs."""
    return Place(f"the table {printable(table, longest=1024)}", "DynamoDB", actions)


def describe(client: TablesClient, table: str, place: Place | None = None) -> Table:
    """Return what is known of a table.

    Args:
        client: Sends the request.
        table: The table's name or ARN.
        place: The table as error messages name it.

    Raises:
        SourceError: It is not there, or denies access.
    """
    found = ask(lambda: client.describe_table(TableName=table), place or place_of(table))["Table"]
    keys = [each["AttributeName"] for each in found["KeySchema"]]
    return Table(
        found["TableName"],
        found.get("TableId"),
        keys,
        found.get("ItemCount", 0),
        found.get("LatestStreamArn"),
    )
