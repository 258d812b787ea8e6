"""SOURCE: which source of dead letters an argument names."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..._aws import check_boto3
from ..._errors import ConfigurationError, DeadLetterError
from .._errors import CommandError
from ._file import FileSource
from ._source import LetterSource


@contextmanager
def open_source(argument: str, timeout: int) -> Generator[LetterSource]:
    """Open a source, and release it at the end of the block.

    Args:
        argument: The path of a file, `s3://bucket/prefix`, or the URL of a queue.
        timeout: How many seconds a batch may take.

    Raises:
        CommandError: The source cannot be read or written.
    """
    try:
        source = _source(argument, timeout)
        try:
            yield source
        finally:
            source.release()
    except (ConfigurationError, DeadLetterError) as error:
        raise CommandError(str(error)) from error


def _source(argument: str, timeout: int) -> LetterSource:
    if argument.startswith("s3://"):
        return _bucket(argument)
    if argument.startswith(("https://", "http://")):
        return _queue(argument, timeout)
    if not Path(argument).is_file():
        raise CommandError(
            f"there is no file {argument}; SOURCE has to be a file, s3://bucket/prefix or the URL of a queue"
        )
    return FileSource(Path(argument))


def _bucket(url: str) -> LetterSource:
    check_boto3("a bucket")
    from ._bucket import BucketSource  # noqa: PLC0415  # boto3 may not be installed

    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    return BucketSource(bucket, prefix)


def _queue(url: str, timeout: int) -> LetterSource:
    check_boto3("a queue")
    from ._queue import QueueSource  # noqa: PLC0415  # boto3 may not be installed

    return QueueSource(url, timeout)
