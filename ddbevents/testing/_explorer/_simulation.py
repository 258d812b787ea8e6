"""Simulations: an app under one schedule, with a world, an event source mapping and processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from ..._app import StreamApp
from ..._engine import BatchReport
from ..._errors import ConfigurationError
from .._mapping import EventSourceMapping, Handler, History, Invocation, most_at_once
from ._function import Function, Settings
from ._processes import Place, Process, Task
from ._schedules import Repeat, Schedule

WorldT = TypeVar("WorldT")

Work: TypeAlias = tuple[Place, str]
"""A handler's place, and the event id of a record."""


class Scenario(NamedTuple, Generic[WorldT]):
    """The app, its records and its world: everything that is the same in all simulations.

    Attributes:
        make_app: Makes the app of a process, or the apps of a stream.
        records: The records in the stream.
        observe: Returns the effects in a world.
        make_world: Makes a new world, which outlives processes.
        make_mapping: Makes the event source mapping.
        apps: How many apps the stream has.
        settings: What else is the same.
    """

    make_app: Callable[[WorldT], StreamApp | Sequence[StreamApp]]
    records: Sequence[Mapping[str, Any]]
    observe: Callable[[WorldT], object]
    make_world: Callable[[], WorldT]
    make_mapping: Callable[[Handler], EventSourceMapping]
    apps: int = 1
    settings: Settings = Settings()


class Simulation(NamedTuple):
    """The outcome of a schedule.

    Attributes:
        effects: The effects observed at the end.
        deliveries: The processes of each delivery: one, or one and its copy.
        histories: The history of each event source mapping, one an app.
        reports: The reports of the batches that ran to their end, in order, with the place of the app.
        overlaps: How many batches ran while another one waited.
        most_at_once: How many batches the mappings can run at the same time.
    """

    effects: object
    deliveries: Sequence[Sequence[Process]]
    histories: Sequence[History]
    reports: Sequence[tuple[int, BatchReport]]
    overlaps: int
    most_at_once: int

    @property
    def begun(self) -> Counter[Work]:
        """How often each handler began with each record."""
        return self._by_place(lambda process: process.begun)

    @property
    def done(self) -> Counter[Work]:
        """How often each handler took effect for each record, as far as the explorer can know."""
        return self._by_place(lambda process: process.done)

    @property
    def invocations(self) -> list[Invocation]:
        """The calls of all functions, one mapping after the other."""
        return [invocation for history in self.histories for invocation in history.invocations]

    @property
    def lost(self) -> list[str]:
        """The sequence numbers of records that were discarded or expired."""
        return [number for history in self.histories for number in history.lost]

    def _by_place(self, tasks_of: Callable[[Process], Counter[Task]]) -> Counter[Work]:
        # without an app there are no tasks
        made = [(process.made, process) for process in self.processes() if process.made is not None]
        times = Counter[Work]()
        for app, process in made:
            for (name, event_id), more in tasks_of(process).items():
                times[(app.place, app.handlers.index(name)), event_id] += more
        return times

    def processes(self) -> Iterator[Process]:
        """Return all processes, those of one delivery after those of another."""
        return (process for processes in self.deliveries for process in processes)


def simulate(scenario: Scenario[WorldT], schedule: Schedule) -> Simulation:
    """Deliver the records until all are finished or given up, then wake the zombies."""
    world = scenario.make_world()
    function = Function(lambda: scenario.make_app(world), schedule, scenario.settings)
    for place in range(scenario.apps):
        mapping = scenario.make_mapping(partial(function.invoke, place))
        if mapping.source != "stream":
            raise ConfigurationError(
                "explore plays a table's stream: let make_mapping return a mapping without source. What a"
                " handler does is the same for every source"
            )
        mapping.repeat(sum(isinstance(step, Repeat) for step in schedule))
        mapping.put(*scenario.records)
        function.mappings.append(mapping)
    histories = [mapping.run() for mapping in function.mappings]
    function.wake()
    return Simulation(
        effects=scenario.observe(world),
        deliveries=function.deliveries,
        histories=histories,
        reports=function.reports,
        overlaps=function.overlaps,
        most_at_once=sum(map(most_at_once, function.mappings)),
    )
