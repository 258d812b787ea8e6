"""Worlds, apps and stores that are explored: some stand everything, each of the others has one mistake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Any, TypeAlias

from typing_extensions import override

from ddbevents import Insert, KeyChange, StoreError, StreamApp, Transaction
from ddbevents._transaction import Put
from ddbevents.stores import Commit, IdempotencyStore, MemoryStore
from ddbevents.stores._packing import Pack, choose
from ddbevents.testing import Table, boundary
from tests.faulty_stores import transaction_of
from tests.stream import MarksOnly

AnyItem: TypeAlias = dict[str, Any]
MakeApp: TypeAlias = "Callable[[World], StreamApp]"


class World:
    """A store, and a counter elsewhere that tells how often each item was counted."""

    def __init__(self, store: IdempotencyStore | None = None) -> None:
        self.store = MemoryStore() if store is None else store
        self.counted: Counter[str] = Counter()


def items(*keys: str) -> list[dict[str, Any]]:
    table = Table("Items")
    return [table.insert({"pk": key}) for key in keys]


def counted(world: World) -> Counter[str]:
    return world.counted


def total(world: World) -> object:
    assert isinstance(world.store, MemoryStore)
    return world.store.item("totals", {"pk": "all"})


def naive(world: World) -> StreamApp:
    """Counts up what is marked afterwards."""
    app = StreamApp("naive", store=world.store)

    @app.on_insert(dict)
    def count(change: Insert[AnyItem]) -> None:
        world.counted[change.new["pk"]] += 1

    return app


def naive_async(world: World) -> StreamApp:
    """The same, in a coroutine."""
    app = StreamApp("naive", store=world.store)

    @app.on_insert(dict)
    async def count(change: Insert[AnyItem]) -> None:
        world.counted[change.new["pk"]] += 1

    return app


def keyed(world: World) -> StreamApp:
    """Counts only what it did not count before, as a receiver of idempotency keys does."""
    app = StreamApp("keyed", store=world.store)

    @app.on_keys(dict)
    def count(change: KeyChange[AnyItem]) -> None:
        world.counted[change.record.event_id] = 1

    return app


def without_store(world: World) -> StreamApp:
    return naive(world).with_store(None)


def adding(world: World) -> StreamApp:
    """Counts up in its transaction."""
    app = StreamApp("adding", store=world.store)

    @app.on_keys(dict)
    def add(change: KeyChange[AnyItem], tx: Transaction) -> None:
        tx.update("totals", {"pk": "all"}, add={"items": 1})

    return app


def beside(world: World) -> StreamApp:
    """Has an effect beside its transaction."""
    app = adding(world)

    @app.on_insert(dict)
    def shout(change: Insert[AnyItem], tx: Transaction) -> None:
        world.counted[change.new["pk"]] += 1

    return app


def in_two_steps(world: World) -> StreamApp:
    """Has two effects, and may die between them."""
    app = StreamApp("steps", store=world.store)

    @app.on_insert(dict)
    def count(change: Insert[AnyItem]) -> None:
        world.counted[f"{len(world.counted)}"] += 1
        boundary("the first is counted")
        world.counted[change.record.event_id] = 1

    return app


def counting_starts(world: World) -> StreamApp:
    """Has an effect where it is made."""
    world.counted["starts"] += 1
    return keyed(world)


class PackingMemory(MemoryStore):
    """Commits the transactions of many records at once, packed as DynamoDBStore packs them."""

    window = 99

    def __init__(self) -> None:
        super().__init__(tables={"customers": "customer_id", "revenue": "day", "marks": "id"})

    def pack(self, commits: Sequence[Commit]) -> Sequence[int]:
        pack = Pack(self._key_names.get)
        return choose(commits, lambda commit: self._take(pack, commit))

    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        marks, pack = [commit.mark for commit in commits], Pack(self._key_names.get)
        assert all(self._take(pack, commit) for commit in commits)
        if self.handled(marks):
            return False
        writes = [write for write in pack.writes if write.table != "marks"]
        self.commit(marks[0], transaction_of(writes), patience=patience)
        self.add(marks)
        return True

    def _take(self, pack: Pack, commit: Commit) -> bool:
        return pack.take(Put("marks", {"id": {"S": commit.mark}}, None), commit.transaction.writes)


class TakesRefusalForDone(PackingMemory):
    """Says that a pack is committed of which some other has committed a part."""

    @override
    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        super().commit_together(commits, patience=patience)
        return True


class ForgetsMarks(MemoryStore):
    @override
    def handled(self, marks: Collection[str]) -> AbstractSet[str]:
        return set()

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        return super().commit(f"{mark}{len(self._expirations)}", transaction, patience=patience)


class MarksFirst(MemoryStore):
    """Writes the mark, and then what belongs to it."""

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        self.add([mark])
        boundary("the mark is written")
        return super().commit(f"{mark}, its writes", transaction, patience=patience)


class LooksBeforeItWrites(MemoryStore):
    """Asks for the mark, and writes whatever may have happened since: only a copy tells."""

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        if self.handled([mark]):
            return False
        boundary("the mark is not there")
        super().commit(f"{mark}, by {id(transaction)}", transaction, patience=patience)
        self.add([mark])
        return True


class Claims(MarksOnly):
    """Leases: what is asked for is claimed, and a claim holds off all others, longer than Lambda retries."""

    @override
    def handled(self, marks: Collection[str]) -> AbstractSet[str]:
        done = super().handled(marks)
        claims = {f"{mark}, claimed" for mark in {*marks} - done}
        if claims & self.marks:
            raise StoreError("another one is at it")
        self.marks |= claims
        return done


class ClaimsAsMarks(MarksOnly):
    """Takes what was claimed for what is done."""

    @override
    def handled(self, marks: Collection[str]) -> AbstractSet[str]:
        done = super().handled(marks)
        self.marks |= {*marks}
        return done
