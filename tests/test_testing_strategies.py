"""The cost of a record that never succeeds, by the function's strategy: 100 records, 3 retries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

import pytest
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from ddbevents import Change, StreamApp
from ddbevents.stores import MemoryStore
from ddbevents.testing import EventSourceMapping, History, Table

Record: TypeAlias = dict[str, Any]
Effect: TypeAlias = Callable[[int], None]
Strategy: TypeAlias = Callable[[Effect], Callable[[Any, Any], object]]

POISON: Final = 40
ITEMS: Final = 20  # so that three of the last sixty records are of the poisoned item


class PoisonError(Exception):
    """Record 40 never succeeds."""


class Outcome(NamedTuple):
    invocations: int
    discarded: int
    never_run: int
    order_kept: bool


def outcome(strategy: Strategy, *, bisect: bool) -> Outcome:
    effects: list[int] = []
    before_the_discard: list[int] = []

    def effect(number: int) -> None:
        if number == POISON:
            raise PoisonError
        effects.append(number)

    mapping = EventSourceMapping(
        strategy(effect), retries=3, bisect=bisect, on_failure=lambda _: before_the_discard.extend(effects)
    )
    table = Table("Poison", "pk")
    mapping.put(*(table.insert({"pk": number % ITEMS, "number": number}) for number in range(100)))
    history = mapping.run()
    lost = discarded_numbers(history)
    overtook = [number for number in before_the_discard if number > POISON and is_of_poisoned_item(number)]
    return Outcome(len(history.invocations), len(lost), len(lost - set(effects)), not overtook)


def is_of_poisoned_item(number: int) -> bool:
    return number % ITEMS == POISON % ITEMS


def discarded_numbers(history: History) -> set[int]:
    return {number_of(record) for discarded in history.discarded for record in discarded.records}


def number_of(record: Record) -> int:
    return int(record["dynamodb"]["NewImage"]["number"]["N"])


def named(record: Record) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}


def stop_at_the_first_failure(effect: Effect) -> Any:
    """AWS's own sample."""

    def handler(event: dict[str, Any], _: object) -> object:
        for record in event["Records"]:
            try:
                effect(number_of(record))
            except PoisonError:
                return named(record)
        return {"batchItemFailures": []}

    return handler


def raise_when_the_head_fails(effect: Effect) -> Any:
    handler = stop_at_the_first_failure(effect)
    return raising_at_the_head(handler)


def raising_at_the_head(handler: Any) -> Any:
    def raising(event: dict[str, Any], context: object) -> object:
        answer = handler(event, context)
        if len(event["Records"]) > 1 and answer == named(event["Records"][0]):
            raise PoisonError
        return answer

    return raising


def lanes(effect: Effect) -> Any:
    """Runs no later record of an item whose record failed, and remembers finished records."""
    done: set[int] = set()

    def handler(event: dict[str, Any], _: object) -> object:
        failed: list[Record] = []
        closed: set[str] = set()
        for record in event["Records"]:
            number, item = number_of(record), str(record["dynamodb"]["Keys"])
            try:
                if item in closed:
                    failed.append(record)
                elif number not in done:
                    effect(number)
                    done.add(number)
            except PoisonError:
                closed.add(item)
                failed.append(record)
        return named(failed[0]) if failed else None

    return handler


def lanes_that_raise_when_the_head_fails(effect: Effect) -> Any:
    return raising_at_the_head(lanes(effect))


def powertools(effect: Effect) -> Any:
    def handler(event: dict[str, Any], context: Any) -> object:
        processor = BatchProcessor(event_type=EventType.DynamoDBStreams)
        return process_partial_response(
            event=event, record_handler=handle, processor=processor, context=context
        )

    def handle(record: DynamoDBRecord) -> None:
        effect(number_of(record.raw_event))

    return handler


def dead_letters(effect: Effect) -> Any:
    """Dead-letters each failed record, which then counts as handled."""
    dead: list[Record] = []

    def handler(event: dict[str, Any], _: object) -> None:
        for record in event["Records"]:
            try:
                effect(number_of(record))
            except PoisonError:
                dead.append(record)

    return handler


def app_with_a_store(effect: Effect) -> Any:
    return with_handler(StreamApp("poison", store=MemoryStore()), effect)


def app_without_a_store(effect: Effect) -> Any:
    return with_handler(StreamApp("poison"), effect)


def with_handler(app: StreamApp, effect: Effect) -> StreamApp:
    @app.on_change(dict[str, Any])
    def handle(change: Change[dict[str, Any]]) -> None:
        effect(int(change.record.raw["dynamodb"]["NewImage"]["number"]["N"]))

    return app


@pytest.mark.parametrize(
    ("strategy", "bisect", "expected"),
    [
        (stop_at_the_first_failure, False, Outcome(5, 60, 60, order_kept=True)),
        (stop_at_the_first_failure, True, Outcome(5, 60, 60, order_kept=True)),
        (raise_when_the_head_fails, False, Outcome(5, 60, 60, order_kept=True)),
        (raise_when_the_head_fails, True, Outcome(15, 1, 1, order_kept=True)),
        (lanes, False, Outcome(5, 60, 3, order_kept=True)),
        (lanes, True, Outcome(5, 60, 3, order_kept=True)),
        (lanes_that_raise_when_the_head_fails, False, Outcome(5, 60, 3, order_kept=True)),
        (lanes_that_raise_when_the_head_fails, True, Outcome(15, 1, 1, order_kept=True)),
        (powertools, False, Outcome(5, 60, 1, order_kept=False)),
        (powertools, True, Outcome(5, 60, 1, order_kept=False)),
        (dead_letters, False, Outcome(1, 0, 0, order_kept=True)),
        (dead_letters, True, Outcome(1, 0, 0, order_kept=True)),
        (app_without_a_store, False, Outcome(5, 60, 60, order_kept=True)),
        (app_without_a_store, True, Outcome(15, 1, 1, order_kept=True)),
        (app_with_a_store, False, Outcome(5, 60, 3, order_kept=True)),
        (app_with_a_store, True, Outcome(15, 1, 1, order_kept=True)),
    ],
)
def test_the_cost_of_a_poison_record(strategy: Strategy, expected: Outcome, *, bisect: bool) -> None:
    assert outcome(strategy, bisect=bisect) == expected
