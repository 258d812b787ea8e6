"""Dead letters in an SQS queue, one in each message; loads boto3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from ..._errors import DeadLetterError
from ...dead_letters._delivery_errors import Place, explained, make_client
from ._source import BATCH_SIZE, Handle, StoredLetter, batches_of

_DELETION_SECONDS: Final = 30  # a batch stays hidden this much longer, until what was handled is deleted


class QueueSource:
    """A queue; the handle of a dead letter is its message's identifier."""

    def __init__(self, url: str, timeout: int) -> None:
        self._url = url
        self._timeout = timeout
        self._place = Place(
            f"the queue {url}",
            "SQS",
            "sqs:GetQueueAttributes, sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility",
        )
        self._client = make_client("sqs")
        self._receipts: dict[str, str] = {}  # of the messages that are hidden from others
        self._total = self._count()

    @property
    def total(self) -> int:
        return self._total

    @property
    def remarks(self) -> Sequence[str]:
        return ()

    def batches(self) -> Iterator[Sequence[StoredLetter]]:
        seen: set[str] = set()
        while messages := [each for each in self._receive() if each["MessageId"] not in seen]:
            seen |= {each["MessageId"] for each in messages}
            yield [StoredLetter(each["Body"], each["MessageId"]) for each in messages]

    def _count(self) -> int:
        name = "ApproximateNumberOfMessages"
        with explained(self._place):
            response = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        return int(response["Attributes"][name])

    def _receive(self) -> Sequence[Any]:
        with explained(self._place):
            messages: Sequence[Any] = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH_SIZE,
                WaitTimeSeconds=1,
                VisibilityTimeout=self._timeout + _DELETION_SECONDS,
            ).get("Messages", ())
        # a message that is received twice has a new receipt
        self._receipts |= {each["MessageId"]: each["ReceiptHandle"] for each in messages}
        return messages

    def remove(self, handles: Sequence[Handle]) -> int:
        entries = [{"Id": each, "ReceiptHandle": self._receipts.pop(each)} for each in handles]
        with explained(self._place):
            response = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
        if response.get("Failed"):
            raise DeadLetterError(
                f"some handled dead letters are still in the queue {self._url}; run the command again"
            )
        return len(handles)

    def release(self) -> None:
        """Make the remaining messages visible."""
        with explained(self._place):
            for batch in batches_of(self._receipts.items()):
                entries = [
                    {"Id": each, "ReceiptHandle": receipt, "VisibilityTimeout": 0} for each, receipt in batch
                ]
                # a message that cannot be released becomes visible when its timeout ends
                self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
