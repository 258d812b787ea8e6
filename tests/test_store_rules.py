"""Each store of the library keeps the rules, on each engine that it can use."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

from ddbevents import decode_value
from ddbevents.powertools import PowertoolsStore
from ddbevents.stores import (
    DynamoDBStore,
    IdempotencyStore,
    MemoryStore,
    PackingStore,
    SQLiteStore,
    TransactionalStore,
)
from ddbevents.testing import (
    EXPIRY_RULES,
    PACKING_RULES,
    STORE_RULES,
    TRANSACTION_RULES,
    ExpiryRule,
    PackingRule,
    StoreRule,
    TableUnderTest,
    TransactionRule,
)
from tests.dynamodb_local import clients

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Clock = Callable[[], datetime]


@dataclasses.dataclass
class Database:
    """A DynamoDB with an idempotency table and a table of items."""

    client: DynamoDBClient

    def __post_init__(self) -> None:
        self.marks = make_table(self.client, "id")
        self.items = TableUnderTest(make_table(self.client, "pk"), self.read)

    def read(self, key: Mapping[str, str]) -> dict[str, Any] | None:
        typed = {name: {"S": value} for name, value in key.items()}
        found = self.client.get_item(TableName=self.items.name, Key=typed, ConsistentRead=True)
        return plain(found["Item"]) if "Item" in found else None


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: decode_value(value) for name, value in item.items()}


def make_table(client: DynamoDBClient, key: str) -> str:
    table = f"rules-{uuid4()}"
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return table


def in_memory(store: MemoryStore | SQLiteStore) -> TableUnderTest:
    return TableUnderTest("items", lambda key: store.item("items", key))


@pytest.fixture(scope="session", params=["dynamodb_endpoint", "moto_endpoint"])
def client(request: pytest.FixtureRequest) -> DynamoDBClient:
    made, _ = clients(request.getfixturevalue(request.param))
    return made


@pytest.fixture(scope="session")
def database(client: DynamoDBClient) -> Database:
    """Return a database, made once: the rules need no empty tables."""
    return Database(client)


@pytest.fixture(scope="session")
def transacting(client: DynamoDBClient) -> Database:
    """Return a database without thousands of marks: moto copies the tables of a transaction whole."""
    return Database(client)


@pytest.fixture(scope="session")
def powertools(dynamodb_endpoint: str) -> PowertoolsStore:
    client, _ = clients(dynamodb_endpoint)
    return PowertoolsStore(DynamoDBPersistenceLayer(make_table(client, "id"), boto3_client=client))


@pytest.fixture
def make_sqlite_store(tmp_path: Path) -> Generator[Callable[..., SQLiteStore]]:
    with ExitStack() as stack:
        path = tmp_path / "folder" / "marks.sqlite3"
        yield lambda **parts: stack.enter_context(closing(SQLiteStore(path, **parts)))


@pytest.mark.parametrize("rule", STORE_RULES)
def test_memory_keeps_store_rules(rule: StoreRule) -> None:
    rule(MemoryStore())


@pytest.mark.parametrize("rule", EXPIRY_RULES)
def test_memory_keeps_expiry_rules(rule: ExpiryRule) -> None:
    rule(lambda clock: MemoryStore(clock=clock))


@pytest.mark.parametrize("rule", TRANSACTION_RULES)
def test_memory_keeps_transaction_rules(rule: TransactionRule) -> None:
    store = MemoryStore()

    rule(store, in_memory(store))


@pytest.mark.parametrize("rule", STORE_RULES)
def test_sqlite_keeps_store_rules(rule: StoreRule, make_sqlite_store: Callable[..., SQLiteStore]) -> None:
    rule(make_sqlite_store())


@pytest.mark.parametrize("rule", EXPIRY_RULES)
def test_sqlite_keeps_expiry_rules(rule: ExpiryRule, make_sqlite_store: Callable[..., SQLiteStore]) -> None:
    rule(lambda clock: make_sqlite_store(clock=clock))


@pytest.mark.parametrize("rule", TRANSACTION_RULES)
def test_sqlite_keeps_transaction_rules(
    rule: TransactionRule, make_sqlite_store: Callable[..., SQLiteStore]
) -> None:
    store = make_sqlite_store()

    rule(store, in_memory(store))


@pytest.mark.parametrize("rule", STORE_RULES)
def test_dynamodb_keeps_store_rules(rule: StoreRule, database: Database) -> None:
    rule(DynamoDBStore(database.marks, client=database.client))


@pytest.mark.parametrize("rule", EXPIRY_RULES)
def test_dynamodb_keeps_expiry_rules(rule: ExpiryRule, database: Database) -> None:
    rule(lambda clock: DynamoDBStore(database.marks, client=database.client, clock=clock))


@pytest.mark.parametrize("rule", TRANSACTION_RULES)
def test_dynamodb_keeps_transaction_rules(rule: TransactionRule, transacting: Database) -> None:
    rule(DynamoDBStore(transacting.marks, client=transacting.client), transacting.items)


@pytest.mark.parametrize("pack", [False, True], ids=["alone", "packed"])
@pytest.mark.parametrize("rule", PACKING_RULES)
def test_dynamodb_keeps_packing_rules(rule: PackingRule, transacting: Database, *, pack: bool) -> None:
    rule(
        DynamoDBStore(transacting.marks, client=transacting.client, pack=pack),
        transacting.items,
    )


@pytest.mark.parametrize("rule", STORE_RULES)
def test_powertools_keeps_store_rules(rule: StoreRule, powertools: PowertoolsStore) -> None:
    rule(powertools)


def test_stores_match_protocols_by_shape() -> None:
    plain_store = PowertoolsStore.__new__(PowertoolsStore)

    assert isinstance(plain_store, IdempotencyStore)
    assert not isinstance(plain_store, TransactionalStore)
    assert isinstance(MemoryStore(), TransactionalStore)
    assert not isinstance(MemoryStore(), PackingStore)
    assert isinstance(SQLiteStore("marks.sqlite3"), TransactionalStore)
    assert isinstance(DynamoDBStore("marks"), PackingStore)


@pytest.mark.parametrize("rule", [*STORE_RULES, *EXPIRY_RULES, *TRANSACTION_RULES, *PACKING_RULES])
def test_every_rule_is_documented(rule: Callable[..., None]) -> None:
    page = Path(__file__).parent.parent / "docs" / "reference" / "testing.md"
    [demand, *_] = inspect.cleandoc(rule.__doc__ or "").splitlines()

    assert f"| `{rule.__name__}` | {demand} |" in page.read_text("utf-8")
