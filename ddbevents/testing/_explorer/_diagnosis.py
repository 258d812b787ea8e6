"""The diagnosis of a violation: which harm was done, by which steps in words, and how to fix it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from .._tables import short
from ._processes import Process
from ._results import Harm, ScheduleStep, Violation
from ._schedules import Copy, Fault, Point, Repeat, Schedule, Sleep, Step, Strike, is_to_the_end
from ._simulation import Simulation


class Suspect(NamedTuple):
    """The handlers that ran under a schedule, one alone or all of an app.

    Attributes:
        handlers: Their names.
        has_store: Whether the app has an idempotency store.
        is_transactional: Whether all of them write through a transaction.
    """

    handlers: tuple[str, ...]
    has_store: bool
    is_transactional: bool


def diagnose(suspect: Suspect, schedule: Schedule, baseline: Simulation, simulation: Simulation) -> Violation:
    """Return the violation of a schedule whose effects differ from the baseline's."""
    harm = _harm(suspect, baseline, simulation)
    record_name = _record_names(baseline)
    return Violation(
        handlers=suspect.handlers,
        harm=harm,
        steps=tuple(_in_words(step, simulation, record_name) for step in sorted(schedule, key=_when)),
        expected=baseline.effects,
        found=simulation.effects,
        cure=_cure(suspect, harm, baseline, simulation),
    )


def _harm(suspect: Suspect, baseline: Simulation, simulation: Simulation) -> Harm:
    # The effects only show that something is wrong. How often handlers began and took effect tells what.
    tasks = [task for task in baseline.begun if task[0] in suspect.handlers]
    if any(simulation.done[task] < baseline.done[task] for task in tasks):
        return "lost"
    if any(
        simulation.done[task] > baseline.done[task] or simulation.begun[task] > baseline.begun[task]
        for task in tasks
    ):
        return "doubled"
    return "changed"


def _cure(suspect: Suspect, harm: Harm, baseline: Simulation, simulation: Simulation) -> str:
    if harm == "changed":
        return _ELSEWHERE
    if harm == "lost":
        return _cure_of_loss(suspect, simulation)
    if not suspect.has_store:
        return f"give the app an idempotency store, which remembers finished records; then {_ONCE}"
    if not suspect.is_transactional:
        return _ONCE
    # A transaction takes effect with its mark. If it did so twice, the store is at fault and not the handler.
    if any(simulation.done[task] > baseline.done[task] for task in baseline.done):
        return f"the store committed the writes of one mark twice; {_RULES}"
    return "write through the transaction only: other effects of the handler happen with every delivery"


def _cure_of_loss(suspect: Suspect, simulation: Simulation) -> str:
    if simulation.history.lost:
        return (
            "the records were given up before the handler finished: let nothing claim a record before its "
            "handler has run, and give the mapping enough retries"
        )
    if suspect.is_transactional:
        return f"the store has a mark without the writes that belong to it; {_RULES}"
    return "the store has a mark although the handler did not finish: write it after the handler, not before"


_ONCE: Final = (
    "let the handler write through a Transaction, which is committed together with its mark; if the effect "
    "is in another system, pass change.record.event_id along as idempotency key"
)
_ELSEWHERE: Final = (
    "no handler ran twice or was left out: either the effect happens outside of handlers, for example when "
    "the app is made, or it depends on the order of records of different items"
)
_RULES: Final = "test it with TRANSACTION_RULES and PACKING_RULES of ddbevents.testing"
_WHAT_HAPPENS: Final = {
    Fault.KILLED_BEFORE: "the process is killed, or times out",
    Fault.KILLED_AFTER: "the request succeeds, but the process is killed before it knows",
    Fault.ANSWER_LOST: "the request succeeds, but its answer is lost",
    Fault.REFUSED: "the store refuses the request",
    Fault.OUT_OF_TIME: "no time is left for another record",
}


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
    where = _place(processes, step.point, record_name, of_copy=step.of_copy)
    return ScheduleStep(step.delivery + 1, where, _WHAT_HAPPENS[step.fault])


def _turns(turns: Sequence[int]) -> str:
    if not turns:
        return "a copy of the batch runs after it"
    if is_to_the_end(turns[0]):
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
    return ("in the copy: " if of_copy else "") + _point(points[point], record_name)


def _point(point: Point, record_name: Callable[[str], str]) -> str:
    if point.kind == "boundary":
        return point.name
    if point.kind in {"begin", "end"}:
        return f"{point.kind} of {short(point.name)}, {record_name(point.event_ids[0])}"
    many = f"{len(point.event_ids)} records"
    return f"store.{point.name}, {record_name(point.event_ids[0]) if len(point.event_ids) == 1 else many}"


def _record_names(baseline: Simulation) -> Callable[[str], str]:
    """Return a function that names a record by its place in the stream: event ids are long."""
    names = {event_id: f"record {number}" for number, event_id in enumerate(_event_ids(baseline), 1)}
    return lambda event_id: names.get(event_id, event_id)


def _event_ids(baseline: Simulation) -> Iterator[str]:
    records = (record for call in baseline.history.invocations for record in call.records)
    yield from dict.fromkeys(record.get("eventID", "") for record in records)
