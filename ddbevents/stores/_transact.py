"""A TransactWriteItems request: its retries, and its refusals explained.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Final, TypeAlias

from botocore.exceptions import ClientError

from .._errors import StoreError, TransactionError
from .._patience import TimeLeft
from .._transaction import Check, Put, Write, may_be_skipped
from .._tuples import NamedTuple
from ._answers import check_commit, understood
from ._backoff import Backoff
from ._dynamodb_errors import (
    SDK_ERRORS,
    SDKError,
    explain,
    is_denied,
    is_invalid,
    is_passing,
    quoted,
    unanswered,
)
from ._expressions import Action, Renderer

Transact: TypeAlias = Callable[[Sequence[Action]], object]
"""Sends actions as one TransactWriteItems."""

_FALSE: Final = "ConditionalCheckFailed"
_PASSING: Final = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})
_ACTIONS: Final = "dynamodb:PutItem, UpdateItem, DeleteItem and ConditionCheckItem"
_MOST_PAUSES_OF_A_PACK: Final = 3  # contested transactions are better committed one by one
_UNKNOWN: Final = "DynamoDB refuses the write: its own message is in the cause, since it may show values"

_WRONG_KEY: Final = "the key does not fit the table: give each key attribute, of its type and not empty"

# fragments of messages of DynamoDB and botocore, which may quote values, and our own words for them
_REASONS: Final[Mapping[str, str]] = {
    "incorrect data type": "an attribute has another type than the update needs: add takes a number or a set",
    "document paths overlap": "an update names one attribute twice",
    "part of the key": "an update may not change the item's key",
    "key element does not match": _WRONG_KEY,
    "type mismatch for key": _WRONG_KEY,
    "required keys": _WRONG_KEY,
    "missing the key": _WRONG_KEY,
    "conditions on the keys": _WRONG_KEY,
    "for a key attribute": _WRONG_KEY,
    "item size": "an item may have 400 KB at most",
    "multiple operations on one item": "a transaction takes one write per item",
    "4mb": "a transaction takes 4 MB at most",
    "38 significant digits": "a number would have more than 38 significant digits",
    "number overflow": "a number would be out of DynamoDB's range",
    "nesting level": "an attribute nests deeper than 32 levels",
    "parameter validation failed": "a raw action is not as boto3's transact_write_items takes it",
}


class Result(Enum):
    """The result of a request."""

    DONE = auto()
    MARKED = auto()
    """The table had the mark before: the condition of the first action is false. Nothing was written."""
    SKIPPED = auto()
    """The only false conditions are those of writes that skip. Nothing was written."""
    REFUSED = auto()
    """The writes cannot be done. Nothing was written."""
    CONTESTED = auto()
    """Others are writing the same items, or the items are throttled. Nothing was written."""
    DENIED = auto()
    """A table does not exist, or the role may not use it. Nothing was written."""
    UNREACHABLE = auto()
    """DynamoDB was not reached or did not answer. Everything was written, or nothing."""


class Answer(NamedTuple):
    """The result of a request, with the SDK's error unless it succeeded."""

    result: Result
    error: SDKError | None = None


class _Request(NamedTuple):
    """A request.

    Attributes:
        send: Sends it.
        actions: Its actions.
        skips: The indexes of those whose false condition drops the transaction.
    """

    send: Transact
    actions: Sequence[Action]
    skips: Collection[int] = ()


class _Reason(NamedTuple):
    """The reason why an action failed; the code is "None" if it failed only because another one did."""

    code: str
    message: str


def commit_alone(request: Transact, mark: Put, writes: Sequence[Write], time_left: TimeLeft) -> bool:
    """Write a mark and do the writes of its handler, or nothing; or the mark alone if the writes skip.

    Args:
        request: Sends the actions.
        mark: The write of the mark.
        writes: The handler's writes.
        time_left: The time that all tries may take.

    Returns:
        False if the table had the mark before.

    Raises:
        TransactionError: A condition is false, or a write cannot be done.
        StoreError: DynamoDB or a table cannot be reached or used.
    """
    render = Renderer().render
    actions = [render(mark, 0), *(render(write, index) for index, write in enumerate(writes))]
    skips = [index for index, write in enumerate(writes, start=1) if may_be_skipped(write)]
    result, error = _transact(_Request(request, actions, skips), Backoff(time_left), time_left)
    if result is Result.SKIPPED:
        result, error = _transact(_Request(request, actions[:1]), Backoff(time_left), time_left)
    if error is None or result is Result.MARKED:
        return error is None
    if result is Result.REFUSED:
        raise _refusal(error, writes) from error
    raise _trouble(result, error, [mark, *writes]) from error


def commit_packed(request: Transact, writes: Sequence[Write], time_left: TimeLeft) -> bool:
    """Do the writes of several handlers, their marks included, or nothing.

    Args:
        request: Sends the actions.
        writes: The writes.
        time_left: The time that all tries may take.

    Returns:
        False if nothing was written: DynamoDB refused a write, or others are writing the same items.

    Raises:
        StoreError: DynamoDB cannot be reached.
    """
    render = Renderer().render
    try:
        actions = [render(write, index) for index, write in enumerate(writes)]
    except TransactionError:
        return False
    backoff = Backoff(time_left, most=_MOST_PAUSES_OF_A_PACK)
    # without skips, a false condition of any kind refuses the pack, and each commit then shows its own
    result, error = _transact(_Request(request, actions), backoff, time_left)
    if error is not None and result is Result.UNREACHABLE:
        raise _trouble(result, error, writes) from error
    return result is Result.DONE


def _transact(request: _Request, backoff: Backoff, time_left: TimeLeft) -> Answer:
    """Send a request, and retry while that may help and the backoff allows it.

    botocore gives each call its own `ClientRequestToken`, so that botocore's retries never write twice. Our
    retries are new calls; there the condition of the mark shows whether an earlier try succeeded.
    """
    while True:
        answer = _try(request, time_left)
        if not _may_pass(answer) or not backoff.wait():
            return answer


def _trouble(result: Result, error: SDKError, writes: Sequence[Write]) -> StoreError:
    tables = [write.table for write in writes]
    if result is Result.CONTESTED:
        return StoreError(
            f"others kept writing the same items of {quoted(tables)}, or they are throttled: Lambda retries"
            " the record; let fewer functions run at a time, or give the tables more capacity"
        )
    return explain(error, tables, _ACTIONS)


def _refusal(error: SDKError, writes: Sequence[Write]) -> TransactionError:
    """Return the error for the handler whose writes were refused: which and why, but no values."""
    reasons = _reasons(error, len(writes) + 1)[1:]
    refused = next(
        (
            index
            for index, reason in enumerate(reasons)
            if _is_refused(reason.code, skips=may_be_skipped(writes[index]))
        ),
        None,
    )
    if refused is None and len(writes) != 1:
        return TransactionError(f"one of the transaction's {len(writes)} writes: {_why(_words(error))}")
    index = refused or 0
    table = writes[index].table
    why = _why(_words(error)) if refused is None else _why_not(reasons[index], writes[index])
    return TransactionError(f"write {index}, to table {table!r}: {why}", index=index, table=table)


def _try(request: _Request, time_left: TimeLeft) -> Answer:
    send, actions, skips = request
    try:
        with understood(_tables(actions)):
            check_commit(time_left.run(lambda: send(actions)))
    except TimeoutError as error:
        # everything was written, or nothing: the mark shows it to the retry
        raise unanswered(_tables(actions), time_left) from error
    except SDK_ERRORS as error:
        return Answer(_result(error, len(actions), skips), error)
    return Answer(Result.DONE)


def _may_pass(answer: Answer) -> bool:
    return answer.result is Result.CONTESTED or (answer.error is not None and is_passing(answer.error))


def _result(error: SDKError, actions: int, skips: Collection[int]) -> Result:
    if reasons := _reasons(error, actions):
        return _result_of([reason.code for reason in reasons], skips)
    if is_invalid(error):
        return Result.REFUSED
    return Result.DENIED if is_denied(error) else Result.UNREACHABLE


def _result_of(codes: Sequence[str], skips: Collection[int]) -> Result:
    mark = codes[0]
    if mark == _FALSE:
        return Result.MARKED
    if _is_final(mark):
        return Result.UNREACHABLE
    # whoever is writing the mark may be a copy of this function, doing the very same writes
    if mark in _PASSING or not any(map(_is_final, codes)):
        return Result.CONTESTED
    if any(_is_refused(code, skips=index in skips) for index, code in enumerate(codes)):
        return Result.REFUSED
    # the condition of a contested write is not known yet, and may be one that fails the record
    return Result.CONTESTED if _PASSING.intersection(codes) else Result.SKIPPED


def _reasons(error: SDKError, actions: int) -> list[_Reason]:
    """Return the reason for each action, or nothing unless there is one for each."""
    reasons = _given_reasons(error)
    return reasons if len(reasons) == actions else []


def _given_reasons(error: SDKError) -> list[_Reason]:
    given = error.response.get("CancellationReasons", []) if isinstance(error, ClientError) else []
    return [_Reason(str(reason.get("Code", "None")), str(reason.get("Message", ""))) for reason in given]


def _words(error: SDKError) -> str:
    return " ".join([str(error), *(reason.message for reason in _given_reasons(error))])


def _is_final(code: str) -> bool:
    return code != "None" and code not in _PASSING


def _is_refused(code: str, *, skips: bool) -> bool:
    return _is_final(code) and not (skips and code == _FALSE)


def _why_not(reason: _Reason, write: Write) -> str:
    if reason.code != _FALSE:
        return _why(reason.message)
    if isinstance(write, Check) and write.when is None:
        return "the item that it checks does not exist"
    return "its condition is false"


def _why(message: str) -> str:
    return next((why for fragment, why in _REASONS.items() if fragment in message.lower()), _UNKNOWN)


def _tables(actions: Iterable[Action]) -> list[str]:
    """Return the tables of the actions; one that a handler wrote itself may name none."""
    return [str(content.get("TableName")) for action in actions for content in action.values()]
