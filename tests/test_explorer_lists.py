"""The explorer plays bulk handlers and last states: deaths within a list, halving, partial failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from ddbevents import KeyChange, Latest, PartialFailure, StreamApp
from ddbevents.testing import EventSourceMapping, Table, explore
from tests.explored import AnyItem, World, counted, items

KeyChanges = Sequence[KeyChange[AnyItem]]


def app_of(handler: Callable[[KeyChanges], Any], world: World, **options: Any) -> StreamApp:
    app = StreamApp("app", store=world.store, **options)
    app.bulk(9).on_keys(dict)(handler)
    return app


def keyed(world: World, **options: Any) -> StreamApp:
    """Indexes each record once, however often it gets it."""

    def index(changes: KeyChanges) -> None:
        for change in changes:
            world.counted[change.record.event_id] = 1

    return app_of(index, world, **options)


def keyed_async(world: World) -> StreamApp:
    async def index(changes: KeyChanges) -> None:
        for change in changes:
            world.counted[change.record.event_id] = 1

    return app_of(index, world)


def naming(world: World) -> StreamApp:
    """Names its first change, until another call was made."""

    def index(changes: KeyChanges) -> None:
        failure = PartialFailure()
        for change in changes:
            world.counted[change.record.event_id] = 1
        if next(world.numbers) == 1:
            failure.add(changes[0])
            raise failure

    return app_of(index, world)


def counting(world: World) -> StreamApp:
    """Counts each change, once more with each repetition."""

    def index(changes: KeyChanges) -> None:
        for change in changes:
            world.counted[str(change.record.keys["pk"])] += 1

    return app_of(index, world)


def mirroring(world: World) -> StreamApp:
    app = StreamApp("app", store=world.store)

    @app.on_latest(dict)
    def mirror(latest: Latest[AnyItem]) -> None:
        world.counted[str(latest.keys["pk"])] = 0 if latest.item is None else latest.item["v"]

    return app


def mirroring_lists(world: World) -> StreamApp:
    app = StreamApp("app", store=world.store)

    @app.bulk(9).on_latest(dict)
    def mirror(states: Sequence[Latest[AnyItem]]) -> None:
        for each in states:
            world.counted[str(each.keys["pk"])] = 0 if each.item is None else each.item["v"]

    return app


def versions() -> list[dict[str, Any]]:
    table = Table("Items")
    first = table.insert({"pk": "a", "v": 1})
    return [first, table.modify({"pk": "a", "v": 1}, {"pk": "a", "v": 2}), table.insert({"pk": "b", "v": 1})]


@pytest.mark.parametrize("make_app", [keyed, keyed_async, naming, mirroring, mirroring_lists])
def test_a_keyed_effect_survives_all(make_app: Callable[[World], StreamApp]) -> None:
    found = explore(make_app, versions(), observe=counted, make_world=World, schedules=40)

    found.raise_for_violations()


def test_a_death_within_a_list() -> None:
    found = explore(counting, items("a", "b", "c"), observe=counted, make_world=World, schedules=0)

    [violation] = found.violations
    assert violation.harm == "doubled"
    assert str(violation.steps[0].where) == "in the list of index, after record 1"


def test_lists_are_halved_and_fail_in_part() -> None:
    sizes: set[int] = set()

    def make_app(world: World) -> StreamApp:
        def index(changes: KeyChanges) -> None:
            sizes.add(len(changes))
            for change in changes:
                world.counted[change.record.event_id] = 1

        return app_of(index, world)

    found = explore(
        make_app,
        items("a", "b", "c"),
        observe=counted,
        make_world=World,
        make_mapping=partial(EventSourceMapping, retries=3),
        schedules=0,
    )

    found.raise_for_violations()
    # whole at first; halves of it; and the change that was named
    assert sizes == {1, 2, 3}


def test_calls_are_not_at_the_same_time() -> None:
    found = explore(
        partial(keyed, concurrency=4), items("a", "b"), observe=counted, make_world=World, schedules=0
    )

    assert any(each.startswith("items at the same time, since calls of bulk") for each in found.unplayed)


def alone_again(world: World) -> StreamApp:
    """Indexes each record once, but counts one that comes alone."""

    def index(changes: KeyChanges) -> None:
        for change in changes:
            seen = world.counted[change.record.event_id]
            world.counted[change.record.event_id] = seen + 1 if len(changes) == 1 else 1

    return app_of(index, world)


def alone_again_by_place(world: World) -> StreamApp:
    def index(changes: KeyChanges) -> None:
        for place in range(len(changes)):
            seen = world.counted[changes[place].record.event_id]
            world.counted[changes[place].record.event_id] = seen + 1 if len(changes) == 1 else 1

    return app_of(index, world)


@pytest.mark.parametrize(
    ("make_app", "where", "what"),
    [
        (
            alone_again,
            "in the list of index, after record 1",
            "the call fails, so the handler is called with fewer changes",
        ),
        (
            alone_again_by_place,
            "end of index, 2 records",
            "a PartialFailure names its first change, although that is done",
        ),
    ],
)
def test_failures_of_calls_are_in_the_report(
    make_app: Callable[[World], StreamApp], where: str, what: str
) -> None:
    found = explore(
        make_app,
        items("a", "b"),
        observe=counted,
        make_world=World,
        make_mapping=partial(EventSourceMapping, retries=3),
        schedules=0,
    )

    [violation] = found.violations
    assert [(step.where, step.what) for step in violation.steps] == [(where, what)]
