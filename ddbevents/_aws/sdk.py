"""Boto3 clients with short timeouts, and the SDK errors that every AWS service has in common."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

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
from botocore.session import Session as BotocoreSession

from .._errors import DDBEventsError, printable
from .._tuples import NamedTuple

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
IN_TEST: Final = "; in a test, use app.with_store(MemoryStore()) or app.with_sink(MemorySink())"
_MISSING: Final = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NoSuchKey",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)
_DENIED: Final = frozenset({"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled"})
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
    """Where a request went, as an error message names it.

    Attributes:
        name: The kind and name of the resource: "the queue https://…".
        service: The service's name.
        actions: The IAM actions that the request needs there.
    """

    name: str
    service: Literal["DynamoDB", "DynamoDB Streams", "S3", "SQS"]
    actions: str


def make_client(
    service: Literal["dynamodb", "dynamodbstreams", "lambda", "s3", "sqs"],
    *,
    read_timeout: int,
    error_type: type[DDBEventsError],
    session: BotocoreSession | None = None,
    region: str | None = None,
    in_test: str = IN_TEST,
) -> Any:  # boto3 makes its clients' methods at run time
    """Return a client for the region, endpoint and credentials that boto3 finds.

    Args:
        service: The service's name in boto3.
        read_timeout: How many seconds the client waits for an answer.
        error_type: The error to raise if no region is configured, or boto3 cannot use the configuration.
        session: The session that makes it; by default a new one.
        region: Its region; by default the one that boto3 finds.
        in_test: What the error says a test has to do.
    """
    config = Config(
        connect_timeout=1,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=50,  # an app's `concurrency` may send many requests at a time
    )
    try:
        return Session(botocore_session=session).client(service, region, config=config)
    except (*SDK_ERRORS, ValueError) as error:
        reason = (
            "no AWS region is configured: set AWS_REGION"
            if isinstance(error, NoRegionError)
            else f"boto3 cannot use its configuration ({type(error).__name__}): see the cause"
        )
        raise error_type(f"{reason}, or pass a client{in_test}") from error


def code_of(error: SDKError) -> str:
    """Return the error code in AWS's answer, or the class name of an error of the SDK's own."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return type(error).__name__


def is_throttled(error: SDKError) -> bool:
    """Return whether AWS refused the request because there were too many."""
    return code_of(error) in _THROTTLED


def explain(error: SDKError, place: Place, own_cause: str | None) -> str:
    """Return a message with the cause and the cure, but nothing of the request's content.

    Args:
        error: The error that the SDK raised.
        place: Where the request went.
        own_cause: The cause and the cure, if only this service has such errors.
    """
    return f"{own_cause or _cause_and_cure(error, place)} ({printable(code_of(error))})"


def cause_there(error: SDKError, place: Place) -> str | None:
    """Return the cause and the cure if the resource is missing or closed to the caller; None otherwise."""
    code = code_of(error)
    if code in _MISSING:
        return f"{place.name} is not there: check its name, the account and the region"
    if code in _DENIED:
        return (
            f"{place.name} denies access: allow the role {place.actions} there,"
            " and the use of its encryption key if it has one"
        )
    return None


def unanswered(place: Place, seconds: float) -> str:
    """Return a message for a request that nobody waits for any longer.

    Args:
        place: Where the request went.
        seconds: How long all requests of the call were allowed to take.
    """
    return (
        f"{place.service} did not answer for {place.name} within the {seconds:.1f} s that the function could"
        f" wait: {_network(place)}; or the function's time-out leaves too little time"
    )


def _cause_and_cure(error: SDKError, place: Place) -> str:
    if isinstance(error, _NO_CREDENTIALS) or code_of(error) in _WRONG_CREDENTIALS:
        return "AWS credentials are missing, expired or wrong: give the function a role, or log in"
    if isinstance(error, (HTTPClientError, NotConnectedError)):
        return f"{place.service} does not answer for {place.name}: {_network(place)}"
    return f"{place.service} failed on a request to {place.name}: see the cause"


def _network(place: Place) -> str:
    return (
        "check the region, the endpoint and the network; a function in a VPC needs an endpoint for"
        f" {place.service}"
    )
