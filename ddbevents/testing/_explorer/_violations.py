"""What a schedule did that must not be: which handler, which effect, and how to mend it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from .._tables import short, table
from ._processes import Process
from ._schedules import Copy, Fault, Point, Repeat, Schedule, Sleep, Step, Strike, is_to_the_end
from ._staging import Played

Harm: TypeAlias = Literal["doubled", "lost", "changed"]


class ScheduleStep(NamedTuple):
    """One thing that happened, in words.

    Attributes:
        delivery: In which delivery of the batch, from 1.
        where: At which point.
        what: What happened.
    """

    delivery: int
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Violation:
    """An effect that did not happen exactly once.

    Attributes:
        handlers: The names of the handlers that did it.
        harm: Whether an effect was doubled, or lost, or is another one in some other way.
        steps: The shortest schedule that was found to do it.
        expected: The effects without faults.
        found: The effects with this schedule.
        cure: How to mend it.
    """

    handlers: tuple[str, ...]
    harm: Harm
    steps: tuple[ScheduleStep, ...]
    expected: object
    found: object
    cure: str

    def __str__(self) -> str:
        """A headline, the steps as a table, the effects and the cure."""
        names = ", ".join(map(short, self.handlers))
        what = "an effect" if self.harm != "changed" else "the effects"
        rows = [(str(number), *map(str, step)) for number, step in enumerate(self.steps, 1)]
        return "\n".join(
            [
                f"{names} {self.harm} {what}:",
                *(f"  {line}" for line in table(("step", "delivery", "where", "what happens"), rows)),
                f"  expected: {_brief(self.expected)}",
                f"  found:    {_brief(self.found)}",
                f"  mend it:  {self.cure}",
            ]
        )


class Suspect(NamedTuple):
    """A handler, or all of them, as what it did is judged.

    Attributes:
        handlers: Their names.
        has_store: Whether the app keeps marks.
        is_transactional: Whether what they write is committed with their marks.
    """

    handlers: tuple[str, ...]
    has_store: bool
    is_transactional: bool


def violation_of(suspect: Suspect, schedule: Schedule, undisturbed: Played, played: Played) -> Violation:
    """What a schedule did, in words."""
    harm = _harm(suspect, undisturbed, played)
    record = _numbering(undisturbed)
    return Violation(
        handlers=suspect.handlers,
        harm=harm,
        steps=tuple(_told(step, played, record) for step in sorted(schedule, key=_when)),
        expected=undisturbed.effects,
        found=played.effects,
        cure=_cure(suspect, harm, undisturbed, played),
    )


def _harm(suspect: Suspect, undisturbed: Played, played: Played) -> Harm:
    tasks = [task for task in undisturbed.begun if task[0] in suspect.handlers]
    if any(played.done[task] < undisturbed.done[task] for task in tasks):
        return "lost"
    if any(
        played.done[task] > undisturbed.done[task] or played.begun[task] > undisturbed.begun[task]
        for task in tasks
    ):
        return "doubled"
    return "changed"


def _cure(suspect: Suspect, harm: Harm, undisturbed: Played, played: Played) -> str:
    if harm == "changed":
        return _ELSEWHERE
    if harm == "lost":
        return _cure_of_loss(suspect, played)
    if not suspect.has_store:
        return f"give the app a store, which tells what is done; then {_ONCE}"
    if not suspect.is_transactional:
        return _ONCE
    if any(played.done[task] > undisturbed.done[task] for task in undisturbed.done):
        return f"the store says twice of one mark that its writes are done; {_RULES}"
    return "write through the transaction only: what the handler does beside it happens with every delivery"


def _cure_of_loss(suspect: Suspect, played: Played) -> str:
    if played.history.lost:
        return (
            "the records were given up before the handler could finish: let nothing claim a record before "
            "its handler has run, and give the mapping enough retries"
        )
    if suspect.is_transactional:
        return f"the store has a mark without the writes that belong to it; {_RULES}"
    return "the store has a mark although the handler did not finish: write it after the handler, not before"


_LONGEST: Final = 400
_ONCE: Final = (
    "let the handler write through a Transaction, which is committed together with its mark; if the effect "
    "is in another system, pass change.record.event_id along as idempotency key"
)
_ELSEWHERE: Final = (
    "no handler ran twice or was left out: the effect is made outside of them, such as when the app is made, "
    "or it depends on the order of different items' records"
)
_RULES: Final = "put it through TRANSACTION_RULES and PACKING_RULES of ddbevents.testing"
_WHAT: Final = {
    Fault.KILLED_BEFORE: "the process is killed, or times out",
    Fault.KILLED_AFTER: "it is done, and the process is killed before it knows",
    Fault.ANSWER_LOST: "it is done, and the answer is lost",
    Fault.REFUSED: "the store refuses",
    Fault.OUT_OF_TIME: "no time is left for another record",
}


def _when(step: Step) -> tuple[float, bool]:
    """For the order in which steps are told: by delivery, and a copy before what happens to it."""
    if isinstance(step, Repeat):
        return math.inf, False
    return step.delivery, isinstance(step, Strike) and step.of_copy


def _told(step: Step, played: Played, record: Callable[[str], str]) -> ScheduleStep:
    if isinstance(step, Repeat):
        return ScheduleStep(len(played.deliveries), "after success", "Lambda delivers the batch again")
    processes = played.deliveries[step.delivery] if step.delivery < len(played.deliveries) else ()
    if isinstance(step, Copy):
        where = _place(processes, step.turns[0], record)
        return ScheduleStep(step.delivery + 1, where, _turns(step.turns[1:]))
    if isinstance(step, Sleep):
        where = _place(processes, step.point, record)
        return ScheduleStep(step.delivery + 1, where, "the process sleeps until another has done everything")
    where = _place(processes, step.point, record, of_copy=step.of_copy)
    return ScheduleStep(step.delivery + 1, where, _WHAT[step.fault])


def _turns(turns: Sequence[int]) -> str:
    if not turns or is_to_the_end(turns[0]):
        return "a copy of the batch runs" + (", to its end" if turns else " after it")
    return f"a copy of the batch runs, and they take turns of {', '.join(map(str, turns))} points"


def _place(
    processes: Sequence[Process], point: int, record: Callable[[str], str], *, of_copy: bool = False
) -> str:
    points = processes[of_copy].points if of_copy < len(processes) else []
    if point >= len(points):
        return "the end"
    return ("of the copy: " if of_copy else "") + _called(points[point], record)


def _called(point: Point, record: Callable[[str], str]) -> str:
    if point.kind == "boundary":
        return point.name
    if point.kind in {"begin", "end"}:
        return f"{point.kind} of {short(point.name)}, {record(point.event_ids[0])}"
    many = f"{len(point.event_ids)} records"
    return f"store.{point.name}, {record(point.event_ids[0]) if len(point.event_ids) == 1 else many}"


def _numbering(undisturbed: Played) -> Callable[[str], str]:
    numbers = {name: f"record {number}" for number, name in enumerate(_event_ids(undisturbed), 1)}
    return lambda event_id: numbers.get(event_id, event_id)


def _event_ids(undisturbed: Played) -> Iterator[str]:
    records = (record for call in undisturbed.history.invocations for record in call.records)
    yield from dict.fromkeys(record.get("eventID", "") for record in records)


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
