"""The world that is made is the world that an app is made of and that is observed."""

from __future__ import annotations

from functools import partial
from typing import assert_type

from ddbevents import StreamApp
from ddbevents.stores import MemoryStore, SQLiteStore
from ddbevents.testing import (
    EventSourceMapping,
    Exploration,
    ScheduleStep,
    Table,
    Violation,
    boundary,
    explore,
)


class World:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.mails: list[str] = []


def make_app(world: World) -> StreamApp:
    return StreamApp("mails", store=world.store)


def make_apps(world: World) -> list[StreamApp]:
    return [make_app(world), StreamApp("letters", store=world.store)]


def mails(world: World) -> list[str]:
    return sorted(world.mails)


def make_sqlite() -> SQLiteStore:
    return SQLiteStore(":memory:")


app = StreamApp("orders", store=MemoryStore())
records = [Table("Orders").insert({"pk": "a"})]
mapping = partial(EventSourceMapping, retries=5)

assert_type(explore(app.with_store, records, observe=lambda store: store.items("revenue")), Exploration)
explore(make_app, records, observe=mails, make_world=World, make_mapping=mapping, schedules=5, seed=1)
explore(make_apps, records, observe=mails, make_world=World)
explore(app.with_store, iter(records), observe=lambda store: store.items("a"), make_world=make_sqlite)

exploration = explore(make_app, records, observe=mails, make_world=World)
assert_type(exploration.ok, bool)
assert_type(exploration.violations, tuple[Violation, ...])
assert_type(exploration.violations[0].steps, tuple[ScheduleStep, ...])
assert_type(exploration.unplayed, tuple[str, ...])
exploration.raise_for_violations()
boundary("between two effects")


def what_it_refuses() -> None:
    explore(app, records, observe=str)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    explore(make_app, records, observe=str)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    explore(make_app, records, make_world=World)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    explore(make_app, records, observe=mails, make_world=make_sqlite)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    explore(make_app, records, observe=mails, make_world=World, make_mapping=app)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    boundary()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
