"""Clients for queues and buckets of dead letters, and their errors as `DeadLetterError`. Loads boto3."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Literal

from .._aws import sdk
from .._aws.sdk import SDK_ERRORS, Place, SDKError, code_of
from .._errors import DeadLetterError
from .._patience import TimeLeft

__all__ = ["SDK_ERRORS", "Place", "deliver", "explained", "is_too_long", "make_client"]


def make_client(service: Literal["s3", "sqs"]) -> Any:  # boto3 makes its clients' methods at run time
    """Return a client that waits 5 seconds for an answer, since a letter may be large.

    Raises:
        DeadLetterError: No region is configured, or boto3 cannot use its configuration.
    """
    return sdk.make_client(service, read_timeout=5, error_type=DeadLetterError)


def deliver(request: Callable[[], object], place: Place, time_left: TimeLeft) -> None:
    """Send a request with a letter.

    Raises:
        DeadLetterError: There was no answer in time.
    """
    try:
        time_left.run(request)
    except TimeoutError as error:
        raise DeadLetterError(sdk.unanswered(place, time_left.allowed)) from error


@contextmanager
def explained(place: Place) -> Generator[None]:
    """Turn the SDK's errors into a `DeadLetterError` with the cause and the cure."""
    try:
        yield
    except SDK_ERRORS as error:
        raise DeadLetterError(sdk.explain(error, place, _own_cause(error, place))) from error


def is_too_long(error: SDKError) -> bool:
    """Return whether the message is too long for the queue, whose limit may be lower than that of SQS."""
    return code_of(error).startswith("InvalidParameterValue") and "shorter than" in str(error)


def _own_cause(error: SDKError, place: Place) -> str | None:
    if sdk.is_throttled(error):
        return f"{place.service} throttles {place.name}: lower the concurrency, or ask for a higher quota"
    return sdk.cause_there(error, place)
