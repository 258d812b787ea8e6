"""Dead letters as messages of an SQS queue.

Contract: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Protocol

from .._aws import ClientPerProcess, Request, check_boto3
from .._engine import PATIENCE
from .._errors import ConfigurationError, DeadLetterError
from .._patience import TimeLeft
from .._records import DeadLetter
from .._records._letter_json import compress, letter_to_json
from ._identity import identify

# with attributes; the limit was 262,144 until August 2025, and a queue may still have that one
_LONGEST: Final = 1_048_576
_COMPRESSED: Final = {"ContentEncoding": {"DataType": "String", "StringValue": "gzip"}}
_ATTRIBUTES_SIZE: Final = len("ContentEncodingStringgzip")


class SQSClient(Protocol):
    """The method of `boto3.client("sqs")` that the sink calls."""

    @property
    def send_message(self) -> Request: ...


class SQSQueue:
    """Sends each dead letter as a message whose body is the letter's JSON.

    A letter that is too long for the queue is compressed. In a FIFO queue the letters of one item form one
    message group, and SQS drops a letter that is sent again within five minutes.

    The function's role needs `sqs:SendMessage`.
    """

    def __init__(self, url: str, *, client: SQSClient | None = None) -> None:
        """Name the queue. boto3 is loaded when the first dead letter is sent, not before.

        Args:
            url: The queue's URL.
            client: A boto3 client for SQS. The default client waits 1 second for a connection and 5 for an
                answer, and tries 3 times. No client is waited for longer than the app's patience, whatever
                its own settings.

        Raises:
            ConfigurationError: The URL is not a URL, or boto3 is not installed.
        """
        if client is None:
            check_boto3("SQSQueue")
        if not url.startswith(("https://", "http://")):
            raise ConfigurationError(
                "a queue is named by its URL, as in https://sqs.eu-central-1.amazonaws.com/123456789012/letters"
            )
        self._url = url
        self._client = ClientPerProcess(client, _make_client)

    def send(self, letter: DeadLetter, *, patience: timedelta = PATIENCE) -> None:
        """Send a letter.

        Raises:
            DeadLetterError: The letter cannot be sent within `patience`; the message says why and what to do.
        """
        time_left = TimeLeft(patience)
        text = letter_to_json(letter)
        order = self._order(letter)
        if self._send(text, order, time_left):
            return
        if self._send(compress(text), {**order, "MessageAttributes": _COMPRESSED}, time_left):
            return
        raise DeadLetterError(
            f"the letter is too long for the queue {self._url}, even compressed:"
            " use S3Bucket, which takes letters of any length, or raise the queue's MaximumMessageSize"
        )

    def _order(self, letter: DeadLetter) -> Mapping[str, Any]:
        if not self._url.endswith(".fifo"):
            return {}
        names = identify(letter)
        return {"MessageGroupId": names.item, "MessageDeduplicationId": names.letter}

    def _send(self, body: str, more: Mapping[str, Any], time_left: TimeLeft) -> bool:
        """Send a message, or return False if it is too long for the queue."""
        from . import _delivery_errors as errors  # noqa: PLC0415  # cold start: it loads boto3

        if len(body.encode()) + _ATTRIBUTES_SIZE > _LONGEST:
            return False

        def send() -> None:
            self._client().send_message(QueueUrl=self._url, MessageBody=body, **more)

        place = errors.Place(f"the queue {self._url}", "SQS", "sqs:SendMessage")
        with errors.explained(place):
            try:
                errors.deliver(send, place, time_left)
            except errors.SDK_ERRORS as error:
                if errors.is_too_long(error):
                    return False
                raise
        return True


def _make_client() -> SQSClient:
    from ._delivery_errors import make_client  # noqa: PLC0415  # cold start: it loads boto3

    client: SQSClient = make_client("sqs")
    return client
