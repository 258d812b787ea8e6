"""What sources take and give."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

from ddbevents.sources import StreamReader, read_export, scan

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
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


def what_snapshots_take(dynamodb: DynamoDBClient, s3: S3Client) -> None:
    assert_type(scan("Users", segments=4, client=dynamodb), Iterator[dict[str, Any]])
    assert_type(read_export(Path("export"), keys=["pk"], client=s3), Iterator[dict[str, Any]])
    scan("Users", client=s3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    scan("Users", 4)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    read_export("export", ["pk"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    read_export("s3://b/e", client=dynamodb)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
