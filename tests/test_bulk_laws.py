"""The laws of bulk handlers and last states, for any batch, failure, deadline, death and fault of the store.

`DDBEVENTS_CAMPAIGNS=long` tries 10,000 plans for each of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbevents import BatchFailedError
from tests.bulk_deliveries import (
    COPIES,
    PLANS,
    UNREADABLE,
    WRITES,
    Form,
    How,
    Plan,
    Spec,
    World,
    Write,
    deliver,
    open_records,
)
from tests.campaigns import size
from tests.stream import batch

EXAMPLES: Final = size(short=60, full=200, long=10_000)

pytestmark = pytest.mark.timeout(10_000)
WITH_LETTERS = st.builds(Plan._replace, PLANS, after=st.integers(1, 3), copies=COPIES, unreadable=UNREADABLE)


@settings(max_examples=EXAMPLES)
@given(st.builds(Plan._replace, PLANS, copies=COPIES))
def test_retries_mark_each_once(plan: Plan) -> None:
    world = World(plan)

    assert deliver(world)
    assert world.problems == []
    assert world.marked() == Counter(world.runs)
    assert world.stale == []


@settings(max_examples=EXAMPLES)
@given(WITH_LETTERS)
def test_dead_letters_mark_each_once(plan: Plan) -> None:
    world = World(plan)

    assert deliver(world)
    assert world.problems == []
    assert world.marked() == Counter(world.runs)
    assert world.stale == []


@settings(max_examples=EXAMPLES)
@given(PLANS)
def test_without_a_store_all_is_handled(plan: Plan) -> None:
    world = World(plan, keeps=False)

    assert deliver(world)
    assert world.problems == []
    assert {*world.runs} <= world.ended
    assert world.stale == []


@settings(max_examples=EXAMPLES)
@given(PLANS, st.booleans())
def test_no_view_ends_stale(plan: Plan, keeps: bool) -> None:
    world = World(plan, where=True, keeps=keeps)

    assert deliver(world)
    assert world.stale == []


@settings(max_examples=EXAMPLES)
@given(WITH_LETTERS)
def test_the_answer_passes_nothing_open(plan: Plan) -> None:
    world = World(plan._replace(deaths={}))
    records = world.event()

    report = world.app().process(batch(*records), next(iter(plan.hurries), None))

    is_open = open_records(world, records)
    named = [int(failure["itemIdentifier"]) for failure in report.response["batchItemFailures"]]
    assert [number for number in is_open if not named or number < named[0]] == []


AS_SINGLE: Final = st.builds(
    Spec, st.sampled_from(["bulk", "mirror"]), st.sampled_from([1, 2, 3, 500]), st.booleans(), st.booleans()
)
BAD: Final = st.frozensets(st.tuples(st.integers(0, 2), st.integers(0, 13)), max_size=4)
ALONE: Final = st.sampled_from(["named", "named with an error", "poison"])


@settings(max_examples=EXAMPLES)
@given(WRITES, st.lists(AS_SINGLE, min_size=1, max_size=3), BAD, ALONE, st.booleans())
def test_answers_are_as_of_single_handlers(
    writes: Sequence[Write], specs: Sequence[Spec], bad: AbstractSet[tuple[int, int]], how: How, keeps: bool
) -> None:
    failing = dict.fromkeys(bad, (how, 99))
    # only a poison that is isolated is alone to blame
    bulk = [spec._replace(isolate=spec.isolate or how == "poison") for spec in specs]
    single = [Spec("single") for _ in specs]

    assert answer(Plan(writes, bulk, failing), keeps) == answer(Plan(writes, single, failing), keeps)


@settings(max_examples=EXAMPLES // 10)
@given(st.integers(0, 199), st.sampled_from(["bulk", "latest list"]))
def test_a_poison_in_200_takes_few_calls(place: int, form: Form) -> None:
    world = World(Plan(items(200), [Spec(form)], {(0, place): ("poison", 99)}))

    answer_of(world)

    assert len(world.calls) <= 12
    assert len(world.marked()) == 199


@pytest.mark.parametrize(
    ("form", "number", "calls", "requests"),
    [("single", 100, 100, 5), ("bulk", 1000, 2, 3), ("mirror", 1000, 2, 3), ("latest list", 1000, 2, 3)],
)
def test_marks_are_as_of_single_handlers(form: Form, number: int, calls: int, requests: int) -> None:
    world = World(Plan(items(number), [Spec(form)]))

    assert deliver(world)
    assert len(world.calls) == calls
    assert world.marked() == Counter(world.runs)
    assert world.requests == requests


def items(number: int) -> list[Write]:
    return [Write(f"{key}", removes=False) for key in range(number)]


def answer(plan: Plan, keeps: bool) -> object:
    return answer_of(World(plan, keeps=keeps))


def answer_of(world: World) -> object:
    try:
        return world.app()(batch(*world.event()), None)
    except BatchFailedError as error:
        return error.identifier
