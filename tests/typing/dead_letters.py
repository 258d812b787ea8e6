"""A sink is known by its shape, and what is no sink is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, assert_type

from ddbevents import BatchReport, Delivery, Reject, StreamApp, StreamRecord
from ddbevents.dead_letters import (
    DeadLetter,
    DeadLetters,
    DeadLetterSink,
    JsonLinesFile,
    S3Bucket,
    SQSQueue,
    letter_from_json,
    letter_to_json,
)
from ddbevents.stores import MemoryStore

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient


class OwnSink:
    def send(self, letter: DeadLetter, *, patience: timedelta) -> None: ...


class AsyncSink:
    async def send(self, letter: DeadLetter, *, patience: timedelta) -> None: ...


class SinkWithoutPatience:
    def send(self, letter: DeadLetter) -> None: ...


class SinkOfText:
    def send(self, letter: str, *, patience: timedelta) -> None: ...


own: DeadLetterSink = OwnSink()
asynchronous: DeadLetterSink = AsyncSink()
in_a_file: DeadLetterSink = JsonLinesFile(Path("letters.jsonl"))
in_a_queue: DeadLetterSink = SQSQueue("https://queue")
in_a_bucket: DeadLetterSink = S3Bucket("letters", prefix="users/")

StreamApp(store=MemoryStore(), dead_letter=DeadLetters(OwnSink(), after=3, after_invalid=2))
StreamApp(store=MemoryStore(), dead_letter=None)
DeadLetters(OwnSink(), min_age=timedelta(seconds=60), clock=lambda: datetime.now(UTC))
assert_type(DeadLetters(OwnSink()).min_age, timedelta)


def what_sinks_take(sqs: SQSClient, s3: S3Client) -> None:
    SQSQueue("https://queue", client=sqs)
    S3Bucket("letters", client=s3)
    SQSQueue("https://queue", client=s3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    S3Bucket("letters", client=sqs)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    S3Bucket("letters", "users/")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    JsonLinesFile(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def what_is_no_sink() -> None:
    DeadLetters(SinkWithoutPatience())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    DeadLetters(SinkOfText())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    DeadLetters(OwnSink)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    DeadLetters("https://queue")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    DeadLetters(OwnSink(), min_age=60)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    DeadLetters(OwnSink(), clock=datetime(2026, 1, 1, tzinfo=UTC))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    DeadLetters(OwnSink(), 3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    StreamApp(store=MemoryStore(), dead_letter=OwnSink())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def what_a_letter_is(app: StreamApp, letter: DeadLetter, record: StreamRecord) -> None:
    assert_type(letter_to_json(letter), str)
    assert_type(letter_from_json("{}"), DeadLetter)
    assert_type(letter.handler, str | None)
    assert_type(record.letter, DeadLetter | None)
    assert_type(app.preview({}), BatchReport)
    assert_type(app.preview({}).delivery, Delivery)
    letter.attempts = 1  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    raise Reject("no such address")
