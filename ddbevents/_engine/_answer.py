"""Lambda's answer: which records of a batch are to be retried, and what they are named by.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from typing_extensions import TypedDict

from .._records import Delivery
from .._tuples import NamedTuple

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


class Answering(NamedTuple):
    """How a delivery is answered.

    Attributes:
        is_ordered: Whether a failure blocks the records after it.
        unfinished: Returns the identifiers to answer with.
        must_raise: Returns whether only an exception says what is to be retried, given these identifiers.
    """

    is_ordered: bool
    unfinished: Callable[[RecordStates], Sequence[str | None]]
    must_raise: Callable[[RecordStates, Sequence[str | None]], bool]


def _lowest_unfinished(states: RecordStates) -> Sequence[str | None]:
    """Return the lowest unfinished record: a stream is retried from there on.

    A record without an identifier is named by the nearest one before it.
    """
    candidates: list[str] = []
    nearest: str | None = None
    for identifier, is_open in states:
        nearest = identifier or nearest
        if is_open:
            if nearest is None:
                return (None,)
            candidates.append(nearest)
    return (_lowest(candidates),) if candidates else ()


def _is_lowest(states: RecordStates, identifiers: Sequence[str | None]) -> bool:
    """Return whether the answer would name the first of several records, or has no name for it.

    Naming the first leaves `BisectBatchOnFunctionError` nothing to cut: it splits a batch at the record that
    is named.
    """
    if not identifiers or identifiers[0] is None:
        return bool(identifiers)
    known = (identifier for identifier, _ in states if identifier is not None)
    return len(states) > 1 and identifiers[0] == _lowest(known)


def _first_unfinished(states: RecordStates) -> Sequence[str | None]:
    """Return the first unfinished record by place: names of a pipe's records have no order."""
    nearest: str | None = None
    for identifier, is_open in states:
        nearest = identifier or nearest
        if is_open:
            return (nearest,)
    return ()


def _is_first(states: RecordStates, identifiers: Sequence[str | None]) -> bool:
    """Return whether the answer would name the first of several records, or has no name for it."""
    if not identifiers or identifiers[0] is None:
        return bool(identifiers)
    return len(states) > 1 and identifiers[0] == next(filter(None, (each for each, _ in states)))


def _each_unfinished(states: RecordStates) -> Sequence[str | None]:
    """Return each message with an unfinished record: it may have several."""
    return [*dict.fromkeys(identifier for identifier, is_open in states if is_open)]


def _has_nameless(_: RecordStates, identifiers: Sequence[str | None]) -> bool:
    return None in identifiers


def _any_unfinished(states: RecordStates) -> Sequence[str | None]:
    return [identifier for identifier, is_open in states if is_open][:1]


def _is_unfinished(_: RecordStates, identifiers: Sequence[str | None]) -> bool:
    """Return whether anything is unfinished: whoever waits for no answer looks for an error only."""
    return bool(identifiers)


def _lowest(identifiers: Iterable[str]) -> str:
    """Compare as Lambda does: sequence numbers are numbers of any length."""
    return min(identifiers, key=int)


_WHOLE: Final = Answering(is_ordered=False, unfinished=_any_unfinished, must_raise=_is_unfinished)

ANSWERING: Final[Mapping[Delivery, Answering]] = {
    "stream": Answering(is_ordered=True, unfinished=_lowest_unfinished, must_raise=_is_lowest),
    "kinesis": Answering(is_ordered=True, unfinished=_lowest_unfinished, must_raise=_is_lowest),
    "pipe": Answering(is_ordered=True, unfinished=_first_unfinished, must_raise=_is_first),
    "queue": Answering(is_ordered=False, unfinished=_each_unfinished, must_raise=_has_nameless),
    "topic": _WHOLE,
    "bucket": _WHOLE,
    "map": _WHOLE,
}
