"""The engine's laws, for any batch, any fault of handlers and store, any deadline and any concurrency.

`DDBEVENTS_CAMPAIGNS=long` tries two hundred times as many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import dropwhile

from hypothesis import given, settings
from hypothesis import strategies as st

from ddbevents import Outcome
from ddbevents.dead_letters import DeadLetters
from tests.deliveries import (
    FAILING,
    HURRIES,
    KEYS,
    LANES,
    LONGER,
    ODDITIES,
    PLAIN,
    REPEATED,
    STORES,
    STYLES,
    FaultyStore,
    Hurry,
    Letters,
    Oddity,
    Run,
    Style,
    World,
    deliver,
    mixed,
    open_records,
    runs_of,
)
from tests.stream import Json, batch


@settings(max_examples=50 * LONGER)
@given(KEYS, STYLES, FAILING, STORES, LANES, HURRIES)
def test_retries_mark_each_handler_once(
    keys: Sequence[str],
    styles: Mapping[str, Style],
    failing: Mapping[Run, int],
    store: FaultyStore,
    concurrency: int,
    hurries: Iterable[Hurry],
) -> None:
    world = World(keys, styles, failing)

    reports = deliver(world.app(store, concurrency=concurrency), world.records, hurries)

    assert reports[-1].response == {"batchItemFailures": []}
    assert Counter(runs_of(store.marks)) == Counter(world.runs)
    assert world.repeated == []
    assert world.out_of_order == []
    assert world.is_in_order(world.committed(store))


@settings(max_examples=25 * LONGER)
@given(KEYS, PLAIN, FAILING, LANES, HURRIES)
def test_retries_run_all_in_order(
    keys: Sequence[str],
    styles: Mapping[str, Style],
    failing: Mapping[Run, int],
    concurrency: int,
    hurries: Iterable[Hurry],
) -> None:
    world = World(keys, styles, failing)

    reports = deliver(world.app(concurrency=concurrency), world.records, hurries)

    assert reports[-1].response == {"batchItemFailures": []}
    assert {*world.ended} == {*world.runs}
    assert world.out_of_order == []


@settings(max_examples=50 * LONGER)
@given(KEYS, ODDITIES, REPEATED, PLAIN, FAILING, LANES, HURRIES)
def test_the_answer_names_the_first_open(  # noqa: PLR0913, PLR0917  # all that is drawn
    keys: Sequence[str],
    oddities: Sequence[Oddity],
    repeated: Sequence[tuple[int, int]],
    styles: Mapping[str, Style],
    failing: Mapping[Run, int],
    concurrency: int,
    hurries: Sequence[Hurry],
) -> None:
    world = World(keys, styles, failing)
    records = mixed(world, oddities, repeated)

    report = world.app(concurrency=concurrency).process(batch(*records), next(iter(hurries), None))

    is_open = open_records(world, records, world.ended, Letters())
    assert report.response == named_lowest(is_open)
    assert world.out_of_order == []


@settings(max_examples=50 * LONGER)
@given(KEYS, ODDITIES, REPEATED, STYLES, FAILING, STORES, LANES, HURRIES, st.integers(0, 2))
def test_the_answer_passes_nothing_open(  # noqa: PLR0913, PLR0917  # all that is drawn
    keys: Sequence[str],
    oddities: Sequence[Oddity],
    repeated: Sequence[tuple[int, int]],
    styles: Mapping[str, Style],
    failing: Mapping[Run, int],
    store: FaultyStore,
    concurrency: int,
    hurries: Sequence[Hurry],
    refusing: int,
) -> None:
    world, letters = World(keys, styles, failing), Letters(refusing)
    records = mixed(world, oddities, repeated)
    app = world.app(store, concurrency=concurrency, dead_letter=DeadLetters(letters, after=2))

    report = app.process(batch(*records), next(iter(hurries), None))

    runs = runs_of(store.marks)
    is_open = open_records(world, records, runs, letters)
    assert past(report.response, is_open) == []


@settings(max_examples=25 * LONGER)
@given(KEYS, ODDITIES, REPEATED, PLAIN, FAILING)
def test_nothing_follows_a_failure(
    keys: Sequence[str],
    oddities: Sequence[Oddity],
    repeated: Sequence[tuple[int, int]],
    styles: Mapping[str, Style],
    failing: Mapping[Run, int],
) -> None:
    world = World(keys, styles, failing)

    report = world.app().process(batch(*mixed(world, oddities, repeated)))

    outcomes = [record.outcome for record in report.records]
    after = [*dropwhile(lambda outcome: outcome is not Outcome.FAILED, outcomes)][1:]
    assert {*after} <= {Outcome.NOT_RUN, Outcome.ALREADY_HANDLED}
    assert world.failed.total() <= 1
    assert world.failed.total() == 0 or world.failed[world.began[-1]] == 1


def named_lowest(is_open: Sequence[str]) -> Json:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in sorted(is_open, key=place)[:1]]}


def past(response: object, is_open: Iterable[str]) -> list[str]:
    """Return the open records that an answer leaves out of the retry."""
    assert isinstance(response, dict)
    [named] = [failure["itemIdentifier"] for failure in response["batchItemFailures"]] or [None]
    return [name for name in is_open if named is None or place(name) < place(named)]


def place(name: str) -> int:
    """Return a record's place; without an identifier it is the first, since the whole batch is retried."""
    return int(name or 0)
