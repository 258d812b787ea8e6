"""Faults, played on DynamoDB Local: in how many schedules a design doubles, loses or discards a record.

pip install 'ddbevents[aws,powertools]'
python benchmarks/faults.py [--short]

A schedule (`tests/faults.py`) has a batch of its own, delivered as Lambda does, but without pauses: with one
fault or two, with two copies at once, or with a copy that sleeps before one of its points until another has
finished. Transactions add to an item in DynamoDB; the other designs have an effect outside, such as a mail.
All of it takes about a quarter of an hour; `--short` plays one schedule of each kind.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias, cast
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the benchmarks are found when this is the script

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from pydantic import BaseModel

from ddbevents import Change, StreamApp, Transaction
from ddbevents.stores import DynamoDBStore
from ddbevents.testing import event, insert, modify
from tests.dynamodb_local import clients, dynamodb_local
from tests.faults import (
    Delivery,
    Faults,
    Process,
    deliver,
    interleave,
    make_faulty,
    single_faults,
    sleep_at,
)
from tests.stream import Context, Json

PAIRS: Final = 300
COPIES: Final = 300
RECORDS: Final = 6
TABLES: Final = {"marks": "id", "effects": "pk"}
KINDS: Final = {
    "killed before begin": "killed before an effect",
    "killed before end": "killed after an effect",
}


class Order(BaseModel):
    """What the records are about."""

    order_id: str
    amount: int


class Trial(NamedTuple):
    """A batch, and what handles it.

    Attributes:
        batch: Its records, which no other trial has.
        make_app: The app in a new process.
        effects: How often each record took effect, by its `eventID`.
    """

    batch: Json
    make_app: Callable[[Process], StreamApp]
    effects: Callable[[], Mapping[str, int]]


class Outcome(NamedTuple):
    """What happened to any record of a batch.

    Attributes:
        doubled: It took effect more than once.
        lost: It never did.
        discarded: It was given up when the retries were used up.
    """

    doubled: bool
    lost: bool
    discarded: bool


Design: TypeAlias = Callable[[Any], Trial]
Schedule: TypeAlias = Callable[[Trial], Delivery]


def marks(client: Any) -> Trial:
    """An effect that is marked after it."""
    return outside(DynamoDBStore("marks", client=client))


def no_store(_: Any) -> Trial:
    """The same without marks."""
    return outside(None)


def outside(store: DynamoDBStore | None) -> Trial:
    """An effect outside DynamoDB."""
    effects = Counter[str]()

    def make_app(process: Process) -> StreamApp:
        app = StreamApp("mails", store=store, middleware=[process.handling])

        @app.on_change(Order)
        def send(change: Change[Order]) -> None:
            effects[change.record.event_id] += 1

        return app

    return Trial(new_batch(), make_app, lambda: effects)


def transactions(client: Any, *, pack: bool = False) -> Trial:
    """An effect in one transaction with its mark: all records of the batch count in the same item."""
    key = uuid4().hex

    def make_app(process: Process) -> StreamApp:
        store = DynamoDBStore("marks", client=client, pack=pack)
        app = StreamApp("counts", store=store, middleware=[process.handling])

        @app.on_change(Order)
        def count(change: Change[Order], tx: Transaction) -> None:
            tx.update("effects", {"pk": key}, add={change.record.event_id: 1})

        return app

    return Trial(new_batch(), make_app, lambda: counted(client, key))


def counted(client: Any, key: str) -> Mapping[str, int]:
    """What the item says of each record."""
    item = client.get_item(TableName="effects", Key={"pk": {"S": key}}, ConsistentRead=True).get("Item", {})
    return {name: int(value["N"]) for name, value in item.items() if "N" in value}


def powertools(client: Any, *, milliseconds: int) -> Trial:
    """Powertools' idempotent function, called for each record, with so much time left for its claims."""
    effects = Counter[str]()
    context: Any = Context(milliseconds)  # the part of a Lambda context that is asked

    def make_app(process: Process) -> StreamApp:
        @idempotent_function(  # type: ignore[untyped-decorator]  # it has no types
            data_keyword_argument="record",
            persistence_store=DynamoDBPersistenceLayer("marks", boto3_client=client),
            config=IdempotencyConfig(event_key_jmespath="eventID", lambda_context=context),
        )
        def handle(*, record: Mapping[str, Any]) -> None:
            with process.handling(None):
                effects[record["eventID"]] += 1

        return cast("StreamApp", partial(until_failure, handle))  # it is only called

    return Trial(new_batch(), make_app, lambda: effects)


def until_failure(handle: Callable[..., object], batch: Mapping[str, Any]) -> object:
    """Handle records in order, and name the first that fails."""
    for record in batch["Records"]:
        try:
            handle(record=record)
        except Exception:  # noqa: BLE001  # whatever it is, Lambda is told of it
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}


DESIGNS: Final[Mapping[str, Design]] = {
    "no store": no_store,
    "marks": marks,
    "transactions": transactions,
    "transactions, packed": partial(transactions, pack=True),
    "Powertools, claims that end at once": partial(powertools, milliseconds=1),
    "Powertools, claims that outlast the retries": partial(powertools, milliseconds=60_000),
}


def new_batch() -> Json:
    """New orders, the first of which is then corrected."""
    first, *others = (Order(order_id=uuid4().hex, amount=number) for number in range(RECORDS - 1))
    corrected = first.model_copy(update={"amount": RECORDS})
    return event(
        *[insert(order, keys="order_id") for order in (first, *others)],
        modify(first, corrected, keys="order_id"),
    )


def main() -> None:
    """Print the table, design by design."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--short", action="store_true", help="only show that it runs")
    most = 1 if parser.parse_args().short else None
    logging.disable(logging.CRITICAL)
    with dynamodb_local() as endpoint:
        client: Any = clients(endpoint)[0]
        make_tables(client)
        make_faulty(client)
        print(f"{'':40}{'schedules':>10}{'doubled':>10}{'lost':>10}{'discarded':>10}")
        for name, design in DESIGNS.items():
            print(name)
            for kind, schedules in schedules_of(points_of(design(client))).items():
                outcomes = [play(schedule, design(client)) for schedule in schedules[:most]]
                print(f"  {kind:38}{told(outcomes)}", flush=True)


def make_tables(client: Any) -> None:
    """For marks and for effects."""
    for table, key in TABLES.items():
        client.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )


def points_of(trial: Trial) -> Sequence[str]:
    """The points of a delivery without faults."""
    [process] = deliver(trial.make_app, trial.batch).processes
    return process.points


def schedules_of(points: Sequence[str]) -> Mapping[str, Sequence[Schedule]]:
    """What is played against a design that passes these points, by kind."""
    random = Random(7)  # noqa: S311  # the same pairs each time
    faults = [*single_faults(points)]
    by_kind: dict[str, list[Schedule]] = {}
    for fault in faults:
        by_kind.setdefault(kind_of(fault, points), []).append(partial(play_faults, [fault]))
    faulty_copies = [(seed, faults[seed % len(faults)]) for seed in range(COPIES)]
    return {
        **by_kind,
        "two faults": [partial(play_faults, random.choices(faults, k=2)) for _ in range(PAIRS)],
        "two copies": [partial(play_copies, seed, {}) for seed in range(COPIES)],
        "two copies, one with a fault": [partial(play_copies, *each) for each in faulty_copies],
        "a copy that sleeps": [partial(play_zombie, point) for point in range(len(points))],
    }


def kind_of(fault: Faults, points: Sequence[str]) -> str:
    """A single fault and where it happens, such as `answer lost PutItem`."""
    [(point, what)] = fault.items()
    kind = f"{what} {points[point]}"
    return KINDS.get(kind, kind)


def play_faults(plan: Sequence[Faults], trial: Trial) -> Delivery:
    """The first deliveries have these faults."""
    return deliver(trial.make_app, trial.batch, plan)


def play_copies(seed: int, faults: Faults, trial: Trial) -> Delivery:
    """Two copies run at once, the first with these faults; then the batch is delivered again."""
    run = partial(run_once, trial)
    interleave(seed, [run, run], [faults])
    return deliver(trial.make_app, trial.batch)


def play_zombie(point: int, trial: Trial) -> Delivery:
    """A copy sleeps before this point until another has finished; then the batch is delivered again."""
    run = partial(run_once, trial)
    sleep_at(point, run, run)
    return deliver(trial.make_app, trial.batch)


def run_once(trial: Trial, process: Process) -> None:
    """A delivery that nobody repeats."""
    process.run(trial.make_app(process), trial.batch)


def play(schedule: Schedule, trial: Trial) -> Outcome:
    """What a schedule does to a new batch."""
    delivery = schedule(trial)
    effects = trial.effects()
    times = [effects.get(record["eventID"], 0) for record in trial.batch["Records"]]
    return Outcome(max(times) > 1, min(times) == 0, bool(delivery.discarded))


def told(outcomes: Sequence[Outcome]) -> str:
    """A row of the table: how many schedules, and in how many each thing happened."""
    return "".join(f"{number:10}" for number in (len(outcomes), *map(sum, zip(*outcomes, strict=True))))


if __name__ == "__main__":
    main()
