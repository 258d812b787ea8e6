"""The crash explorer: handlers that run exactly once pass, and each mistake is caught and named.

`DDBEVENTS_CAMPAIGNS` says how many random schedules the projection has to survive.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

import pytest

from ddbevents import Insert, KeyChange, StreamApp, Transaction
from ddbevents.stores import MemoryStore
from ddbevents.testing import EventSourceMapping, Exploration, Table, Violation, boundary, explore
from examples.projection import app as projection
from tests.campaigns import size
from tests.explored import (
    AnyItem,
    Claims,
    ClaimsAsMarks,
    ForgetsMarks,
    LooksBeforeItWrites,
    MakeApp,
    MarksFirst,
    PackingMemory,
    TakesRefusalForDone,
    World,
    adding,
    adding_router,
    app_renamed,
    async_steps,
    beside,
    counted,
    counting_once,
    counting_starts,
    in_two_steps,
    items,
    keyed,
    naive,
    naive_async,
    named,
    noting_first,
    overwriting,
    racing,
    renamed,
    selling,
    total,
    with_totals,
    without_store,
)

RECORDS: Final = items("a", "b", "c")
SCHEDULES: Final = size(short=20, full=200, long=10_000)


def orders() -> list[dict[str, Any]]:
    """Return four orders of one day and two customers, and a correction of the first.

    Amounts are powers of two, so that a sum shows which records it holds.
    """
    table = Table("Orders", keys="order_id")

    def order(place: int, amount: int) -> projection.Order:
        return projection.Order(
            order_id=str(place),
            customer_id=str(place % 2),
            placed_at=datetime(2026, 11, 23, tzinfo=UTC),
            amount=Decimal(amount),
        )

    placed = [table.insert(order(place, 2**place)) for place in range(4)]
    return [*placed, table.modify(order(0, 1), order(0, 17))]


def projected(store: MemoryStore) -> object:
    customers = {each["customer_id"]: each["orders"] for each in store.items("customers")}
    return customers, store.items("revenue")


def only_violation(exploration: Exploration) -> Violation:
    [violation] = exploration.violations
    return violation


def caught(make_app: Callable[[World], Any], **settings: Any) -> Violation:
    options: dict[str, Any] = {
        "records": RECORDS,
        "observe": counted,
        "make_world": World,
        "schedules": 0,
        **settings,
    }
    return only_violation(explore(make_app, **options))


@pytest.mark.parametrize("store", [MemoryStore, PackingMemory])
def test_the_projection_survives_all(store: type[MemoryStore]) -> None:
    exploration = explore(
        projection.app.with_store, orders(), observe=projected, make_world=store, schedules=SCHEDULES
    )

    exploration.raise_for_violations()
    assert exploration.ok
    assert exploration.schedules > SCHEDULES


@pytest.mark.parametrize("store", [MemoryStore, PackingMemory])
def test_a_skipped_effect_survives_all(store: type[MemoryStore]) -> None:
    exploration = explore(
        counting_once,
        items("a", "b", "a", "a"),
        observe=total,
        make_world=partial(with_totals, store),
        schedules=SCHEDULES,
    )

    exploration.raise_for_violations()


def test_a_skip_does_not_hide_a_lost_effect() -> None:
    violation = caught(
        counting_once,
        records=items("a", "b", "a"),
        observe=total,
        make_world=partial(with_totals, MarksFirst),
    )

    assert violation.harm == "lost"
    assert (violation.expected, violation.found) == ({"pk": "all", "items": 2}, {"pk": "all", "items": 1})


def test_an_idempotency_key_is_enough() -> None:
    assert explore(keyed, RECORDS, observe=counted, make_world=World)


@pytest.mark.parametrize("make_app", [naive, naive_async])
def test_a_counter_marked_afterwards(make_app: MakeApp) -> None:
    violation = caught(make_app)

    assert violation.harm == "doubled"
    assert violation.handlers == (f"tests.explored.{make_app.__name__}.<locals>.count",)
    assert [(step.where, step.what) for step in violation.steps] == [
        ("end of count, record 1", "the process is killed, or times out")
    ]
    assert violation.expected == {"a": 1, "b": 1, "c": 1}
    assert violation.found == {"a": 2, "b": 1, "c": 1}
    assert "event_id" in violation.cure


def test_an_effect_noted_before_it_happens() -> None:
    violation = caught(noting_first)

    assert violation.harm == "lost"
    assert [step.where for step in violation.steps] == ["it is noted"]
    assert violation.found == {"b": 1, "c": 1}
    assert "left its effect out" in violation.cure


def test_a_late_process_overwrites() -> None:
    violation = caught(overwriting, schedules=200)

    assert violation.harm == "lost"
    assert "change it in one step" in violation.cure


def test_a_doubled_effect_can_make_less() -> None:
    violation = caught(selling, observe=lambda world: world.stock)

    assert (violation.harm, violation.expected, violation.found) == ("doubled", 7, 6)


def test_an_effect_that_cannot_be_read_at_first() -> None:
    violation = caught(naive, observe=lambda world: world.counted["a"] / bool(world.counted["a"]))

    assert violation.harm == "doubled"


def test_a_renamed_handler() -> None:
    violation = caught(renamed, observe=total)

    assert violation.harm == "doubled"
    assert violation.handlers[:2] == ("tests.explored.add_1", "tests.explored.add_2")
    assert (
        "the handler is called tests.explored.add_1 in one process and tests.explored.add_2" in violation.cure
    )


def test_a_renamed_app() -> None:
    violation = caught(app_renamed, observe=total)

    assert violation.harm == "doubled"
    assert "the app is called app-1 in one process and app-2 in another: give it one name" in violation.cure


def test_only_the_renamed_handler_is_named() -> None:
    def make_app(world: World) -> StreamApp:
        app = renamed(world)

        @app.on_keys(dict)
        def spread(change: KeyChange[AnyItem], tx: Transaction) -> None:
            tx.update("items", change.keys, add={"seen": 1})

        return app

    def totals(world: World) -> object:
        assert isinstance(world.store, MemoryStore)
        return world.store.items("totals"), world.store.items("items")

    violation = caught(make_app, observe=totals)

    assert violation.handlers[:2] == ("tests.explored.add_1", "tests.explored.add_2")
    assert not any("spread" in handler for handler in violation.handlers)


def test_a_claim_outlasts_the_retries() -> None:
    violation = caught(naive, make_world=lambda: World(Claims()))

    assert violation.harm == "lost"
    assert len(violation.steps) == 1
    assert "let nothing claim a record before its handler has run" in violation.cure


def test_a_claim_taken_for_a_mark() -> None:
    violation = caught(naive, make_world=lambda: World(ClaimsAsMarks()))

    assert violation.harm == "lost"
    assert "write it after the handler" in violation.cure


def test_an_app_without_a_store() -> None:
    violation = caught(without_store)

    assert violation.harm == "doubled"
    assert violation.cure.startswith("give the app an idempotency store")


def test_a_store_that_forgets_marks() -> None:
    violation = caught(adding, observe=total, make_world=lambda: World(ForgetsMarks()))

    assert violation.harm == "doubled"
    assert "committed the writes of one mark twice" in violation.cure


def test_a_store_that_marks_first() -> None:
    violation = caught(adding, observe=total, make_world=lambda: World(MarksFirst()))

    assert violation.harm == "lost"
    assert [step.where for step in violation.steps] == ["the mark is written"]
    assert "a mark without the writes" in violation.cure


def test_a_store_that_checks_and_writes() -> None:
    violation = caught(adding, observe=total, make_world=lambda: World(LooksBeforeItWrites()))

    assert violation.harm == "doubled"
    assert [step.what for step in violation.steps] == ["the process freezes until all other work is finished"]


def test_a_refused_pack_taken_for_done() -> None:
    exploration = explore(
        projection.app.with_store, orders(), observe=projected, make_world=TakesRefusalForDone, schedules=150
    )

    violation = exploration.violations[0]
    assert violation.harm == "lost"
    assert [step.what for step in violation.steps] == [
        "a copy of the batch runs to its end",
        "no time is left for another record",
    ]
    assert "PACKING_RULES" in violation.cure


def test_an_effect_beside_a_transaction() -> None:
    violation = caught(beside)

    assert violation.handlers == ("tests.explored.beside.<locals>.shout",)
    assert "through the transaction only" in violation.cure


def test_a_process_dies_at_a_boundary() -> None:
    violation = caught(in_two_steps)

    assert violation.harm == "doubled"
    assert [step.where for step in violation.steps] == ["the first is counted"]


def test_a_boundary_in_an_async_handler() -> None:
    violation = caught(async_steps, schedules=50)

    assert violation.harm == "doubled"
    assert [step.where for step in violation.steps] == ["after the effect"]


def test_an_effect_outside_of_handlers() -> None:
    violation = caught(counting_starts)

    assert violation.harm == "changed"
    assert "outside of handlers" in violation.cure
    assert str(violation).startswith("count changed the effects:")


def test_each_harmful_handler_is_named() -> None:
    def make_app(world: World) -> StreamApp:
        app = beside(world)

        @app.on_insert(dict)
        def count_too(change: Insert[AnyItem]) -> None:
            world.counted[change.record.event_id] += 1

        return app

    exploration = explore(make_app, RECORDS, observe=counted, make_world=World, schedules=0)

    assert [each.handlers[0].rpartition(".")[2] for each in exploration.violations] == ["shout", "count_too"]
    assert repr(exploration).endswith("schedules: shout: doubled; count_too: doubled>")


def test_handlers_harmful_only_together() -> None:
    def make_app(world: World) -> StreamApp:
        app = StreamApp("pair", store=world.store)

        @app.on_insert(dict)
        def begin(change: Insert[AnyItem]) -> None:
            world.counted["begun"] += 1

        @app.on_insert(dict)
        def finish(change: Insert[AnyItem]) -> None:
            world.counted["done"] = world.counted["begun"]

        return app

    def done(world: World) -> int:
        return world.counted["done"]

    exploration = explore(make_app, RECORDS, observe=done, make_world=World, schedules=0)

    assert len(only_violation(exploration).handlers) == 2


def test_the_report_is_a_table_of_steps() -> None:
    exploration = explore(naive, RECORDS, observe=counted, make_world=World, schedules=0)

    assert str(exploration) == (
        "count doubled an effect:\n"
        "  step  delivery  where                   what happens\n"
        "  1     1         end of count, record 1  the process is killed, or times out\n"
        "  expected: Counter({'a': 1, 'b': 1, 'c': 1})\n"
        "  found:    Counter({'a': 2, 'b': 1, 'c': 1})\n"
        f"  fix:      {only_violation(exploration).cure}"
    )


def test_a_violation_fails_a_test() -> None:
    exploration = explore(naive, RECORDS, observe=counted, make_world=World, schedules=0)

    assert not exploration
    with pytest.raises(AssertionError, match="count doubled an effect"):
        exploration.raise_for_violations()


def test_a_success_says_what_it_did_not_try() -> None:
    exploration = explore(keyed, RECORDS, observe=counted, make_world=World, schedules=0)

    assert repr(exploration) == f"<Exploration of {exploration.schedules} schedules: ok>"
    assert str(exploration) == (
        f"{exploration.schedules} schedules: each effect happened exactly once\n"
        "  not tried: batches at the same time: let make_mapping return an EventSourceMapping with "
        "parallelization=2"
    )


def test_a_success_that_tried_all() -> None:
    exploration = explore(keyed, items("a"), observe=counted, make_world=World, schedules=0)

    assert str(exploration) == f"{exploration.schedules} schedules: each effect happened exactly once"


def test_long_effects_are_shortened() -> None:
    def long(world: World) -> object:
        return "x" * 1000, world.counted

    violation = caught(naive, observe=long)

    assert max(map(len, str(violation).splitlines())) < 450


def test_the_world_is_a_memory_store() -> None:
    sums: list[object] = []

    def make_app(store: MemoryStore) -> StreamApp:
        return adding(World(store))

    def observe(store: MemoryStore) -> object:
        sums.append(store.item("totals", {"pk": "all"}))
        return sums[-1]

    assert explore(make_app, RECORDS, observe=observe, schedules=5)
    assert sums == [{"pk": "all", "items": 3}] * len(sums)


def test_the_seed_selects_schedules() -> None:
    def plays(seed: int) -> list[int]:
        lengths: list[int] = []

        def observe(world: World) -> Counter[str]:
            lengths.append(len(made))
            return world.counted

        def make_app(world: World) -> StreamApp:
            made.append(world)
            return keyed(world)

        made: list[World] = []
        explore(make_app, RECORDS, observe=observe, make_world=World, schedules=20, seed=seed)
        return lengths

    assert plays(1) == plays(1) != plays(2)


def test_another_mapping_can_be_given() -> None:
    # with one record in each delivery, the first has fewer points
    mapping = partial(EventSourceMapping, batch_size=1)

    one = explore(keyed, RECORDS, observe=counted, make_world=World, make_mapping=mapping, schedules=0)
    three = explore(keyed, RECORDS, observe=counted, make_world=World, schedules=0)

    assert one.ok
    assert one.schedules < three.schedules / 1.5


def of_two_shards(handler: Any) -> EventSourceMapping:
    mapping = EventSourceMapping(handler, retries=3)
    mapping.split()
    return mapping


@pytest.mark.parametrize(
    "make_mapping", [partial(EventSourceMapping, retries=3, parallelization=2), of_two_shards]
)
def test_a_race_of_two_batches(make_mapping: Callable[..., EventSourceMapping]) -> None:
    violation = caught(racing, observe=total, make_world=with_totals, make_mapping=make_mapping)

    assert violation.harm == "lost"
    assert [(step.where, step.what) for step in violation.steps] == [
        ("end of add, record 1", "other batches run to their end")
    ]
    assert "change it in one step" in violation.cure


def test_a_race_of_two_items() -> None:
    violation = caught(partial(racing, concurrency=8), observe=total, make_world=with_totals)

    assert violation.harm == "lost"
    assert violation.found == {"pk": "all", "items": 1}
    assert [(step.where, step.what) for step in violation.steps] == [
        ("end of add, record 1", "the other items of the batch run to their end")
    ]


def test_an_order_of_items_is_no_loss() -> None:
    def make_app(world: World) -> StreamApp:
        app = StreamApp("last", store=world.store, concurrency=2)

        @app.on_insert(dict)
        def note(change: Insert[AnyItem]) -> None:
            world.names.append(change.new["pk"])

        return app

    violation = caught(make_app, observe=lambda world: [*dict.fromkeys(world.names)])

    assert violation.harm == "changed"
    assert "let observe sort it" in violation.cure


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("parallelization", [1, 2])
@pytest.mark.parametrize("make_world", [World, lambda: World(PackingMemory())])
def test_one_step_survives_company(
    concurrency: int, parallelization: int, make_world: Callable[[], World]
) -> None:
    def make_app(world: World) -> StreamApp:
        app = StreamApp("adding", store=world.store, concurrency=concurrency)
        app.include(adding_router())
        return app

    mapping = partial(EventSourceMapping, retries=3, bisect=True, parallelization=parallelization)
    exploration = explore(
        make_app,
        items(*"abcde"),
        observe=total,
        make_world=make_world,
        make_mapping=mapping,
        schedules=SCHEDULES // 10 + 60,
    )

    exploration.raise_for_violations()


def test_two_apps_of_one_name() -> None:
    violation = caught(lambda world: [named("totals", world), named("totals", world)], observe=total)

    assert violation.harm == "lost"
    assert violation.handlers == ("tests.explored.adding_router.<locals>.add",)
    assert [tuple(step) for step in violation.steps] == [
        (2, "store.handled, record 1", "it is skipped, since another app called totals has marked it")
    ]
    assert (violation.expected, violation.found) == ({"pk": "all", "items": 6}, {"pk": "all", "items": 3})
    assert "give each app a name of its own" in violation.cure


@pytest.mark.parametrize("name", ["others", None])
def test_two_apps_of_two_names(name: str | None) -> None:
    exploration = explore(
        lambda world: (named("totals", world), named(name, world)),
        RECORDS,
        observe=total,
        make_world=World,
        schedules=SCHEDULES,
    )

    assert exploration.ok


def test_two_apps_without_names() -> None:
    """Each has its function's name, and two functions have two names."""
    assert explore(
        lambda world: [named(None, world), named(None, world)],
        RECORDS,
        observe=total,
        make_world=World,
        schedules=SCHEDULES,
    )


def test_a_race_of_two_apps() -> None:
    def make_apps(world: World) -> list[StreamApp]:
        return [racing(world), racing(world, name="others")]

    violation = caught(make_apps, observe=total, make_world=with_totals)

    assert violation.harm == "lost"
    assert [step.what for step in violation.steps] == ["other batches run to their end"]


def test_a_fault_of_the_second_app_is_found() -> None:
    violation = caught(lambda world: [adding(world), naive(world)])

    assert violation.handlers == ("tests.explored.naive.<locals>.count",)
    assert [(step.delivery, step.where) for step in violation.steps] == [(2, "end of count, record 1")]


def test_a_batch_without_handlers_comes_first() -> None:
    table = Table("Items")
    records = [table.remove({"pk": "z"}), *(table.insert({"pk": key}) for key in "ab")]

    violation = caught(
        naive, records=records, make_mapping=partial(EventSourceMapping, batch_size=1, retries=3)
    )

    assert [(step.delivery, step.where) for step in violation.steps] == [(2, "end of count, record 2")]


def unplayed(make_app: MakeApp, records: list[dict[str, Any]] = RECORDS, **mapping: Any) -> tuple[str, ...]:
    make_mapping = partial(EventSourceMapping, retries=3, **mapping)
    exploration = explore(
        make_app, records, observe=counted, make_world=World, make_mapping=make_mapping, schedules=0
    )
    return exploration.unplayed


def test_what_is_not_tried_is_said() -> None:
    assert ["parallelization=2" in each for each in unplayed(keyed)] == [True]
    assert ["call boundary()" in each for each in unplayed(keyed, parallelization=2)] == [True]
    assert ["of more items" in each for each in unplayed(keyed, items("a", "c"), parallelization=2)] == [True]
    assert ["async handler" in each for each in unplayed(async_steps, items("a"))] == [True]
    assert ["async handler" in each for each in unplayed(async_steps, parallelization=2)] == [True]
    assert unplayed(keyed, items("a")) == ()
    assert unplayed(in_two_steps, parallelization=2) == ()


def test_simulated_faults_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    explore(keyed, RECORDS, observe=counted, make_world=World, schedules=0)
    quiet = [*caplog.records]
    logging.getLogger("ddbevents").warning("heard")

    assert quiet == []
    assert [record.message for record in caplog.records] == ["heard"]


def test_boundary_does_nothing_elsewhere() -> None:
    boundary("anywhere")


def test_an_interrupt_ends_exploring() -> None:
    def make_app(world: World) -> StreamApp:
        app = StreamApp("interrupted", store=world.store)

        @app.on_insert(dict)
        def interrupt(change: Insert[AnyItem]) -> None:
            raise KeyboardInterrupt

        return app

    with pytest.raises(KeyboardInterrupt):
        explore(make_app, RECORDS, observe=counted, make_world=World)


def test_faults_take_no_virtual_time() -> None:
    moments: list[timedelta] = []

    def make_mapping(handler: Any) -> EventSourceMapping:
        mapping = EventSourceMapping(handler, retries=3)
        began = mapping.clock.now
        mappings.append(lambda: moments.append(mapping.clock.now - began))
        return mapping

    mappings: list[Any] = []
    explore(keyed, RECORDS, observe=counted, make_world=World, make_mapping=make_mapping, schedules=0)
    mappings[0]()

    assert moments == [timedelta(0)]
