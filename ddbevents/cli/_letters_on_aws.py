"""SOURCE, where it is a bucket or a queue; loads boto3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from .._errors import DeadLetterError
from ..dead_letters._sdk import Place, explained, make_client
from ._letters import AT_ONCE, Found, Handle, as_text

_PAUSE: Final = 30  # seconds in which what has run is taken out of a queue


class Bucket:
    """A bucket, each of whose objects is a letter."""

    def __init__(self, name: str, prefix: str) -> None:
        self._name = name
        self._place = Place(f"the bucket {name}", "S3", "s3:ListBucket, s3:GetObject and s3:DeleteObject")
        self._client = make_client("s3")
        with explained(self._place):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=prefix)
            self._keys: Sequence[str] = [each["Key"] for page in pages for each in page.get("Contents", ())]

    @property
    def total(self) -> int:
        return len(self._keys)

    def batches(self) -> Iterator[Sequence[Found]]:
        keys = iter(self._keys)
        while batch := [*islice(keys, AT_ONCE)]:
            yield [Found(as_text(self._read(key)), key) for key in batch]

    def _read(self, key: str) -> bytes:
        with explained(self._place):
            content: bytes = self._client.get_object(Bucket=self._name, Key=key)["Body"].read()
            return content

    def remove(self, handles: Sequence[Handle]) -> None:
        with explained(self._place):
            for key in handles:
                self._client.delete_object(Bucket=self._name, Key=key)

    def release(self) -> None:
        """Nobody is kept from reading an object."""


class Queue:
    """A queue, each of whose messages is a letter."""

    def __init__(self, url: str, timeout: int) -> None:
        self._url = url
        self._timeout = timeout
        self._place = Place(
            f"the queue {url}",
            "SQS",
            "sqs:GetQueueAttributes, sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility",
        )
        self._client = make_client("sqs")
        self._unseen_by_others: dict[str, str] = {}
        with explained(self._place):
            name = "ApproximateNumberOfMessages"
            found = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        self._total = int(found["Attributes"][name])

    @property
    def total(self) -> int:
        return self._total

    def batches(self) -> Iterator[Sequence[Found]]:
        seen: set[str] = set()
        while messages := [each for each in self._receive() if each["MessageId"] not in seen]:
            seen |= {each["MessageId"] for each in messages}
            yield [Found(each["Body"], each["MessageId"]) for each in messages]

    def _receive(self) -> Sequence[Any]:
        with explained(self._place):
            messages: Sequence[Any] = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=AT_ONCE,
                WaitTimeSeconds=1,
                VisibilityTimeout=self._timeout + _PAUSE,
            ).get("Messages", ())
        # a message that comes again has a new handle
        self._unseen_by_others |= {each["MessageId"]: each["ReceiptHandle"] for each in messages}
        return messages

    def remove(self, handles: Sequence[Handle]) -> None:
        entries = [{"Id": each, "ReceiptHandle": self._unseen_by_others.pop(each)} for each in handles]
        with explained(self._place):
            answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
        if answer.get("Failed"):
            raise DeadLetterError(
                f"the queue {self._url} goes on holding letters that are handled: run it again"
            )

    def release(self) -> None:
        kept = iter(self._unseen_by_others.items())
        with explained(self._place):
            while batch := [*islice(kept, AT_ONCE)]:
                entries = [
                    {"Id": each, "ReceiptHandle": handle, "VisibilityTimeout": 0} for each, handle in batch
                ]
                # one that cannot be released is seen when its time is over
                self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
