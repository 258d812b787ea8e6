"""What DynamoDB's errors mean to a store, and the client for it; loads boto3."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError, HTTPClientError, ParamValidationError

from .._aws import _sdk
from .._aws._sdk import SDK_ERRORS, Place, SDKError, code_of, is_throttled
from .._errors import StoreError

if TYPE_CHECKING:
    from ._client import DynamoDBClient

__all__ = [
    "SDK_ERRORS",
    "SDKError",
    "explain",
    "is_denied",
    "is_invalid",
    "is_passing",
    "make_client",
    "quoted",
    "throttled",
]

_INVALID: Final = frozenset({"TransactionCanceledException", "ValidationException"})
_SERVER_ERROR: Final = 500
_DENIED: Final = re.compile(r"perform: (dynamodb:\w+) on resource: (\S+)")


def make_client() -> DynamoDBClient:
    """A client of what boto3 finds, which waits 3 seconds for an answer.

    Raises:
        StoreError: There is no region, or what is configured is nothing boto3 can use.
    """
    client: DynamoDBClient = _sdk.make_client("dynamodb", read_timeout=3, error_type=StoreError)
    return client


def is_passing(error: SDKError) -> bool:
    """Whether another try may succeed. What was asked for may have been done: the answer can be lost."""
    if is_throttled(error) or code_of(error) == "TransactionInProgressException":
        return True
    if isinstance(error, ClientError):
        return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _SERVER_ERROR
    return isinstance(error, HTTPClientError)


def is_denied(error: SDKError) -> bool:
    """Whether a table is not there, or may not be used."""
    return code_of(error) in {"AccessDeniedException", "ResourceNotFoundException"}


def is_invalid(error: SDKError) -> bool:
    """Whether DynamoDB could never do the request."""
    return isinstance(error, ParamValidationError) or code_of(error) in _INVALID


def explain(error: SDKError, tables: Iterable[str], action: str) -> StoreError:
    """The error in our words, with cause and cure.

    Args:
        error: What the SDK raised.
        tables: The tables that the request was to.
        action: What the function's role must be allowed to do there.
    """
    if is_throttled(error):
        return throttled(tables)
    place = Place(quoted(tables), "DynamoDB", action)
    return StoreError(_sdk.explain(error, place, _own_cause(error, place)))


def throttled(tables: Iterable[str]) -> StoreError:
    """The error where a table takes no more requests."""
    return StoreError(
        f"DynamoDB throttles {quoted(tables)}: give it more capacity, or on-demand capacity; the records"
        " concerned are delivered again"
    )


def quoted(tables: Iterable[str]) -> str:
    """The names of tables, each once, as a message shows them."""
    return ", ".join(map(repr, dict.fromkeys(tables)))


def _own_cause(error: SDKError, place: Place) -> str | None:
    code = code_of(error)
    if code == "ResourceNotFoundException":
        return (
            f"no such table in this account and region: {place.name}; the table of marks has the partition"
            " key 'id' of type S, no sort key, and time to live on the attribute 'expiration'"
        )
    if code == "AccessDeniedException":
        denied = _DENIED.search(str(error))
        action, tables = denied.groups() if denied else (place.actions, place.name)
        return f"the function may not use {tables}: allow its role {action} there"
    if is_invalid(error):
        return f"{place.name} takes no marks: its only key must be the partition key 'id' of type S"
    return None
