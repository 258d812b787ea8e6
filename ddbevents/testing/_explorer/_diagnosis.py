"""The diagnosis of a violation: which harm was done, by which steps in words, and how to fix it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from ._effects import difference
from ._processes import MadeApp, Place, Process
from ._results import Harm, ScheduleStep, Violation
from ._schedules import (
    TO_THE_END,
    Copy,
    OtherBatches,
    OtherItems,
    Repeat,
    Schedule,
    Sleep,
    Step,
    Strike,
)
from ._simulation import Simulation
from ._words import MEANWHILE, WHAT_HAPPENS, in_words


class _Suspect(NamedTuple):
    """The handlers that ran under a schedule, one alone or all of an app.

    Attributes:
        names: Their names, by their place. A handler has several if its name is not the same in every
            process.
        apps: The apps that were made.
    """

    names: Mapping[Place, tuple[str, ...]]
    apps: Sequence[MadeApp]

    @property
    def handlers(self) -> tuple[str, ...]:
        """All names."""
        return tuple(dict.fromkeys(name for names in self.names.values() for name in names))

    @property
    def has_store(self) -> bool:
        """Whether there is an idempotency store."""
        return all(app.has_store for app in self.apps)

    @property
    def is_transactional(self) -> bool:
        """Whether all of them write through a transaction."""
        return {*self.handlers} <= {name for app in self.apps for name in app.transactional}


def diagnose(schedule: Schedule, initial: object, baseline: Simulation, simulation: Simulation) -> Violation:
    """Return the violation of a schedule whose effects differ from the baseline's.

    Args:
        schedule: The schedule.
        initial: The effects in a new world.
        baseline: The simulation without faults.
        simulation: The simulation of the schedule.
    """
    suspect = _suspect(baseline, simulation)
    harm = _harm(schedule, initial, baseline, simulation)
    record_name = _record_names(baseline)
    return Violation(
        handlers=suspect.handlers,
        harm=harm,
        steps=tuple(_in_words(step, simulation, record_name) for step in sorted(schedule, key=_when)),
        expected=baseline.effects,
        found=simulation.effects,
        cure=_cure(suspect, harm, schedule, baseline, simulation),
    )


def diagnose_clash(separate: Simulation, together: Simulation) -> Violation | None:
    """Return a violation if an app skips records because another one of its name has marked them.

    Args:
        separate: The simulation in which each app has a name of its own.
        together: The simulation with their own names, also without faults.
    """
    begun = together.begun
    skipped = sorted(work for work, times in separate.begun.items() if begun[work] < times)
    if not skipped:
        return None
    place, event_id = skipped[0]
    number, app = next(
        (number, process.made)
        for number, [process, *_] in enumerate(together.deliveries, 1)
        if process.made is not None and process.made.place == place[0]
    )
    record = _record_names(separate)(event_id)
    what = f"it is skipped, since another app called {app.name} has marked it"
    return Violation(
        handlers=_suspect(separate, together, {place for place, _ in skipped}).handlers,
        harm="lost",
        steps=(ScheduleStep(number, f"store.handled, {record}", what),),
        expected=separate.effects,
        found=together.effects,
        cure="give each app a name of its own: idempotency records contain the names of app and handler only",
    )


def _suspect(baseline: Simulation, simulation: Simulation, places: Iterable[Place] = ()) -> _Suspect:
    ran = sorted({*places} or {place for place, _ in (*baseline.begun, *simulation.begun)})
    processes = [*baseline.processes(), *simulation.processes()]
    apps = [process.made for process in processes if process.made is not None]
    return _Suspect({place: _names(apps, place) for place in ran}, apps)


def _names(apps: Iterable[MadeApp], place: Place) -> tuple[str, ...]:
    _, handler = place
    own = (app for app in apps if app.place == place[0])
    return tuple(dict.fromkeys(name for app in own for name in app.handlers[handler : handler + 1]))


def _harm(schedule: Schedule, initial: object, baseline: Simulation, simulation: Simulation) -> Harm:
    # The effects show that something is wrong, and how often handlers began and took effect shows what. A
    # handler that began twice may still have lost its effect, which only the values can tell. So may one that
    # ran beside another.
    begun, done = simulation.begun, simulation.done
    if any(done[work] < times for work, times in baseline.done.items()):
        return "lost"
    is_repeated = begun > baseline.begun or done > baseline.done
    if not (is_repeated or _is_side_by_side(schedule)):
        return "changed"
    if difference(initial, baseline.effects, simulation.effects) == "less":
        return "lost"
    return "doubled" if is_repeated else "changed"


def _cure(
    suspect: _Suspect, harm: Harm, schedule: Schedule, baseline: Simulation, simulation: Simulation
) -> str:
    renamed = _renamed(suspect)
    if renamed is not None:
        return renamed
    match harm:
        case "changed":
            return _ELSEWHERE
        case "lost":
            return _cure_of_loss(suspect, schedule, baseline, simulation)
        case _:
            return _cure_of_doubling(suspect, baseline, simulation)


def _cure_of_doubling(suspect: _Suspect, baseline: Simulation, simulation: Simulation) -> str:
    if not suspect.has_store:
        return f"give the app an idempotency store, which remembers finished records; then {_ONCE}"
    if not suspect.is_transactional:
        return _ONCE
    # A transaction takes effect with its mark. If it did so twice, the store is at fault and not the handler.
    if any(simulation.done[work] > baseline.done[work] for work in baseline.done):
        return f"the store committed the writes of one mark twice; {_RULES}"
    return "write through the transaction only: other effects of the handler happen with every delivery"


def _renamed(suspect: _Suspect) -> str | None:
    """Return the cure if an app or a handler has another name in another process."""
    apps: dict[int, list[str | None]] = defaultdict(list)
    for app in suspect.apps:
        apps[app.place].append(app.name)
    called: list[tuple[str, Iterable[str | None]]] = [("the app", names) for names in apps.values()]
    called += [("the handler", names) for names in suspect.names.values()]
    for what, given in called:
        names = [*dict.fromkeys(given)]
        if len(names) > 1:
            one, other = names[:2]
            return (
                f"{what} is called {one} in one process and {other} in another: give it one name, since "
                "idempotency records contain it, and a retry under another name runs again"
            )
    return None


def _cure_of_loss(suspect: _Suspect, schedule: Schedule, baseline: Simulation, simulation: Simulation) -> str:
    if simulation.lost:
        return (
            "the records were given up before the handler finished: let nothing claim a record before its "
            "handler has run, and give the mapping enough retries"
        )
    if suspect.is_transactional and simulation.done > baseline.done:
        return f"the store says that it committed writes which are not there; {_RULES}"
    if not any(simulation.done[work] < times for work, times in baseline.done.items()):
        return _OVERWRITTEN if _is_side_by_side(schedule) else _LEFT_OUT
    if suspect.is_transactional:
        return f"the store has a mark without the writes that belong to it; {_RULES}"
    return "the store has a mark although the handler did not finish: write it after the handler, not before"


def _is_side_by_side(schedule: Schedule) -> bool:
    """Return whether two processes, or two items of one, ran at the same time."""
    return any(isinstance(step, (Copy, Sleep, OtherBatches, OtherItems)) for step in schedule)


_OVERWRITTEN: Final = (
    "a handler read a value, and wrote it after another one had changed it: change it in one step, for "
    "example with an update that adds, or write only if the value is still the one that was read"
)
_LEFT_OUT: Final = (
    "the handler ran again but left its effect out, because it had noted before that this is done: note it "
    "together with the effect, in one Transaction, or after it"
)
_ONCE: Final = (
    "let the handler write through a Transaction, which is committed together with its mark; if the effect "
    "is in another system, pass change.record.event_id along as idempotency key"
)
_ELSEWHERE: Final = (
    "no handler ran twice or was left out: either the effect happens outside of handlers, for example when "
    "the app is made, or it depends on the order of records of different items; if nothing but an order "
    "differs, let observe sort it"
)
_RULES: Final = "test it with TRANSACTION_RULES and PACKING_RULES of ddbevents.testing"


def _when(step: Step) -> tuple[float, bool]:
    """Return the key that sorts steps for a report: by delivery, and a copy before its own faults."""
    if isinstance(step, Repeat):
        return math.inf, False
    return step.delivery, isinstance(step, Strike) and step.of_copy


def _in_words(step: Step, simulation: Simulation, record_name: Callable[[str], str]) -> ScheduleStep:
    if isinstance(step, Repeat):
        return ScheduleStep(len(simulation.deliveries), "after success", "Lambda delivers the batch again")
    # A schedule can name a delivery or a point that never came, because the app was finished before.
    deliveries = simulation.deliveries
    processes = deliveries[step.delivery] if step.delivery < len(deliveries) else ()
    if isinstance(step, Copy):
        where = _place(processes, _stop(processes, step.turns[0]), record_name)
        return ScheduleStep(step.delivery + 1, where, _turns(step.turns[1:]))
    if isinstance(step, Sleep):
        where = _place(processes, _stop(processes, step.point), record_name)
        return ScheduleStep(step.delivery + 1, where, "the process freezes until all other work is finished")
    if isinstance(step, (OtherBatches, OtherItems)):
        where = _place(processes, _stop(processes, step.point), record_name)
        return ScheduleStep(step.delivery + 1, where, MEANWHILE[type(step)])
    where = _place(processes, step.point, record_name, of_copy=step.of_copy)
    return ScheduleStep(step.delivery + 1, where, WHAT_HAPPENS[step.fault])


def _turns(turns: Sequence[int]) -> str:
    if not turns:
        return "a copy of the batch runs after it"
    if turns[0] == TO_THE_END:
        return "a copy of the batch runs to its end"
    return f"a copy of the batch runs, and they take turns of {', '.join(map(str, turns))} points"


def _stop(processes: Sequence[Process], point: int) -> int:
    """Return the point at which a process waits that is told to wait at this one."""
    points = processes[0].points[point:] if processes else []
    return next((point + more for more, each in enumerate(points) if each.can_wait), point + len(points))


def _place(
    processes: Sequence[Process], point: int, record_name: Callable[[str], str], *, of_copy: bool = False
) -> str:
    points = processes[of_copy].points if of_copy < len(processes) else []
    if point >= len(points):
        return "the end"
    return ("in the copy: " if of_copy else "") + in_words(points[point], record_name)


def _record_names(baseline: Simulation) -> Callable[[str], str]:
    """Return a function that names a record by its place in the stream: event ids are long."""
    names = {event_id: f"record {number}" for number, event_id in enumerate(_event_ids(baseline), 1)}
    return lambda event_id: names.get(event_id, event_id)


def _event_ids(baseline: Simulation) -> Iterator[str]:
    records = (record for call in baseline.invocations for record in call.records)
    yield from dict.fromkeys(record.get("eventID", "") for record in records)
