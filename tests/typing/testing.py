"""The test kit keeps the types of items, and takes any handler of Lambda's shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, assert_type

from ddbevents import Insert, Latest, Modify, Remove, StreamApp, Upsert
from ddbevents.dead_letters import DeadLetter, DeadLetters, DeadLetterSink
from ddbevents.stores import MemoryStore
from ddbevents.testing import (
    Discarded,
    EventSourceMapping,
    History,
    Invocation,
    MemorySink,
    Table,
    VirtualClock,
    event,
    insert,
    inserted,
    latest,
    matches_pattern,
    modified,
    modify,
    queue_event,
    remove,
    removed,
    upserted,
)


@dataclass
class User:
    pk: str


@dataclass
class OldUser:
    pk: str


def welcome(change: Insert[User]) -> None: ...
def confirm(change: Modify[User]) -> None: ...
def migrate(change: Modify[User, OldUser]) -> None: ...
def farewell(change: Remove[User]) -> None: ...
def index(changes: Sequence[Upsert[User]]) -> None: ...


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return {"got": event, "context": context}


def without_context(event: dict[str, Any]) -> None: ...


user, before = User("a"), OldUser("a")
assert_type(inserted(user), Insert[User])
assert_type(modified(user, user), Modify[User, User])
assert_type(modified(before, user), Modify[User, OldUser])
assert_type(removed(user, expired=True), Remove[User])
assert_type(upserted(user), Upsert[User])
assert_type(latest(user, removed=True), Latest[User])
index([upserted(user), upserted(user, table="Users")])
welcome(inserted(user, keys="pk", table="Users", view_type="NEW_IMAGE"))
confirm(modified(user, user))
migrate(modified(before, user))
farewell(removed(user, at=datetime(2026, 1, 1, tzinfo=UTC)))

table = Table("Users", keys=("pk", "sk"), view_type="KEYS_ONLY")
assert_type(event(insert(user), modify(user, {"pk": "a"}), remove(user), table.insert(user)), dict[str, Any])

clock = VirtualClock()
store = MemoryStore(clock=clock)
mapping = EventSourceMapping(StreamApp(store=store), bisect=True, window=timedelta(seconds=5), clock=clock)
mapping.put(insert(user), shard=mapping.shards[0])
assert_type(mapping.run(), History)
assert_type(mapping.history.invocations, list[Invocation])
assert_type(mapping.step(), bool)
assert_type(matches_pattern({"eventName": ["INSERT"]}, insert(user)), bool)

messages: list[Discarded] = []
EventSourceMapping(handler, source="kinesis")
assert_type(mapping.source, Literal["stream", "kinesis", "pipe"])
EventSourceMapping(handler, filters=['{"eventName": ["INSERT"]}'], on_failure=messages.append)
EventSourceMapping(lambda _event, _context: None, filters=[{"eventName": ["INSERT"]}])

sink = MemorySink()
as_sink: DeadLetterSink = sink
assert_type(sink.letters, list[DeadLetter])
assert_type(queue_event(*sink.letters), dict[str, Any])
assert_type(StreamApp(store=store, dead_letter=DeadLetters(sink)).with_sink(MemorySink()), StreamApp)


def what_a_handler_refuses() -> None:
    welcome(inserted(before))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    welcome(removed(user))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    index([upserted(user), inserted(user)])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    confirm(modified(before, user))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def what_the_builders_refuse() -> None:
    insert(user, key="pk")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    insert(user, view_type="NEW")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    insert(user, at="2026-01-01")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Table("Users", "pk", "sk")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    event([insert(user)])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Table("Users", keys=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def what_a_mapping_refuses() -> None:
    EventSourceMapping(without_context)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    EventSourceMapping(handler, source="sqs")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    EventSourceMapping(handler, window=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    EventSourceMapping(handler, clock=datetime.now)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    EventSourceMapping(handler, retries=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mapping.put("record")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clock.advance(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def what_a_queue_refuses() -> None:
    queue_event(sink.letters)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    queue_event("letter")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
