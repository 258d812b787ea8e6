"""The AWS SDK: how a client is made for a function, and what its errors mean whatever the service."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple, TypeAlias

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as NotConnectedError

from .._errors import DDBEventsError

SDKError: TypeAlias = BotoCoreError | ClientError
SDK_ERRORS: Final = (BotoCoreError, ClientError)

_THROTTLED: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
    }
)
_NO_CREDENTIALS: Final = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)
_WRONG_CREDENTIALS: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


class Place(NamedTuple):
    """Where a request went, in the words of an error.

    Attributes:
        name: Such as "the queue https://…".
        service: The service's name.
        actions: What a role must be allowed to do there.
    """

    name: str
    service: Literal["DynamoDB", "S3", "SQS"]
    actions: str


def make_client(
    service: Literal["dynamodb", "s3", "sqs"], *, read_timeout: int, error_type: type[DDBEventsError]
) -> Any:  # boto3 makes its clients' methods at run time
    """A client of the region, endpoint and credentials that boto3 finds, with little patience.

    Args:
        service: Of which service.
        read_timeout: How many seconds it waits for an answer.
        error_type: Is raised if there is no region, or what is configured is nothing boto3 can use.
    """
    config = Config(
        connect_timeout=1,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=50,  # lanes may run side by side
    )
    try:
        return Session().client(service, config=config)
    except (*SDK_ERRORS, ValueError) as error:
        what = (
            "no AWS region is configured: set AWS_REGION"
            if isinstance(error, NoRegionError)
            else f"boto3 makes no client of what is configured ({type(error).__name__}): see the cause"
        )
        raise error_type(f"{what}, or hand a client over") from error


def code_of(error: SDKError) -> str:
    """The error code that AWS answered, or the name of what the SDK itself raised."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return type(error).__name__


def is_throttled(error: SDKError) -> bool:
    """Whether there were too many requests."""
    return code_of(error) in _THROTTLED


def explain(error: SDKError, place: Place, own_cause: str | None) -> str:
    """An error in our words, with cause and cure, and without what was sent.

    Args:
        error: What the SDK raised.
        place: Where the request went.
        own_cause: Cause and cure where they are particular to the service.
    """
    return f"{own_cause or _cause_and_cure(error, place)} ({code_of(error)})"


def _cause_and_cure(error: SDKError, place: Place) -> str:
    if isinstance(error, _NO_CREDENTIALS) or code_of(error) in _WRONG_CREDENTIALS:
        return "AWS credentials are missing, expired or wrong: give the function a role, or log in"
    if isinstance(error, (HTTPClientError, NotConnectedError)):
        return (
            f"{place.service} does not answer for {place.name}: look at the region, the endpoint and the"
            f" network; a function in a VPC needs an endpoint for {place.service}"
        )
    return f"{place.service} failed with a request to {place.name}: see the cause"
