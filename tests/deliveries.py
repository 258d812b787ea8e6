"""A made-up stream and a Lambda that delivers it until everything is handled, with faults for tests."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias

import pytest
from hypothesis import strategies as st

from ddbevents import (
    BatchReport,
    DeadLetterError,
    KeyChange,
    StoreError,
    StreamApp,
    Transaction,
    TransactionError,
)
from ddbevents.dead_letters import DeadLetter
from ddbevents.stores import Commit
from tests.campaigns import size
from tests.stream import Json, batch, insert, sequence_number, user

Fault: TypeAlias = Literal["none", "down", "lost", "refused"]
"""The store does nothing, does it but loses the answer, or refuses it."""
Style: TypeAlias = Literal["sync", "async", "transaction", "async transaction"]
Oddity: TypeAlias = tuple[int, str, str]
Run: TypeAlias = tuple[str, int]
"""A handler and the number of a record."""

MOST_DELIVERIES: Final = 200
WAYS: Final = pytest.mark.parametrize("lanes", [1, 2], ids=["straight", "general"])
"""With lanes, a batch goes through the general engine."""
LONGER: Final = size(short=1, full=4, long=200)
"""How many times as many examples a longer campaign tries."""


class FaultyStore:
    """A store that keeps marks, and packs transactions whose only effect is a line in its log.

    Args:
        faults: The faults of its requests, in order; later requests have none.
        window: As in `PackingStore`.
        once_a_lane: Whether a pack holds at most one commit of each lane.
    """

    def __init__(self, faults: Iterable[Fault] = (), *, window: int = 1, once_a_lane: bool = False) -> None:
        self.log: list[tuple[str, str]] = []
        self.requests = 0
        self.window = window
        self._faults = deque(faults)
        self._once_a_lane = once_a_lane

    @property
    def marks(self) -> list[str]:
        return [mark for _, mark in self.log]

    @property
    def committed(self) -> list[str]:
        return [mark for how, mark in self.log if how == "committed"]

    def handled(self, marks: Collection[str], *, patience: timedelta) -> AbstractSet[str]:  # noqa: ARG002  # the Protocol's
        self._answer(self._fault())
        return {*self.marks} & {*marks}

    def add(self, marks: Collection[str], *, patience: timedelta) -> None:  # noqa: ARG002  # the Protocol's
        self._write("added", marks)

    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:  # noqa: ARG002  # the Protocol's
        if not self._write("committed", [mark]):
            raise TransactionError("refused")
        return True

    def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:  # noqa: ARG002  # the Protocol's
        lanes = [commit.lane for commit in commits]
        return [i for i, lane in enumerate(lanes) if not (self._once_a_lane and lane in lanes[:i])]

    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:  # noqa: ARG002  # the Protocol's
        marks = [commit.mark for commit in commits]
        return not {*marks} & {*self.marks} and self._write("committed", marks)

    def _write(self, how: str, marks: Iterable[str]) -> bool:
        fault = self._fault()
        if fault in {"none", "lost"} or (fault, how) == ("refused", "added"):
            self.log += [(how, mark) for mark in marks]
        self._answer(fault)
        return fault != "refused"

    def _fault(self) -> Fault:
        self.requests += 1
        return self._faults.popleft() if self._faults else "none"

    def _answer(self, fault: Fault) -> None:
        if fault in {"down", "lost"}:
            raise StoreError("the store cannot be reached")


@dataclass
class Hurry:
    """A Lambda context whose time is up after a number of questions."""

    questions: int
    function_name: str = "stream"

    def get_remaining_time_in_millis(self) -> int:
        self.questions -= 1
        return 60_000 if self.questions >= 0 else 0


@dataclass
class World:
    """Handlers that fail a given number of times, and their runs.

    Attributes:
        keys: The key of each record.
        styles: The handlers.
        failing: How often a handler fails with a record, before it succeeds.
        starts: The runs, in the order in which they began, each with those that had ended before.
        ended: The runs that ended without an error.
        repeated: The runs that began although they were marked.
    """

    keys: Sequence[str]
    styles: Mapping[str, Style]
    failing: Mapping[Run, int] = field(default_factory=dict)
    starts: list[tuple[Run, frozenset[Run]]] = field(default_factory=list)
    ended: list[Run] = field(default_factory=list)
    repeated: list[Run] = field(default_factory=list)
    store: FaultyStore | None = None
    failed: Counter[Run] = field(default_factory=Counter)

    @property
    def records(self) -> list[Json]:
        return [insert(number, user(key)) for number, key in zip(self.numbers, self.keys, strict=True)]

    @property
    def numbers(self) -> range:
        """The numbers of the records, with room between them for others."""
        return range(10, 10 * len(self.keys) + 1, 10)

    @property
    def runs(self) -> list[Run]:
        """Each handler with each record."""
        return [(name, number) for number in self.numbers for name in self.styles]

    @property
    def began(self) -> list[Run]:
        """The runs, in the order in which they began."""
        return [run for run, _ in self.starts]

    @property
    def out_of_order(self) -> list[Run]:
        """The runs that began before those of an earlier record of their item had ended."""
        return [
            run
            for run, ended in self.starts
            if any(self._is_earlier(other, run) and other not in ended for other in self.runs)
        ]

    def app(self, store: FaultyStore | None = None, **options: Any) -> StreamApp:
        self.store = store
        app = StreamApp("app", store=store, **options)
        for name, style in self.styles.items():
            app.on_keys(dict)(self._handler(name, style))
        return app

    def committed(self, store: FaultyStore) -> list[Run]:
        """The committed runs, in order."""
        return runs_of(store.committed)

    def is_in_order(self, runs: Sequence[Run]) -> bool:
        """Return whether the records of each item are in order."""
        places = {run: place for place, run in enumerate(runs)}
        return not any(
            self._is_earlier(earlier, later) and places[earlier] > places[later]
            for earlier in places
            for later in places
        )

    def handle(self, name: str, change: KeyChange[dict[str, Any]]) -> None:
        run = name, number_of(change.record.sequence_number)
        marked = runs_of(self.store.marks) if self.store is not None else []
        self.repeated += [run] * (run in marked)
        self.starts.append((run, frozenset(self.ended)))
        if self.failed[run] < self.failing.get(run, 0):
            self.failed[run] += 1
            raise ValueError
        self.ended.append(run)

    def _is_earlier(self, one: Run, other: Run) -> bool:
        return one[1] < other[1] and self.keys[one[1] // 10 - 1] == self.keys[other[1] // 10 - 1]

    def _handler(self, name: str, style: Style) -> Callable[..., Any]:
        def in_sync(change: KeyChange[dict[str, Any]]) -> None:
            self.handle(name, change)

        async def in_async(change: KeyChange[dict[str, Any]]) -> None:
            self.handle(name, change)

        def transact(change: KeyChange[dict[str, Any]], tx: Transaction) -> None:
            self.handle(name, change)

        async def transact_async(change: KeyChange[dict[str, Any]], tx: Transaction) -> None:
            self.handle(name, change)

        handlers: dict[Style, Callable[..., Awaitable[None] | None]] = {
            "sync": in_sync,
            "async": in_async,
            "transaction": transact,
            "async transaction": transact_async,
        }
        handlers[style].__qualname__ = name
        return handlers[style]


def deliver(app: StreamApp, records: Iterable[Json], contexts: Iterable[Hurry] = ()) -> list[BatchReport]:
    """Deliver a batch as Lambda does, each time from the record that the answer before named.

    Args:
        app: The app to call.
        records: The batch.
        contexts: The contexts of the first deliveries; later ones have time enough.
    """
    waiting, hurries = [*records], deque(contexts)
    reports: list[BatchReport] = []
    while waiting and len(reports) < MOST_DELIVERIES:
        report = app.process(batch(*waiting), hurries.popleft() if hurries else None)
        reports.append(report)
        waiting = _left(waiting, report)
    return reports


class Letters:
    """A sink that keeps letters, after refusing the first few."""

    def __init__(self, refusing: int = 0) -> None:
        self.letters: list[DeadLetter] = []
        self.refusing = refusing

    def send(self, letter: DeadLetter, *, patience: timedelta) -> None:  # noqa: ARG002  # the Protocol's
        if self.refusing:
            self.refusing -= 1
            raise DeadLetterError("the sink cannot be reached")
        self.letters.append(letter)

    def has(self, record: object, handler: str | None) -> bool:
        return any(
            letter.record == record and (letter.handler or "").rpartition(".")[2] == (handler or "")
            for letter in self.letters
        )


def open_records(
    world: World, records: Sequence[object], done: Collection[Run], letters: Letters
) -> list[str]:
    """Return the identifiers of unfinished records, by what ran and not by the report; "" for none."""
    found: list[str] = []
    nearest = ""
    for record in records:
        identifier, is_done = _truth(world, record, done, letters)
        nearest = identifier or nearest
        if not is_done:
            found.append(nearest)
    return found


def _truth(world: World, record: Any, done: Collection[Run], letters: Letters) -> tuple[str | None, bool]:
    identifier: str | None = record["dynamodb"].get("SequenceNumber")
    if letters.has(record, None):
        return identifier, True
    if identifier is None or record not in world.records:
        return identifier, False
    number = number_of(identifier)
    runs = [(name, number) for name in world.styles]
    return identifier, all(run in done or letters.has(record, run[0]) for run in runs)


def mixed(world: World, oddities: Iterable[Oddity], repeated: Iterable[tuple[int, int]]) -> list[Json]:
    """Return a world's records with odd ones among them, and some of them repeated later.

    Args:
        world: The world.
        oddities: For each odd record: the record before it, its item and its fault.
        repeated: For each repetition: the record, and how many places later it comes.
    """
    mixed = world.records
    for index, (after, key, how) in reversed([*enumerate(sorted(oddities), start=1)]):
        place = after % len(world.keys)
        mixed.insert(mixed.index(world.records[place]) + 1, _odd(world.numbers[place], index, key, how))
    for which, by in repeated:
        record = world.records[which % len(world.keys)]
        mixed.insert(mixed.index(record) + 1 + by, record)
    return mixed


def _odd(number: int, index: int, key: str, how: str) -> Json:
    whole = insert(number + index, user(key))
    return {
        "of no kind": {**whole, "eventName": None},
        "without key": insert(number + index, user(key), Keys=None),
        "without number": insert(number, user(key), SequenceNumber=None),
        "a twin": insert(number, user("a", "other@example.com")),
    }[how]


def number_of(sequence: str) -> int:
    return int(sequence) - int(sequence_number(0))


def runs_of(marks: Iterable[str]) -> list[Run]:
    """Return the runs that marks stand for; marks of failed attempts stand for none."""
    parts = [mark.split("#")[1:] for mark in marks]
    names = [(*handler.rpartition(".")[2:], rest) for handler, *rest in parts]
    return [(name, int(rest[0], 16)) for name, rest in names if name and len(rest) == 1]


def _left(records: list[Json], report: BatchReport) -> list[Json]:
    named = [failure["itemIdentifier"] for failure in report.response["batchItemFailures"]]
    return [r for r in records if named and int(r["dynamodb"]["SequenceNumber"]) >= int(named[0])]


def named_in_order(styles: Iterable[Style]) -> dict[str, Style]:
    return dict(zip(("first", "second", "third"), styles, strict=False))


KEYS: Final = st.lists(st.sampled_from("abc"), min_size=1, max_size=12)
PLAIN_STYLES: Final[tuple[Style, ...]] = ("sync", "async")
ALL_STYLES: Final[tuple[Style, ...]] = ("transaction", "sync", "async transaction", "async")
PLAIN: Final = st.lists(st.sampled_from(PLAIN_STYLES), min_size=1, max_size=3).map(named_in_order)
STYLES: Final = st.lists(st.sampled_from(ALL_STYLES), min_size=1, max_size=3).map(named_in_order)
FAILING: Final[st.SearchStrategy[dict[Run, int]]] = st.dictionaries(
    st.tuples(
        st.sampled_from(["first", "second", "third"]), st.integers(1, 12).map(lambda place: 10 * place)
    ),
    st.integers(1, 3),
    max_size=4,
)
FAULTS: Final[st.SearchStrategy[list[Fault]]] = st.lists(
    st.sampled_from(["none", "down", "lost", "refused"]), max_size=10
)
STORES: Final = st.builds(FaultyStore, FAULTS, window=st.integers(1, 8), once_a_lane=st.booleans())
ODDITIES: Final[st.SearchStrategy[list[Oddity]]] = st.lists(
    st.tuples(
        st.integers(0, 11),
        st.sampled_from("abc"),
        st.sampled_from(["of no kind", "without key", "without number", "a twin"]),
    ),
    max_size=3,
    unique_by=lambda odd: odd[0],
)
REPEATED: Final = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 14)), max_size=3)
LANES: Final = st.integers(1, 16)
HURRIES: Final = st.lists(st.builds(Hurry, st.integers(0, 6)), max_size=4)
