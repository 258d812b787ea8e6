"""Marks in a DynamoDB table, and the transactions that write them together with a handler's effects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final

from .._aws import ClientOfProcess, Request, check_boto3
from .._conditions import Attr
from .._engine import KEEP, Commit, check_keep, utc_now
from .._errors import StoreError
from .._transaction import EncodedItem, Put, Transaction
from ._backoff import Backoff
from ._client import DynamoDBClient
from ._limits import check_limits
from ._packing import MOST_ACTIONS, Pack, choose

# what Powertools' DynamoDBPersistenceLayer writes by default
_ID: Final = "id"
_EXPIRATION: Final = "expiration"
_STATUS: Final = "status"
_COMPLETED: Final = "COMPLETED"

_IS_NEW: Final = Attr(_ID).not_exists()
_MOST_READ: Final = 100
_MOST_WRITTEN: Final = 25
_PATIENCE: Final = timedelta(seconds=5)


class DynamoDBStore:
    """Keeps marks in a DynamoDB table, and commits transactions. Safe to share between threads.

    The table has the partition key `id` of type S, and time to live on `expiration`: the definition that
    Powertools for AWS Lambda uses for idempotency, so one table can serve both. boto3 is loaded, and a client
    made, on first use.
    """

    def __init__(
        self,
        table_name: str,
        *,
        client: DynamoDBClient | None = None,
        keep: timedelta = KEEP,
        pack: bool = False,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Name the table; nothing is asked of AWS yet.

        Args:
            table_name: The table of marks.
            client: `boto3.client("dynamodb")` with settings of your own. By default one is made that waits
                1 second for a connection and 3 for an answer, and tries three times.
            keep: How long a mark counts.
            pack: Whether transactions of several records may share a request.
            clock: Gives the present moment, in UTC.

        Raises:
            ConfigurationError: `keep` is less than 48 hours or more than 100 years; or
                boto3 is not installed.
        """
        check_keep(keep)
        if client is None:
            check_boto3("DynamoDBStore")
        self._table = table_name
        self._client = ClientOfProcess(client, _make_client)
        self._keep = keep
        self._clock = clock
        self._window = MOST_ACTIONS if pack else 1
        self._key_names: dict[str, tuple[str, ...] | None] = {table_name: (_ID,)}

    @property
    def window(self) -> int:
        """How many commits may wait for each other: 100 with `pack=True`, else 1."""
        return self._window

    def handled(self, marks: Collection[str]) -> AbstractSet[str]:
        """Those of the marks that are there and have not expired, 100 in a request, read consistently.

        Raises:
            StoreError: The table cannot be read.
        """
        now = self._clock().timestamp()
        found: set[str] = set()

        def read(chunk: Sequence[str]) -> list[str]:
            request = self._client().batch_get_item
            answer = self._ask(request, "dynamodb:BatchGetItem", RequestItems={self._table: _reading(chunk)})
            items = answer["Responses"].get(self._table, ())
            found.update(item[_ID]["S"] for item in items if _counts(item, now))
            left = answer["UnprocessedKeys"].get(self._table, {"Keys": ()})
            return [key[_ID]["S"] for key in left["Keys"]]

        self._in_chunks(marks, _MOST_READ, read)
        return found

    def add(self, marks: Collection[str]) -> None:
        """Write marks, 25 in a request.

        Raises:
            StoreError: The table cannot be written.
        """

        def write(chunk: Sequence[str]) -> list[str]:
            puts = [{"PutRequest": {"Item": self._item(mark)}} for mark in chunk]
            request = self._client().batch_write_item
            answer = self._ask(request, "dynamodb:BatchWriteItem", RequestItems={self._table: puts})
            left = answer["UnprocessedItems"].get(self._table, ())
            return [put["PutRequest"]["Item"][_ID]["S"] for put in left]

        self._in_chunks(marks, _MOST_WRITTEN, write)

    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        """Write the mark and do all writes in one `TransactWriteItems`, or nothing.

        Args:
            mark: The mark.
            transaction: The writes.
            patience: How long to begin further tries while others write the same items or DynamoDB does not
                answer. One try can take some seconds more, by the client's settings.

        Returns:
            False if the mark was there before; this call wrote nothing then, unless it had to try again
            because an answer was lost, and the first try was done after all.

        Raises:
            TransactionError: The writes cannot be done, as it says.
            StoreError: A table cannot be reached or used, or others kept writing the same items.
        """
        from ._transact import commit_alone  # noqa: PLC0415  # cold start: it loads boto3

        check_limits(transaction.writes, self._names)
        return commit_alone(self._client(), self._write(mark), transaction.writes, patience)

    def pack(self, commits: Sequence[Commit]) -> Sequence[int]:
        """Which of these can be one request: up to 100 actions of 4 MB together, an item at most once.

        Updates that do nothing but add numbers to one item count once: they are added up. Where a table's key
        has to be known, it is asked for once with `DescribeTable`, if that is allowed.

        Raises:
            StoreError: No client can be made to ask.
        """
        pack = Pack(self._names)
        return choose(commits, lambda commit: self._take(pack, commit))

    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        """Write all marks and do all writes in one `TransactWriteItems`, or nothing.

        Returns:
            False if that cannot be: a mark was there before, one of the transactions cannot be done, or
            others are writing the same items.

        Raises:
            StoreError: DynamoDB cannot be reached.
        """
        from ._transact import commit_packed  # noqa: PLC0415  # cold start: it loads boto3

        pack = Pack(self._names)
        fits = all(self._take(pack, commit) for commit in commits)
        return fits and commit_packed(self._client(), pack.writes, patience)

    def _take(self, pack: Pack, commit: Commit) -> bool:
        return pack.take(self._write(commit.mark), commit.transaction.writes)

    def _write(self, mark: str) -> Put:
        """What writes a mark, unless it is there and counts."""
        is_over = Attr(_EXPIRATION).lte(int(self._clock().timestamp()))
        return Put(self._table, self._item(mark), _IS_NEW | is_over)

    def _item(self, mark: str) -> EncodedItem:
        expiration = ceil((self._clock() + self._keep).timestamp())
        return {_ID: {"S": mark}, _EXPIRATION: {"N": str(expiration)}, _STATUS: {"S": _COMPLETED}}

    def _names(self, table: str) -> tuple[str, ...] | None:
        """The names of a table's key attributes, or None: DynamoDB itself refuses what they would tell."""
        from . import _sdk  # noqa: PLC0415  # cold start: it loads boto3

        if table in self._key_names:
            return self._key_names[table]
        try:
            schema = self._client().describe_table(TableName=table)["Table"]["KeySchema"]
        except _sdk.SDK_ERRORS as error:
            if _sdk.is_denied(error):
                self._key_names[table] = None
            return None
        return self._key_names.setdefault(table, tuple(part["AttributeName"] for part in schema))

    def _ask(self, request: Request, action: str, **parameters: object) -> Any:
        from . import _sdk  # noqa: PLC0415  # cold start: it loads boto3

        try:
            return request(**parameters)
        except _sdk.SDK_ERRORS as error:
            raise _sdk.explain(error, [self._table], action) from error

    def _in_chunks(
        self, marks: Iterable[str], size: int, send: Callable[[Sequence[str]], Sequence[str]]
    ) -> None:
        """Send all marks, each once, and again those that come back."""
        pending = list(dict.fromkeys(marks))
        backoff = Backoff(_PATIENCE)
        while pending:
            left = send(pending[:size])
            pending = [*left, *pending[size:]]
            if not left:
                backoff = Backoff(_PATIENCE)
            elif not backoff.wait():
                raise self._throttled()

    def _throttled(self) -> StoreError:
        from ._sdk import throttled  # noqa: PLC0415  # cold start: it loads boto3

        return throttled([self._table])


def _make_client() -> DynamoDBClient:
    from ._sdk import make_client  # noqa: PLC0415  # cold start: it loads boto3

    return make_client()


def _reading(marks: Iterable[str]) -> dict[str, Any]:
    return {
        "Keys": [{_ID: {"S": mark}} for mark in marks],
        "ConsistentRead": True,
        "ProjectionExpression": "#id, #expiration",
        "ExpressionAttributeNames": {"#id": _ID, "#expiration": _EXPIRATION},
    }


def _counts(item: EncodedItem, now: float) -> bool:
    """Whether a mark has not expired; one without expiry was written by somebody else, and counts."""
    return _EXPIRATION not in item or float(item[_EXPIRATION]["N"]) > now
