"""The stream of a table, which is named by its name, by its ARN, or by the stream's ARN."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ..._aws import check_boto3
from ..._errors import ConfigurationError, SourceError, printable
from .._errors import CommandError

_STREAM: Final = re.compile(r"arn:[a-z0-9-]+:dynamodb:[a-z0-9-]+:\d*:table/([^/\s]+)/stream/[^/\s]+")
_TABLE: Final = re.compile(r"(arn:[a-z0-9-]+:dynamodb:[a-z0-9-]+:\d*:table/)?[a-zA-Z0-9_.-]{3,255}")
LOCAL: Final = "ddblocal"  # what DynamoDB Local has in its ARNs for a region


class FoundStream(NamedTuple):
    """A table's stream.

    Attributes:
        arn: Its ARN.
        table: The table's name.
    """

    arn: str
    table: str

    @property
    def is_local(self) -> bool:
        """Whether it is one of DynamoDB Local's."""
        return self.arn.split(":")[3] == LOCAL


def find_stream(argument: str) -> FoundStream:
    """Return the stream that an argument names; for a table, its latest one.

    Raises:
        CommandError: It is neither a table nor a stream, the table has no stream or cannot be described, or
            boto3 is not installed.
    """
    named = _STREAM.fullmatch(argument)
    if not named and not _TABLE.fullmatch(argument):
        raise CommandError(
            f"{printable(argument)} is neither a table's name, nor its ARN, nor the ARN of its stream"
        )
    try:
        check_boto3("a table's stream")
        return FoundStream(argument, named[1]) if named else _of_table(argument)
    except (ConfigurationError, SourceError) as error:
        raise CommandError(str(error)) from error


def _of_table(argument: str) -> FoundStream:
    from ...sources._clients import make_client  # noqa: PLC0415  # boto3 may not be installed
    from ...sources._tables import describe, place_of  # noqa: PLC0415  # as above

    client = make_client("dynamodb", argument if ":" in argument else None)
    table = describe(client, argument, place_of(argument, "dynamodb:DescribeTable"))
    if table.stream_arn is None:
        raise CommandError(
            f"the table {table.name} has no stream: turn it on with aws dynamodb update-table --table-name"
            f" {table.name} --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES"
        )
    return FoundStream(table.stream_arn, table.name)
