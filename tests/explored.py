"""Worlds, apps and stores to explore: some survive every fault, and each of the others has one mistake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from itertools import count
from typing import Any, TypeAlias
from uuid import uuid4

from typing_extensions import override

from ddbevents import Attr, Insert, KeyChange, Router, StoreError, StreamApp, Transaction
from ddbevents.stores import Commit, IdempotencyStore, MemoryStore
from ddbevents.testing import Table, boundary
from tests.stream import PATIENCE, MarksOnly

AnyItem: TypeAlias = dict[str, Any]
MakeApp: TypeAlias = "Callable[[World], StreamApp]"


class World:
    """A store, and a counter outside of it that counts items; what was noted, and numbers for names."""

    def __init__(self, store: IdempotencyStore | None = None) -> None:
        self.store = MemoryStore() if store is None else store
        self.counted: Counter[str] = Counter()
        self.noted: set[str] = set()
        self.numbers = count(1)
        self.names: list[str] = []
        self.stock = 10


def items(*keys: str) -> list[dict[str, Any]]:
    table = Table("Items")
    return [table.insert({"pk": key}) for key in keys]


def counted(world: World) -> Counter[str]:
    return world.counted


def total(world: World) -> object:
    assert isinstance(world.store, MemoryStore)
    return world.store.item("totals", {"pk": "all"})


def naive(world: World) -> StreamApp:
    """Counts each item, and has it marked afterwards."""
    app = StreamApp("naive", store=world.store)

    @app.on_insert(dict)
    def count(change: Insert[AnyItem]) -> None:
        world.counted[change.new["pk"]] += 1

    return app


def naive_async(world: World) -> StreamApp:
    """Does the same in a coroutine."""
    app = StreamApp("naive", store=world.store)

    @app.on_insert(dict)
    async def count(change: Insert[AnyItem]) -> None:
        world.counted[change.new["pk"]] += 1

    return app


def keyed(world: World) -> StreamApp:
    """Counts each record once, as an API with idempotency keys does."""
    app = StreamApp("keyed", store=world.store)

    @app.on_keys(dict)
    def count(change: KeyChange[AnyItem]) -> None:
        world.counted[change.record.event_id] = 1

    return app


def named(name: str | None, world: World) -> StreamApp:
    """Counts in its transaction, as an app of this name."""
    app = StreamApp(name, store=world.store)
    app.include(adding_router())
    return app


def without_store(world: World) -> StreamApp:
    return naive(world).with_store(None)


def adding(world: World) -> StreamApp:
    """Counts in its transaction."""
    app = StreamApp("adding", store=world.store)

    @app.on_keys(dict)
    def add(change: KeyChange[AnyItem], tx: Transaction) -> None:
        tx.update("totals", {"pk": "all"}, add={"items": 1})

    return app


def beside(world: World) -> StreamApp:
    """Has an effect besides its transaction."""
    app = adding(world)

    @app.on_insert(dict)
    def shout(change: Insert[AnyItem], tx: Transaction) -> None:
        world.counted[change.new["pk"]] += 1

    return app


def in_two_steps(world: World) -> StreamApp:
    """Has two effects, with a boundary between them."""
    app = StreamApp("steps", store=world.store)

    @app.on_insert(dict)
    def count(change: Insert[AnyItem]) -> None:
        world.counted[f"{len(world.counted)}"] += 1
        boundary("the first is counted")
        world.counted[change.record.event_id] = 1

    return app


def async_steps(world: World) -> StreamApp:
    """Has an effect in a coroutine, with a boundary before it and one after it."""
    app = StreamApp("async", store=world.store)

    @app.on_insert(dict)
    async def count(change: Insert[AnyItem]) -> None:
        boundary("before the effect")
        world.counted[change.record.event_id] += 1
        boundary("after the effect")

    return app


def racing(world: World, *, name: str = "racing", concurrency: int = 1) -> StreamApp:
    """Reads a total and puts the next one in its transaction: another record's total in between is lost."""
    app = StreamApp(name, store=world.store, concurrency=concurrency)

    @app.on_insert(dict)
    def add(change: Insert[AnyItem], tx: Transaction) -> None:
        before: Any = total(world) or {"items": 0}
        tx.put("totals", {"pk": "all", "items": before["items"] + 1})

    return app


def counting_once(world: World) -> StreamApp:
    """Counts the different items in its transaction: one that was seen before is not counted again."""
    app = StreamApp("counting once", store=world.store)

    @app.on_insert(dict)
    def add(change: Insert[AnyItem], tx: Transaction) -> None:
        tx.update("totals", {"pk": "all"}, add={"items": 1})
        seen = {"pk": change.new["pk"], "by": change.record.event_id}
        tx.put("seen", seen, when=Attr("pk").not_exists(), on_conflict="skip")

    return app


def noting_first(world: World) -> StreamApp:
    """Notes that an item is counted, and then counts it: a crash in between loses the effect."""
    app = StreamApp("noting", store=world.store)

    @app.on_insert(dict)
    def count(change: Insert[AnyItem]) -> None:
        if change.record.event_id not in world.noted:
            world.noted.add(change.record.event_id)
            boundary("it is noted")
            world.counted[change.new["pk"]] += 1

    return app


def overwriting(world: World) -> StreamApp:
    """Reads all that was counted and writes it back with one more: what happens in between is lost."""
    app = StreamApp("overwriting", store=world.store)

    @app.on_insert(dict)
    def count(change: Insert[AnyItem]) -> None:
        counted = dict(world.counted)
        boundary("it has read")
        world.counted = Counter({**counted, change.record.event_id: 1})

    return app


def renamed(world: World) -> StreamApp:
    """Counts in its transaction, under another name in each process."""
    app = StreamApp("renamed", store=world.store)

    def add(change: Insert[AnyItem], tx: Transaction) -> None:
        tx.update("totals", {"pk": "all"}, add={"items": 1})

    add.__qualname__ = f"add_{next(world.numbers)}"
    app.on_insert(dict)(add)
    return app


def app_renamed(world: World) -> StreamApp:
    """Counts in its transaction, as another app in each process."""
    return named(f"app-{next(world.numbers)}", world)


def adding_router() -> Router:
    router = Router()

    @router.on_insert(dict)
    def add(change: Insert[AnyItem], tx: Transaction) -> None:
        tx.update("totals", {"pk": "all"}, add={"items": 1})

    return router


def selling(world: World) -> StreamApp:
    """Takes an item from the stock, and has it marked afterwards."""
    app = StreamApp("selling", store=world.store)

    @app.on_insert(dict)
    def sell(change: Insert[AnyItem]) -> None:
        world.stock -= 1

    return app


def counting_starts(world: World) -> StreamApp:
    """Has an effect when it is made."""
    world.counted["starts"] += 1
    return keyed(world)


def with_totals(store: type[MemoryStore] = MemoryStore) -> World:
    return World(store(tables={"totals": ("pk",), "seen": ("pk",)}))


class PackingMemory(MemoryStore):
    """Commits the transactions of many records at once."""

    window = 99

    def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:  # noqa: ARG002  # the Protocol's
        return range(len(commits))

    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        if self.handled([commit.mark for commit in commits]):
            return False
        # the explorer interrupts a process only at points, so these are one step
        for commit in commits:
            self.commit(commit.mark, commit.transaction, patience=patience)
        return True


class TakesRefusalForDone(PackingMemory):
    """Returns True although another process has committed a part of the pack."""

    @override
    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        super().commit_together(commits, patience=patience)
        return True


class ForgetsMarks(MemoryStore):
    @override
    def handled(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> AbstractSet[str]:
        return set()

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        return super().commit(f"{mark}, {uuid4()}", transaction, patience=patience)


class MarksFirst(MemoryStore):
    """Writes the mark, and then the writes that belong to it."""

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        self.add([mark])
        boundary("the mark is written")
        return super().commit(f"{mark}, its writes", transaction, patience=patience)


class LooksBeforeItWrites(MemoryStore):
    """Asks for the mark, and writes whatever has happened since: only a copy shows it."""

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        if self.handled([mark]):
            return False
        boundary("the mark is not there")
        super().commit(f"{mark}, by {id(transaction)}", transaction, patience=patience)
        self.add([mark])
        return True


class Claims(MarksOnly):
    """Leases marks: whoever asks for one claims it, for longer than Lambda retries."""

    @override
    def handled(self, marks: Collection[str], *, patience: timedelta) -> AbstractSet[str]:
        done = super().handled(marks, patience=patience)
        claims = {f"{mark}, claimed" for mark in {*marks} - done}
        if claims & self.marks:
            raise StoreError("another process has claimed it")
        self.marks |= claims
        return done


class ClaimsAsMarks(MarksOnly):
    """Takes claimed marks for handled ones."""

    @override
    def handled(self, marks: Collection[str], *, patience: timedelta) -> AbstractSet[str]:
        done = super().handled(marks, patience=patience)
        self.marks |= {*marks}
        return done
