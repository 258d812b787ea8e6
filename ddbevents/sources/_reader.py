"""`StreamReader`: records that are read from a stream itself, not passed by Lambda."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, Final

from .._aws import ClientPerProcess, check_boto3
from .._engine import Deadline, current_context
from .._errors import ConfigurationError, SourceError, printable
from .._patience import TimeLeft
from ._clients import S3Client, StreamsClient, make_client
from ._failures import FailedRange, failed_range, is_stream_arn, payload_records

_LARGEST: Final = 32 * 2**20  # a batch has 6 MiB at most, and escapes make its text longer
_LONGEST_KEY: Final = 1024


class StreamReader:
    """Reads records from DynamoDB streams: those that Lambda gave up on, or all that come.

    `read` needs `dynamodb:GetShardIterator` and `dynamodb:GetRecords` on the stream, and `s3:GetObject` for a
    bucket of failure records. `follow` also needs `dynamodb:DescribeStream`.
    """

    def __init__(
        self,
        *,
        streams: Iterable[str] = (),
        buckets: Iterable[str] = (),
        streams_client: StreamsClient | None = None,
        s3_client: S3Client | None = None,
    ) -> None:
        """Say what may be read. boto3 is loaded by the first request, not before.

        Args:
            streams: The ARNs of the streams that may be read. If streams or buckets are named, everything
                else is refused, so that a forged failure record cannot make a function read something else.
            buckets: The names of the buckets with Lambda's failure records that may be read.
            streams_client: A boto3 client for DynamoDB Streams. By default there is one for the region of
                each stream, which waits 1 second for a connection and 10 for an answer.
            s3_client: A boto3 client for S3.

        Raises:
            ConfigurationError: A stream is not named by its ARN, a bucket by more than its name, or boto3 is
                not installed.
        """
        if streams_client is None or s3_client is None:
            check_boto3("StreamReader")
        self._streams = _names(streams, "streams", is_stream_arn, _NO_STREAM)
        self._buckets = _names(buckets, "buckets", _is_bucket, _NO_BUCKET)
        self._given = streams_client
        self._clients: dict[str, ClientPerProcess[StreamsClient]] = {}
        self._s3: ClientPerProcess[S3Client] = ClientPerProcess(s3_client, lambda: make_client("s3"))

    @property
    def streams(self) -> frozenset[str]:
        """The ARNs of the streams that were named."""
        return self._streams

    @property
    def buckets(self) -> frozenset[str]:
        """The names of the buckets that were named."""
        return self._buckets

    def read(self, failure: Mapping[str, Any]) -> dict[str, Any]:
        """Return the records that Lambda gave up on as an event, `{"Records": [...]}`, as Lambda passes them.

        The event also has records that the mapping's filter dropped, if they lie between the others: AWS does
        not say which these were. Where S3's failure record has its `payload`, that is the event, also after
        the 24 hours for which a stream keeps records.

        Args:
            failure: Lambda's failure record, read with `json.loads`: an object with `DDBStreamBatchInfo`. Or
                where it is in S3: `{"bucket": ..., "key": ...}`.

        Raises:
            SourceError: Records are lost (the message says which, and since when), may not be read, or cannot
                be read now; or this is no failure record. It comes within a minute, and within half of the
                time that the function has left, if an app is the caller.
        """
        if not isinstance(failure, Mapping):
            raise SourceError(
                f"a failure record is an object, not {type(failure).__name__}: read it with json.loads first"
            )
        left = TimeLeft(Deadline(current_context(), timedelta(0)).patience_for_marks)
        try:
            return left.run(lambda: self._read(failure, left))
        except TimeoutError as error:
            raise SourceError(
                f"the failure record's batch could not be read within {left.allowed:.3g} s: the stream is"
                " throttled or slow, or does not have the record with which the failure record ends. Try"
                " again, and give a function a longer time-out"
            ) from error

    def _read(self, failure: Mapping[str, Any], left: TimeLeft) -> dict[str, Any]:
        bucket = None
        if "DDBStreamBatchInfo" not in failure and {"bucket", "key"} <= failure.keys():
            bucket = failure["bucket"]
            failure = self._read_object(bucket, failure["key"])
        failed = failed_range(failure)
        payload = failure.get("payload")
        if payload is None:
            return {"Records": self._fetch(failed, left)}
        if bucket is None or self._streams:
            self._check_stream(failed.stream_arn)
        return {"Records": payload_records(payload, failed)}

    def follow(self, stream_arn: str, *, since: datetime | None = None) -> Iterator[dict[str, Any]]:
        """Yield the records of a stream as they come, each page as an event, `{"Records": [...]}`.

        The records of a shard come in order, and those of a shard after all of its parent. A shard is read at
        most four times a second; the iterator waits in between. It ends when the stream is disabled and
        everything is read. It is for one machine and for tools: it keeps no position, and a shard has room
        for two readers, of which Lambda is one.

        Args:
            stream_arn: The stream's ARN.
            since: The moment from which on records are read, with a time zone; a stream keeps 24 hours. By
                default only what is written after this call. With DynamoDB Local or a boto3 before 1.43.127
                records of the minute before may be among them.

        Raises:
            SourceError: The stream may not or cannot be read, or is read so slowly that records are lost.
            ConfigurationError: This is no stream's ARN, or the moment has no time zone.
        """
        if not is_stream_arn(stream_arn):
            raise ConfigurationError(_NO_STREAM.format(printable(str(stream_arn), longest=_LONGEST_KEY)))
        if since is not None and since.utcoffset() is None:
            raise ConfigurationError(
                "since has no time zone: pass an aware datetime, as datetime.now(UTC) is"
            )
        self._check_stream(stream_arn)
        from ._follow import Follower  # noqa: PLC0415  # cold start: it loads boto3

        follower = Follower(self._client(stream_arn), stream_arn, since)
        follower.begin()
        return (page.event for page in follower.pages())

    def _fetch(self, failed: FailedRange, left: TimeLeft) -> list[dict[str, Any]]:
        self._check_stream(failed.stream_arn)
        from ._fetch import fetch  # noqa: PLC0415  # cold start: it loads boto3

        return fetch(self._client(failed.stream_arn), failed, lambda: not left.seconds)

    def _client(self, stream_arn: str) -> StreamsClient:
        region = stream_arn.split(":")[3]
        if region not in self._clients:
            self._clients[region] = ClientPerProcess(
                self._given, lambda: make_client("dynamodbstreams", stream_arn)
            )
        return self._clients[region]()

    def _check_stream(self, stream_arn: str) -> None:
        if (self._streams or self._buckets) and stream_arn not in self._streams:
            raise SourceError(
                f"{stream_arn} is none of the reader's streams: if it is yours, name it,"
                " StreamReader(streams=[...])"
            )

    def _read_object(self, bucket: object, key: object) -> Mapping[str, Any]:
        if not isinstance(bucket, str) or not isinstance(key, str) or not _is_bucket(bucket):
            raise SourceError('this is no place in S3: pass {"bucket": name, "key": key}, both text')
        if (self._streams or self._buckets) and bucket not in self._buckets:
            raise SourceError(
                f"{bucket} is none of the reader's buckets: if it is yours, name it,"
                " StreamReader(buckets=[...])"
            )
        from ._requests import Place, ask  # noqa: PLC0415  # cold start: it loads boto3

        name = f"the object s3://{bucket}/{printable(key, longest=_LONGEST_KEY)}"

        def get() -> bytes:
            with closing(self._s3().get_object(Bucket=bucket, Key=key)["Body"]) as body:
                content: bytes = body.read(_LARGEST + 1)
            return content

        content = ask(get, Place(name, "S3", "s3:GetObject"))
        if len(content) > _LARGEST:
            raise SourceError(f"{name} is longer than 32 MiB, as no failure record is", place=name)
        try:
            failure = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise SourceError(f"{name} is no failure record, since it is not JSON", place=name) from error
        if not isinstance(failure, dict):
            raise SourceError(f"{name} is no failure record, since it is no JSON object", place=name)
        return failure


_NO_STREAM: Final = (
    "{} is not the ARN of a stream: that is arn:aws:dynamodb:<region>:<account>:table/<name>/stream/<label>,"
    " the table's LatestStreamArn"
)
_NO_BUCKET: Final = "{} is not a bucket's name: give the name alone, without s3:// and without a key"


def _names(
    given: Iterable[str], parameter: str, is_valid: Callable[[object], bool], reason: str
) -> frozenset[str]:
    if isinstance(given, str):
        raise ConfigurationError(f"{parameter} is text, not a list: pass {parameter}=[...]")
    names = [*given]
    for name in names:
        if not is_valid(name):
            raise ConfigurationError(reason.format(printable(str(name), longest=_LONGEST_KEY)))
    return frozenset(names)


def _is_bucket(name: object) -> bool:
    return isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9._-]{3,255}", name) is not None
