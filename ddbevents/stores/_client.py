"""What is used of a DynamoDB client."""

from __future__ import annotations

from typing import Protocol

from .._aws import Request


class DynamoDBClient(Protocol):
    """What a store needs of `boto3.client("dynamodb")`."""

    @property
    def batch_get_item(self) -> Request: ...
    @property
    def batch_write_item(self) -> Request: ...
    @property
    def transact_write_items(self) -> Request: ...
    @property
    def describe_table(self) -> Request: ...
