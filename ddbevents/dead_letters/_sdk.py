"""The AWS SDK: how a client is made for dead letters, and what its errors mean."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
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

from .._errors import DeadLetterError

SDKError: TypeAlias = BotoCoreError | ClientError
SDK_ERRORS: Final = (BotoCoreError, ClientError)

_CONFIG: Final = Config(
    connect_timeout=1, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
)
_MISSING: Final = frozenset(
    {"AWS.SimpleQueueService.NonExistentQueue", "NoSuchBucket", "QueueDoesNotExist", "404"}
)
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "403"})
_THROTTLED: Final = frozenset({"RequestThrottled", "SlowDown", "ThrottlingException", "Throttling"})
_NO_CREDENTIALS: Final = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)
_WRONG_CREDENTIALS: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


class Place(NamedTuple):
    """Where letters are, in the words of an error.

    Attributes:
        name: Such as "the queue https://…".
        service: The service's name.
        actions: What a role must be allowed to do there.
    """

    name: str
    service: Literal["SQS", "S3"]
    actions: str


def make_client(service: Literal["sqs", "s3"]) -> Any:  # boto3 makes its clients' methods at run time
    """A client of the region, endpoint and credentials that boto3 finds, with little patience.

    Raises:
        DeadLetterError: There is no region, or what is configured is nothing boto3 can use.
    """
    try:
        return Session().client(service, config=_CONFIG)
    except (*SDK_ERRORS, ValueError) as error:
        what = (
            "no AWS region is configured: set AWS_REGION"
            if isinstance(error, NoRegionError)
            else f"boto3 makes no client of what is configured ({type(error).__name__}): see the cause"
        )
        raise DeadLetterError(f"{what}, or hand a client over") from error


@contextmanager
def explained(place: Place) -> Generator[None]:
    """Raise what the SDK raises in our words, with cause and cure, and without what was sent."""
    try:
        yield
    except SDK_ERRORS as error:
        raise DeadLetterError(f"{_cause_and_cure(error, place)} ({code_of(error)})") from error


def code_of(error: SDKError) -> str:
    """The error code that AWS answered, or the name of what the SDK itself raised."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return type(error).__name__


def is_too_long(error: SDKError) -> bool:
    """Whether a queue takes no message of this length: it may be set to less than SQS allows."""
    return code_of(error).startswith("InvalidParameterValue") and "shorter than" in str(error)


def _cause_and_cure(error: SDKError, place: Place) -> str:
    code = code_of(error)
    if code in _MISSING:
        return f"{place.name} is not there: look at the name, the account and the region"
    if code in _DENIED:
        return (
            f"{place.name} refuses: allow the role {place.actions} there,"
            " and the use of the key if it is encrypted with one"
        )
    if isinstance(error, _NO_CREDENTIALS) or code in _WRONG_CREDENTIALS:
        return "AWS credentials are missing, expired or wrong: give the function a role, or log in"
    if code in _THROTTLED:
        return f"{place.service} throttles {place.name}: less at once, or ask for a higher quota"
    if isinstance(error, (HTTPClientError, NotConnectedError)):
        return (
            f"{place.service} does not answer for {place.name}: look at the region, the endpoint and the"
            f" network; a function in a VPC needs an endpoint for {place.service}"
        )
    return f"{place.service} failed with a request to {place.name}: see the cause"
