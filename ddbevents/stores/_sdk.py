"""The AWS SDK: how its client is made for a function, and what its errors mean."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as NotConnectedError

from .._errors import StoreError

if TYPE_CHECKING:
    from ._client import DynamoDBClient

SDKError: TypeAlias = BotoCoreError | ClientError
SDK_ERRORS: Final = (BotoCoreError, ClientError)

_CONFIG: Final = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=50,  # lanes may run side by side
)
_THROTTLED: Final = frozenset(
    {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"}
)
_INVALID: Final = frozenset({"TransactionCanceledException", "ValidationException"})
_SERVER_ERROR: Final = 500
_NO_CREDENTIALS: Final = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)
_WRONG_CREDENTIALS: Final = frozenset(
    {
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)
_DENIED: Final = re.compile(r"perform: (dynamodb:\w+) on resource: (\S+)")


def make_client() -> DynamoDBClient:
    """A client of the region, endpoint and credentials that boto3 finds, with little patience.

    Raises:
        StoreError: There is no region, or what is configured is nothing boto3 can use.
    """
    try:
        client = Session().client("dynamodb", config=_CONFIG)
    except (*SDK_ERRORS, ValueError) as error:
        what = (
            "no AWS region is configured: set AWS_REGION"
            if isinstance(error, NoRegionError)
            else f"boto3 makes no client of what is configured ({type(error).__name__}): see the cause"
        )
        raise StoreError(f"{what}, or give the store a client") from error
    return cast("DynamoDBClient", client)  # boto3 makes its methods at run time


def code_of(error: SDKError) -> str:
    """The error code that AWS answered, or the name of what the SDK itself raised."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "")
    return type(error).__name__


def is_throttled(error: SDKError) -> bool:
    """Whether there were too many requests."""
    return code_of(error) in _THROTTLED


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
    """Whether the request is none that DynamoDB could ever do."""
    return isinstance(error, ParamValidationError) or code_of(error) in _INVALID


def explain(error: SDKError, tables: Iterable[str], action: str) -> StoreError:
    """The error in our words, with cause and cure.

    Args:
        error: What the SDK raised.
        tables: The tables that the request was to.
        action: What the function's role must be allowed to do there.
    """
    names = _names(tables)
    if is_throttled(error):
        return throttled(tables)
    return StoreError(f"{_cause_and_cure(error, names, action)} ({code_of(error)})")


def throttled(tables: Iterable[str]) -> StoreError:
    """The error where a table takes no more requests."""
    return StoreError(
        f"DynamoDB throttles {_names(tables)}: give it more capacity, or on-demand capacity; the records"
        " concerned are delivered again"
    )


def _names(tables: Iterable[str]) -> str:
    return ", ".join(map(repr, tables))


def _cause_and_cure(error: SDKError, tables: str, action: str) -> str:
    code = code_of(error)
    if code == "ResourceNotFoundException":
        return (
            f"no such table in this account and region: {tables}; the table of marks has the partition key"
            " 'id' of type S, no sort key, and time to live on the attribute 'expiration'"
        )
    if code == "AccessDeniedException":
        denied = _DENIED.search(str(error))
        action, tables = denied.groups() if denied else (action, tables)
        return f"the function may not use {tables}: allow its role {action} there"
    if isinstance(error, _NO_CREDENTIALS) or code in _WRONG_CREDENTIALS:
        return "AWS credentials are missing, expired or wrong: give the function a role, or log in"
    if isinstance(error, (HTTPClientError, NotConnectedError)):
        return (
            "DynamoDB does not answer: look at the region, the endpoint and the network; a function in a VPC"
            " needs a gateway endpoint for DynamoDB"
        )
    if is_invalid(error):
        return f"{tables} takes no marks: its only key must be the partition key 'id' of type S"
    return f"DynamoDB failed with a request to {tables}"
