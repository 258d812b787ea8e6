"""A store is known by its shape: a user's own needs no base class, and what lacks the shape is refused."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import TYPE_CHECKING, assert_type

from ddbevents import StreamApp, Transaction
from ddbevents._engine._stores import PackingStore
from ddbevents.stores import DynamoDBStore, IdempotencyStore, MemoryStore, SQLiteStore, TransactionalStore

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class OwnStore:
    def handled(self, marks: Collection[str], *, patience: timedelta) -> AbstractSet[str]:  # noqa: ARG002  # the Protocol's
        return set(marks)

    def add(self, marks: Collection[str], *, patience: timedelta) -> None: ...


class OwnTransactionalStore(OwnStore):
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        return bool(mark and transaction.writes and patience)


class StoreWithoutPatience:
    def handled(self, marks: Collection[str]) -> AbstractSet[str]:
        return set(marks)

    def add(self, marks: Collection[str]) -> None: ...


class ReadOnlyStore:
    def handled(self, marks: Collection[str], *, patience: timedelta) -> AbstractSet[str]:  # noqa: ARG002  # the Protocol's
        return set(marks)


class OneMarkStore:
    def handled(self, marks: str, *, patience: timedelta) -> bool:  # noqa: ARG002  # the Protocol's
        return bool(marks)

    def add(self, marks: str, *, patience: timedelta) -> None: ...


class AsyncStore:
    async def handled(self, marks: Collection[str], *, patience: timedelta) -> AbstractSet[str]:  # noqa: ARG002  # the Protocol's
        return set(marks)

    async def add(self, marks: Collection[str], *, patience: timedelta) -> None: ...


class StoreThatTellsNothing(OwnStore):
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> None: ...


own: IdempotencyStore = OwnStore()
own_with_transactions: TransactionalStore = OwnTransactionalStore()
in_memory: IdempotencyStore = MemoryStore()
in_dynamodb: TransactionalStore = DynamoDBStore("marks")
in_dynamodb_packed: PackingStore = DynamoDBStore("marks", keep=timedelta(days=3), pack=True)
in_a_file: IdempotencyStore = SQLiteStore("marks.db")

StreamApp()
StreamApp(store=None)
StreamApp(store=OwnStore())
StreamApp(store=OwnTransactionalStore())
StreamApp(store=MemoryStore())
StreamApp(store=SQLiteStore("marks.db"))
StreamApp(store=DynamoDBStore("marks"))
assert_type(StreamApp().with_store(OwnStore()), StreamApp)


def what_a_dynamodb_store_takes(client: DynamoDBClient) -> None:
    DynamoDBStore("marks", client=client)
    DynamoDBStore("marks", client="eu-central-1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    DynamoDBStore("marks", keep=172_800)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    DynamoDBStore("marks", True)  # type: ignore[call-arg, arg-type]  # noqa: FBT003  # pyright: ignore[reportCallIssue]
    DynamoDBStore()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def what_an_app_refuses(app: StreamApp) -> None:
    StreamApp(store="marks.db")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    StreamApp(store=OwnStore)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    StreamApp(store=ReadOnlyStore())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    StreamApp(store=OneMarkStore())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    StreamApp(store=AsyncStore())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    StreamApp(store=StoreWithoutPatience())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.with_store(ReadOnlyStore())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def what_is_no_store_with_transactions() -> None:
    store: TransactionalStore
    store = OwnStore()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    store = StoreThatTellsNothing()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    assert_type(store, TransactionalStore)
