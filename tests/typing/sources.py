"""What sources take and give."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, assert_type

from ddbevents.sources import StreamReader

if TYPE_CHECKING:
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient
    from types_boto3_s3 import S3Client

reader = StreamReader(streams=["arn"], buckets=["letters"])
assert_type(reader.read({"bucket": "letters", "key": "k"}), dict[str, Any])
assert_type(reader.follow("arn", since=datetime.now(UTC)), Iterator[dict[str, Any]])
reader.follow("arn", since="now")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
reader.read("a message")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
StreamReader(["arn"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def what_readers_take(streams: DynamoDBStreamsClient, s3: S3Client) -> None:
    StreamReader(streams_client=streams, s3_client=s3)
    StreamReader(streams_client=s3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    StreamReader(s3_client=streams)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
