"""Hostile events: real ones, mutated at random, against apps of every sort: no crash, hang, leak or growth.

pip install 'ddbevents[aws]'
python benchmarks/hostile_events.py [--events 1000000] [--seed 1] [--short]

Each event is one of `tests/events` or one that the test kit builds, with up to five mutations. An app may
answer it, or raise an error of the library's own. An answer must be JSON and name only what is in the event.
No log line and no error may contain a value of an item. An event has a minute, and the process 1 GB.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any, Final, Literal, NoReturn, TypeAlias

from pydantic import BaseModel
from typing_extensions import override

from ddbevents import (
    Attr,
    BatchFailedError,
    Change,
    DDBEventsError,
    Insert,
    KeyChange,
    Modify,
    Remove,
    StreamApp,
    Transaction,
)
from ddbevents.dead_letters import DeadLetters
from ddbevents.stores import MemoryStore
from ddbevents.testing import MemorySink, Table, event, queue_event

Json: TypeAlias = Any

EVENTS: Final = Path(__file__).parents[1] / "tests" / "events"
CANARY: Final = "canary-7f3a"  # a value of the items, which nobody may see
TEXT: Final = "junk"  # may come to where it can be seen: into an identifier, say
SECONDS_AN_EVENT: Final = 60  # the machine may be busy
MEMORY: Final = 1024**3
GROWTH: Final = 64 * 1024  # KiB of resident memory that may come on top once all apps have run
MOST_MUTATIONS: Final = 5
TAGS: Final = ("S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS", "X", "")
JUNK: Final[Sequence[Callable[[], Json]]] = (
    lambda: None,
    lambda: True,
    lambda: 0,
    lambda: -1,
    lambda: 1e308,
    lambda: float("nan"),
    lambda: 10**400,
    lambda: "",
    lambda: "\ud800",
    lambda: TEXT,
    lambda: TEXT * 5_000,
    lambda: "9" * 500,
    lambda: "1e999999999",
    lambda: "NaN",
    lambda: "1_000",
    lambda: "!!!",
    lambda: "aws:sqs",
    lambda: "aws:kinesis",
    list,
    dict,
    lambda: [[]],
    lambda: {"": ""},
    lambda: {"S": TEXT, "N": "1"},
    lambda: {"M": {"S": {"S": TEXT}}},
    lambda: nested(200),
    lambda: [{"NULL": True} for _ in range(1_000)],
)


class User(BaseModel):
    """A model that most of the events nearly fit."""

    pk: str
    email: str | None = None
    age: int = 0
    tags: set[str] = set()
    balance: Decimal = Decimal(0)


class Order(BaseModel):
    """A model with a discriminator and with nested values."""

    pk: str
    kind: Literal["order"]
    lines: list[dict[str, str | int]] = []


class Recording(logging.Handler):
    """Keeps what was logged for one event."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def main() -> None:
    """Mutate events, and say what came out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="2,000 events: whether it runs at all")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, give_up)
    random = Random(options.seed)  # noqa: S311  # so that a run can be repeated
    outcomes = attack(random, 2_000 if options.short else options.events)
    for name, count in outcomes.most_common():
        print(f"{count:10,}  {name}")


def attack(random: Random, events: int) -> Counter[str]:
    """Pass so many mutated events to the apps, in turn, and count the outcomes."""
    log = Recording()
    logging.getLogger("ddbevents").addHandler(log)
    logging.getLogger("ddbevents").propagate = False
    apps, originals = [*make_apps()], [*make_events()]
    outcomes: Counter[str] = Counter()
    began, resident = time.monotonic(), 0
    for number in range(events):
        mutated = mutate(random, random.choice(originals))
        signal.alarm(SECONDS_AN_EVENT)
        outcomes[outcome(apps[number % len(apps)](), mutated, log)] += 1
        signal.alarm(0)
        if number == min(events // 2, 50_000):
            resident = resident_kibibytes()
    grown = resident_kibibytes() - resident
    print(f"{events:,} events in {time.monotonic() - began:.0f} s, {grown / 1024:.1f} MB more than half-way")
    if grown > GROWTH:
        raise SystemExit("memory grows with the number of events")
    return outcomes


def outcome(app: StreamApp, mutated: Json, log: Recording) -> str:
    """Handle an event, check everything that may be said about it, and say what happened."""
    log.lines.clear()
    shown = repr(mutated)
    try:
        answer = app(mutated)
    except DDBEventsError as error:
        said, name = [str(error), repr(error)], type(error).__name__
        if isinstance(error, BatchFailedError):
            said.append(repr(error.error) if isinstance(error.error, DDBEventsError) else "")
    except BaseException as error:
        raise SystemExit(f"{type(error).__name__} for {shown}") from error
    else:
        said, name = [json.dumps(answer, allow_nan=False)], "answered"
        check_answer(answer, shown)
        name = "all done" if not answer["batchItemFailures"] else "partial failure"
    for line in (*said, *log.lines):
        if CANARY in line:
            raise SystemExit(f"a value of an item is shown: {line[:500]}\nfor {shown}")
    return name


def check_answer(answer: Json, shown: str) -> None:
    """Refuse an answer that names something that is not in the event."""
    for failure in answer["batchItemFailures"]:
        if failure["itemIdentifier"] not in shown:
            raise SystemExit(f"the answer names {failure['itemIdentifier']!r}, which is not in {shown}")


def make_apps() -> Iterator[Callable[[], StreamApp]]:
    """Yield makers of apps; marks of one event must not reach the next."""
    plain, stored = StreamApp("plain"), StreamApp("stored", store=MemoryStore())
    lanes = StreamApp("lanes", store=MemoryStore(), concurrency=2)
    for app in (plain, stored, lanes):
        register(app)
    transactional = StreamApp("transactional", store=MemoryStore(), dead_letter=DeadLetters(MemorySink()))
    register(transactional)

    @transactional.on_keys(dict)
    def count(_change: KeyChange[dict[str, Any]], tx: Transaction) -> None:
        tx.update("totals", {"pk": "all"}, add={"n": 1})

    yield lambda: plain
    yield lambda: stored.with_store(MemoryStore())
    yield lambda: lanes.with_store(MemoryStore())
    yield lambda: transactional.with_store(MemoryStore()).with_sink(MemorySink())


def register(app: StreamApp) -> None:
    """Register a handler of every sort, which look at their changes and fail for some."""

    @app.on_insert(User)
    def inserted(change: Insert[User]) -> None:
        look(change.new)

    @app.on_modify(User, changed="email")
    def modified(change: Modify[User]) -> None:
        look(change.new)
        look(change.old)

    @app.on_remove(Order, expired=True)
    def expired(change: Remove[Order]) -> None:
        look(change.old)

    @app.on_change(dict, where=Attr("pk").begins_with("a") & Attr("age").gt(1))
    def changed(change: Change[dict[str, Any]]) -> None:
        look(change.record)

    @app.on_keys(dict)
    def any_key(change: KeyChange[dict[str, Any]]) -> None:
        repr(change.record.created_at)
        if len(str(change.keys)) % 7 == 0:
            raise ValueError(CANARY)


def look(value: object) -> None:
    """Use a value, as a handler does."""
    repr(value)


def make_events() -> Iterator[Json]:
    """Yield the events to mutate: recorded ones, and some that the test kit builds."""
    for file in sorted(EVENTS.glob("*.json")):
        yield json.loads(file.read_text())
    users, orders = Table("Users", keys="pk"), Table("Orders", keys="pk")
    item = {"pk": "a", "email": CANARY, "age": 3, "tags": {"x", CANARY}, "balance": Decimal("1.5")}
    order = {"pk": "o", "kind": "order", "lines": [{"sku": CANARY, "n": 2}]}
    records = [
        users.insert(item),
        users.modify(item, {**item, "email": "other"}),
        orders.insert(order),
        orders.remove(order, expired=True),
        users.remove(item),
    ]
    yield event(*records)
    yield event(*records, *records)
    sink = MemorySink()
    failing = StreamApp("stored", store=MemoryStore(), dead_letter=DeadLetters(sink, after=1))

    @failing.on_insert(User)
    def fail(_change: Insert[User]) -> None:
        raise ValueError(CANARY)

    failing.process(event(*records))
    yield queue_event(*sink.letters)


def mutate(random: Random, original: Json) -> Json:
    """Return a copy of an event with some of its parts replaced, removed, doubled, moved or renamed."""
    mutated = copied(original)
    for _ in range(random.randrange(MOST_MUTATIONS + 1)):
        places = [*places_of(mutated)]
        if not places:
            return mutated
        parent, key = random.choice(places)
        mutate_place(random, parent, key)
    return mutated


def mutate_place(random: Random, parent: Json, key: Json) -> None:
    """Change one place of an event."""
    value = parent[key]
    match random.randrange(5):
        case 0:
            parent[key] = random.choice(JUNK)()
        case 1:
            del parent[key]
        case 2 if isinstance(key, str):
            parent[random.choice(TAGS)] = parent.pop(key)
        case 3 if not isinstance(key, str):
            parent.insert(key, copied(value))
        case _ if isinstance(value, str):
            text = value
            cut = random.randrange(len(text) + 1)
            parent[key] = text[:cut] + random.choice(("", "0", "\x00", "é", "\ud800", text)) + text[cut:]
        case _:
            parent[key] = random.choice(JUNK)()


def places_of(value: Json) -> Iterator[tuple[Json, Json]]:
    """Yield every place of an event: what it is in, and its key or index there."""
    waiting = [value]
    while waiting:
        parent = waiting.pop()
        keys: Sequence[Json] = [*parent] if isinstance(parent, dict) else range(len(parent))
        for key in keys:
            yield parent, key
            if isinstance(parent[key], (dict, list)):
                waiting.append(parent[key])


def copied(value: Json) -> Json:
    """Return a copy, which may be nested deeper than `deepcopy` goes."""
    return json.loads(json.dumps(value))


def nested(levels: int) -> Json:
    """Return an attribute value that nests this deep."""
    value: Json = {"S": TEXT}
    for _ in range(levels):
        value = {"L": [value]}
    return value


def resident_kibibytes() -> int:
    """Return the most memory that the process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def give_up(signal_number: int, _frame: FrameType | None) -> NoReturn:
    """End an event that takes too long."""
    raise TimeoutError(f"signal {signal_number}: an event took over {SECONDS_AN_EVENT} seconds")


if __name__ == "__main__":
    main()
