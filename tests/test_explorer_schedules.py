"""One schedule: the effects of each step, the steps in words, and how a schedule is shrunk."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

import pytest

from ddbevents import Insert, StreamApp
from ddbevents.stores import MemoryStore
from ddbevents.testing import EventSourceMapping

# private: explore chooses its schedules itself, so one step alone can only be tested below it
from ddbevents.testing._explorer._diagnosis import diagnose
from ddbevents.testing._explorer._schedules import (
    Company,
    Copy,
    Fault,
    OtherBatches,
    OtherItems,
    Point,
    PointKind,
    Repeat,
    Schedule,
    Sleep,
    Strike,
    random_schedule,
    simpler,
    single_steps,
)
from ddbevents.testing._explorer._search import shrink
from ddbevents.testing._explorer._simulation import Scenario, Simulation, simulate
from tests.explored import AnyItem, World, adding, async_steps, items, naive
from tests.faulty_stores import Packs
from tests.stream import MarksOnly

TO_THE_END: Final = 1_000_000
# read, begin, end, begin, end, write: the points of the two records of `simulated`
READ, BEGIN, END, SECOND_BEGIN, SECOND_END, WRITE = range(6)


def scenario(
    make_app: Callable[[World], StreamApp] = naive, store: Callable[[], Any] = MarksOnly, **mapping: Any
) -> Scenario[World]:
    settings: dict[str, Any] = {"retries": 3, **mapping}
    return Scenario(
        make_app,
        items("a", "b"),
        lambda world: dict(world.counted),
        lambda: World(store()),
        lambda handler: EventSourceMapping(handler, **settings),
    )


def simulated(*schedule: Any, **settings: Any) -> Simulation:
    return simulate(scenario(**settings), schedule)


def kinds(simulation: Simulation) -> list[list[PointKind]]:
    return [[point.kind for point in process.points] for each in simulation.deliveries for process in each]


def in_words(*schedule: Any, **settings: Any) -> list[tuple[int, str, str]]:
    violation = diagnose(schedule, {}, simulated(**settings), simulated(*schedule, **settings))
    return [tuple(step) for step in violation.steps]  # type: ignore[misc]  # a step is such a tuple


def is_wrong_with_a_copy(schedule: Schedule) -> bool:
    return any(isinstance(step, Copy) for step in schedule)


def test_no_faults_need_one_process() -> None:
    simulation = simulated()

    assert simulation.effects == {"a": 1, "b": 1}
    assert kinds(simulation) == [["read", "begin", "end", "begin", "end", "write"]]


def test_killed_before_a_handler() -> None:
    simulation = simulated(Strike(0, BEGIN, Fault.KILLED_BEFORE))

    assert simulation.effects == {"a": 1, "b": 1}
    assert kinds(simulation)[0] == ["read", "begin"]


def test_killed_after_a_handler() -> None:
    simulation = simulated(Strike(0, END, Fault.KILLED_BEFORE))

    assert simulation.effects == {"a": 2, "b": 1}
    assert kinds(simulation)[0] == ["read", "begin", "end"]


def test_killed_before_a_request() -> None:
    assert simulated(Strike(0, WRITE, Fault.KILLED_BEFORE)).effects == {"a": 2, "b": 2}


def test_killed_after_a_request() -> None:
    simulation = simulated(Strike(0, WRITE, Fault.KILLED_AFTER))

    assert simulation.effects == {"a": 1, "b": 1}
    assert kinds(simulation)[1] == ["read"]


def test_a_lost_answer_was_a_success() -> None:
    simulation = simulated(Strike(0, WRITE, Fault.ANSWER_LOST))

    assert simulation.effects == {"a": 1, "b": 1}
    assert kinds(simulation)[1] == ["read"]


def test_a_refused_request_does_nothing() -> None:
    assert simulated(Strike(0, WRITE, Fault.REFUSED)).effects == {"a": 2, "b": 2}


def test_out_of_time_leaves_the_rest() -> None:
    simulation = simulated(Strike(0, BEGIN, Fault.OUT_OF_TIME))

    assert simulation.effects == {"a": 1, "b": 1}
    assert kinds(simulation) == [["read", "begin", "end", "write"], ["read", "begin", "end", "write"]]


def test_a_repeated_delivery() -> None:
    simulation = simulated(Repeat())

    assert simulation.effects == {"a": 1, "b": 1}
    assert kinds(simulation)[1] == ["read"]


def test_a_copy_overtakes_a_process() -> None:
    simulation = simulated(Copy(0, (SECOND_BEGIN, TO_THE_END)))

    assert simulation.effects == {"a": 2, "b": 2}
    assert len(simulation.deliveries) == 1


def test_a_late_copy_does_nothing() -> None:
    assert simulated(Copy(0, (TO_THE_END, TO_THE_END))).effects == {"a": 1, "b": 1}


def test_a_copy_without_a_turn() -> None:
    assert simulated(Copy(0, (BEGIN,))).effects == {"a": 1, "b": 1}


def test_two_copies_take_turns() -> None:
    order: list[str] = []

    def make_app(world: World) -> StreamApp:
        app = StreamApp("turns", store=world.store)
        name = "first" if not order else "copy"
        order.append(f"{name} begins")

        @app.on_insert(dict)
        def note(change: Insert[AnyItem]) -> None:
            order.append(f"{name}: {change.new['pk']}")

        return app

    # a turn of two passes the begin and the end of one handler
    simulated(Copy(0, (BEGIN, BEGIN, 2, 2, 2)), make_app=make_app)

    assert order == ["first begins", "copy begins", "first: a", "copy: a", "first: b", "copy: b"]


def test_a_copy_has_its_own_faults() -> None:
    simulation = simulated(Copy(0, (READ, TO_THE_END)), Strike(0, END, Fault.KILLED_BEFORE, of_copy=True))

    assert simulation.effects == {"a": 2, "b": 1}
    assert [len(each) for each in kinds(simulation)] == [6, 3]


def test_a_zombie_wakes_at_the_end() -> None:
    simulation = simulated(Sleep(0, BEGIN))

    assert simulation.effects == {"a": 2, "b": 2}
    assert kinds(simulation) == [["read", "begin", "end", "begin", "end", "write"]] * 2


def test_a_sleep_after_the_end() -> None:
    simulation = simulated(Sleep(0, 99))

    assert simulation.effects == {"a": 1, "b": 1}
    assert len(simulation.deliveries) == 1


def test_other_items_run_while_one_waits() -> None:
    simulation = simulated(OtherItems(0, 1, END))

    assert simulation.effects == {"b": 1, "a": 1}
    assert kinds(simulation) == [["read", "begin", "end", "write"]] * 2


def test_a_dead_process_runs_no_other_items() -> None:
    simulation = simulated(OtherItems(0, 0, END), Strike(0, BEGIN, Fault.KILLED_BEFORE))

    assert kinds(simulation)[:2] == [["read", "begin"], []]
    assert simulation.effects == {"a": 1, "b": 1}


def test_a_single_item_has_no_others() -> None:
    simulation = simulated(OtherItems(0, 0, END), batch_size=1)

    assert simulation.effects == {"a": 1, "b": 1}
    assert kinds(simulation) == [["read", "begin", "end", "write"]] * 2


def test_failures_of_all_items_are_answered() -> None:
    def make_app(world: World) -> StreamApp:
        app = StreamApp("failing", store=world.store)

        @app.on_insert(dict)
        def fail_once(change: Insert[AnyItem]) -> None:
            world.counted[change.new["pk"]] += 1
            assert change.new["pk"] == "c" or world.counted[change.new["pk"]] > 1

        return app

    records = items("c", "a", "c", "b")
    simulation = simulate(scenario(make_app)._replace(records=records), (OtherItems(0, 0, END),))

    assert simulation.effects == {"c": 2, "a": 2, "b": 2}
    assert simulation.lost == []


def test_other_batches_run_while_one_waits() -> None:
    order: list[str] = []

    def make_app(world: World) -> StreamApp:
        app = StreamApp("order", store=world.store)

        @app.on_insert(dict)
        def note(change: Insert[AnyItem]) -> None:
            order.append(change.new["pk"])

        return app

    in_two = scenario(make_app, parallelization=2)._replace(records=items("a", "b", "c"))
    without, beside = simulate(in_two, ()), simulate(in_two, (OtherBatches(0, BEGIN),))

    first = len(without.invocations[0].records)
    assert order[3:] == [*order[first:3], *order[:first]]
    assert (without.overlaps, beside.overlaps) == (0, 1)


def test_transactions_are_points() -> None:
    simulation = simulated(make_app=adding, store=MemoryStore)

    assert kinds(simulation) == [["read", "begin", "end", "commit", "begin", "end", "commit"]]
    assert sorted(simulation.done.values()) == [1, 1]


def test_a_pack_is_one_point() -> None:
    simulation = simulated(make_app=spread, store=Packs)

    assert kinds(simulation) == [["read", "begin", "end", "begin", "end", "commit"]]
    assert sorted(simulation.done.values()) == [1, 1]


def test_a_pack_with_a_lost_answer() -> None:
    simulation = simulated(Strike(0, 5, Fault.ANSWER_LOST), make_app=spread, store=Packs)

    assert sorted(simulation.done.values()) == [1, 1]


def test_a_repeated_commit_does_nothing() -> None:
    simulation = simulated(Sleep(0, 3), make_app=adding, store=MemoryStore)

    assert sorted(simulation.begun.values()) == [2, 2]
    assert sorted(simulation.done.values()) == [1, 1]


def spread(world: World) -> StreamApp:
    """Writes each record to its own item."""
    app = StreamApp("spread", store=world.store)

    @app.on_insert(dict)
    def write(change: Insert[AnyItem], tx: Any) -> None:
        tx.update("totals", {"pk": change.new["pk"]}, add={"items": 1})

    return app


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Strike(0, READ, Fault.REFUSED), (1, "store.handled, 2 records", "the store refuses the request")),
        (
            Strike(0, WRITE, Fault.KILLED_AFTER),
            (1, "store.add, 2 records", "the request succeeds, but the process is killed before it knows"),
        ),
        (
            Strike(0, SECOND_BEGIN, Fault.OUT_OF_TIME),
            (1, "begin of count, record 2", "no time is left for another record"),
        ),
        (Strike(0, 99, Fault.ANSWER_LOST), (1, "the end", "the request succeeds, but its answer is lost")),
        (Strike(7, END, Fault.KILLED_BEFORE), (8, "the end", "the process is killed, or times out")),
        (Repeat(), (2, "after success", "Lambda delivers the batch again")),
        (
            Sleep(0, END),
            (1, "end of count, record 1", "the process freezes until all other work is finished"),
        ),
        (
            Copy(0, (BEGIN, TO_THE_END)),
            (1, "begin of count, record 1", "a copy of the batch runs to its end"),
        ),
        (
            Copy(0, (BEGIN, 3, 2)),
            (1, "begin of count, record 1", "a copy of the batch runs, and they take turns of 3, 2 points"),
        ),
        (Copy(0, (BEGIN,)), (1, "begin of count, record 1", "a copy of the batch runs after it")),
        (OtherBatches(0, END), (1, "end of count, record 1", "other batches run to their end")),
        (
            OtherItems(0, 1, END),
            (1, "end of count, record 2", "the other items of the batch run to their end"),
        ),
    ],
)
def test_a_step_in_words(step: Any, expected: tuple[int, str, str]) -> None:
    assert in_words(step) == [expected]


def test_a_fault_of_a_copy_in_words() -> None:
    steps = in_words(Copy(0, (READ, TO_THE_END)), Strike(0, END, Fault.KILLED_BEFORE, of_copy=True))

    assert steps[1] == (1, "in the copy: end of count, record 1", "the process is killed, or times out")


@pytest.mark.parametrize("step", [Copy(0, (2, TO_THE_END)), Sleep(0, 2)])
def test_no_process_waits_in_an_async_handler(step: Any) -> None:
    """There, waiting would keep the other process from the event loop: it waits at the handler's end."""
    assert [where for _, where, _ in in_words(step, make_app=async_steps)] == ["end of count, record 1"]
    assert simulated(step, make_app=async_steps).deliveries[0][0].points[2].can_wait is False


def test_the_order_of_steps_in_words() -> None:
    of_copy, copy = Strike(0, END, Fault.KILLED_BEFORE, of_copy=True), Copy(0, (READ, TO_THE_END))

    steps = in_words(Repeat(), Strike(1, READ, Fault.REFUSED), of_copy, copy)

    assert [(delivery, where) for delivery, where, _ in steps] == [
        (1, "store.handled, 2 records"),
        (1, "in the copy: end of count, record 1"),
        (2, "store.handled, 2 records"),
        (3, "after success"),
    ]


def test_a_request_names_a_single_record() -> None:
    assert in_words(Strike(0, 3, Fault.REFUSED), make_app=adding, store=MemoryStore) == [
        (1, "store.commit, record 1", "the store refuses the request")
    ]


def test_every_point_has_all_its_steps() -> None:
    steps = [*single_steps([Point("read", "handled"), Point("begin", "count"), Point("boundary", "here")])]

    assert [step.fault for step in steps if isinstance(step, Strike)] == [
        *(Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.ANSWER_LOST, Fault.REFUSED),
        *(Fault.KILLED_BEFORE, Fault.OUT_OF_TIME),
        Fault.KILLED_BEFORE,
    ]
    assert [step.point for step in steps if isinstance(step, Sleep)] == [0, 1, 2]
    assert [step.turns[0] for step in steps if isinstance(step, Copy)] == [0, 1, 2]
    assert steps.count(Repeat()) == 1


def test_nothing_waits_in_the_event_loop() -> None:
    steps = [*single_steps([Point("boundary", "here", can_wait=False)])]

    assert steps == [Strike(0, 0, Fault.KILLED_BEFORE), Repeat()]


def test_random_schedules_vary() -> None:
    points = [Point("read", "handled"), Point("begin", "count"), Point("end", "count")]

    schedules = [random_schedule(Random(number), points) for number in range(200)]  # noqa: S311  # the same

    assert {len(schedule) for schedule in schedules} == {1, 2, 3}
    assert {type(step) for schedule in schedules for step in schedule} == {Strike, Copy, Sleep, Repeat}


def test_random_schedules_have_company() -> None:
    points, company = [Point("begin", "count")], Company(batches=True, items=3)

    schedules = [random_schedule(Random(number), points, company) for number in range(300)]  # noqa: S311  # the same
    steps = [step for schedule in schedules for step in schedule]

    assert {type(step) for step in steps} == {Strike, Copy, Sleep, Repeat, OtherBatches, OtherItems}
    assert {step.item for step in steps if isinstance(step, OtherItems)} == {0, 1, 2}


def test_simpler_by_one_detail() -> None:
    copy, kill = Copy(0, (1, 2, 3)), Strike(0, 1, Fault.REFUSED)

    assert [*simpler((copy, kill))] == [
        (kill,),
        (Copy(0, (1, TO_THE_END)), kill),
        (Copy(0, (1, 2)), kill),
        (copy,),
    ]


def test_a_whole_copy_is_the_simplest() -> None:
    assert [*simpler((Copy(0, (1, TO_THE_END)),))] == [()]


def test_a_schedule_is_shrunk() -> None:
    schedule = (Repeat(), Copy(1, (4, 2, 3, 1)), Sleep(0, 2))

    assert shrink(schedule, is_wrong_with_a_copy) == (Copy(1, (4, TO_THE_END)),)
