"""A made-up stream for bulk handlers and last states, a Lambda that delivers it, and an audit of both.

The world knows which records each handler has, and notes a problem as soon as a call or a mark breaks a law.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from itertools import count
from typing import Any, Final, Literal, NamedTuple, NoReturn, TypeAlias

from hypothesis import strategies as st
from typing_extensions import override

from ddbevents import Attr, BatchFailedError, PartialFailure, Reject, StoreError, StreamApp
from ddbevents.dead_letters import DeadLetters
from tests.deliveries import FAULTS, HURRIES, Fault, FaultyStore, Hurry, Letters, Run, number_of, runs_of
from tests.stream import Json, batch, insert, modify, remove

Form: TypeAlias = Literal["single", "bulk", "mirror", "latest", "latest list"]
How: TypeAlias = Literal["poison", "named", "named with an error", "rejected"]
Death: TypeAlias = Literal["exit", "lost"]
"""The process exits and may still write marks, or it is gone at once."""

MOST_DELIVERIES: Final = 300
_ON: Final = True
_LATEST: Final = ("latest", "latest list")
_ERRORS: Final = {"named": None, "named with an error": ValueError(), "rejected": Reject("no")}


class Write(NamedTuple):
    """A write to an item: it is created or changed, or removed if it is there."""

    key: str
    removes: bool
    is_on: bool = True


class Spec(NamedTuple):
    """A handler."""

    form: Form
    most: int = 500
    isolate: bool = True
    is_async: bool = False


class Plan(NamedTuple):
    """What is written, who handles it, and what goes wrong.

    Attributes:
        writes: The writes, in order.
        specs: The handlers.
        failing: By handler and record: how the handler fails with it, and how often.
        broken: The numbers of calls that fail as a whole, whatever they get.
        deaths: The numbers of calls in which the process dies.
        faults: The faults of the store.
        sizes: The sizes of the first batches.
        bisects: Whether the first failed batches are halved.
        hurries: The contexts of the first deliveries.
        concurrency: The number of lanes.
        after: The attempts before a record is dead-lettered; 0 for never.
        copies: For each copy: the record, and how many places later it comes.
        unreadable: The places before which an unreadable record stands, each with its item, or None.
    """

    writes: Sequence[Write]
    specs: Sequence[Spec]
    failing: Mapping[tuple[int, int], tuple[How, int]] = {}
    broken: AbstractSet[int] = frozenset()
    deaths: Mapping[int, Death] = {}
    faults: Sequence[Fault] = ()
    sizes: Sequence[int] = ()
    bisects: Sequence[bool] = ()
    hurries: Sequence[Hurry] = ()
    concurrency: int = 1
    after: int = 0
    copies: Sequence[tuple[int, int]] = ()
    unreadable: Sequence[tuple[int, str | None]] = ()


class AuditedStore(FaultyStore):
    """A store that shows the world all marks after each write, and is out of reach of a dead process."""

    def __init__(self, faults: Iterable[Fault], audit: Callable[[Sequence[str]], None]) -> None:
        super().__init__(faults)
        self.is_out_of_reach = False
        self._audit = audit

    @override
    def handled(self, marks: Collection[str], *, patience: timedelta) -> AbstractSet[str]:
        self._reach()
        return super().handled(marks, patience=patience)

    @override
    def add(self, marks: Collection[str], *, patience: timedelta) -> None:
        self._reach()
        try:
            super().add(marks, patience=patience)
        finally:
            self._audit(self.marks)

    def _reach(self) -> None:
        if self.is_out_of_reach:
            raise StoreError("the process is dead")


class World:
    """The handlers of a plan and their effects.

    Attributes:
        records: The records of the stream.
        calls: The handlers' calls: the name, and the numbers of the records of each change.
        ended: The handlers and records that succeeded, whether they are marked or not.
        mirrors: By handler and item, the version that a mirror has; None if the item is not there.
        problems: What broke a law.
    """

    def __init__(self, plan: Plan, *, where: bool = False, keeps: bool = True) -> None:
        self.plan = plan
        self.letters = Letters()
        self.calls: list[tuple[str, list[tuple[int, ...]]]] = []
        self.ended: set[Run] = set()
        self.mirrors: dict[str, dict[str, int | None]] = defaultdict(dict)
        self.problems: list[str] = []
        self.store = AuditedStore(plan.faults, self._audit) if keeps else None
        self._where = where
        self._failed: Counter[tuple[int, int]] = Counter()
        self._numbers = count()
        self._lock = threading.Lock()
        self._states: dict[str, int | None] = {}
        self._views: dict[str, int | None] = {}
        self.records = [*self._written(plan.writes)]
        self._keys = {_number_at(place): write.key for place, write in enumerate(plan.writes)}
        self._of_item: dict[str, list[int]] = defaultdict(list)
        for number, key in self._keys.items():
            self._of_item[key].append(number)
        self._specs = {f"h{place}": spec for place, spec in enumerate(plan.specs)}

    @property
    def runs(self) -> list[Run]:
        """Each handler with each record."""
        return [(name, number) for name in self._specs for number in self._keys]

    @property
    def stale(self) -> list[tuple[str, str]]:
        """The mirrors and items whose state is not the last one, though no dead letter says so."""
        aside = self.aside()
        return [
            (name, key)
            for name, spec in self._specs.items()
            if spec.form not in {"single", "bulk"}
            for key, state in (self._views if spec.form in _LATEST else self._states).items()
            if (name, self._of_item[key][-1]) not in aside and self.mirrors[name].get(key) != state
        ]

    @property
    def requests(self) -> int:
        """The number of requests to the store."""
        return 0 if self.store is None else self.store.requests

    def aside(self) -> set[Run]:
        """Return the handlers and records that were dead-lettered, by the marks."""
        marks = self.store.marks if self.store is not None else []
        return {*runs_of(mark.removesuffix("#aside") for mark in marks if mark.endswith("#aside"))}

    def marked(self) -> Counter[Run]:
        """Return how often each handler and record was marked, or dead-lettered."""
        marks = self.store.marks if self.store is not None else []
        return Counter(run for run in runs_of(mark.removesuffix("#aside") for mark in marks) if run[0])

    def app(self) -> StreamApp:
        """Return the app, as a new process makes it."""
        plan = self.plan
        dead = DeadLetters(self.letters, after=plan.after) if plan.after else None
        app = StreamApp("app", store=self.store, concurrency=plan.concurrency, dead_letter=dead)
        for place, (name, spec) in enumerate(self._specs.items()):
            self._register(app, spec, self._handler(place, name, spec))
        return app

    def event(self) -> list[Json]:
        """Return the records with copies and unreadable ones among them."""
        mixed, odd_numbers = [*self.records], set[int]()
        for place, key in self.plan.unreadable:
            # numbers have room between them
            number = _number_at(place % len(self.records)) - 1 - place % 7
            # two records of one number would be one record
            if number in odd_numbers:
                continue
            odd_numbers.add(number)
            odd = insert(number, {"pk": {"S": key or "?"}}, **({} if key else {"Keys": None}))
            mixed.append({**odd, "eventName": None})
        mixed.sort(key=_place)
        for which, by in self.plan.copies:
            record = self.records[which % len(self.records)]
            mixed.insert(mixed.index(record) + 1 + by, record)
        return mixed

    def _written(self, writes: Iterable[Write]) -> Iterator[Json]:
        items: dict[str, Json] = {}
        for place, (key, removes, is_on) in enumerate(writes):
            number, old = _number_at(place), items.pop(key, None)
            new = {"pk": {"S": key}, "v": {"N": str(number)}, "on": {"BOOL": is_on}}
            self._states[key] = self._views[key] = None
            if removes and old is not None:
                yield remove(number, old)
                continue
            items[key] = new
            self._states[key] = number
            self._views[key] = number if is_on or not self._where else None
            yield insert(number, new) if old is None else modify(number, old, new)

    def _register(self, app: StreamApp, spec: Spec, handler: Any) -> None:
        bulk = app.bulk(spec.most, isolate=spec.isolate)
        where = Attr("on").eq(value=True) if self._where else None
        match spec.form:
            case "single":
                app.on_change(dict)(handler)
            case "bulk":
                bulk.on_change(dict)(handler)
            case "mirror":
                # one function for two kinds
                bulk.on_upsert(dict)(handler)
                bulk.on_remove(dict)(handler)
            case "latest":
                app.on_latest(dict, where=where)(handler)
            case _:
                bulk.on_latest(dict, where=where)(handler)

    def _handler(self, place: int, name: str, spec: Spec) -> Any:
        takes_list = spec.form in {"bulk", "mirror", "latest list"}

        def handle(changes: Any) -> None:
            self._call(place, name, spec, changes if takes_list else [changes], takes_list=takes_list)

        async def handle_async(changes: Any) -> None:
            handle(changes)

        handler: Any = handle_async if spec.is_async else handle
        handler.__qualname__ = name
        return handler

    def _call(self, place: int, name: str, spec: Spec, changes: Sequence[Any], *, takes_list: bool) -> None:
        units = [_records_of(change) for change in changes]
        number = next(self._numbers)
        self.calls.append((name, units))
        self._check_call(name, spec, units)
        if number in self.plan.deaths or number in self.plan.broken:
            self._break(name, changes[: len(changes) // 2 + 1], self.plan.deaths.get(number))
        failure = PartialFailure()
        for change, unit in zip(changes, units, strict=True):
            how = self._fails(place, unit)
            if how == "poison" or (how is not None and not takes_list):
                raise Reject if how == "rejected" else ValueError
            if how is None:
                self._apply(name, change)
            else:
                failure.add(change, _ERRORS[how])
        named = {id(change) for change, _ in failure.failures}
        done = [unit for change, unit in zip(changes, units, strict=True) if id(change) not in named]
        self.ended |= {(name, each) for unit in done for each in unit}
        if failure:
            raise failure

    def _break(self, name: str, done: Iterable[Any], death: Death | None) -> NoReturn:
        """Fail a call as a whole, or let the process die in it, with some of its changes done."""
        for change in done:
            self._apply(name, change)
        if death is None:
            raise ValueError
        if self.store is not None:
            self.store.is_out_of_reach = death == "lost"
        raise SystemExit

    def _fails(self, place: int, unit: Iterable[int]) -> How | None:
        for number in unit:
            how, times = self.plan.failing.get((place, number // 10 - 1), ("named", 0))
            with self._lock:
                if self._failed[place, number] < times:
                    self._failed[place, number] += 1
                    return how
        return None

    def _apply(self, name: str, change: Any) -> None:
        item = getattr(change, "item", getattr(change, "new", None))
        self.mirrors[name][change.record.keys["pk"]] = None if item is None else int(item["v"])

    def _check_call(self, name: str, spec: Spec, units: Sequence[tuple[int, ...]]) -> None:
        most = 1 if spec.form in {"single", "latest"} else spec.most
        numbers = [number for unit in units for number in unit]
        self.problems += [f"{name} got {len(units)} changes"] * (len(units) > most)
        self.problems += [f"{name} got a record twice: {units}"] * (len(numbers) > len({*numbers}))
        marks = {*runs_of(self.store.marks)} if self.store is not None else set[Run]()
        self.problems += [
            f"{name} got {number}, which is marked" for number in numbers if (name, number) in marks
        ]
        if self._where:
            return
        done = self.ended | marks | self.aside() | self._given_up()
        for place, unit in enumerate(units):
            before = {number for other in units[:place] for number in other}
            key = self._keys[unit[0]]
            ahead = [n for n in self._of_item[key] if n < unit[0] and (name, n) not in done]
            self.problems += [f"{name} got {unit} before {n}" for n in ahead if n not in before]
            newer = [n for n in self._of_item[key] if n > unit[-1] and (name, n) in marks]
            self.problems += [f"{name} went back to {unit[-1]} from {n}" for n in newer]

    def _given_up(self) -> set[Run]:
        """Return the handlers and records that dead letters stand for, with those before them of an item."""
        found: set[Run] = set()
        for letter in self.letters.letters:
            record: Any = letter.record
            last, name = int(record["eventID"], 16), (letter.handler or "").rpartition(".")[2]
            found |= {(name, number) for number in self._of_item[self._keys.get(last, "")] if number <= last}
        return found

    def _audit(self, marks: Sequence[str]) -> None:
        """Note marks of handlers that have not succeeded, and of records before which another is open."""
        marked, aside = {*runs_of(marks)}, self.aside()
        wrong = {run for run in marked if run[0]} - self.ended
        self.problems += [f"{run} is marked without success" for run in wrong if not self._where]
        for name in () if self._where else self._specs:
            for numbers in self._of_item.values():
                last = max((number for number in numbers if (name, number) in marked), default=-1)
                behind = [n for n in numbers if n < last and (name, n) not in marked | aside]
                self.problems += [f"{name} marked {last} before {number}" for number in behind]


def deliver(world: World) -> bool:
    """Deliver the world's stream as Lambda does, in batches cut anywhere; False if that does not end."""
    waiting, plan = world.event(), world.plan
    sizes, bisects, hurries = deque(plan.sizes), deque(plan.bisects), deque(plan.hurries)
    most = len(waiting)
    deliveries = 0
    while waiting and deliveries < MOST_DELIVERIES:
        deliveries += 1
        size = min(sizes.popleft(), most) if sizes else most
        sent = waiting[:size]
        left = _left(world, sent, hurries.popleft() if hurries else None)
        if left is None:
            # the function failed: Lambda sends the same again, or its first half
            most = max(1, size // 2) if bisects and bisects.popleft() else size
        else:
            waiting = [*left, *waiting[size:]]
            most = len(waiting)
    return not waiting


def _left(world: World, sent: Sequence[Json], context: Hurry | None) -> Sequence[Json] | None:
    """Return the records of a batch that the answer leaves to a retry; None if the function failed."""
    if world.store is not None:
        world.store.is_out_of_reach = False
    try:
        answer = world.app()(batch(*sent), context)
    except (BatchFailedError, SystemExit):
        return None
    named = [int(failure["itemIdentifier"]) for failure in answer["batchItemFailures"]]
    return [record for record in sent if named and _place(record) >= named[0]]


def open_records(world: World, records: Iterable[Json]) -> list[int]:
    """Return the sequence numbers of the records that a handler has not done, by the marks alone."""
    marked, found = world.marked(), list[int]()
    for record in records:
        runs = [run for run in world.runs if run[1] == int(record["eventID"], 16)]
        is_done = all(run in marked for run in runs) if runs else world.letters.has(record, None)
        if not is_done:
            found.append(_place(record))
    return found


def _place(record: Json) -> int:
    return int(record["dynamodb"]["SequenceNumber"])


def _number_at(place: int) -> int:
    return 10 * (place + 1)


def _records_of(change: Any) -> tuple[int, ...]:
    records = getattr(change, "records", (change.record,))
    return tuple(number_of(record.sequence_number) for record in records)


KEYS: Final = st.sampled_from("abc")
WRITES: Final = st.lists(st.builds(Write, KEYS, st.booleans(), st.booleans()), min_size=1, max_size=14)
FORMS: Final[tuple[Form, ...]] = ("bulk", "mirror", "latest", "latest list", "single")
SPECS: Final = st.builds(
    Spec, st.sampled_from(FORMS), st.sampled_from([1, 2, 3, 5, 500]), st.booleans(), st.booleans()
)
HOWS: Final[tuple[How, ...]] = ("named", "poison", "named with an error", "rejected")
DEATHS: Final[tuple[Death, ...]] = ("exit", "lost")
FAILING: Final = st.dictionaries(
    st.tuples(st.integers(0, 2), st.integers(0, 13)),
    st.tuples(st.sampled_from(HOWS), st.sampled_from([1, 2, 3, 12])),
    max_size=4,
)
COPIES: Final = st.lists(st.tuples(st.integers(0, 13), st.integers(0, 14)), max_size=3)
UNREADABLE: Final = st.lists(
    st.tuples(st.integers(0, 13), st.none() | KEYS), max_size=2, unique_by=lambda odd: odd[0]
)
PLANS: Final = st.builds(
    Plan,
    writes=WRITES,
    specs=st.lists(SPECS, min_size=1, max_size=3),
    failing=FAILING,
    broken=st.frozensets(st.integers(0, 20), max_size=3),
    deaths=st.dictionaries(st.integers(0, 12), st.sampled_from(DEATHS), max_size=2),
    faults=FAULTS,
    sizes=st.lists(st.integers(1, 14), max_size=6),
    bisects=st.lists(st.booleans(), max_size=6),
    hurries=HURRIES,
    concurrency=st.sampled_from([1, 1, 1, 4]),
    after=st.just(0),
    copies=st.just(()),
    unreadable=st.just(()),
)
