"""A store in a DynamoDB table, whose transactions write to any tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final, Protocol

from .._aws import ClientPerProcess, Request, check_boto3
from .._conditions import Attr
from .._engine import KEEP, Commit, check_keep, utc_now
from .._errors import StoreError
from .._transaction import EncodedItem, Put, Transaction
from ._backoff import Backoff
from ._limits import check_limits
from ._packing import MOST_ACTIONS, Pack, choose

# the attributes that Powertools' DynamoDBPersistenceLayer writes by default
_ID: Final = "id"
_EXPIRATION: Final = "expiration"
_STATUS: Final = "status"
_COMPLETED: Final = "COMPLETED"

_IS_NEW: Final = Attr(_ID).not_exists()
_MOST_READ: Final = 100
_MOST_WRITTEN: Final = 25
_PATIENCE: Final = timedelta(seconds=5)


class DynamoDBClient(Protocol):
    """The methods of `boto3.client("dynamodb")` that the store calls."""

    @property
    def batch_get_item(self) -> Request: ...
    @property
    def batch_write_item(self) -> Request: ...
    @property
    def transact_write_items(self) -> Request: ...
    @property
    def describe_table(self) -> Request: ...


class DynamoDBStore:
    """Keeps idempotency records in a DynamoDB table, and commits transactions. Safe to share between threads.

    The table has the partition key `id` of type S, and time to live on `expiration`, as Powertools for AWS
    Lambda defines its idempotency table, so that one table can serve both. boto3 is loaded on first use.
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
        """Name the table; no request is sent yet.

        Args:
            table_name: The idempotency table.
            client: A `boto3.client("dynamodb")` with your own settings. The default client waits 1 second for
                a connection and 3 for an answer, and tries three times.
            keep: How long an idempotency record counts.
            pack: Whether transactions of several records may share a request.
            clock: Returns the current time, in UTC.

        Raises:
            ConfigurationError: `keep` is less than 48 hours or more than 100 years, or boto3 is not
                installed.
        """
        check_keep(keep)
        if client is None:
            check_boto3("DynamoDBStore")
        self._table = table_name
        self._client = ClientPerProcess(client, _make_client)
        self._keep = keep
        self._clock = clock
        self._window = MOST_ACTIONS if pack else 1
        self._key_names: dict[str, tuple[str, ...] | None] = {table_name: (_ID,)}

    @property
    def window(self) -> int:
        """How many commits may wait for each other: 100 with `pack=True`, else 1."""
        return self._window

    def handled(self, marks: Collection[str]) -> AbstractSet[str]:
        """Return those of the marks that the table has and that have not expired.

        It reads consistently, up to 100 marks in a request.

        Raises:
            StoreError: The table cannot be read.
        """
        now = self._clock().timestamp()
        found: set[str] = set()

        def read(chunk: Sequence[str]) -> list[str]:
            request = self._client().batch_get_item
            answer = self._ask(
                request, "dynamodb:BatchGetItem", RequestItems={self._table: _read_request(chunk)}
            )
            items = answer["Responses"].get(self._table, ())
            found.update(item[_ID]["S"] for item in items if _counts(item, now))
            left = answer["UnprocessedKeys"].get(self._table, {"Keys": ()})
            return [key[_ID]["S"] for key in left["Keys"]]

        self._in_chunks(marks, _MOST_READ, read)
        return found

    def add(self, marks: Collection[str]) -> None:
        """Write marks, up to 25 in a request.

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
            patience: How long further tries may begin while others write the same items or DynamoDB does not
                answer. The last try can take some seconds longer, depending on the client's settings.

        Returns:
            False if the table had the mark before. Then this call wrote nothing, unless the answer to its
            first try was lost and that try had succeeded.

        Raises:
            TransactionError: A condition is false, or a write cannot be done.
            StoreError: A table cannot be reached or used, or others kept writing the same items.
        """
        from ._transact import commit_alone  # noqa: PLC0415  # cold start: it loads boto3

        check_limits(transaction.writes, self._names)
        return commit_alone(
            self._client().transact_write_items, self._write(mark), transaction.writes, patience
        )

    def pack(self, commits: Sequence[Commit]) -> Sequence[int]:
        """Return the indexes of commits that fit one request: 100 actions and 4 MB, with one action per item.

        Updates that only add numbers to one item are merged into one action. If the key of a table has to be
        known, `DescribeTable` is called once, if the role allows it.

        Raises:
            StoreError: No client can be made for that call.
        """
        pack = Pack(self._names)
        return choose(commits, lambda commit: self._take(pack, commit))

    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        """Write all marks and do all writes in one `TransactWriteItems`, or nothing.

        Returns:
            False if nothing was written: the table had a mark before, one of the transactions cannot be done,
            or others are writing the same items.

        Raises:
            StoreError: DynamoDB cannot be reached.
        """
        from ._transact import commit_packed  # noqa: PLC0415  # cold start: it loads boto3

        pack = Pack(self._names)
        fits = all(self._take(pack, commit) for commit in commits)
        return fits and commit_packed(self._client().transact_write_items, pack.writes, patience)

    def _take(self, pack: Pack, commit: Commit) -> bool:
        return pack.take(self._write(commit.mark), commit.transaction.writes)

    def _write(self, mark: str) -> Put:
        """Return the write of a mark, which fails if the table has it and it still counts."""
        has_expired = Attr(_EXPIRATION).lte(int(self._clock().timestamp()))
        return Put(self._table, self._item(mark), _IS_NEW | has_expired)

    def _item(self, mark: str) -> EncodedItem:
        expiration = ceil((self._clock() + self._keep).timestamp())
        return {_ID: {"S": mark}, _EXPIRATION: {"N": str(expiration)}, _STATUS: {"S": _COMPLETED}}

    def _names(self, table: str) -> tuple[str, ...] | None:
        """Return the names of a table's key attributes, or None if DynamoDB does not say."""
        from . import _dynamodb_errors as errors  # noqa: PLC0415  # cold start: it loads boto3

        if table in self._key_names:
            return self._key_names[table]
        try:
            schema = self._client().describe_table(TableName=table)["Table"]["KeySchema"]
        except errors.SDK_ERRORS as error:
            # without the names, DynamoDB itself refuses two writes to one item
            if errors.is_denied(error):
                self._key_names[table] = None
            return None
        return self._key_names.setdefault(table, tuple(part["AttributeName"] for part in schema))

    def _ask(self, request: Request, action: str, **parameters: object) -> Any:
        from . import _dynamodb_errors as errors  # noqa: PLC0415  # cold start: it loads boto3

        try:
            return request(**parameters)
        except errors.SDK_ERRORS as error:
            raise errors.explain(error, [self._table], action) from error

    def _in_chunks(
        self, marks: Iterable[str], size: int, send: Callable[[Sequence[str]], Sequence[str]]
    ) -> None:
        """Send each mark once, in chunks, and again if it comes back unprocessed."""
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
        from ._dynamodb_errors import throttled  # noqa: PLC0415  # cold start: it loads boto3

        return throttled([self._table])


def _make_client() -> DynamoDBClient:
    from ._dynamodb_errors import make_client  # noqa: PLC0415  # cold start: it loads boto3

    client: DynamoDBClient = make_client()
    return client


def _read_request(marks: Iterable[str]) -> dict[str, Any]:
    return {
        "Keys": [{_ID: {"S": mark}} for mark in marks],
        "ConsistentRead": True,
        "ProjectionExpression": "#id, #expiration",
        "ExpressionAttributeNames": {"#id": _ID, "#expiration": _EXPIRATION},
    }


def _counts(item: EncodedItem, now: float) -> bool:
    """Return whether a mark still counts; one without an expiry, from another program, always does."""
    return _EXPIRATION not in item or float(item[_EXPIRATION]["N"]) > now
