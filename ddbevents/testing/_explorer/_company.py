"""The parts of a scenario that can run side by side, and those that cannot be tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ._function import item_of
from ._processes import MadeApp, Process
from ._schedules import NOBODY, TO_THE_END, Company, OtherBatches, OtherItems, Step
from ._simulation import Scenario, Simulation, simulate


def side_by_side(scenario: Scenario[Any], baseline: Simulation) -> Iterator[Step]:
    """Yield every step in which a process waits at one of its points, and what can run beside it runs."""
    for number, [process, *_] in enumerate(baseline.deliveries):
        if _has_other_batches(scenario, baseline, number):
            yield from (OtherBatches(number, place) for place in _stops(process))
        for item in range(_items_at_once(baseline, number)):
            # the points of the item alone, which the baseline does not tell from those of others
            alone = simulate(scenario, (OtherItems(number, item, TO_THE_END),)).deliveries[number][0]
            yield from (OtherItems(number, item, place) for place in _stops(alone))


def company_of(steps: Sequence[Step]) -> Company:
    """Return what can run side by side according to the steps in which something does."""
    return Company(
        batches=any(isinstance(step, OtherBatches) for step in steps),
        items=1 + max((step.item for step in steps if isinstance(step, OtherItems)), default=0),
    )


def what_is_unplayed(scenario: Scenario[Any], baseline: Simulation, company: Company) -> Iterator[str]:
    """Yield what cannot be tried in this scenario, and what to do about it."""
    points = [point for process in baseline.processes() for point in process.points]
    has_items = len({item_of(record) for record in scenario.records}) > 1
    if has_items and not company.batches:
        yield (
            "batches at the same time: let make_mapping return an EventSourceMapping with parallelization=2"
            if baseline.most_at_once == 1
            else "batches at the same time, since no two of them are due together: use records of more items"
        )
    made = [process.made for process in baseline.processes() if process.made is not None]
    if has_items and any(app.concurrency > 1 and app.one_by_one for app in made):
        yield (
            "items at the same time, since calls of bulk handlers and of on_latest come one after the other:"
            " explore the other handlers in an app of their own"
        )
    if any(not point.can_wait for point in points):
        yield "waiting at a boundary within an async handler: only crashes were tried there"
    if company != NOBODY and not any(point.kind == "boundary" for point in points):
        yield (
            "what others change in the middle of a handler: call boundary() after it has read a value and "
            "before it writes it"
        )


def _stops(process: Process) -> list[int]:
    return [place for place, point in enumerate(process.points) if point.can_wait]


def _has_other_batches(scenario: Scenario[Any], baseline: Simulation, number: int) -> bool:
    if baseline.most_at_once == 1 or number + 1 == len(baseline.deliveries):
        return False
    return simulate(scenario, (OtherBatches(number, 0),)).overlaps > 0


def _items_at_once(baseline: Simulation, number: int) -> int:
    """Return how many items of a delivery the app handles side by side; none if only one."""
    made = baseline.deliveries[number][0].made
    records = baseline.invocations[number].records
    items = len({item_of(record) for record in records})
    return items if made is not None and _has_lanes(made) and items > 1 else 0


def _has_lanes(made: MadeApp) -> bool:
    """Return whether handlers of several items run at the same time."""
    return made.concurrency > 1 and not made.one_by_one
