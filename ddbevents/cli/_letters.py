"""SOURCE: where dead letters lie, how they are read in batches, and how they are taken out."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from .._aws import check_boto3
from .._errors import ConfigurationError, DeadLetterError
from ..dead_letters._lines import read_lines, remove_lines
from ._errors import CommandError

_LINES_AT_ONCE: Final = 100  # each time the file is written anew
AT_ONCE: Final = 10
"""How many letters make a batch: as many as one request to SQS may be about."""

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
    except (ConfigurationError, DeadLetterError) as error:
        raise CommandError(str(error)) from error


def as_text(content: bytes) -> str:
    """The text of a letter. What is not UTF-8 becomes an escape that JSON has not."""
    return content.decode("utf-8", "backslashreplace")


def _source(name: str, timeout: int) -> Source:
    if name.startswith(("s3://", "https://", "http://")):
        return _source_on_aws(name, timeout)
    if not Path(name).is_file():
        raise CommandError(f"there is no file {name}; SOURCE is a file, s3://bucket/prefix or a queue's URL")
    return _File(Path(name))


def _source_on_aws(name: str, timeout: int) -> Source:
    check_boto3("a queue or a bucket")
    from ._letters_on_aws import Bucket, Queue  # noqa: PLC0415  # boto3 may not be installed

    if name.startswith("s3://"):
        bucket, _, prefix = name.removeprefix("s3://").partition("/")
        return Bucket(bucket, prefix)
    return Queue(name, timeout)


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
        while batch := [*islice(lines, AT_ONCE)]:
            yield [Found(as_text(line), line) for line in batch]

    def remove(self, handles: Sequence[Handle]) -> None:
        self._done += handles
        if len(self._done) >= _LINES_AT_ONCE:
            self.release()

    def release(self) -> None:
        done, self._done = self._done, []
        if done:
            remove_lines(self._path, done)
