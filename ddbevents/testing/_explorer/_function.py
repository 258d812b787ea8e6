"""The Lambda function under a schedule: a process for each delivery, its faults, and what runs beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from ..._app import StreamApp
from ..._engine import BatchReport
from ..._errors import ConfigurationError
from .._mapping import EventSourceMapping, SimulatedContext
from ._points import apart, described, instrument
from ._processes import MadeApp, Place, Process, SteppedThread
from ._schedules import Copy, Fault, OtherBatches, OtherItems, Schedule, Sleep, Strike

StepT = TypeVar("StepT", Sleep, Copy, OtherItems, OtherBatches)


class _Caller(NamedTuple):
    """The function that is called: its name, and the place of its app."""

    name: str
    place: int


class _Context(NamedTuple):
    """Lambda's context, with the remaining time that the schedule says."""

    function_name: str
    process: Process

    def get_remaining_time_in_millis(self) -> int:
        return self.process.milliseconds_left()


class Settings(NamedTuple):
    """The parts that all simulations of a search share.

    Attributes:
        only: The place of the only handler to run; None runs all.
        apart: Whether each app gets a name of its own.
    """

    only: Place | None = None
    apart: bool = False


class Function:
    """The Lambda function: a new process for each delivery, and what the schedule says of it.

    If a stream has several apps, it stands for all of their functions.

    Attributes:
        mappings: The event source mappings whose other batches can run at the same time.
        deliveries: The processes of each delivery.
        reports: The reports of the batches that ran to their end, with the place of the app.
        overlaps: How many batches ran while another one waited.
    """

    def __init__(self, make_app: Callable[[], object], schedule: Schedule, settings: Settings) -> None:
        self.mappings: list[EventSourceMapping] = []
        self.deliveries: list[Sequence[Process]] = []
        self.reports: list[tuple[int, BatchReport]] = []
        self.overlaps = 0
        self._make_app = make_app
        self._schedule = schedule
        self._settings = settings
        self._asleep: list[SteppedThread] = []

    def invoke(self, place: int, event: Any, context: SimulatedContext) -> object:
        """Handle a batch with the app at this place, as the handler of its event source mapping."""
        # two functions have two names, and an app without a name takes the function's
        caller = _Caller(f"{context.function_name}-{place + 1}" if place else context.function_name, place)
        run = partial(self._run, self._app, event, caller)
        if (sleep := self._step(Sleep)) is not None:
            return self._sleep(run, sleep)
        if (copy := self._step(Copy)) is not None:
            return self._take_turns(run, copy)
        if (others := self._step(OtherItems)) is not None and len(items := items_of(event)) > 1:
            return self._beside_items(items[others.item % len(items)], event, caller, others)
        if (beside := self._step(OtherBatches)) is not None:
            return self._beside_batches(run, beside)
        # Most deliveries have none, and then need no thread. This makes thousands of schedules fast.
        process = Process(self._faults(), _continue)
        self.deliveries.append([process])
        run(process)
        return process.result()

    def wake(self) -> None:
        """Let all zombies run to their end. Lambda does not hear their answers, but the store does."""
        for thread in self._asleep:
            thread.finish()

    def _sleep(self, run: Callable[[Process], None], step: Sleep) -> object:
        process, thread = _stepped(run, self._faults())
        self.deliveries.append([process])
        _stop_before(thread, step.point)
        if thread.has_ended:
            return process.result()
        self._asleep.append(thread)
        raise SystemExit("the function ran into its timeout, and its process is frozen")

    def _take_turns(self, run: Callable[[Process], None], step: Copy) -> object:
        process, first = _stepped(run, self._faults())
        copied, second = _stepped(run, self._faults(of_copy=True))
        self.deliveries.append([process, copied])
        for place, points in enumerate(step.turns):
            # As in `_stop_before`, the first turn of each process has one more step.
            (second if place % 2 else first).advance(points if place > 1 else points + 1)
        first.finish()
        second.finish()
        # Lambda hears the first process's answer only. The copy is heard by nobody but the store.
        return process.result()

    def _beside_batches(self, run: Callable[[Process], None], step: OtherBatches) -> object:
        process, thread = _stepped(run, self._faults())
        self.deliveries.append([process])
        _stop_before(thread, step.point)
        for mapping in self.mappings:
            while mapping.step(mapping.clock.now):
                self.overlaps += 1
        thread.finish()
        return process.result()

    def _beside_items(self, item: str, event: Any, caller: _Caller, step: OtherItems) -> object:
        """Handle one item, and all others meanwhile, as an app with `concurrency` does.

        The items are played as two processes, because points are numbered in a process. Both have the same
        app, so that they share what its handlers share.
        """
        apps: list[StreamApp] = []

        def make(process: Process, place: int) -> StreamApp:
            if not apps:
                apps.append(self._made(place))
            return self._instrumented(apps[0], process, place)

        own = [record for record in event["Records"] if item_of(record) == item]
        rest = [record for record in event["Records"] if item_of(record) != item]
        process, thread = _stepped(partial(self._run, make, {"Records": own}, caller), self._faults())
        others = Process({}, _continue)
        self.deliveries.append([process, others])
        _stop_before(thread, step.point)
        if process.error is None:
            # otherwise the invocation is over, for its other items too
            self._run(make, {"Records": rest}, caller, others)
        thread.finish()
        answers: list[Any] = [process.result(), others.result()]
        return {"batchItemFailures": [each for answer in answers for each in answer["batchItemFailures"]]}

    def _run(
        self, make: Callable[[Process, int], StreamApp], event: Any, caller: _Caller, process: Process
    ) -> None:
        context = _Context(caller.name, process)
        process.run(lambda: make(process, caller.place)(event, context))

    def _app(self, process: Process, place: int) -> StreamApp:
        return self._instrumented(self._made(place), process, place)

    def _made(self, place: int) -> StreamApp:
        apps = apps_of(self._make_app())
        if len(apps) <= place:
            raise ConfigurationError(f"make_app must return as many apps each time: {place} are too few")
        return apart(apps[place], place) if self._settings.apart else apps[place]

    def _instrumented(self, app: StreamApp, process: Process, place: int) -> StreamApp:
        process.made = described(app, place)
        instrumented = instrument(app, process, self._kept(process.made))
        instrumented.on_report(lambda report: self.reports.append((place, report)))
        return instrumented

    def _kept(self, made: MadeApp) -> Sequence[str]:
        if self._settings.only is None:
            return made.handlers
        app, handler = self._settings.only
        return made.handlers[handler : handler + 1] if app == made.place else ()

    def _step(self, kind: type[StepT]) -> StepT | None:
        """Return the step of this kind that happens to the next delivery."""
        number = len(self.deliveries)
        for step in self._schedule:
            if isinstance(step, kind) and step.delivery == number:
                return step
        return None

    def _faults(self, *, of_copy: bool = False) -> Mapping[int, Fault]:
        """Return the faults of the next delivery, or of its copy."""
        number = len(self.deliveries)
        return {
            step.point: step.fault
            for step in self._schedule
            if isinstance(step, Strike) and (step.delivery, step.of_copy) == (number, of_copy)
        }


def apps_of(made: object) -> Sequence[StreamApp]:
    """Return the apps that `make_app` made.

    Raises:
        ConfigurationError: It made something else, or none.
    """
    apps: Sequence[object] = made if isinstance(made, (list, tuple)) else [made]
    for app in apps:
        if not isinstance(app, StreamApp):
            raise ConfigurationError(
                f"make_app must return a StreamApp, or a list of them, not {type(app).__name__}"
            )
    if not apps:
        raise ConfigurationError("make_app must return a StreamApp, or a list of them, and the list is empty")
    return [app for app in apps if isinstance(app, StreamApp)]


def items_of(event: Any) -> list[str]:
    """Return the items of an event, in the order of their first records."""
    return [*dict.fromkeys(map(item_of, event["Records"]))]


def item_of(record: Mapping[str, Any]) -> str:
    """Return text that all records of the same item share."""
    return json.dumps(record["dynamodb"].get("Keys"), sort_keys=True)


def _stepped(run: Callable[[Process], None], faults: Mapping[int, Fault]) -> tuple[Process, SteppedThread]:
    # The lambda may name `process` before it is assigned: the thread waits until its first step.
    thread = SteppedThread(lambda: run(process))
    process = Process(faults, thread.wait)
    return process, thread


def _stop_before(thread: SteppedThread, point: int) -> None:
    # One step more than points: the first one starts the process and stops it before its first point.
    thread.advance(point + 1)


def _continue() -> None:
    """Return at once: a process alone waits for nobody."""
