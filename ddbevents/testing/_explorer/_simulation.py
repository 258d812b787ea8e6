"""Simulations: an app under one schedule, with a world, an event source mapping and processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from ..._app import StreamApp
from ..._engine import BatchReport
from .._mapping import EventSourceMapping, Handler, History, most_at_once
from ._function import Function
from ._processes import Process, Task
from ._schedules import Repeat, Schedule

WorldT = TypeVar("WorldT")

Work: TypeAlias = tuple[int, str]
"""A handler's place in the order of registration, and the event id of a record."""


class Scenario(NamedTuple, Generic[WorldT]):
    """The app, its records and its world: everything that is the same in all simulations.

    Attributes:
        make_app: Makes the app of a process.
        records: The records in the stream.
        observe: Returns the effects in a world.
        make_world: Makes a new world, which outlives processes.
        make_mapping: Makes the event source mapping.
        only: The place of the only handler to run; None runs all. A place, because the name may be another
            one in each process.
    """

    make_app: Callable[[WorldT], StreamApp]
    records: Sequence[Mapping[str, Any]]
    observe: Callable[[WorldT], object]
    make_world: Callable[[], WorldT]
    make_mapping: Callable[[Handler], EventSourceMapping]
    only: int | None = None


class Simulation(NamedTuple):
    """The outcome of a schedule.

    Attributes:
        effects: The effects observed at the end.
        deliveries: The processes of each delivery: one, or one and its copy.
        history: The history of the event source mapping.
        reports: The reports of the batches that ran to their end, in order.
        overlaps: How many batches ran while another one waited.
        most_at_once: How many batches the mapping can run at the same time.
    """

    effects: object
    deliveries: Sequence[Sequence[Process]]
    history: History
    reports: Sequence[BatchReport]
    overlaps: int
    most_at_once: int

    @property
    def begun(self) -> Counter[Work]:
        """How often each handler began with each record."""
        return sum((_by_place(process, process.begun) for process in self.processes()), Counter[Work]())

    @property
    def done(self) -> Counter[Work]:
        """How often each handler took effect for each record, as far as the explorer can know."""
        return sum((_by_place(process, process.done) for process in self.processes()), Counter[Work]())

    def processes(self) -> Iterator[Process]:
        """Return all processes, those of one delivery after those of another."""
        return (process for processes in self.deliveries for process in processes)


def _by_place(process: Process, tasks: Counter[Task]) -> Counter[Work]:
    handlers = () if process.made is None else process.made.handlers
    return Counter({(handlers.index(name), event_id): times for (name, event_id), times in tasks.items()})


def simulate(scenario: Scenario[WorldT], schedule: Schedule) -> Simulation:
    """Deliver the records until all are finished or given up, then wake the zombies."""
    world = scenario.make_world()
    function = Function(lambda: scenario.make_app(world), schedule, scenario.only)
    mapping = scenario.make_mapping(function.invoke)
    function.mappings.append(mapping)
    mapping.repeat(sum(isinstance(step, Repeat) for step in schedule))
    mapping.put(*scenario.records)
    history = mapping.run()
    function.wake()
    return Simulation(
        effects=scenario.observe(world),
        deliveries=function.deliveries,
        history=history,
        reports=function.reports,
        overlaps=function.overlaps,
        most_at_once=most_at_once(mapping),
    )
