"""An outage of the system behind a handler, played with dead letters that wait for an age and without."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from ddbevents import ConfigurationError, Insert, Reject, StreamApp
from ddbevents.dead_letters import DeadLetters
from ddbevents.stores import MemoryStore
from ddbevents.testing import EventSourceMapping, History, MemorySink, Table, VirtualClock
from tests.mappings import SECOND, START

PAGE = Path(__file__).parent.parent / "docs/how-to/dead-letters.md"
MINUTE = timedelta(seconds=60)
OUTAGE = 20 * SECOND
POISONS = frozenset({"50", "150"})


class User(BaseModel):
    pk: str


class Marks(MemoryStore):
    """Keeps the names of all marks that were written."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock=clock)
        self.written: list[str] = []

    def add(self, marks: Collection[str], *, patience: timedelta = SECOND) -> None:
        self.written += marks
        super().add(marks, patience=patience)


class World:
    """An app in virtual time. Its handler fails for everybody during an outage, and for some always."""

    def __init__(
        self,
        *,
        outage: timedelta = OUTAGE,
        poisons: Collection[str] = (),
        error: Callable[[], Exception] = ConnectionError,
        **when: Any,
    ) -> None:
        self.clock = VirtualClock()
        self.sink = MemorySink()
        self.store = Marks(self.clock)
        self.app = StreamApp(
            "mails", store=self.store, dead_letter=DeadLetters(self.sink, clock=self.clock, **when)
        )
        self._users = Table("Users", "pk")
        self._outage = outage
        self._poisons = poisons
        self._error = error
        self.app.on_insert(User)(self.welcome)

    def welcome(self, change: Insert[User]) -> None:
        if change.new.pk in self._poisons or self.clock.now < START + self._outage:
            raise self._error()

    def insert(self, key: str = "ada", **details: Any) -> dict[str, Any]:
        record: dict[str, Any] = self._users.insert({"pk": key})
        record["dynamodb"] |= details
        return record

    def deliver(self, *records: dict[str, Any]) -> History:
        mapping = EventSourceMapping(self.app, clock=self.clock)
        mapping.put(*records)
        return mapping.run()

    @property
    def dead_lettered(self) -> list[str]:
        return [record["dynamodb"]["Keys"]["pk"]["S"] for record in self.dead_records]

    @property
    def dead_records(self) -> list[Any]:
        return [letter.record for letter in self.sink.letters]


class Row(NamedTuple):
    """A row of the table in the docs."""

    min_age: str
    dead_letters: int
    of_good_records: int
    of_poisons: int
    seconds: float


def play(min_age: timedelta) -> Row:
    world = World(poisons=POISONS, after=3, min_age=min_age)
    history = world.deliver(*(world.insert(str(number)) for number in range(200)))
    dead_lettered = {*world.dead_lettered}
    return Row(
        f"{min_age.total_seconds():g} s",
        len(world.sink.letters),
        len(dead_lettered - POISONS),
        len(dead_lettered & POISONS),
        (history.invocations[-1].at - START).total_seconds(),
    )


def test_the_docs_have_the_played_table() -> None:
    rows = re.findall(r"^\| `?min_age=(.*?)`? \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    played = [play(timedelta(0)), play(MINUTE)]

    assert [[age, *cells.split(" | ")] for age, cells in rows] == [
        [row.min_age, *(f"{cell:g}" for cell in row[1:-1]), f"{row.seconds:g} s"] for row in played
    ]
    assert [row[1:4] for row in played] == [(200, 198, 2), (2, 0, 2)]


def test_an_outage_dead_letters_nothing() -> None:
    world = World(after=3, min_age=MINUTE)

    history = world.deliver(*(world.insert(str(number)) for number in range(200)))

    assert world.sink.letters == []
    assert (history.lost, history.invocations[-1].verdict) == ([], "succeeded")


def test_a_poison_is_dead_lettered_once_old() -> None:
    world = World(poisons={"ada"}, after=3, min_age=MINUTE)

    history = world.deliver(world.insert())

    [letter] = world.sink.letters
    assert [(call.at - START) / SECOND for call in history.invocations] == [0, 1, 3, 7, 15, 31, 63]
    assert letter.failed_at == START + 63 * SECOND
    assert letter.attempts == 3


def test_attempts_still_count_when_old() -> None:
    world = World(poisons={"ada"}, after=3, min_age=MINUTE)
    world.clock.advance(2 * MINUTE)

    history = world.deliver(world.insert())

    assert len(history.invocations) == 3


@pytest.mark.parametrize("after", [1, 3])
def test_waiting_adds_no_marks(after: int) -> None:
    world = World(poisons={"ada"}, after=after, min_age=timedelta(hours=20))

    world.deliver(world.insert())

    mark = f"mails#{__name__}.World.welcome#{world.dead_records[0]['eventID']}"
    attempts = [f"{mark}#{number}" for number in range(1, after)]
    assert world.store.written == [*attempts, f"{mark}#aside"]


def rejected() -> Exception:
    return Reject("no address")


def test_a_rejected_record_does_not_wait() -> None:
    world = World(error=rejected, after=3, min_age=MINUTE)

    assert len(world.deliver(world.insert()).invocations) == 1
    assert world.dead_lettered == ["ada"]


@pytest.mark.parametrize(
    "details",
    [{"NewImage": {"pk": {"N": "1"}}}, {"Keys": {"pk": {"S": "ada"}}, "NewImage": {"pk": {"S": 1}}}],
    ids=["another type", "malformed"],
)
def test_an_invalid_record_does_not_wait(details: dict[str, Any]) -> None:
    world = World(after=3, min_age=MINUTE)

    assert len(world.deliver(world.insert(**details)).invocations) == 1
    assert world.dead_lettered == ["ada"]


@pytest.mark.parametrize(
    "moment",
    [None, "yesterday", START.timestamp() + 10**9, START.timestamp() - 60],
    ids=["none", "no time", "far future", "old"],
)
def test_a_record_of_no_known_age_is_old(moment: object) -> None:
    world = World(after=3, min_age=MINUTE)

    history = world.deliver(world.insert(ApproximateCreationDateTime=moment))

    assert len(history.invocations) == 3
    assert world.dead_lettered == ["ada"]


def test_an_age_is_reached_to_the_second() -> None:
    world = World(outage=2 * MINUTE, after=1, min_age=MINUTE)
    event = {"Records": [world.insert()]}

    world.clock.advance(MINUTE - SECOND)
    young = world.app.process(event)
    world.clock.advance(SECOND)
    old = world.app.process(event)

    assert [report.dead_lettered for report in (young, old)] == [0, 1]


def test_a_clock_that_is_behind_does_not_matter() -> None:
    world = World(after=3, min_age=MINUTE)

    world.deliver(world.insert(ApproximateCreationDateTime=START.timestamp() + 2))

    assert world.sink.letters == []


def test_another_sink_keeps_the_age() -> None:
    world = World(after=3, min_age=MINUTE)
    sink = MemorySink()
    world.app = world.app.with_sink(sink)

    world.deliver(world.insert())

    assert sink.letters == []


def test_the_log_says_what_it_waits_for(caplog: pytest.LogCaptureFixture) -> None:
    world = World(after=1, min_age=MINUTE)

    with caplog.at_level(logging.ERROR, "ddbevents"):
        world.app.process({"Records": [world.insert()]})

    [line] = caplog.records
    assert ", attempt 1 of 1, retried until the record is 60 s old: ConnectionError" in line.getMessage()


def test_the_default_clock_is_the_present() -> None:
    sink = MemorySink()
    app = StreamApp("mails", store=MemoryStore(), dead_letter=DeadLetters(sink, after=1, min_age=MINUTE))
    app.on_insert(User)(World(poisons={"ada"}).welcome)
    users = Table("Users", "pk")
    young, old = (users.insert({"pk": "ada"}, at=datetime.now(UTC) - age) for age in (SECOND, 2 * MINUTE))

    reports = [app.process({"Records": [record]}) for record in (young, old)]

    assert [(report.failed, report.dead_lettered) for report in reports] == [(1, 0), (0, 1)]


@given(
    outage=st.integers(0, 300),
    min_age=st.integers(0, 300),
    after=st.integers(1, 5),
    items=st.integers(1, 12),
)
def test_no_letter_is_early_and_none_is_missing(outage: int, min_age: int, after: int, items: int) -> None:
    world = World(outage=outage * SECOND, poisons={"0"}, after=after, min_age=min_age * SECOND)

    history = world.deliver(*(world.insert(str(number)) for number in range(items)))

    assert "0" in world.dead_lettered
    assert all(letter.failed_at >= START + min_age * SECOND for letter in world.sink.letters)
    assert outage > min_age or world.dead_lettered == ["0"]
    assert history.lost == []


@pytest.mark.parametrize("min_age", [-SECOND, 60, None, "60 s"], ids=repr)
def test_an_age_is_a_timedelta(min_age: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        DeadLetters(MemorySink(), min_age=min_age)

    assert str(refused.value) == (
        "min_age must be a timedelta, and not negative: write timedelta(seconds=...)"
    )


def test_an_age_ends_before_the_stream_does() -> None:
    DeadLetters(MemorySink(), min_age=timedelta(hours=24) - SECOND)

    with pytest.raises(ConfigurationError) as refused:
        DeadLetters(MemorySink(), min_age=timedelta(60))

    assert str(refused.value) == (
        "min_age must be shorter than the 24 hours for which a stream keeps a record: timedelta(1) is a day,"
        " so write timedelta(seconds=...)"
    )
