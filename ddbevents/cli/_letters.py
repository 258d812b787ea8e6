"""SOURCE: where dead letters lie, how they are read in batches, and how they are taken out."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from .._errors import DeadLetterError
from ..dead_letters._client import sdk
from ..dead_letters._lines import read_lines, remove_lines
from ._errors import CommandError

_LINES_AT_ONCE: Final = 100  # each time the file is written anew
_AT_ONCE: Final = 10  # what one request to SQS may be about
_PAUSE: Final = 30  # seconds in which what has run is taken out of a queue

Handle: TypeAlias = Any  # what the source knows a letter by


class Found(NamedTuple):
    """A dead letter where it lies: its text, and what its source knows it by."""

    text: str
    handle: Handle


class Source(Protocol):
    """Where dead letters lie."""

    @property
    def total(self) -> int:
        """How many there are, or nearly."""
        ...

    def batches(self) -> Iterator[Sequence[Found]]:
        """Each letter once, the oldest first where the source knows."""
        ...

    def remove(self, handles: Sequence[Handle]) -> None:
        """Take letters out, at the latest with `release`."""
        ...

    def release(self) -> None:
        """Let others have what was read and not taken out."""
        ...


@contextmanager
def open_source(name: str, timeout: int) -> Generator[Source]:
    """A file, `s3://bucket/prefix`, or the URL of a queue.

    Args:
        name: Which.
        timeout: How many seconds a batch of letters may take.

    Raises:
        CommandError: It cannot be read, or not be written.
    """
    try:
        source = _source(name, timeout)
        try:
            yield source
        finally:
            source.release()
    except DeadLetterError as error:
        raise CommandError(str(error)) from error


def _source(name: str, timeout: int) -> Source:
    if name.startswith("s3://"):
        bucket, _, prefix = name.removeprefix("s3://").partition("/")
        return _Bucket(bucket, prefix)
    if name.startswith(("https://", "http://")):
        return _Queue(name, timeout)
    if not Path(name).is_file():
        raise CommandError(f"there is no file {name}; SOURCE is a file, s3://bucket/prefix or a queue's URL")
    return _File(Path(name))


class _File:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = read_lines(path)
        self._done: list[bytes] = []

    @property
    def total(self) -> int:
        return len(self._lines)

    def batches(self) -> Iterator[Sequence[Found]]:
        lines = iter(self._lines)
        while batch := [*islice(lines, _AT_ONCE)]:
            yield [Found(_text(line), line) for line in batch]

    def remove(self, handles: Sequence[Handle]) -> None:
        self._done += handles
        if len(self._done) >= _LINES_AT_ONCE:
            self.release()

    def release(self) -> None:
        done, self._done = self._done, []
        if done:
            remove_lines(self._path, done)


class _Bucket:
    def __init__(self, name: str, prefix: str) -> None:
        self._name = name
        self._aws = sdk()
        self._place = self._aws.Place(
            f"the bucket {name}", "S3", "s3:ListBucket, s3:GetObject and s3:DeleteObject"
        )
        self._client = self._aws.make_client("s3")
        with self._aws.explained(self._place):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=prefix)
            self._keys: Sequence[str] = [each["Key"] for page in pages for each in page.get("Contents", ())]

    @property
    def total(self) -> int:
        return len(self._keys)

    def batches(self) -> Iterator[Sequence[Found]]:
        keys = iter(self._keys)
        while batch := [*islice(keys, _AT_ONCE)]:
            yield [Found(_text(self._read(key)), key) for key in batch]

    def _read(self, key: str) -> bytes:
        with self._aws.explained(self._place):
            content: bytes = self._client.get_object(Bucket=self._name, Key=key)["Body"].read()
            return content

    def remove(self, handles: Sequence[Handle]) -> None:
        with self._aws.explained(self._place):
            for key in handles:
                self._client.delete_object(Bucket=self._name, Key=key)

    def release(self) -> None:
        """Nobody is kept from reading an object."""


class _Queue:
    def __init__(self, url: str, timeout: int) -> None:
        self._url = url
        self._timeout = timeout
        self._aws = sdk()
        self._place = self._aws.Place(
            f"the queue {url}",
            "SQS",
            "sqs:GetQueueAttributes, sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility",
        )
        self._client = self._aws.make_client("sqs")
        self._unseen_by_others: dict[str, str] = {}
        with self._aws.explained(self._place):
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
        with self._aws.explained(self._place):
            messages: Sequence[Any] = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=_AT_ONCE,
                WaitTimeSeconds=1,
                VisibilityTimeout=self._timeout + _PAUSE,
            ).get("Messages", ())
        # a message that comes again has a new handle
        self._unseen_by_others |= {each["MessageId"]: each["ReceiptHandle"] for each in messages}
        return messages

    def remove(self, handles: Sequence[Handle]) -> None:
        entries = [{"Id": each, "ReceiptHandle": self._unseen_by_others.pop(each)} for each in handles]
        with self._aws.explained(self._place):
            answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
        if answer.get("Failed"):
            raise DeadLetterError(
                f"the queue {self._url} goes on holding letters that are handled: run it again"
            )

    def release(self) -> None:
        kept = iter(self._unseen_by_others.items())
        with self._aws.explained(self._place):
            while batch := [*islice(kept, _AT_ONCE)]:
                entries = [
                    {"Id": each, "ReceiptHandle": handle, "VisibilityTimeout": 0} for each, handle in batch
                ]
                # one that cannot be released is seen when its time is over
                self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)


def _text(content: bytes) -> str:
    # what is not UTF-8 becomes an escape that JSON has not
    return content.decode("utf-8", "backslashreplace")
