"""SOURCE: which source of dead letters an argument names."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

from ..._aws import check_boto3
from ..._errors import ConfigurationError, DeadLetterError
from .._errors import CommandError
from ._claim import claimed
from ._file import FileSource
from ._source import LetterSource

_SOURCES: Final = "SOURCE has to be a file, s3://bucket/prefix or the URL of a queue"
_SCHEMES: Final = {
    "s3": "s3://",
    "s3a": "s3://",
    "s3n": "s3://",
    "http": "http://",
    "https": "https://",
    "htps": "https://",
}


@contextmanager
def open_source(argument: str, timeout: int, *, dry_run: bool) -> Generator[LetterSource]:
    """Open a source, and release it at the end of the block.

    Args:
        argument: The path of a file, `s3://bucket/prefix`, or the URL of a queue.
        timeout: How many seconds a batch may take.
        dry_run: Whether nothing runs, so that other redrives need not be kept away.

    Raises:
        CommandError: The source cannot be read or written, or another redrive uses the file.
    """
    path = _path(argument)
    claim = nullcontext() if path is None or dry_run else claimed(path)
    try:
        with claim:
            source = _remote_source(argument, timeout) if path is None else FileSource(path)
            try:
                yield source
            finally:
                source.release()
    except (ConfigurationError, DeadLetterError) as error:
        raise CommandError(str(error)) from error


def _path(argument: str) -> Path | None:
    """Return the file that the argument names; None if it is a URL.

    Raises:
        CommandError: It is neither, and the message says what it may have been meant to be.
    """
    if argument.startswith(("s3://", "https://", "http://")):
        return None
    path = Path(argument)
    if not path.is_file():
        raise CommandError(f"{_problem(argument, path)}; {_SOURCES}")
    return path


def _problem(argument: str, path: Path) -> str:
    kind, separator, _ = argument.partition(":")
    if argument.startswith("arn:"):
        cure = "give the queue's URL" if argument.startswith("arn:aws:sqs:") else "give s3://bucket/prefix"
        return f"{argument} is an ARN: {cure}"
    if separator and kind.lower() in _SCHEMES and not path.exists():
        return f"{argument} is no URL: it has to begin with {_SCHEMES[kind.lower()]}"
    if path.is_dir():
        return f"{argument} is a folder: name the file in it"
    return f"there is no file {argument}"


def _remote_source(argument: str, timeout: int) -> LetterSource:
    return _bucket(argument) if argument.startswith("s3://") else _queue(argument, timeout)


def _bucket(url: str) -> LetterSource:
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not bucket:
        raise CommandError(f"{url} names no bucket; {_SOURCES}")
    check_boto3("a bucket")
    from ._bucket import BucketSource  # noqa: PLC0415  # boto3 may not be installed

    return BucketSource(bucket, prefix)


def _queue(url: str, timeout: int) -> LetterSource:
    host = url.partition("://")[2].partition("/")[0]
    if "s3" in host.split("."):
        raise CommandError(f"{url} is in a bucket: give s3://bucket/prefix; {_SOURCES}")
    check_boto3("a queue")
    from ._queue import QueueSource  # noqa: PLC0415  # boto3 may not be installed

    return QueueSource(url, timeout)
