"""The projection under Amazon's runtime client, killed again and again: each order counts exactly once.

`DDBEVENTS_CAMPAIGNS` says how many batches are interrupted. The number of a test repeats its orders and
moments.
"""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast
from uuid import uuid4

import pytest
from botocore.config import Config
from botocore.session import Session

from ddbevents import decode
from ddbevents.testing import event, insert, modify
from examples.projection.app import Order
from tests.campaigns import size
from tests.runtime_api import CrashedError, Function, TimedOutError, function

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

pytest.importorskip("awslambdaric", reason="the runtime client has wheels for Linux only")

KILLS: Final = size(short=1, full=6, long=60)
ORDERS: Final = size(short=60, full=120, long=120)
TABLES: Final = {"handled-events": "id", "customers": "customer_id", "revenue": "day"}
KEY: Final = f"kills{uuid4().hex}"  # DynamoDB Local has a database for each access key
BLOCKS: Final = count()  # a number for each batch, which gives it days of its own
PACKED: Final = "examples.projection.app.lambda_handler"
SINGLY: Final = "singly.lambda_handler"

Writes: TypeAlias = Sequence[tuple[Order | None, Order]]
"""Orders before and after: new ones, and corrections."""


class Projection(NamedTuple):
    """The function and its tables.

    Attributes:
        usual: How long a warm batch takes if it is not interrupted.
    """

    function: Function
    client: DynamoDBClient
    usual: timedelta


@pytest.fixture(scope="module")
def client(dynamodb_endpoint: str) -> DynamoDBClient:
    made = database(dynamodb_endpoint)
    for table, key in TABLES.items():
        made.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    return made


@pytest.fixture(scope="module", params=[PACKED, SINGLY], ids=["packed", "singly"])
def projection(
    request: pytest.FixtureRequest, dynamodb_endpoint: str, client: DynamoDBClient
) -> Generator[Projection]:
    variables = {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb_endpoint, "AWS_ACCESS_KEY_ID": KEY}
    with function(request.param, **variables) as started:
        started.invoke(batch_of(some_writes(seeded(1))))
        start = time.monotonic()
        started.invoke(batch_of(some_writes(seeded(2))))
        yield Projection(started, client, timedelta(seconds=time.monotonic() - start))


@pytest.mark.parametrize("seed", range(KILLS))
def test_kills_never_change_the_counts(projection: Projection, seed: int) -> None:
    random = seeded(seed)
    writes = some_writes(random)
    moments = [random.random() * projection.usual for _ in range(random.randint(1, 3))]

    answer = deliver(projection.function, batch_of(writes), moments)

    assert answer == {"batchItemFailures": []}
    assert counted(projection.client, writes) == expected(writes)


def test_committed_work_is_not_repeated(projection: Projection) -> None:
    writes = some_writes(seeded(3), 400)
    batch = batch_of(writes)

    interrupt(projection, batch, lambda: any(counted(projection.client, writes)))
    before, _ = counted(projection.client, writes)
    projection.function.invoke(batch)

    assert 0 < sum(before.values()) < len(writes)
    assert counted(projection.client, writes) == expected(writes)


def database(endpoint: str) -> DynamoDBClient:
    no_file = (None, None, os.devnull, None)
    session = Session(session_vars={"config_file": no_file, "credentials_file": no_file})
    session.set_credentials(KEY, "local")
    config = Config(region_name="eu-central-1", proxies={})
    return cast("DynamoDBClient", session.create_client("dynamodb", endpoint_url=endpoint, config=config))


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311  # repeatable, not secret


def some_writes(random: Random, number: int = ORDERS) -> Writes:
    """Return new orders and corrections, of customers and days that no other batch has."""
    block = next(BLOCKS)
    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=3 * block + day) for day in range(3)]
    orders = [
        Order(
            order_id=f"{block}-{number}",
            customer_id=f"{block}-{random.randint(1, 6)}",
            placed_at=random.choice(days),
            amount=Decimal(random.randint(1, 9999)) / 100,
        )
        for number in range(number)
    ]
    corrected = random.sample(orders, 20)
    corrections = [(order, order.model_copy(update={"amount": order.amount + 1})) for order in corrected]
    return [*((None, order) for order in orders), *corrections]


def batch_of(writes: Writes) -> dict[str, Any]:
    return event(*(record(old, new) for old, new in writes))


def record(old: Order | None, new: Order) -> dict[str, Any]:
    if old is None:
        return insert(new, keys="order_id", table="orders")
    return modify(old, new, keys="order_id", table="orders")


def deliver(function: Function, batch: dict[str, Any], moments: Iterable[timedelta]) -> Any:
    """Invoke the function until it answers, and kill its process at each of the moments."""
    for moment in moments:
        warm_up(function)
        with suppress(TimedOutError):
            function.invoke(batch, killed_after=moment)
    return function.invoke(batch)


def interrupt(projection: Projection, batch: dict[str, Any], is_time: Callable[[], bool]) -> None:
    """Kill the process in the middle of a batch."""
    warm_up(projection.function)
    process = projection.function.start().process

    def watch() -> None:
        while process.poll() is None and not is_time():
            time.sleep(0.001)
        process.kill()

    Thread(target=watch).start()
    with suppress(CrashedError):
        projection.function.invoke(batch)


def warm_up(function: Function) -> None:
    """Start the process that follows a killed one, and let it load boto3 with a first batch."""
    function.invoke(batch_of(some_writes(seeded(0))[:1]))


def counted(client: DynamoDBClient, writes: Writes) -> tuple[dict[str, int], dict[str, Decimal]]:
    customers = {order.customer_id for _, order in writes}
    days = {str(order.placed_at.date()) for _, order in writes}
    orders = read_items(client, "customers", "customer_id", customers)
    revenue = read_items(client, "revenue", "day", days)
    return (
        {customer: item["orders"] for customer, item in orders.items()},
        {day: item["amount"] for day, item in revenue.items()},
    )


def read_items(client: DynamoDBClient, table: str, key: str, names: Iterable[str]) -> dict[str, Any]:
    wanted = [{key: {"S": name}} for name in names]
    response = client.batch_get_item(RequestItems={table: {"Keys": wanted, "ConsistentRead": True}})
    items = [decode(dict[str, Any], image) for image in response["Responses"][table]]
    return {item.pop(key): item for item in items}


def expected(writes: Writes) -> tuple[dict[str, int], dict[str, Decimal]]:
    orders: Counter[str] = Counter(order.customer_id for order in new_orders(writes))
    revenue: defaultdict[str, Decimal] = defaultdict(Decimal)
    for order in {order.order_id: order for _, order in writes}.values():
        revenue[str(order.placed_at.date())] += order.amount
    return orders, revenue


def new_orders(writes: Writes) -> list[Order]:
    return [order for old, order in writes if old is None]
