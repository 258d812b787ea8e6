"""What the errors of queues and buckets mean, and the clients for them; loads boto3."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, Literal

from .._aws._sdk import SDK_ERRORS, Place, SDKError, code_of, explain, is_throttled
from .._aws._sdk import make_client as make_any_client
from .._errors import DeadLetterError

__all__ = ["SDK_ERRORS", "Place", "explained", "is_too_long", "make_client"]

_MISSING: Final = frozenset(
    {"AWS.SimpleQueueService.NonExistentQueue", "NoSuchBucket", "QueueDoesNotExist", "404"}
)
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "403"})


def make_client(service: Literal["s3", "sqs"]) -> Any:  # boto3 makes its clients' methods at run time
    """A client of what boto3 finds, which waits 5 seconds for an answer: a letter may be large.

    Raises:
        DeadLetterError: There is no region, or what is configured is nothing boto3 can use.
    """
    return make_any_client(service, read_timeout=5, error_type=DeadLetterError)


@contextmanager
def explained(place: Place) -> Generator[None]:
    """Raise what the SDK raises as a `DeadLetterError`, in our words."""
    try:
        yield
    except SDK_ERRORS as error:
        raise DeadLetterError(explain(error, place, _own_cause(error, place))) from error


def is_too_long(error: SDKError) -> bool:
    """Whether a queue takes no message of this length: it may be set to less than SQS allows."""
    return code_of(error).startswith("InvalidParameterValue") and "shorter than" in str(error)


def _own_cause(error: SDKError, place: Place) -> str | None:
    code = code_of(error)
    if code in _MISSING:
        return f"{place.name} is not there: look at the name, the account and the region"
    if code in _DENIED:
        return (
            f"{place.name} refuses: allow the role {place.actions} there,"
            " and the use of the key if it is encrypted with one"
        )
    if is_throttled(error):
        return f"{place.service} throttles {place.name}: less at once, or ask for a higher quota"
    return None
