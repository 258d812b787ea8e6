"""What is used of a DynamoDB client, and one client for each process that uses a store."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

Request: TypeAlias = Callable[..., Any]


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


class ClientOfProcess:
    """The client that was handed over, or else one made when a process first asks. Safe for threads."""

    def __init__(self, given: DynamoDBClient | None, make: Callable[[], DynamoDBClient]) -> None:
        self._given = given
        self._make = make
        self._made: DynamoDBClient | None = None
        self._lock = threading.Lock()
        self._process = os.getpid()

    def __call__(self) -> DynamoDBClient:
        if self._given is not None:
            return self._given
        if self._process != os.getpid():
            # after a fork: the connections are the parent's, and so may be whoever holds the lock
            self._process, self._lock, self._made = os.getpid(), threading.Lock(), None
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
