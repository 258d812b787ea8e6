"""Schedules: which faults, copies, zombies and repeated deliveries happen to a batch, as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from random import Random
from typing import Final, Literal, NamedTuple, TypeAlias

PointKind: TypeAlias = Literal[
    "read", "write", "commit", "begin", "end", "boundary", "between", "end of list"
]


class Fault(StrEnum):
    """A fault at a point.

    A timeout of the function is a kill, too: Lambda ends the process wherever it is. With `OUT_OF_TIME` the
    app sees in time that too little time is left, and stops on its own. `CALL_FAILED` makes the app halve the
    list of a bulk handler, and `PARTLY_FAILED` is a `PartialFailure` of it.
    """

    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    ANSWER_LOST = "answer lost"
    REFUSED = "refused"
    OUT_OF_TIME = "out of time"
    CALL_FAILED = "call failed"
    PARTLY_FAILED = "partly failed"


class Point(NamedTuple):
    """A moment in a process at which something can go wrong.

    Attributes:
        kind: A request to the store, the begin or the end of a handler, a boundary within one, or the step
            from one change of a list to the next.
        name: The store's method, the handler, or the boundary's name.
        event_ids: The ids of the records that it is about.
        can_wait: Whether a process can wait there. Within an async handler it cannot, because the handlers of
            all processes share an event loop; then it waits at the next point at which it can.
    """

    kind: PointKind
    name: str
    event_ids: tuple[str, ...] = ()
    can_wait: bool = True


class Strike(NamedTuple):
    """A fault at a point of a delivery; if the delivery has a copy, it can hit the copy instead."""

    delivery: int
    point: int
    fault: Fault
    of_copy: bool = False


class Copy(NamedTuple):
    """A second process that handles the same batch at the same time.

    Attributes:
        delivery: The delivery that has a copy.
        turns: How many points each process passes before the other one continues, beginning with the first
            process. After the last turn, the first process runs to its end, and then the copy.
    """

    delivery: int
    turns: tuple[int, ...]


class Sleep(NamedTuple):
    """A zombie: a process that freezes before a point, is taken for dead, and wakes when all is done."""

    delivery: int
    point: int


class OtherBatches(NamedTuple):
    """Batches of other shards and of other items, which run to their end while a process waits at a point."""

    delivery: int
    point: int


class OtherItems(NamedTuple):
    """The other items of a batch, which an app with `concurrency` handles while one waits at a point.

    Attributes:
        delivery: The delivery of the batch.
        item: The place of the item that waits among the items of the batch.
        point: The point at which it waits, of those that its own records pass.
    """

    delivery: int
    item: int
    point: int


class Company(NamedTuple):
    """The parts that can run side by side.

    Attributes:
        batches: Whether several batches can.
        items: How many items of a batch can.
    """

    batches: bool = False
    items: int = 1


NOBODY: Final = Company()


class Repeat(NamedTuple):
    """One more delivery of a batch that has succeeded."""


Step: TypeAlias = Strike | Copy | Sleep | OtherBatches | OtherItems | Repeat
Schedule: TypeAlias = tuple[Step, ...]

MOST_STEPS: Final = 3
_MOST_TURNS: Final = 6
TO_THE_END: Final = 1_000_000  # more points than any process has

# A request can also fail after it was executed, and then the app does not know that it was. At the begin and
# the end of a handler there is no request. A kill at its end comes between its effects and its mark.
_REQUEST: Final = (Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.ANSWER_LOST, Fault.REFUSED)
_FAULTS: Final[Mapping[PointKind, Sequence[Fault]]] = {
    "read": _REQUEST,
    "write": _REQUEST,
    "commit": _REQUEST,
    "begin": (Fault.KILLED_BEFORE, Fault.OUT_OF_TIME),
    "end": (Fault.KILLED_BEFORE,),
    "boundary": (Fault.KILLED_BEFORE,),
    "between": (Fault.KILLED_BEFORE, Fault.CALL_FAILED),
    "end of list": (Fault.KILLED_BEFORE, Fault.PARTLY_FAILED),
}


def single_steps(points: Sequence[Point], first: int = 0) -> Iterator[Step]:
    """Yield every step that can happen, alone, to a first delivery, which has this number and these points.

    Of all interleavings with a copy, these are the ones in which the copy runs to its end while the first
    process waits at a point. There is one for each point, while the number of all of them is exponential.
    """
    for number, point in enumerate(points):
        for fault in _FAULTS[point.kind]:
            yield Strike(first, number, fault)
    yield Repeat()
    for number, point in enumerate(points):
        if point.can_wait:
            yield Sleep(first, number)
            yield Copy(first, (number, TO_THE_END))


def random_schedule(
    random: Random, points: Sequence[Point], company: Company = NOBODY, first: int = 0
) -> Schedule:
    """Return a random schedule of one to three steps in three deliveries, the first of which has this number.

    The points are those of a first delivery without faults. A later delivery can have fewer, and then a step
    may find no point to happen at. That costs a simulation but needs no knowledge of the app.
    """
    steps = [_random_step(random, points, company, first) for _ in range(random.randint(1, MOST_STEPS))]
    copied = {step.delivery for step in steps if isinstance(step, Copy)}
    return tuple(
        step._replace(of_copy=random.random() < 1 / 2)
        if isinstance(step, Strike) and step.delivery in copied
        else step
        for step in steps
    )


def simpler(schedule: Schedule) -> Iterator[Schedule]:
    """Yield the schedules that are one detail simpler: without a step, or with fewer turns of a copy."""
    for place, step in enumerate(schedule):
        yield schedule[:place] + schedule[place + 1 :]
        if isinstance(step, Copy):
            for turns in _fewer(step.turns):
                yield (*schedule[:place], step._replace(turns=turns), *schedule[place + 1 :])


def _fewer(turns: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    # A copy that runs to its end is the simplest to read in a report, so it is tried first and never cut.
    if turns[1:] != (TO_THE_END,):
        yield (turns[0], TO_THE_END)
        yield from ((*turns[:place],) for place in range(2, len(turns)))


def _random_step(random: Random, points: Sequence[Point], company: Company, first: int) -> Step:
    # Repetitions in the tuples are weights: most steps happen to the first delivery, as a strike or a copy.
    number = random.randrange(len(points))
    delivery = first + random.choice((0, 0, 0, 1, 2))
    kinds = ["strike", "strike", "strike", "copy", "copy", "sleep", "repeat"]
    kinds += ["batches", "batches"] if company.batches else []
    kinds += ["items", "items"] if company.items > 1 else []
    kind = random.choice(kinds)
    if kind == "strike":
        fault = random.choice(_FAULTS[points[number].kind])
        return Strike(delivery, number, fault)
    if kind == "copy":
        if random.random() < 1 / 2:
            return Copy(delivery, (number, TO_THE_END))
        turns = [random.randint(0, len(points)) for _ in range(random.randint(1, _MOST_TURNS))]
        return Copy(delivery, tuple(turns))
    if kind == "batches":
        return OtherBatches(delivery, number)
    if kind == "items":
        return OtherItems(delivery, random.randrange(company.items), number)
    return Sleep(delivery, number) if kind == "sleep" else Repeat()
