"""A store in a DynamoDB table, whose transactions write to any tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from .._aws import ClientPerProcess, DynamoDBClient, check_boto3
from .._conditions import Attr
from .._engine import KEEP, PATIENCE, Commit, check_keep, utc_now
from .._errors import ConfigurationError
from .._patience import TimeLeft
from .._transaction import EncodedItem, Put, Raw, Transaction, Write
from ._answers import key_names, read_marks, understood, unwritten_marks
from ._backoff import Backoff
from ._limits import KeyNames, check_limits
from ._packing import MOST_ACTIONS, Pack, choose

if TYPE_CHECKING:
    from ._expressions import Action

# the attributes that Powertools' DynamoDBPersistenceLayer writes by default
_ID: Final = "id"
_EXPIRATION: Final = "expiration"
_STATUS: Final = "status"
_COMPLETED: Final = "COMPLETED"

_IS_NEW: Final = Attr(_ID).not_exists()
_MOST_READ: Final = 100
_MOST_WRITTEN: Final = 25


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
                a connection and 3 for an answer, and tries three times. No client is waited for longer than
                the app's patience, whatever its own settings.
            keep: How long an idempotency record counts.
            pack: Whether transactions of several records may share a request.
            clock: Returns the current time, in UTC.

        Raises:
            ConfigurationError: The table has no name, `keep` is less than 48 hours or more than 100 years, or
                boto3 is not installed.
        """
        name: object = table_name  # often that of an environment variable, which may not be set
        if not isinstance(name, str) or not name:
            raise ConfigurationError(
                "table_name must be the name of the idempotency table: is its environment variable set?"
            )
        check_keep(keep)
        if client is None:
            check_boto3("DynamoDBStore")
        self._table = table_name
        self._client = ClientPerProcess(client, _make_client)
        self._keep = keep
        self._clock = clock
        self._window = MOST_ACTIONS if pack else 1
        self._chosen: Pack | None = None  # for the call that commits it, which comes next
        self._key_names: dict[str, tuple[str, ...] | None] = {table_name: (_ID,)}

    @property
    def window(self) -> int:
        """How many commits may wait for each other: 100 with `pack=True`, else 1."""
        return self._window

    def handled(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> AbstractSet[str]:
        """Return those of the marks that the table has and that have not expired.

        It reads consistently, up to 100 marks in a request.

        Raises:
            StoreError: The table cannot be read within `patience`.
        """
        time_left = TimeLeft(patience)
        now = self._clock().timestamp()
        found: set[str] = set()

        def read(chunk: Sequence[str]) -> list[str]:
            wanted = {self._table: _read_request(chunk)}
            with understood([self._table]):
                answer = self._ask(
                    lambda: self._client().batch_get_item(RequestItems=wanted),
                    "dynamodb:BatchGetItem",
                    time_left,
                )
                page = read_marks(answer, self._table, chunk, _ID, _EXPIRATION)
            # a mark without an expiry, from another program, always counts
            found.update(mark for mark, expiry in page.found.items() if expiry is None or expiry > now)
            return page.left

        self._in_chunks(marks, _MOST_READ, read, time_left)
        return found.intersection(marks)

    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:
        """Write marks, up to 25 in a request.

        Raises:
            StoreError: The table cannot be written within `patience`.
        """
        time_left = TimeLeft(patience)
        expiration = self._expiration()

        def write(chunk: Sequence[str]) -> list[str]:
            puts = {self._table: [{"PutRequest": {"Item": _item(mark, expiration)}} for mark in chunk]}
            with understood([self._table]):
                answer = self._ask(
                    lambda: self._client().batch_write_item(RequestItems=puts),
                    "dynamodb:BatchWriteItem",
                    time_left,
                )
                return unwritten_marks(answer, self._table, chunk, _ID)

        self._in_chunks(marks, _MOST_WRITTEN, write, time_left)

    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        """Write the mark and do all writes in one `TransactWriteItems`, or nothing.

        If the only false conditions are of writes with `on_conflict="skip"`, a second request writes the mark
        alone.

        Args:
            mark: The mark.
            transaction: The writes.
            patience: How long it may take, also if others write the same items or DynamoDB does not answer.

        Returns:
            False if the table had the mark before. Then this call wrote nothing, unless the answer to its
            first try was lost and that try had succeeded.

        Raises:
            TransactionError: A condition is false, or a write cannot be done.
            StoreError: A table cannot be reached or used, or others kept writing the same items.
        """
        from ._transact import commit_alone  # noqa: PLC0415  # cold start: it loads boto3

        time_left = TimeLeft(patience)
        check_limits(transaction.writes, self._key_names_of(time_left))
        writes = transaction.writes
        return commit_alone(self._transact_of(writes), self._mark_writer()(mark), writes, time_left)

    def pack(self, commits: Sequence[Commit], *, patience: timedelta = PATIENCE) -> Sequence[int]:
        """Return the indexes of commits that fit one request: 100 actions and 4 MB, with one action per item.

        Updates that only add numbers to one item are merged into one action. If the key of a table has to be
        known, `DescribeTable` is called once, if the role allows it.

        Raises:
            StoreError: No client can be made for that call, or its answer is not DynamoDB's.
        """
        pack = self._new_pack(TimeLeft(patience))
        chosen = choose(commits, pack.take)
        self._chosen = pack if len(chosen) > 1 else None
        return chosen

    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        """Write all marks and do all writes in one `TransactWriteItems`, or nothing.

        Returns:
            False if nothing was written: the table had a mark before, one of the transactions cannot be done,
            or others are writing the same items.

        Raises:
            StoreError: DynamoDB cannot be reached.
        """
        from ._transact import commit_packed  # noqa: PLC0415  # cold start: it loads boto3

        time_left = TimeLeft(patience)
        pack, self._chosen = self._chosen, None
        if pack is None or [*map(id, pack.commits)] != [*map(id, commits)]:
            pack = self._new_pack(time_left)
            if not all(map(pack.take, commits)):
                return False
        return commit_packed(self._transact_of(pack.writes), pack.writes, time_left)

    def _transact_of(self, writes: Iterable[Write]) -> Callable[[Sequence[Action]], object]:
        """Return what sends the writes."""
        from ._dynamodb_errors import checking  # noqa: PLC0415  # cold start: it loads boto3

        # DynamoDB ignores a misspelt member of a raw action, perhaps its condition: botocore refuses it
        is_raw = any(isinstance(write, Raw) for write in writes)

        def transact(actions: Sequence[Action]) -> object:
            client = checking(self._client()) if is_raw else self._client()
            return client.transact_write_items(TransactItems=actions)

        return transact

    def _new_pack(self, time_left: TimeLeft) -> Pack:
        return Pack(self._key_names_of(time_left), self._mark_writer())

    def _mark_writer(self) -> Callable[[str], Put]:
        """Return what makes the write of a mark, which fails if the table has it and it still counts."""
        expiration = self._expiration()
        is_new = _IS_NEW | Attr(_EXPIRATION).lte(int(self._clock().timestamp()))
        return lambda mark: Put(self._table, _item(mark, expiration), is_new)

    def _expiration(self) -> str:
        """Return when a mark that is written now expires, in seconds since 1970."""
        return str(ceil((self._clock() + self._keep).timestamp()))

    def _key_names_of(self, time_left: TimeLeft) -> KeyNames:
        return lambda table: self._names(table, time_left)

    def _names(self, table: str, time_left: TimeLeft) -> tuple[str, ...] | None:
        """Return the names of a table's key attributes, or None if DynamoDB does not say."""
        if table in self._key_names:
            return self._key_names[table]
        from . import _dynamodb_errors as errors  # noqa: PLC0415  # cold start: it loads boto3

        try:
            with understood([table]):
                names = key_names(time_left.run(lambda: self._client().describe_table(TableName=table)))
        except TimeoutError:
            return None
        except errors.SDK_ERRORS as error:
            # without the names, DynamoDB itself refuses two writes to one item
            if errors.is_denied(error):
                self._key_names[table] = None
            return None
        return self._key_names.setdefault(table, names)

    def _ask(self, request: Callable[[], Any], action: str, time_left: TimeLeft) -> Any:
        from . import _dynamodb_errors as errors  # noqa: PLC0415  # cold start: it loads boto3

        try:
            return time_left.run(request)
        except TimeoutError as error:
            raise errors.unanswered([self._table], time_left) from error
        except errors.SDK_ERRORS as error:
            raise errors.explain(error, [self._table], action) from error

    def _in_chunks(
        self,
        marks: Iterable[str],
        size: int,
        send: Callable[[Sequence[str]], Sequence[str]],
        time_left: TimeLeft,
    ) -> None:
        """Send each mark once, in chunks, and again if it comes back unprocessed."""
        pending = list(dict.fromkeys(marks))
        backoff = Backoff(time_left)
        while pending:
            left = send(pending[:size])
            pending = [*left, *pending[size:]]
            if not left:
                backoff = Backoff(time_left)
            elif not backoff.wait():
                from ._dynamodb_errors import throttled  # noqa: PLC0415  # cold start: it loads boto3

                raise throttled([self._table])


def _make_client() -> DynamoDBClient:
    from ._dynamodb_errors import make_client  # noqa: PLC0415  # cold start: it loads boto3

    client: DynamoDBClient = make_client()
    return client


def _item(mark: str, expiration: str) -> EncodedItem:
    return {_ID: {"S": mark}, _EXPIRATION: {"N": expiration}, _STATUS: {"S": _COMPLETED}}


def _read_request(marks: Iterable[str]) -> dict[str, Any]:
    return {
        "Keys": [{_ID: {"S": mark}} for mark in marks],
        "ConsistentRead": True,
        "ProjectionExpression": "#id, #expiration",
        "ExpressionAttributeNames": {"#id": _ID, "#expiration": _EXPIRATION},
    }
