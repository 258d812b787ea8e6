"""A request to AWS: repeated while AWS throttles, and its failures as a `SourceError`. Loads boto3."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from random import uniform
from typing import Final, TypeVar

from botocore.exceptions import ClientError

from .._aws.sdk import SDK_ERRORS, Place, SDKError, cause_there, code_of, explain, is_throttled
from .._errors import SourceError

__all__ = ["SDK_ERRORS", "ClientError", "Place", "ask", "code_of"]

AnswerT = TypeVar("AnswerT")

_MOST_TRIES: Final = 8  # 20 seconds, beside the three tries that the client makes each time
_LONGEST_PAUSE: Final = 5.0
_PASSING: Final = frozenset(
    {"500", "503", "InternalFailure", "InternalServerError", "LimitExceededException", "ServiceUnavailable"}
)


def ask(request: Callable[[], AnswerT], place: Place, *, known: Collection[str] = ()) -> AnswerT:
    """Return the answer to a request, repeated while AWS throttles it or fails.

    Args:
        request: Sends the request.
        place: Where it goes.
        known: The codes of AWS's errors that the caller handles.

    Raises:
        SourceError: There is no answer; the message says why and what to do.
        ClientError: The error has one of the known codes.
    """
    tried = 0
    while True:
        try:
            return request()
        except SDK_ERRORS as error:
            tried += 1
            if code_of(error) in known:
                raise
            if tried == _MOST_TRIES or not _passes(error):
                message = explain(error, place, _own_cause(error, place))
                raise SourceError(message, place=place.name) from error
        time.sleep(min(_LONGEST_PAUSE, 0.1 * 2**tried) * uniform(0.5, 1))  # noqa: S311  # no secret


def _passes(error: SDKError) -> bool:
    return is_throttled(error) or code_of(error) in _PASSING


def _own_cause(error: SDKError, place: Place) -> str | None:
    if is_throttled(error) or code_of(error) == "LimitExceededException":
        readers = (
            "; at most two may read a shard at a time, and Lambda is one"
            if place.service == "DynamoDB Streams"
            else ""
        )
        return f"{place.service} throttles {place.name}: try again when less is read from there{readers}"
    return cause_there(error, place)
