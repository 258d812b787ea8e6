"""Simulations: an app under one schedule, with a world, an event source mapping and processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from ..._app import StreamApp
from ..._engine import BatchReport
from ..._errors import ConfigurationError
from .._mapping import EventSourceMapping, Handler, History, SimulatedContext
from ._points import described, instrument
from ._processes import Process, SteppedThread, Task
from ._schedules import Copy, Fault, Repeat, Schedule, Sleep, Strike

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
    """

    effects: object
    deliveries: Sequence[Sequence[Process]]
    history: History
    reports: Sequence[BatchReport]

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
    function = _Function(lambda: scenario.make_app(world), schedule, scenario.only)
    mapping = scenario.make_mapping(function.invoke)
    mapping.repeat(sum(isinstance(step, Repeat) for step in schedule))
    mapping.put(*scenario.records)
    history = mapping.run()
    function.wake()
    return Simulation(scenario.observe(world), function.deliveries, history, function.reports)


class _Context(NamedTuple):
    """Lambda's context, with the remaining time that the schedule says."""

    function_name: str
    process: Process

    def get_remaining_time_in_millis(self) -> int:
        return self.process.milliseconds_left()


class _Function:
    """The Lambda function: a new process for each delivery, and the faults of the schedule in it."""

    def __init__(self, make_app: Callable[[], StreamApp], schedule: Schedule, only: int | None) -> None:
        self.deliveries: list[Sequence[Process]] = []
        self.reports: list[BatchReport] = []
        self._make_app = make_app
        self._schedule = schedule
        self._only = only
        self._asleep: list[SteppedThread] = []

    def invoke(self, event: Any, context: SimulatedContext) -> object:
        """Handle a batch, as the handler of the event source mapping."""
        number = len(self.deliveries)
        run = partial(self._run, event, context)
        for step in self._schedule:
            if isinstance(step, Sleep) and step.delivery == number:
                return self._sleep(run, step, self._faults(number, of_copy=False))
        for step in self._schedule:
            if isinstance(step, Copy) and step.delivery == number:
                faults = [self._faults(number, of_copy=of_copy) for of_copy in (False, True)]
                return self._take_turns(run, step, faults)
        # Most deliveries have neither, and then need no thread. This makes thousands of schedules fast.
        process = Process(self._faults(number, of_copy=False), _continue)
        self.deliveries.append([process])
        run(process)
        return process.result()

    def wake(self) -> None:
        """Let all zombies run to their end. Lambda does not hear their answers, but the store does."""
        for thread in self._asleep:
            thread.finish()

    def _sleep(self, run: Callable[[Process], None], step: Sleep, faults: Mapping[int, Fault]) -> object:
        process, thread = _stepped(run, faults)
        self.deliveries.append([process])
        # One step more than points: the first one starts the process and stops it before its first point.
        thread.advance(step.point + 1)
        if thread.has_ended:
            return process.result()
        self._asleep.append(thread)
        raise SystemExit("the function ran into its timeout, and its process is frozen")

    def _take_turns(
        self, run: Callable[[Process], None], step: Copy, faults: Sequence[Mapping[int, Fault]]
    ) -> object:
        (process, first), (copied, second) = (_stepped(run, each) for each in faults)
        self.deliveries.append([process, copied])
        for place, points in enumerate(step.turns):
            # As in `_sleep`, the first turn of each process has one more step.
            (second if place % 2 else first).advance(points if place > 1 else points + 1)
        first.finish()
        second.finish()
        # Lambda hears the first process's answer only. The copy is heard by nobody but the store.
        return process.result()

    def _run(self, event: Any, context: SimulatedContext, process: Process) -> None:
        inner = _Context(context.function_name, process)
        process.run(lambda: self._app(process)(event, inner))

    def _app(self, process: Process) -> StreamApp:
        app: object = self._make_app()
        if not isinstance(app, StreamApp):
            raise ConfigurationError(f"make_app must return a StreamApp, not {type(app).__name__}")
        process.made = described(app)
        handlers = process.made.handlers
        kept = handlers if self._only is None else handlers[self._only : self._only + 1]
        instrumented = instrument(app, process, kept)
        instrumented.on_report(self.reports.append)
        return instrumented

    def _faults(self, delivery: int, *, of_copy: bool) -> Mapping[int, Fault]:
        return {
            step.point: step.fault
            for step in self._schedule
            if isinstance(step, Strike) and (step.delivery, step.of_copy) == (delivery, of_copy)
        }


def _stepped(run: Callable[[Process], None], faults: Mapping[int, Fault]) -> tuple[Process, SteppedThread]:
    # The lambda may name `process` before it is assigned: the thread waits until its first step.
    thread = SteppedThread(lambda: run(process))
    process = Process(faults, thread.wait)
    return process, thread


def _continue() -> None:
    """Return at once: a process alone waits for nobody."""
