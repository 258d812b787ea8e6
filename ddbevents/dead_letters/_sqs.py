"""Dead letters as messages of an SQS queue.

Contract: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from .._aws import ClientOfProcess, Request, check_boto3
from .._errors import ConfigurationError, DeadLetterError
from .._records import DeadLetter
from .._records._letter_json import compress, to_json
from ._identity import identify

_LONGEST: Final = (
    1_048_576  # attributes included; 262,144 until August 2025, which a queue may still be set to
)
_COMPRESSED: Final = {"ContentEncoding": {"DataType": "String", "StringValue": "gzip"}}
_ATTRIBUTES_SIZE: Final = len("ContentEncodingStringgzip")


class SQSClient(Protocol):
    """What is needed of `boto3.client("sqs")`."""

    @property
    def send_message(self) -> Request: ...


class SQSQueue:
    """Sends each dead letter as a message, whose body is its JSON.

    A letter that is too long for the queue is compressed. In a FIFO queue the letters of one item are one
    message group, and a letter that is sent again within five minutes is dropped.

    The function's role needs `sqs:SendMessage`.
    """

    def __init__(self, url: str, *, client: SQSClient | None = None) -> None:
        """Name the queue. Nothing is sent, and boto3 is not loaded, before there is a dead letter.

        Args:
            url: The queue's URL.
            client: A client of boto3 for SQS; by default one is made that waits 1 second for a connection, 5
                for an answer, and tries 3 times.

        Raises:
            ConfigurationError: The URL is not one, or boto3 is not installed.
        """
        if client is None:
            check_boto3("SQSQueue")
        if not url.startswith(("https://", "http://")):
            raise ConfigurationError(
                "a queue is named by its URL, such as https://sqs.eu-central-1.amazonaws.com/123456789012/letters"
            )
        self._url = url
        self._client = ClientOfProcess(client, _make_client)

    def send(self, letter: DeadLetter) -> None:
        """Send a letter.

        Raises:
            DeadLetterError: It cannot be sent; the message says why, and what to do.
        """
        text = to_json(letter)
        order = self._order(letter)
        if self._takes(text, order) or self._takes(
            compress(text), {**order, "MessageAttributes": _COMPRESSED}
        ):
            return
        raise DeadLetterError(
            f"the letter is too long for the queue {self._url}, compressed as well:"
            " use S3Bucket, which takes any, or raise the queue's MaximumMessageSize"
        )

    def _order(self, letter: DeadLetter) -> Mapping[str, Any]:
        if not self._url.endswith(".fifo"):
            return {}
        names = identify(letter)
        return {"MessageGroupId": names.item, "MessageDeduplicationId": names.letter}

    def _takes(self, body: str, more: Mapping[str, Any]) -> bool:
        from . import _sdk  # noqa: PLC0415  # cold start: it loads boto3

        if len(body.encode()) + _ATTRIBUTES_SIZE > _LONGEST:
            return False
        with _sdk.explained(_sdk.Place(f"the queue {self._url}", "SQS", "sqs:SendMessage")):
            try:
                self._client().send_message(QueueUrl=self._url, MessageBody=body, **more)
            except _sdk.SDK_ERRORS as error:
                if _sdk.is_too_long(error):
                    return False
                raise
        return True


def _make_client() -> SQSClient:
    from . import _sdk  # noqa: PLC0415  # cold start: it loads boto3

    client: SQSClient = _sdk.make_client("sqs")
    return client
