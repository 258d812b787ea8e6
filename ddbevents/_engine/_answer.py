"""Lambda's answer: which records of a batch are to be retried, and what they are named by.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from typing_extensions import TypedDict

RecordStates: TypeAlias = Sequence[tuple[str | None, bool]]
"""For each record of a batch, in order: its identifier, and whether it is unfinished."""


class BatchItemFailure(TypedDict):
    """Names a record."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """Lambda's partial batch response: the records to retry. An empty list means that all are done."""

    batchItemFailures: list[BatchItemFailure]


def respond(identifiers: Iterable[str | None]) -> BatchResponse:
    """Return the answer that names these records.

    A record without an identifier is named `""`, which fails the whole batch.
    """
    return {"batchItemFailures": [{"itemIdentifier": identifier or ""} for identifier in identifiers]}


def unfinished(states: RecordStates, *, from_stream: bool) -> Sequence[str | None]:
    """Return the identifiers to answer with.

    Lambda retries a stream from the lowest identifier on, so one is enough; a queue retries each message
    that is named.
    """
    if not any(is_open for _, is_open in states):
        return ()
    if from_stream:
        return (_checkpoint(states),)
    return [identifier for identifier, is_open in states if is_open]


def must_raise(states: RecordStates, identifiers: Sequence[str | None], *, from_stream: bool) -> bool:
    """Return whether only an exception says what is to be retried.

    An answer cannot name a record without an identifier. And one that names the first of several records
    leaves `BisectBatchOnFunctionError` nothing to cut: it splits a batch at the record that is named.
    """
    if None in identifiers:
        return True
    if not from_stream or not identifiers or len(states) == 1:
        return False
    return identifiers[0] == _lowest(identifier for identifier, _ in states if identifier is not None)


def _checkpoint(states: RecordStates) -> str | None:
    """Return the lowest unfinished record; the nearest one before it if it has no identifier."""
    candidates: list[str] = []
    nearest: str | None = None
    for identifier, is_open in states:
        nearest = identifier or nearest
        if is_open:
            if nearest is None:
                return None
            candidates.append(nearest)
    return _lowest(candidates)


def _lowest(identifiers: Iterable[str]) -> str:
    """Compare as Lambda does: sequence numbers are numbers of any length."""
    return min(identifiers, key=int)
