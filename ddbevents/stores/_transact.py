"""One TransactWriteItems: what its answer means, and for how long it is tried.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum, auto
from typing import Final, NamedTuple

from botocore.exceptions import ClientError

from .._errors import StoreError, TransactionError
from .._transaction import Check, Put, Write
from ._backoff import Backoff
from ._client import DynamoDBClient
from ._expressions import Action, render
from ._sdk import SDK_ERRORS, SDKError, explain, is_denied, is_invalid, is_passing, quoted

_FALSE: Final = "ConditionalCheckFailed"
_PASSING: Final = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})
_ACTIONS: Final = "dynamodb:PutItem, UpdateItem, DeleteItem and ConditionCheckItem"
_MOST_PAUSES_OF_A_PACK: Final = 3  # what is contested is better committed alone
_UNKNOWN: Final = "DynamoDB takes no such write: look at the cause for its own words, which may show values"

_WRONG_KEY: Final = "the key is not the table's: give each key attribute, in its type and not empty"

# a fragment of what DynamoDB or botocore says, which may quote values, and what is passed on
_REASONS: Final[Mapping[str, str]] = {
    "incorrect data type": "an attribute has another type than the update needs, such as text where it adds",
    "document paths overlap": "an update names one attribute twice",
    "part of the key": "an update may not change the item's key",
    "key element does not match": _WRONG_KEY,
    "type mismatch for key": _WRONG_KEY,
    "required keys": _WRONG_KEY,
    "missing the key": _WRONG_KEY,
    "conditions on the keys": _WRONG_KEY,
    "for a key attribute": _WRONG_KEY,
    "item size": "an item may have 400 KB at most",
    "multiple operations on one item": "a transaction takes one write to an item",
    "4mb": "a transaction takes 4 MB at most",
    "38 significant digits": "a number would have more than 38 significant digits",
    "number overflow": "a number would be out of DynamoDB's range",
    "nesting level": "an attribute nests deeper than 32 levels",
    "parameter validation failed": "a raw action is not as boto3's transact_write_items takes it",
}


class Result(Enum):
    """What became of a request."""

    DONE = auto()
    MARKED = auto()
    """The first action's condition is false: what it marks was there."""
    REFUSED = auto()
    """The writes cannot be done as they are. Nothing was."""
    CONTESTED = auto()
    """Others are writing the same items, or they are throttled. Nothing was done."""
    DENIED = auto()
    """A table is not there, or may not be used. Nothing was done."""
    UNREACHABLE = auto()
    """DynamoDB could not be asked or did not answer. All or nothing was done."""


class Answer(NamedTuple):
    """What became of a request, with the SDK's error unless it was done."""

    result: Result
    error: SDKError | None = None


class _Reason(NamedTuple):
    """Why an action was not done; the code is "None" for one that others kept from it."""

    code: str
    message: str


def commit_alone(client: DynamoDBClient, mark: Put, writes: Sequence[Write], patience: timedelta) -> bool:
    """Write a mark and do the writes of its handler, or nothing.

    Returns:
        False if the mark was there before.

    Raises:
        TransactionError: The writes cannot be done as they are.
        StoreError: DynamoDB or a table cannot be reached or used.
    """
    actions = [render(mark, 0), *(render(write, index) for index, write in enumerate(writes))]
    result, error = _transact(client, actions, Backoff(patience))
    if error is None or result is Result.MARKED:
        return error is None
    if result is Result.REFUSED:
        raise _refusal(error, writes) from error
    raise _trouble(result, error, [mark, *writes]) from error


def commit_packed(client: DynamoDBClient, writes: Sequence[Write], patience: timedelta) -> bool:
    """Do the writes of several handlers, with their marks among them, or nothing.

    Returns:
        False if it cannot be, or not together.

    Raises:
        StoreError: DynamoDB cannot be reached.
    """
    try:
        actions = [render(write, index) for index, write in enumerate(writes)]
    except TransactionError:
        return False
    result, error = _transact(client, actions, Backoff(patience, most=_MOST_PAUSES_OF_A_PACK))
    if error is not None and result is Result.UNREACHABLE:
        raise _trouble(result, error, writes) from error
    return result is Result.DONE


def _transact(client: DynamoDBClient, actions: Sequence[Action], backoff: Backoff) -> Answer:
    """Do all actions or nothing, trying again while that may help and the backoff has patience.

    botocore gives each call a `ClientRequestToken` of its own, so its own retries do nothing twice. A try of
    ours is a new request: the condition of the mark tells whether an earlier one was done after all.
    """
    while True:
        answer = _try(client, actions)
        if not _may_pass(answer) or not backoff.wait():
            return answer


def _trouble(result: Result, error: SDKError, writes: Sequence[Write]) -> StoreError:
    tables = [write.table for write in writes]
    if result is Result.CONTESTED:
        return StoreError(
            f"others kept writing the same items of {quoted(tables)}, or they are throttled: the record is"
            " delivered again; give handlers that write one item fewer functions at once, or more capacity"
        )
    return explain(error, tables, _ACTIONS)


def _refusal(error: SDKError, writes: Sequence[Write]) -> TransactionError:
    """The error for the handler whose writes were refused, telling which and why, without values."""
    reasons = _reasons(error, len(writes) + 1)[1:]
    guilty = next((index for index, reason in enumerate(reasons) if _is_final(reason.code)), None)
    if guilty is None and len(writes) != 1:
        return TransactionError(f"one of the transaction's {len(writes)} writes: {_why(_words(error))}")
    index = guilty or 0
    table = writes[index].table
    why = _why(_words(error)) if guilty is None else _why_not(reasons[index], writes[index])
    return TransactionError(f"write {index}, to table {table!r}: {why}", index=index, table=table)


def _try(client: DynamoDBClient, actions: Sequence[Action]) -> Answer:
    try:
        client.transact_write_items(TransactItems=actions)
    except SDK_ERRORS as error:
        return Answer(_result(error, len(actions)), error)
    return Answer(Result.DONE)


def _may_pass(answer: Answer) -> bool:
    return answer.result is Result.CONTESTED or (answer.error is not None and is_passing(answer.error))


def _result(error: SDKError, actions: int) -> Result:
    if reasons := _reasons(error, actions):
        return _result_of([reason.code for reason in reasons])
    if is_invalid(error):
        return Result.REFUSED
    return Result.DENIED if is_denied(error) else Result.UNREACHABLE


def _result_of(codes: Sequence[str]) -> Result:
    mark, *others = codes
    if mark == _FALSE:
        return Result.MARKED
    if _is_final(mark):
        return Result.UNREACHABLE
    # while somebody writes the mark, what else is in the way may be the very same writes
    if mark in _PASSING or not any(map(_is_final, others)):
        return Result.CONTESTED
    return Result.REFUSED


def _reasons(error: SDKError, actions: int) -> list[_Reason]:
    """Why each action was not done, or nothing if that cannot be told for each."""
    reasons = _given_reasons(error)
    return reasons if len(reasons) == actions else []


def _given_reasons(error: SDKError) -> list[_Reason]:
    given = error.response.get("CancellationReasons", []) if isinstance(error, ClientError) else []
    return [_Reason(reason.get("Code", "None"), reason.get("Message", "")) for reason in given]


def _words(error: SDKError) -> str:
    return " ".join([str(error), *(reason.message for reason in _given_reasons(error))])


def _is_final(code: str) -> bool:
    return code != "None" and code not in _PASSING


def _why_not(reason: _Reason, write: Write) -> str:
    if reason.code != _FALSE:
        return _why(reason.message)
    if isinstance(write, Check) and write.when is None:
        return "the item that it demands is not there"
    return "its condition is false"


def _why(message: str) -> str:
    return next((why for fragment, why in _REASONS.items() if fragment in message.lower()), _UNKNOWN)
