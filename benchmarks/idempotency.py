"""Idempotency, compared on DynamoDB Local: the requests of each record, and the time, against Powertools.

pip install 'ddbevents[aws,powertools]'
python benchmarks/idempotency.py [--short]

Each design handles 500 new records of 50 items, in batches of 100. Rounds go in turn, and the best of them
counts; in a second table each request takes some milliseconds longer, as it does in a Region. The effect is
one `UpdateItem` that adds 1 to the item's counter, in a transaction or on its own.

The last table has the CPU time of this process, in which stores make their own clients, against boto3 alone.
There a process that answers at once stands in for DynamoDB Local, which would keep the machine busy.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final, NamedTuple
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the benchmarks are found when this is the script

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from pydantic import BaseModel

from benchmarks.instant_dynamodb import instant_dynamodb
from benchmarks.targets import at_most
from ddbevents import Insert, StreamApp, Transaction
from ddbevents.stores import DynamoDBStore
from ddbevents.testing import event, insert
from tests.dynamodb_local import clients, dynamodb_local
from tests.dynamodb_tables import make_table

RECORDS: Final = 500
ITEMS: Final = 50
BATCH: Final = 100
TABLES: Final = {"marks": "id", "counters": "pk"}


class Order(BaseModel):
    """What is counted."""

    order_id: str
    customer_id: str


class Design(NamedTuple):
    """A way to handle a batch once.

    Attributes:
        most_requests: The requests of each record that there may be.
        most_time: The time that it may take, against Powertools with the same effect.
        against: The design that it is compared with.
        make: Makes what handles a batch.
    """

    most_requests: float | None
    most_time: float | None
    against: str
    make: Callable[[Any], Callable[[Any], object]]


def marks_only(client: Any) -> Callable[[Any], object]:
    """Marks, and a handler without effect."""
    app = StreamApp(uuid4().hex, store=DynamoDBStore("marks", client=client))

    @app.on_insert(Order)
    def handle(change: Insert[Order]) -> None:
        pass

    return app


def marks_and_effect(client: Any) -> Callable[[Any], object]:
    """Marks, and a handler that writes by itself."""
    app = StreamApp(uuid4().hex, store=DynamoDBStore("marks", client=client))

    @app.on_insert(Order)
    def handle(change: Insert[Order]) -> None:
        count_up(client, change.new.customer_id)

    return app


def transactions(client: Any, *, pack: bool = False) -> Callable[[Any], object]:
    """The effect in one transaction with its mark."""
    app = StreamApp(uuid4().hex, store=DynamoDBStore("marks", client=client, pack=pack))

    @app.on_insert(Order)
    def handle(change: Insert[Order], tx: Transaction) -> None:
        tx.update("counters", {"pk": change.new.customer_id}, add={"total": 1})

    return app


def packed(client: Any) -> Callable[[Any], object]:
    """The same, many in a request."""
    return transactions(client, pack=True)


def boto3_alone(client: Any) -> Callable[[Any], object]:
    """The requests of marks by boto3, without a store, an app or a handler."""
    run = uuid4().hex
    names = {"#id": "id", "#expiration": "expiration"}
    expiration = {"N": str(int(time.time()) + 48 * 3600)}

    def handle_batch(batch: Mapping[str, Any]) -> None:
        keys = [{"id": {"S": f"{run}#handle#{record['eventID']}"}} for record in batch["Records"]]
        read = {"Keys": keys, "ConsistentRead": True, "ProjectionExpression": "#id, #expiration"}
        client.batch_get_item(RequestItems={"marks": {**read, "ExpressionAttributeNames": names}})
        items = [{**key, "expiration": expiration, "status": {"S": "COMPLETED"}} for key in keys]
        for start in range(0, len(items), 25):
            puts = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            client.batch_write_item(RequestItems={"marks": puts})

    return handle_batch


def powertools(client: Any, *, effect: bool = True) -> Callable[[Any], object]:
    """Powertools' idempotent function, called for each record."""
    layer = DynamoDBPersistenceLayer("marks", boto3_client=client)

    @idempotent_function(  # type: ignore[untyped-decorator]  # it has no types
        data_keyword_argument="record",
        persistence_store=layer,
        config=IdempotencyConfig(),
        key_prefix=uuid4().hex,
    )
    def handle(*, record: Mapping[str, Any]) -> None:
        if effect:
            count_up(client, record["dynamodb"]["NewImage"]["customer_id"]["S"])

    def handle_batch(batch: Mapping[str, Any]) -> None:
        for record in batch["Records"]:
            handle(record=record)

    return handle_batch


def powertools_only(client: Any) -> Callable[[Any], object]:
    """The same without effect."""
    return powertools(client, effect=False)


def count_up(client: Any, key: str) -> None:
    """The effect on its own."""
    client.update_item(
        TableName="counters",
        Key={"pk": {"S": key}},
        UpdateExpression="ADD #total :one",
        ExpressionAttributeNames={"#total": "total"},
        ExpressionAttributeValues={":one": {"N": "1"}},
    )


DESIGNS: Final[Mapping[str, Design]] = {
    "Powertools, no effect": Design(None, None, "", powertools_only),
    "Powertools, effect": Design(None, None, "", powertools),
    "marks, no effect": Design(0.06, 0.25, "Powertools, no effect", marks_only),
    "marks, effect": Design(None, None, "Powertools, effect", marks_and_effect),
    "transactions": Design(1.02, 0.7, "Powertools, effect", transactions),
    "transactions, packed": Design(0.04, 0.3, "Powertools, effect", packed),
}
MOST_REQUESTS_OF_REPLAY: Final = 0.012


class Cost(NamedTuple):
    """A way whose CPU time is measured.

    Attributes:
        most: The microseconds that a record may take.
        most_share: The time that it may take, against boto3 alone.
        make: Makes what handles a batch; without a client, a store makes its own.
    """

    most: float | None
    most_share: float | None
    make: Callable[[Any], Callable[[Any], object]]
    has_client: bool = False


ALONE: Final = "boto3 alone"
COSTS: Final[Mapping[str, Cost]] = {
    ALONE: Cost(None, None, boto3_alone, has_client=True),
    "marks": Cost(68, 0.75, marks_only),
    "marks, given client": Cost(None, None, marks_only, has_client=True),
    "transactions, packed": Cost(180, None, packed),
}


class Measured(NamedTuple):
    """What one design took, by record."""

    requests: float
    replay_requests: float
    seconds: float


class Network:
    """Counts the requests of a client, and makes each take longer."""

    def __init__(self, client: Any) -> None:
        self.count = 0
        self.delay = 0.0
        client.meta.events.register("before-send.dynamodb", self._pass)

    def _pass(self, **_: object) -> None:
        self.count += 1
        time.sleep(self.delay)


def main() -> None:
    """Print a table for each delay."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--short", action="store_true", help="only show that it runs")
    is_short = parser.parse_args().short
    logging.disable(logging.CRITICAL)
    with dynamodb_local() as endpoint:
        client: Any = clients(endpoint)[0]
        make_tables(client)
        network = Network(client)
        for delay in (0.0,) if is_short else (0.0, 0.005):
            network.delay = delay
            measure_all(client, network, 1 if is_short else 5)
    with instant_dynamodb() as endpoint:
        configure_boto3(endpoint)
        print_costs(clients(endpoint)[0], 2 if is_short else 20)


def make_tables(client: Any) -> None:
    """For marks and for counters."""
    for table, key in TABLES.items():
        make_table(client, key, name=table)


def measure_all(client: Any, network: Network, rounds: int) -> None:
    """Print what each design takes."""
    best: dict[str, Measured] = {}
    for _ in range(rounds):
        for name, design in DESIGNS.items():
            measured = measure(design, client, network)
            best[name] = min(measured, best.get(name, measured), key=lambda each: each.seconds)
    print(f"\n{RECORDS} records of {ITEMS} items, {network.delay * 1e3:.0f} ms added to each request")
    print(f"{'':24}{'requests':>10}{'replayed':>10}{'ms':>8}  of Powertools' time")
    for name, design in DESIGNS.items():
        print(f"{name:24}{told(design, best[name], best)}")


def configure_boto3(endpoint: str) -> None:
    """Let stores make clients for the endpoint, and for nothing else."""
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
    }


def print_costs(client: Any, rounds: int) -> None:
    """Print the CPU time of each record."""
    handlers = {name: cost.make(client if cost.has_client else None) for name, cost in COSTS.items()}
    best = dict.fromkeys(COSTS, float("inf"))
    for _ in range(rounds):
        for name, handle in handlers.items():
            best[name] = min(best[name], cpu_time(handle))
    print(f"\n{'CPU time of this process, a record':34}{'us':>8}  of boto3's")
    for name, cost in COSTS.items():
        share = best[name] / best[ALONE]
        verdicts = [] if cost.most is None else [at_most(cost.most, best[name] * 1e6)]
        if cost.most_share is not None:
            verdicts.append(at_most(cost.most_share, share))
        print(f"{name:34}{best[name] * 1e6:8.1f}  {share:.2f}  {', '.join(verdicts)}".rstrip())


def cpu_time(handle: Callable[[Any], object]) -> float:
    """Return the seconds of CPU time that each new record takes, in all threads."""
    batches = new_batches()
    start = process_time()
    for batch in batches:
        handle(batch)
    return (process_time() - start) / RECORDS


def told(design: Design, measured: Measured, best: Mapping[str, Measured]) -> str:
    """A row of the table."""
    row = f"{measured.requests:10.3f}{measured.replay_requests:10.3f}{measured.seconds * 1e3:8.2f}"
    if not design.against:
        return row
    share = measured.seconds / best[design.against].seconds
    verdicts = [f"{share:.2f}"]
    if design.most_time is not None:
        verdicts.append(at_most(design.most_time, share))
    if design.most_requests is not None:
        verdicts.append(f"requests {at_most(design.most_requests, measured.requests)}")
        verdicts.append(f"replayed {at_most(MOST_REQUESTS_OF_REPLAY, measured.replay_requests)}")
    return f"{row}  {', '.join(verdicts)}"


def measure(design: Design, client: Any, network: Network) -> Measured:
    """Handle new records once, and then once more."""
    handle = design.make(client)
    batches = new_batches()
    network.count, start = 0, perf_counter()
    for batch in batches:
        handle(batch)
    seconds, requests = perf_counter() - start, network.count
    network.count = 0
    for batch in batches:
        handle(batch)
    return Measured(requests / RECORDS, network.count / RECORDS, seconds / RECORDS)


def new_batches() -> list[Any]:
    """Records that no table has seen."""
    run = uuid4().hex
    records = [
        insert(Order(order_id=f"{run}-{number}", customer_id=f"{run}-{number % ITEMS}"), keys="order_id")
        for number in range(RECORDS)
    ]
    return [event(*records[start : start + BATCH]) for start in range(0, RECORDS, BATCH)]


if __name__ == "__main__":
    main()
