"""A store's DynamoDB client, and DynamoDB's errors as `StoreError`. Loads boto3."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from botocore.exceptions import ClientError, HTTPClientError, ParamValidationError
from botocore.session import Session

from .._aws import sdk
from .._aws.direct import DirectClient
from .._aws.sdk import SDK_ERRORS, Place, SDKError, code_of, is_throttled
from .._errors import LONGEST_LABEL, StoreError, printable
from .._errors import quoted as quoted_name
from .._patience import TimeLeft

__all__ = [
    "SDK_ERRORS",
    "SDKError",
    "checking",
    "explain",
    "is_denied",
    "is_invalid",
    "is_passing",
    "make_client",
    "quoted",
    "throttled",
    "unanswered",
]

_INVALID: Final = frozenset({"TransactionCanceledException", "ValidationException"})
_SERVER_ERROR: Final = 500
_LONGEST_ARN: Final = 400  # of an index, with the longest names
_DENIED: Final = re.compile(r"perform: (dynamodb:\w+) on resource: (\S+)")


def make_client() -> DirectClient:
    """Return a client that waits 3 seconds for an answer.

    Raises:
        StoreError: No region is configured, or boto3 cannot use its configuration.
    """
    session = Session()
    made = sdk.make_client("dynamodb", read_timeout=3, error_type=StoreError, session=session)
    return DirectClient(session, made)


def checking(client: Any) -> Any:
    """Return the client, or boto3's in it, which checks the shape of an action before it is sent."""
    return client.boto3 if isinstance(client, DirectClient) else client


def is_passing(error: SDKError) -> bool:
    """Return whether another try may succeed; the first may have succeeded too, its answer lost."""
    if is_throttled(error) or code_of(error) == "TransactionInProgressException":
        return True
    if isinstance(error, ClientError):
        return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _SERVER_ERROR
    return isinstance(error, HTTPClientError)


def is_denied(error: SDKError) -> bool:
    """Return whether a table does not exist, or the role may not use it."""
    return code_of(error) in {"AccessDeniedException", "ResourceNotFoundException"}


def is_invalid(error: SDKError) -> bool:
    """Return whether DynamoDB would refuse the request every time."""
    return isinstance(error, ParamValidationError) or code_of(error) in _INVALID


def explain(error: SDKError, tables: Iterable[str], action: str) -> StoreError:
    """Return an error with the cause and the cure.

    Args:
        error: The error that the SDK raised.
        tables: The tables of the request.
        action: The IAM action that the request needs there.
    """
    if is_throttled(error):
        return throttled(tables)
    place = Place(quoted(tables), "DynamoDB", action)
    return StoreError(sdk.explain(error, place, _own_cause(error, place)))


def throttled(tables: Iterable[str]) -> StoreError:
    """Return the error for tables that have no capacity left."""
    return StoreError(
        f"DynamoDB throttles {quoted(tables)}: give it more capacity, or on-demand capacity; Lambda retries"
        " the records"
    )


def unanswered(tables: Iterable[str], time_left: TimeLeft) -> StoreError:
    """Return the error for a request that was left behind because time was up."""
    return StoreError(sdk.unanswered(Place(quoted(tables), "DynamoDB", ""), time_left.allowed))


def quoted(tables: Iterable[str]) -> str:
    """Return the names of tables, each once, as a message shows them."""
    return ", ".join([quoted_name(table, longest=LONGEST_LABEL) for table in dict.fromkeys(tables)])


def _own_cause(error: SDKError, place: Place) -> str | None:
    code = code_of(error)
    if code == "ResourceNotFoundException":
        return (
            f"no such table in this account and region: {place.name}; an idempotency table has the partition"
            " key 'id' of type S, no sort key, and time to live on the attribute 'expiration'"
        )
    if code == "AccessDeniedException":
        denied = _DENIED.search(str(error))
        if denied is None:
            return f"the function may not use {place.name}: allow its role {place.actions} there"
        action, table = (printable(part, longest=_LONGEST_ARN) for part in denied.groups())
        return f"the function may not use {table}: allow its role {action} there"
    if is_invalid(error):
        return (
            f"not an idempotency table: {place.name}; its only key must be the partition key 'id' of type S"
        )
    return None
