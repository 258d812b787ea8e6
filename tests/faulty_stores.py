"""Stores with one fault each for the rules to find, and one that packs correctly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any

from typing_extensions import override

from ddbevents import StoreError, Transaction, TransactionError, decode_value, encode
from ddbevents.stores import Commit, MemoryStore
from tests.stream import PATIENCE


class Forgets(MemoryStore):
    @override
    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:
        pass


class HasEverything(MemoryStore):
    @override
    def handled(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> AbstractSet[str]:
        return set(marks)


class GivesAllItHas(MemoryStore):
    @override
    def handled(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> AbstractSet[str]:
        return super().handled(self._expirations, patience=patience)


class TakesLeases(MemoryStore):
    @override
    def handled(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> AbstractSet[str]:
        found = super().handled(marks, patience=patience)
        self.add(set(marks) - found)
        return found


class Toggles(MemoryStore):
    @override
    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:
        again = super().handled(marks, patience=patience)
        super().add(set(marks) - again, patience=patience)
        self._expirations = {m: e for m, e in self._expirations.items() if m not in again}


class LosesDuplicates(MemoryStore):
    @override
    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:
        listed = list(marks)
        super().add([mark for mark in listed if listed.count(mark) == 1], patience=patience)


class TakesNothingForEverything(MemoryStore):
    @override
    def handled(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> AbstractSet[str]:
        return super().handled(marks or self._expirations, patience=patience)

    @override
    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:
        super().add(marks or ["everything"], patience=patience)


class TakesLists(MemoryStore):
    @override
    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:
        super().add(marks if isinstance(marks, list) else [], patience=patience)


class Respells(MemoryStore):
    """Keeps marks in another spelling."""

    def spell(self, mark: str) -> str:
        return mark.casefold()

    @override
    def handled(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> AbstractSet[str]:
        found = super().handled([self.spell(mark) for mark in marks], patience=patience)
        return {mark for mark in marks if self.spell(mark) in found}

    @override
    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:
        super().add([self.spell(mark) for mark in marks], patience=patience)


class Strips(Respells):
    @override
    def spell(self, mark: str) -> str:
        return mark.strip()


class Cuts(Respells):
    @override
    def spell(self, mark: str) -> str:
        return mark[:1000]


class RefusesWhatIsNotAscii(MemoryStore):
    @override
    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:
        super().add([mark for mark in marks if mark.isascii()], patience=patience)


class ReadsOnePage(MemoryStore):
    @override
    def handled(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> AbstractSet[str]:
        return super().handled(list(marks)[:100], patience=patience)


class TakesItsTime(MemoryStore):
    """Writes mark by mark, however long that takes."""

    @override
    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:
        time.sleep(0.0012 * len(marks))
        super().add(marks, patience=patience)


class GivesUp(MemoryStore):
    """Gives up at once if it has too little time, and says so."""

    @override
    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:
        if patience < timedelta(seconds=1):
            raise StoreError("too little time")
        super().add(marks, patience=patience)


class GivesUpInSilence(MemoryStore):
    """Writes what it can in time, and says nothing about the rest."""

    @override
    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:
        super().add(list(marks)[: int(patience.total_seconds() * 1000)], patience=patience)


class KeepsMarksOfThreadsApart(Respells):
    @override
    def spell(self, mark: str) -> str:
        return f"{threading.get_ident()} {mark}"


class KeepsForAnHour(MemoryStore):
    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock=clock)
        self._keep = timedelta(hours=1)


class IgnoresExpiry(MemoryStore):
    @override
    def _counts(self, mark: str, now: datetime) -> bool:
        return mark in self._expirations


class KeepsTheFirstExpiry(MemoryStore):
    @override
    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:
        super().add([mark for mark in marks if mark not in self._expirations], patience=patience)


class IsStoppedByExpiredMarks(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        return mark not in self._expirations and super().commit(mark, transaction, patience=patience)


class CommitsForAnHour(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        done = super().commit(mark, transaction, patience=patience)
        self._expirations[mark] = self._clock() + timedelta(hours=1)
        return done


class CommitsWithoutMark(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        return super().commit(f"lost {mark}", transaction, patience=patience)


class WritesAlthoughMarked(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        is_there = mark in self._expirations
        self._expirations.pop(mark, None)
        return super().commit(mark, transaction, patience=patience) and not is_there


class KeepsCommittedMarksApart(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        done = super().commit(f"committed {mark}", transaction, patience=patience)
        self.add([mark])
        return done


class LooksAtConditionsFirst(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        if mark in self._expirations:
            super().commit(f"again {mark}", transaction, patience=patience)
        return super().commit(mark, transaction, patience=patience)


class WritesOneByOne(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        for number, write in enumerate(unconditional(transaction)):
            super().commit(f"{mark}, part {number}", transaction_of([write]), patience=patience)
        return super().commit(mark, transaction, patience=patience)


class Claims(MemoryStore):
    """Claims a mark when its commit begins, and lets nobody begin it again."""

    def __init__(self) -> None:
        super().__init__()
        self.claims: set[str] = set()

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        if mark in self.claims:
            return False
        self.claims.add(mark)
        return super().commit(mark, transaction, patience=patience)


class CommitsOnlyWrites(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        return not transaction.writes or super().commit(mark, transaction, patience=patience)


def transaction_of(writes: Iterable[Any]) -> Transaction:
    transaction = Transaction()
    transaction._writes = list(writes)  # noqa: SLF001  # a handler cannot ask for any writes, but a test must
    return transaction


def unconditional(transaction: Transaction) -> list[Any]:
    """Return the writes without a condition."""
    return [write for write in transaction.writes if getattr(write, "when", None) is None]


def plain(image: Any) -> Any:
    return decode_value({"M": image})


class Merges(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        return super().commit(mark, transaction_of(map(self.merged, transaction.writes)), patience=patience)

    def merged(self, write: Any) -> Any:
        if not hasattr(write, "item"):
            return write
        old = self.item(write.table, plain({"pk": write.item["pk"]})) or {}
        return write._replace(item={**encode(old), **write.item})


class SkipsConditionalWrites(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        return super().commit(mark, transaction_of(unconditional(transaction)), patience=patience)


def with_conflicts(transaction: Transaction, on_conflict: str) -> Transaction:
    """Return the transaction as if all its conditions had this `on_conflict`."""
    writes: list[Any] = [*transaction.writes]
    return transaction_of(write._replace(on_conflict=on_conflict) for write in writes)


def may_be_skipped(transaction: Transaction) -> bool:
    return any(getattr(write, "on_conflict", None) == "skip" for write in transaction.writes)


class NeverSkips(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        return super().commit(mark, with_conflicts(transaction, "fail"), patience=patience)


class SkipsWithoutMark(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        try:
            return super().commit(mark, with_conflicts(transaction, "fail"), patience=patience)
        except TransactionError:
            super().commit(f"lost {mark}", transaction, patience=patience)
        return True


class SkipsTheWriteOnly(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        rest = [each for each in transaction.writes if not may_be_skipped(transaction_of([each]))]
        super().commit(f"part of {mark}", transaction_of(rest), patience=patience)
        return super().commit(mark, transaction, patience=patience)


class SkipsEverythingFalse(MemoryStore):
    """Skips a transaction if one of its writes skips, whatever other condition is false."""

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        asked = with_conflicts(transaction, "skip") if may_be_skipped(transaction) else transaction
        return super().commit(mark, asked, patience=patience)


class AlwaysSkips(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        asked = Transaction() if may_be_skipped(transaction) else transaction
        return super().commit(mark, asked, patience=patience)


class TakesSkipsForNew(MemoryStore):
    """Says that it wrote the mark of a transaction that may be skipped, also if the mark was there."""

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        return super().commit(mark, transaction, patience=patience) or may_be_skipped(transaction)


class TakesTheLastWrite(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        last = {str(getattr(write, "key", write)): write for write in transaction.writes}
        return super().commit(mark, transaction_of(last.values()), patience=patience)


class WritesInParts(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        first, rest = transaction.writes[:50], transaction.writes[50:]
        super().commit(f"part of {mark}", transaction_of(rest), patience=patience)
        return super().commit(mark, transaction_of(first), patience=patience)


class LooksBeforeItLocks(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        is_there = mark in self._expirations
        time.sleep(0.05)
        self._expirations.pop(mark, None)
        return super().commit(mark, transaction, patience=patience) and not is_there


class LosesUpdates(MemoryStore):
    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        [write] = unconditional(transaction)
        item = self.item(write.table, plain(write.key)) or {"count": 0}
        time.sleep(0.05)
        stale = write._replace(add={}, set=encode({"count": item["count"] + 1}))
        return super().commit(mark, transaction_of([stale]), patience=patience)


class Packs(MemoryStore):
    """Packs correctly."""

    window = 10

    def __init__(self) -> None:
        super().__init__()
        self.one_by_one = threading.RLock()

    def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:  # noqa: ARG002  # the Protocol's
        packed: list[int] = []
        items: set[str] = set()
        closed: set[Hashable] = set()
        for index, commit in enumerate(commits):
            own = {str(getattr(write, "key", write)) for write in commit.transaction.writes}
            if None in closed or (commit.lane is None and closed) or commit.lane in closed or own & items:
                closed.add(commit.lane)
            else:
                packed.append(index)
                items |= own
        return packed

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        with self.one_by_one:
            return super().commit(mark, transaction, patience=patience)

    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        together = self.together(commits)
        with self.one_by_one:
            if self.handled([commit.mark for commit in commits]):
                return False
            try:
                self.commit(commits[0].mark, together, patience=patience)
            except TransactionError:
                return False
            self.add([commit.mark for commit in commits])
        return True

    def together(self, commits: Sequence[Commit]) -> Transaction:
        """Return all writes. One commit may be skipped, but not all of them for its sake."""
        return with_conflicts(transaction_of(writes_of(commits)), "fail")


def writes_of(commits: Sequence[Commit]) -> list[Any]:
    return [write for commit in commits for write in commit.transaction.writes]


class SkipsWholePacks(Packs):
    @override
    def together(self, commits: Sequence[Commit]) -> Transaction:
        return transaction_of(writes_of(commits))


class CommitsAlone(Packs):
    """Refuses every pack, as a store may."""

    @override
    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        return False


class WaitsForNone(Packs):
    window = 0


class PacksBackwards(Packs):
    @override
    def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:
        return [*super().pack(commits, patience=patience)][::-1]


class PacksNothing(Packs):
    @override
    def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:
        return []


class PacksUnknownCommits(Packs):
    @override
    def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:
        return [*super().pack(commits, patience=patience), len(commits)]


class Overtakes(Packs):
    @override
    def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:
        own = [commit._replace(lane=index) for index, commit in enumerate(commits)]
        return super().pack(own, patience=patience)


class OvertakesAnyLane(Packs):
    """Takes None for a lane of its own, though it can be any lane."""

    @override
    def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:
        return super().pack([commit._replace(lane=str(commit.lane)) for commit in commits], patience=patience)


class PacksWithoutMarks(Packs):
    @override
    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        return super().commit_together(
            [c._replace(mark=f"lost {c.mark}") for c in commits], patience=patience
        )


class PacksAlthoughMarked(Packs):
    @override
    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        for commit in commits:
            self._expirations.pop(commit.mark, None)
        return super().commit_together(commits, patience=patience)


class PacksHalf(Packs):
    @override
    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        done = [super(PacksHalf, self).commit_together([commit], patience=patience) for commit in commits]
        return all(done)


class PacksOneWriteToAnItem(Packs):
    @override
    def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:
        return range(len(commits))

    @override
    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        packed = super().pack(commits, patience=patience)
        self.add([commit.mark for index, commit in enumerate(commits) if index not in packed])
        return super().commit_together([commits[index] for index in packed], patience=patience)


class PacksInAnyOrder(Packs):
    @override
    def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:
        return range(len(commits))

    @override
    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        return [self.commit(c.mark, c.transaction, patience=patience) for c in reversed(commits)] != []


class LooksBeforeItPacks(Packs):
    @override
    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        there = self.handled([commit.mark for commit in commits])
        time.sleep(0.05)
        for commit in commits:
            self._expirations.pop(commit.mark, None)
        return super().commit_together(commits, patience=patience) and not there
