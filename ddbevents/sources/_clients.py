"""The methods of boto3's clients that sources call, and the clients that they make for themselves."""

from __future__ import annotations

from typing import Any, Final, Literal, Protocol

from .._aws import Request
from .._errors import SourceError

_LOCAL: Final = "ddblocal"  # what DynamoDB Local has in its ARNs for a region


class StreamsClient(Protocol):
    """The methods of `boto3.client("dynamodbstreams")` that a reader calls."""

    @property
    def describe_stream(self) -> Request: ...
    @property
    def get_shard_iterator(self) -> Request: ...
    @property
    def get_records(self) -> Request: ...


class S3Client(Protocol):
    """The method of `boto3.client("s3")` that sources call."""

    @property
    def get_object(self) -> Request: ...


def make_client(service: Literal["dynamodb", "dynamodbstreams", "s3"], arn: str | None = None) -> Any:
    """Return a client for the region of an ARN, or for the one that boto3 finds.

    Raises:
        SourceError: No region is configured, or boto3 cannot use its configuration.
    """
    from .._aws import sdk  # noqa: PLC0415  # cold start: it loads boto3

    region = arn.split(":")[3] if arn else None
    return sdk.make_client(
        service,
        read_timeout=10,
        error_type=SourceError,
        region=None if region == _LOCAL else region,
        in_test="",
    )
