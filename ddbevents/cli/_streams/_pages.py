"""The pages of a stream, from a moment on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ..._errors import SourceError
from .._errors import CommandError
from ._find import FoundStream

if TYPE_CHECKING:
    from ...sources._follow import Page

_LOCAL_PAUSE: Final = 0.02  # nobody else reads DynamoDB Local, which has no limit


def pages_of(stream: FoundStream, since: datetime | None) -> Iterator[Page]:
    """Return the pages of a stream from a moment on, None for now; they raise `SourceError`.

    Raises:
        CommandError: The stream cannot be read.
    """
    from ...sources._clients import make_client  # noqa: PLC0415  # boto3 may not be installed
    from ...sources._follow import PAUSE, Follower  # noqa: PLC0415  # as above

    try:
        client = make_client("dynamodbstreams", stream.arn)
        follower = Follower(client, stream.arn, since, _LOCAL_PAUSE if stream.is_local else PAUSE)
        follower.begin()
    except SourceError as error:
        raise CommandError(str(error)) from error
    return follower.pages()
