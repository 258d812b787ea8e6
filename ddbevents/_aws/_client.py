"""A boto3 client that each process makes for itself, on first use."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from .._errors import ConfigurationError

Request: TypeAlias = Callable[..., Any]
"""A method of a boto3 client."""


class DynamoDBClient(Protocol):
    """The methods of `boto3.client("dynamodb")` that the store calls."""

    @property
    def batch_get_item(self) -> Request: ...
    @property
    def batch_write_item(self) -> Request: ...
    @property
    def transact_write_items(self) -> Request: ...
    @property
    def describe_table(self) -> Request: ...


ClientT = TypeVar("ClientT")


def check_boto3(user: str) -> None:
    """Refuse to go on without boto3.

    Args:
        user: The name of the class that needs it, for the error.

    Raises:
        ConfigurationError: boto3 is not installed.
    """
    if find_spec("boto3") is None:
        raise ConfigurationError(f"{user} needs boto3: pip install 'ddbevents[aws]'")


class ClientPerProcess(Generic[ClientT]):
    """The client that the user passed, or one that each process makes on first use. Safe for threads."""

    def __init__(self, given: ClientT | None, make: Callable[[], ClientT]) -> None:
        self._given = given
        self._make = make
        self._made: ClientT | None = None
        self._lock = threading.Lock()
        self._process = os.getpid()

    def __call__(self) -> ClientT:
        if self._given is not None:
            return self._given
        if self._process != os.getpid():
            # after a fork the connections are the parent's, and a parent's thread may have held the lock
            self._process, self._lock, self._made = os.getpid(), threading.Lock(), None
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
