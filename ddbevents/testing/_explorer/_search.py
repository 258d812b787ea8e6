"""The search for a schedule that an app does not survive."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import Any, Final, NamedTuple, TypeVar, overload

from ..._app import StreamApp
from ..._errors import ConfigurationError
from ...stores import MemoryStore
from .._mapping import EventSourceMapping, Handler
from ._baseline import simulate_baseline, with_own_effects
from ._company import company_of, side_by_side, what_is_unplayed
from ._diagnosis import diagnose, diagnose_clash
from ._effects import UNKNOWN
from ._function import Settings, apps_of
from ._processes import Place
from ._results import Exploration, Violation
from ._schedules import Point, Schedule, Step, random_schedule, simpler, single_steps
from ._simulation import Scenario, Simulation, simulate

WorldT = TypeVar("WorldT")

# A schedule disturbs at most three deliveries, so there is always one without faults. If a record is lost
# nevertheless, the app lost it.
_RETRIES: Final = 3
_mapping_with_retries: Final = partial(EventSourceMapping, retries=_RETRIES, bisect=True)


@overload  # the world is a MemoryStore
def explore(
    make_app: Callable[[MemoryStore], StreamApp | Sequence[StreamApp]],
    records: Iterable[Mapping[str, Any]],
    *,
    observe: Callable[[MemoryStore], object],
    make_mapping: Callable[[Handler], EventSourceMapping] = ...,
    schedules: int = ...,
    seed: int = ...,
) -> Exploration: ...


@overload  # the world is anything else
def explore(
    make_app: Callable[[WorldT], StreamApp | Sequence[StreamApp]],
    records: Iterable[Mapping[str, Any]],
    *,
    observe: Callable[[WorldT], object],
    make_world: Callable[[], WorldT],
    make_mapping: Callable[[Handler], EventSourceMapping] = ...,
    schedules: int = ...,
    seed: int = ...,
) -> Exploration: ...


def explore(  # noqa: PLR0913  # three are required, the others have defaults
    make_app: Callable[[Any], StreamApp | Sequence[StreamApp]],
    records: Iterable[Mapping[str, Any]],
    *,
    observe: Callable[[Any], object],
    make_world: Callable[[], Any] = MemoryStore,
    make_mapping: Callable[[Handler], EventSourceMapping] = _mapping_with_retries,
    schedules: int = 200,
    seed: int = 0,
) -> Exploration:
    """Run an app under every fault that Lambda and its store can have, and compare the effects.

    Each handler and each request to the app's store is a point. At a point, a process is killed before or
    after it, an answer is lost, the store refuses, time runs out, a copy of the batch overtakes the process,
    or the process freezes until another one has finished everything. Batches that the mapping can deliver at
    the same time overtake each other there, and so do the items of a batch if the app has `concurrency`.
    Between two changes of a bulk handler's list the process is killed, or the call fails; at its end it may
    raise a `PartialFailure`.
    First each of these happens alone, then up to three happen together at random. Everything runs in memory
    and in virtual time. The library logs nothing meanwhile.

    Args:
        make_app: Makes the app of one process from the world. If the world is a store, pass
            `app.with_store`. If several functions read the stream, it makes a list of their apps.
        records: Records from the builders. A few are enough, and take less time.
        observe: Returns the effects in a world, as values that can be copied and compared.
        make_world: Makes a new world for each schedule, which outlives processes: a store, and whatever the
            handlers have effects on. By default a MemoryStore.
        make_mapping: Makes the event source mapping, of a table's stream. By default it has three retries
            and bisects.
        schedules: How many random schedules follow those with one step each.
        seed: Selects the random schedules; the same seed gives the same ones.

    Raises:
        ConfigurationError: Without any fault, a record is not handled, no handler runs, or the effects are
            not the same twice; or the effects are None, or cannot be copied and compared. The message names
            the record, the handler and the error, which is also its cause.
    """
    if isinstance(make_app, StreamApp):
        raise ConfigurationError(
            "explore takes a function that makes the app of each process: pass app.with_store, not app"
        )
    scenario = Scenario(
        make_app, [*records], observe, make_world, make_mapping, _count_apps(make_app, make_world)
    )
    with _quiet_logs():
        clash = _clash(scenario) if scenario.apps > 1 else None
        if clash is not None:
            return Exploration(1, (clash,))
        together = _search(scenario, schedules, seed)
        if together.violation is None:
            return Exploration(together.schedules, (), together.unplayed)
        # A schedule shows that something is wrong, but not which handler did it. So each runs alone. If none
        # goes wrong alone, they do so together, and all are named.
        places = together.places if len(together.places) > 1 else ()
        alone = [
            _search(scenario._replace(settings=Settings(only=place)), schedules, seed) for place in places
        ]
    violations = tuple(each.violation for each in alone if each.violation is not None)
    simulated = together.schedules + sum(each.schedules for each in alone)
    return Exploration(simulated, violations or (together.violation,), together.unplayed)


def _count_apps(make_app: Callable[[Any], object], make_world: Callable[[], Any]) -> int:
    try:
        return len(apps_of(make_app(make_world())))
    except Exception:  # noqa: BLE001  # the user's code; the baseline will say what is wrong
        return 1


def _clash(scenario: Scenario[Any]) -> Violation | None:
    """Return a violation if apps of one name share a store, so that one skips what the other has handled."""
    separate = simulate_baseline(scenario._replace(settings=Settings(apart=True)))
    return diagnose_clash(separate, with_own_effects(simulate(scenario, ())))


class _Found(NamedTuple):
    """The result of a search.

    Attributes:
        schedules: How many schedules it simulated.
        violation: The first violation.
        places: The places of the handlers that run without faults.
        unplayed: What it could not simulate.
    """

    schedules: int
    violation: Violation | None
    places: Sequence[Place]
    unplayed: tuple[str, ...]


def _search(scenario: Scenario[Any], schedules: int, seed: int) -> _Found:
    """Simulate schedules until one of them has other effects than the baseline."""
    baseline = simulate_baseline(scenario)
    beside = [*side_by_side(scenario, baseline)]
    company = company_of(beside)
    places = sorted({place for place, _ in baseline.begun})
    unplayed = tuple(what_is_unplayed(scenario, baseline, company))
    count = 0
    for count, schedule in enumerate(_schedules(baseline, beside, schedules, seed), 1):
        if simulate(scenario, schedule).effects != baseline.effects:
            shortest = shrink(schedule, lambda other: simulate(scenario, other).effects != baseline.effects)
            return _Found(count, _violation(scenario, shortest, baseline), places, unplayed)
    return _Found(count, None, places, unplayed)


def _schedules(baseline: Simulation, beside: Sequence[Step], schedules: int, seed: int) -> Iterator[Schedule]:
    openings, company = [*_openings(baseline)], company_of(beside)
    steps = [step for first, points in openings for step in single_steps(points, first)]
    # Single steps first: they are few, and what they find needs no shrinking.
    yield from ((step,) for step in (*steps, *beside))
    for number in range(schedules):
        # One generator a schedule, so that a schedule does not depend on the number of those before it.
        random = Random(f"{seed}-{number}")  # noqa: S311  # to be repeatable
        first, points = openings[number % len(openings)]
        yield random_schedule(random, points, company, first)


def _openings(baseline: Simulation) -> Iterator[tuple[int, Sequence[Point]]]:
    """Yield the number and the points of each app's first delivery in which something can go wrong."""
    seen: set[int] = set()
    for number, [process, *_] in enumerate(baseline.deliveries):
        if process.made is not None and process.points and process.made.place not in seen:
            seen.add(process.made.place)
            yield number, process.points


def shrink(schedule: Schedule, is_wrong: Callable[[Schedule], bool]) -> Schedule:
    """Return a schedule that is still wrong, and would not be if it were one detail simpler."""
    while (simpler_one := next(filter(is_wrong, simpler(schedule)), None)) is not None:
        schedule = simpler_one
    return schedule


def _violation(scenario: Scenario[Any], schedule: Schedule, baseline: Simulation) -> Violation:
    # Once more, since the search kept only whether the effects differ.
    simulation = with_own_effects(simulate(scenario, schedule))
    return diagnose(schedule, _initial_effects(scenario), baseline, simulation)


def _initial_effects(scenario: Scenario[Any]) -> object:
    try:
        return copy.deepcopy(scenario.observe(scenario.make_world()))
    except Exception:  # noqa: BLE001  # the user's code may count on effects
        return UNKNOWN


@contextmanager
def _quiet_logs() -> Generator[None]:
    """Disable the library's loggers: thousands of intended faults are no news."""
    logs = [logging.getLogger("ddbevents"), logging.getLogger("ddbevents.batch")]
    before = [log.disabled for log in logs]
    for log in logs:
        log.disabled = True
    try:
        yield
    finally:
        for log, disabled in zip(logs, before, strict=True):
            log.disabled = disabled
