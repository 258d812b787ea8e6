"""Under faults, copies and zombies no effect is lost, and none that is committed with its mark is doubled.

Each schedule (`tests/faults.py`) has its own batch on a real DynamoDB. If one goes wrong, the test shows how
to replay it: its faults by point, or the seed of its interleaving. `DDBEVENTS_CAMPAIGNS` says how many
schedules each campaign tries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import count
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias

import pytest

from ddbevents import Change, StreamApp
from ddbevents.stores import DynamoDBStore
from examples.projection import app as projection
from tests.dynamodb_local import clients
from tests.dynamodb_tables import make_table
from tests.faults import (
    RETRIES,
    SCHEDULES,
    Fault,
    Faults,
    Process,
    deliver,
    interleave,
    make_faulty,
    single_faults,
    sleep_at,
)
from tests.stream import Json, batch, insert, modify

TABLES: Final = {"handled-events": "id", "customers": "customer_id", "revenue": "day"}
FIRST_DAY: Final = date(2026, 11, 23)
RECORDS: Final = 6

_numbers: Final = count()


class Trial(NamedTuple):
    """A batch, an app that handles it, and a judgement of the effects.

    Attributes:
        event: The batch, whose records no other trial has.
        make_app: Makes the app in a new process.
        problems: Returns the effects that were lost or wrongly doubled, in words.
    """

    event: Json
    make_app: Callable[[Process], StreamApp]
    problems: Callable[[], Sequence[str]]


MakeTrial: TypeAlias = Callable[[Any], Trial]


def orders(number: int) -> Json:
    """Return five orders of one day and two customers, and a correction of the first.

    Amounts are powers of two: number and sum are right only if each record counts exactly once.
    """

    def order(place: int, amount: int) -> Json:
        return {
            "pk": {"S": f"{number}-{place}"},
            "order_id": {"S": f"{number}-{place}"},
            "customer_id": {"S": f"{number}-{place % 2}"},
            "placed_at": {"S": f"{day(number)}T12:00:00Z"},
            "amount": {"N": str(amount)},
        }

    records = [insert(place, order(place, 2**place)) for place in range(RECORDS - 1)]
    records.append(modify(RECORDS - 1, order(0, 1), order(0, 1 + 2 ** (RECORDS - 1))))
    named = zip(event_ids(number), records, strict=True)
    return batch(*[{**record, "eventID": event_id} for event_id, record in named])


def event_ids(number: int) -> Sequence[str]:
    return [f"{number}x{place}" for place in range(RECORDS)]


def day(number: int) -> str:
    return (FIRST_DAY + timedelta(days=number)).isoformat()


def exactly_once(client: Any, *, pack: bool) -> Trial:
    """Return a trial of the projection in the examples, which commits its effects with its marks."""
    number = next(_numbers)

    def make_app(process: Process) -> StreamApp:
        store = DynamoDBStore("handled-events", client=client, pack=pack)
        app = StreamApp("projection", store=store, middleware=[process.handling])
        app.on_insert(projection.Order)(projection.count)
        app.on_modify(projection.Order, changed="amount")(projection.correct)
        return app

    def problems() -> Sequence[str]:
        found = [
            read(client, "revenue", day(number), "amount"),
            read(client, "revenue", day(number), "orders"),
            *[read(client, "customers", f"{number}-{customer}", "orders") for customer in range(2)],
        ]
        expected = [2**RECORDS - 1, RECORDS - 1, 3, 2]
        return [] if found == expected else [f"{found} instead of {expected}"]

    return Trial(orders(number), make_app, problems)


def at_least_once(client: Any) -> Trial:
    """Return a trial with effects outside DynamoDB: no record may run again once it is marked."""
    number = next(_numbers)
    effects: Counter[str] = Counter()
    repeated: list[str] = []

    def make_app(process: Process) -> StreamApp:
        store = DynamoDBStore("handled-events", client=client)
        app = StreamApp("mails", store=store, middleware=[process.handling])
        handler = f"{__name__}.{at_least_once.__name__}.<locals>.make_app.<locals>.send"
        marks = {f"{number}x{place}": f"mails#{handler}#{number}x{place}" for place in range(RECORDS)}
        marked = store.handled(marks.values())

        @app.on_change(projection.Order)
        def send(change: Change[projection.Order]) -> None:
            effects[change.record.event_id] += 1
            repeated.extend(marked & {marks[change.record.event_id]})

        return app

    def problems() -> Sequence[str]:
        lost = [f"{event_id} lost" for event_id in event_ids(number) if not effects[event_id]]
        return lost + [f"{mark} existed, and its handler ran again" for mark in repeated]

    return Trial(orders(number), make_app, problems)


def naive(client: Any) -> Trial:
    """Return a trial that must go wrong: a counter outside DynamoDB, marked afterwards."""
    trial = at_least_once(client)
    effects: Counter[str] = Counter()

    def make_app(process: Process) -> StreamApp:
        app = trial.make_app(process)

        @app.on_change(projection.Order)
        def count_up(change: Change[projection.Order]) -> None:
            effects[change.record.event_id] += 1

        return app

    def problems() -> Sequence[str]:
        return [f"{times} times" for times in effects.values() if times != 1]

    return Trial(trial.event, make_app, problems)


def read(client: Any, table: str, key: str, name: str) -> int:
    answer = client.get_item(TableName=table, Key={TABLES[table]: {"S": key}}, ConsistentRead=True)
    return int(answer.get("Item", {}).get(name, {"N": "0"})["N"])


def wrong(trial: Trial, schedule: object, discarded: Sequence[str] = ()) -> list[str]:
    """Return the problems of a trial, with the schedule that replays them."""
    problems = [*trial.problems(), *[f"{identifier} discarded" for identifier in discarded]]
    return [f"{problem} by {schedule}" for problem in problems]


def under_faults(make: MakeTrial, client: Any, plans: Iterable[Sequence[Faults]]) -> list[str]:
    """Return the problems with these faults in successive deliveries."""
    found: list[str] = []
    for plan in plans:
        trial = make(client)
        delivery = deliver(trial.make_app, trial.event, plan)
        found += wrong(trial, plan, delivery.discarded)
    return found


def points_of(make: MakeTrial, client: Any) -> Sequence[str]:
    """Return the points of a delivery without faults."""
    trial = make(client)
    [process] = deliver(trial.make_app, trial.event).processes
    return process.points


def interleaved(make: MakeTrial, client: Any, seeds: Iterable[int]) -> list[str]:
    """Return the problems with two interleaved copies of a batch, one with a fault, and then a delivery."""
    found: list[str] = []
    faults = [{}, *single_faults(points_of(make, client))]
    for seed in seeds:
        trial = make(client)
        run = partial(_run, trial)
        interleave(seed, [run, run], [faults[seed % len(faults)]])
        found += wrong(trial, f"seed {seed}", deliver(trial.make_app, trial.event).discarded)
    return found


def with_zombies(make: MakeTrial, client: Any) -> list[str]:
    """Return the problems with a zombie that freezes at each of its points, one at a time."""
    found: list[str] = []
    for point in range(len(points_of(make, client))):
        trial = make(client)
        run = partial(_run, trial)
        sleep_at(point, run, run)
        found += wrong(trial, f"a zombie at point {point}", deliver(trial.make_app, trial.event).discarded)
    return found


def _run(trial: Trial, process: Process) -> None:
    process.run(trial.make_app(process), trial.event)


DESIGNS: Final[dict[str, MakeTrial]] = {
    "transactions": partial(exactly_once, pack=False),
    "packed transactions": partial(exactly_once, pack=True),
    "marks": at_least_once,
}


@pytest.fixture(scope="module")
def client(dynamodb_endpoint: str) -> Any:
    client, _ = clients(dynamodb_endpoint)
    for table, key in TABLES.items():
        make_table(client, key, name=table)
    make_faulty(client)
    return client


@pytest.fixture(params=DESIGNS, scope="module")
def make(request: pytest.FixtureRequest) -> MakeTrial:
    return DESIGNS[request.param]


def test_single_faults(make: MakeTrial, client: Any) -> None:
    random = Random(7)  # noqa: S311  # the same sample each time
    faults = [*single_faults(points_of(make, client))]
    plans = [[fault] for fault in random.sample(faults, min(SCHEDULES, len(faults)))]

    assert under_faults(make, client, plans) == []


def test_pairs_of_faults(make: MakeTrial, client: Any) -> None:
    random = Random(7)  # noqa: S311  # the same pairs each time
    faults = [*single_faults(points_of(make, client))]
    plans = [random.choices(faults, k=2) for _ in range(SCHEDULES)]

    assert under_faults(make, client, plans) == []


def test_two_copies_at_once(make: MakeTrial, client: Any) -> None:
    random = Random(7)  # noqa: S311  # the same seeds each time, far apart, since a seed also selects the fault
    seeds = [0, *random.sample(range(10 * SCHEDULES), SCHEDULES)]

    assert interleaved(make, client, seeds) == []


def test_zombies_that_wake_at_the_end(make: MakeTrial, client: Any) -> None:
    assert with_zombies(make, client) == []


def test_a_naive_counter_is_caught(client: Any) -> None:
    plans = [[fault] for fault in single_faults(points_of(naive, client))]

    assert under_faults(naive, client, plans) != []
    assert interleaved(naive, client, range(3)) != []


def test_a_seed_replays_an_interleaving(client: Any) -> None:
    first, second = (interleaved(naive, client, [0]) for _ in range(2))

    assert first == second != []


def test_a_batch_is_given_up_after_its_retries(client: Any) -> None:
    trial = at_least_once(client)
    plan: Sequence[Faults] = [{0: Fault.KILLED_BEFORE}] * (RETRIES + 1)

    assert len(deliver(trial.make_app, trial.event, plan).discarded) == RECORDS
