"""What can go wrong with a batch, as data: schedules of faults, copies, zombies and repeated deliveries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from random import Random
from typing import Final, Literal, NamedTuple, TypeAlias

PointKind: TypeAlias = Literal["read", "write", "commit", "begin", "end", "boundary"]


class Fault(StrEnum):
    """What goes wrong at a point."""

    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    ANSWER_LOST = "answer lost"
    REFUSED = "refused"
    OUT_OF_TIME = "out of time"


class Point(NamedTuple):
    """A moment at which something can go wrong.

    Attributes:
        kind: A request to the store, the begin or the end of a handler, or a boundary within one.
        name: The store's method, the handler, or how the boundary is called.
        event_ids: The records that it is about.
    """

    kind: PointKind
    name: str
    event_ids: tuple[str, ...] = ()


class Strike(NamedTuple):
    """A fault at a point of a delivery, the copy's if there is one and it is meant."""

    delivery: int
    point: int
    fault: Fault
    of_copy: bool = False


class Copy(NamedTuple):
    """A second process with the same batch.

    Attributes:
        delivery: Which delivery has it.
        turns: How many points each passes before the other goes on, the first process first. Then the first
            goes on to its end, and the copy after it.
    """

    delivery: int
    turns: tuple[int, ...]


class Sleep(NamedTuple):
    """A process that sleeps before a point until all is done, and then goes on; Lambda takes it for dead."""

    delivery: int
    point: int


class Repeat(NamedTuple):
    """One delivery more of a batch that has succeeded."""


Step: TypeAlias = Strike | Copy | Sleep | Repeat
Schedule: TypeAlias = tuple[Step, ...]

MOST_STEPS: Final = 3
_TO_THE_END: Final = 1_000_000
_MOST_TURNS: Final = 6
_REQUEST: Final = (Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.ANSWER_LOST, Fault.REFUSED)
_FAULTS: Final[Mapping[PointKind, Sequence[Fault]]] = {
    "read": _REQUEST,
    "write": _REQUEST,
    "commit": _REQUEST,
    "begin": (Fault.KILLED_BEFORE, Fault.OUT_OF_TIME),
    "end": (Fault.KILLED_BEFORE,),
    "boundary": (Fault.KILLED_BEFORE,),
}


def single_steps(points: Sequence[Point]) -> Iterator[Step]:
    """Everything that can happen once to a delivery with these points.

    The copies are those that run through while the first process stands at a point.
    """
    for number, point in enumerate(points):
        for fault in _FAULTS[point.kind]:
            yield Strike(0, number, fault)
    yield Repeat()
    for number in range(len(points)):
        yield Sleep(0, number)
        yield Copy(0, (number, _TO_THE_END))


def random_schedule(random: Random, points: Sequence[Point]) -> Schedule:
    """Up to three steps, in the first deliveries; copies take turns, and have faults of their own."""
    steps = [_random_step(random, points) for _ in range(random.randint(1, MOST_STEPS))]
    copied = {step.delivery for step in steps if isinstance(step, Copy)}
    return tuple(
        step._replace(of_copy=random.random() < 1 / 2)
        if isinstance(step, Strike) and step.delivery in copied
        else step
        for step in steps
    )


def simpler(schedule: Schedule) -> Iterator[Schedule]:
    """The schedules that say the same with one thing less, the shortest first."""
    for place, step in enumerate(schedule):
        yield schedule[:place] + schedule[place + 1 :]
        if isinstance(step, Copy):
            for turns in _fewer(step.turns):
                yield (*schedule[:place], step._replace(turns=turns), *schedule[place + 1 :])


def is_to_the_end(turn: int) -> bool:
    """Whether whose turn it is goes on to the end."""
    return turn == _TO_THE_END


def _fewer(turns: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if turns[1:] != (_TO_THE_END,):
        yield (turns[0], _TO_THE_END)
        yield from ((*turns[:place],) for place in range(2, len(turns)))


def _random_step(random: Random, points: Sequence[Point]) -> Step:
    number = random.randrange(len(points))
    delivery = random.choice((0, 0, 0, 1, 2))
    kind = random.choice(("strike", "strike", "strike", "copy", "copy", "sleep", "repeat"))
    if kind == "strike":
        fault = random.choice(_FAULTS[points[number].kind])
        return Strike(delivery, number, fault)
    if kind == "copy":
        if random.random() < 1 / 2:
            return Copy(delivery, (number, _TO_THE_END))
        turns = [random.randint(0, len(points)) for _ in range(random.randint(1, _MOST_TURNS))]
        return Copy(delivery, tuple(turns))
    return Sleep(delivery, number) if kind == "sleep" else Repeat()
