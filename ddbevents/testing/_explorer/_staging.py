"""Plays a schedule: one world, an event source mapping, and as many processes as it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from ..._app import StreamApp
from ..._engine import BatchReport
from ..._errors import ConfigurationError
from .._mapping._function import Handler, SimulatedContext
from .._mapping._history import History
from .._mapping._mapping import EventSourceMapping
from ._boundaries import with_boundaries
from ._processes import Process, Task, Walker
from ._schedules import Copy, Fault, Repeat, Schedule, Sleep, Strike

WorldT = TypeVar("WorldT")


class Scene(NamedTuple, Generic[WorldT]):
    """What is played, again and again.

    Attributes:
        make_app: Makes the app of a process.
        records: What is in the stream.
        observe: Tells the effects.
        make_world: Makes what outlives processes.
        make_mapping: Makes the event source mapping.
        only: The handler to play it with; None for all.
    """

    make_app: Callable[[WorldT], StreamApp]
    records: Sequence[Mapping[str, Any]]
    observe: Callable[[WorldT], object]
    make_world: Callable[[], WorldT]
    make_mapping: Callable[[Handler], EventSourceMapping]
    only: str | None = None


class Played(NamedTuple):
    """What came of a schedule.

    Attributes:
        effects: As observed at the end.
        deliveries: The processes of each delivery: one, or one and a copy.
        history: What the event source mapping saw.
        reports: Of the batches that came to their end, in that order.
    """

    effects: object
    deliveries: Sequence[Sequence[Process]]
    history: History
    reports: Sequence[BatchReport]

    @property
    def begun(self) -> Counter[Task]:
        """How often each handler began with each record."""
        return sum((process.begun for process in self._processes()), Counter[Task]())

    @property
    def done(self) -> Counter[Task]:
        """How often each handler took effect for each record, as far as that can be told."""
        return sum((process.done for process in self._processes()), Counter[Task]())

    def _processes(self) -> Iterator[Process]:
        return (process for processes in self.deliveries for process in processes)


def play(scene: Scene[WorldT], schedule: Schedule) -> Played:
    """Deliver the records until all is done or given up, then let those go on that sleep."""
    world = scene.make_world()
    stage = _Stage(lambda: scene.make_app(world), schedule, scene.only)
    mapping = scene.make_mapping(stage.deliver)
    mapping.repeat(sum(isinstance(step, Repeat) for step in schedule))
    mapping.put(*scene.records)
    history = mapping.run()
    stage.wake()
    return Played(scene.observe(world), stage.deliveries, history, stage.reports)


class _Context(NamedTuple):
    function_name: str
    process: Process

    def get_remaining_time_in_millis(self) -> int:
        return self.process.milliseconds_left()


class _Stage:
    def __init__(self, make_app: Callable[[], StreamApp], schedule: Schedule, only: str | None) -> None:
        self.deliveries: list[Sequence[Process]] = []
        self.reports: list[BatchReport] = []
        self._make_app = make_app
        self._schedule = schedule
        self._only = only
        self._asleep: list[Walker] = []

    def deliver(self, event: Any, context: SimulatedContext) -> object:
        """What the event source mapping calls."""
        number = len(self.deliveries)
        run = partial(self._run, event, context)
        for step in self._schedule:
            if isinstance(step, Sleep) and step.delivery == number:
                return self._sleep(run, step, self._faults(number, of_copy=False))
        for step in self._schedule:
            if isinstance(step, Copy) and step.delivery == number:
                faults = [self._faults(number, of_copy=of_copy) for of_copy in (False, True)]
                return self._take_turns(run, step, faults)
        process = Process(self._faults(number, of_copy=False), _go_on)
        self.deliveries.append([process])
        run(process)
        return process.result()

    def wake(self) -> None:
        """Let those that sleep go on to their end. Nobody hears their answers."""
        for walker in self._asleep:
            walker.finish()

    def _sleep(self, run: Callable[[Process], None], step: Sleep, faults: Mapping[int, Fault]) -> object:
        process, walker = _walk(run, faults)
        self.deliveries.append([process])
        walker.go_on(step.point + 1)
        if walker.has_ended:
            return process.result()
        self._asleep.append(walker)
        raise SystemExit("the function ran into its timeout, and its process is frozen")

    def _take_turns(
        self, run: Callable[[Process], None], step: Copy, faults: Sequence[Mapping[int, Fault]]
    ) -> object:
        (process, walker), (double, other) = (_walk(run, each) for each in faults)
        self.deliveries.append([process, double])
        for place, points in enumerate(step.turns):
            # one more: it stands before its next point when it has passed so many
            (other if place % 2 else walker).go_on(points if place > 1 else points + 1)
        walker.finish()
        other.finish()
        return process.result()

    def _run(self, event: Any, context: SimulatedContext, process: Process) -> None:
        left = _Context(context.function_name, process)
        process.run(lambda: self._app(process)(event, left))

    def _app(self, process: Process) -> StreamApp:
        app: object = self._make_app()
        if not isinstance(app, StreamApp):
            raise ConfigurationError(f"make_app must return a StreamApp, not {type(app).__name__}")
        inside = with_boundaries(app, process, self._only)
        inside.on_report(self.reports.append)
        return inside

    def _faults(self, delivery: int, *, of_copy: bool) -> Mapping[int, Fault]:
        return {
            step.point: step.fault
            for step in self._schedule
            if isinstance(step, Strike) and (step.delivery, step.of_copy) == (delivery, of_copy)
        }


def _walk(run: Callable[[Process], None], faults: Mapping[int, Fault]) -> tuple[Process, Walker]:
    # the thread begins only when it is told to, and by then it has its process
    walker = Walker(lambda: run(process))
    process = Process(faults, walker.stand_still)
    return process, walker


def _go_on() -> None:
    """Where a process has no other to wait for."""
