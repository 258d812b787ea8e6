"""A source of dead letters, as `redrive` uses it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar

BATCH_SIZE: Final = 10
"""The number of dead letters in a batch: SQS takes no more messages in a request."""

ItemT = TypeVar("ItemT")
Handle: TypeAlias = Any  # a line, an object's key and ETag, or a message's identifier: only its source knows


class StoredLetter(NamedTuple):
    """The text of a dead letter, and the handle by which its source knows it."""

    text: str
    handle: Handle


class LetterSource(Protocol):
    """A place that holds dead letters."""

    @property
    def total(self) -> int:
        """The number of dead letters, which may be approximate."""
        ...

    @property
    def remarks(self) -> Sequence[str]:
        """Lines about dead letters that the reports do not cover, for example vanished ones."""
        ...

    def batches(self) -> Iterator[Sequence[StoredLetter]]:
        """Yield each dead letter once, the oldest first where the source knows the order."""
        ...

    def remove(self, handles: Sequence[Handle]) -> int:
        """Delete dead letters, now or when the source is released, and return how many that are."""
        ...

    def release(self) -> None:
        """Let others read the remaining dead letters."""
        ...


def decode_letter(content: bytes) -> str:
    """Return the text of a dead letter, in which an invalid byte is an escape that JSON does not have."""
    return content.decode("utf-8", "backslashreplace")


def batches_of(items: Iterable[ItemT]) -> Iterator[Sequence[ItemT]]:
    """Yield the items in batches of `BATCH_SIZE`."""
    rest = iter(items)
    while batch := [*islice(rest, BATCH_SIZE)]:
        yield batch
