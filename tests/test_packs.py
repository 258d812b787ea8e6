"""Transactions that are committed together: when, in which order, and after a failure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from typing_extensions import override

from ddbevents import KeyChange, StoreError, StreamApp, Transaction, TransactionError
from ddbevents.dead_letters import DeadLetters
from ddbevents.stores import Commit
from tests.deliveries import Fault, FaultyStore, Letters, World, deliver, runs_of
from tests.stream import Context, Json, batch, insert, modify, named, user

AnyKeys = KeyChange[dict[str, Any]]
PATIENCE = 20.0


def users(*keys: str) -> Json:
    return batch(*(insert(number, user(key)) for number, key in enumerate(keys, start=1)))


def writing(store: FaultyStore, **options: Any) -> StreamApp:
    app = StreamApp("app", store=store, **options)

    @app.on_keys(dict)
    def write(change: AnyKeys, tx: Transaction) -> None: ...

    return app


def modified(number: int, key: str) -> Json:
    return modify(number, user(key), user(key, "new@example.com"))


def outcomes(app: StreamApp, event: Json) -> list[str]:
    return [report.outcome.value for report in app.process(event).records]


def numbers(marks: Sequence[str]) -> list[int]:
    return [number for _, number in runs_of(marks)]


def test_a_window_shares_one_request() -> None:
    store = FaultyStore(window=4)

    report = writing(store).process(users(*"abcdefghij"))

    assert report.handled == 10
    assert store.requests == 1 + 3  # the marks are read, and 4, 4 and 2 are committed
    assert numbers(store.committed) == [*range(1, 11)]


class Narrow(FaultyStore):
    """A store whose requests hold one transaction less than may wait, as those that write a sum do."""

    @override
    def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:
        return range(min(len(commits), self.window - 1))


def test_what_does_not_fit_waits_for_more() -> None:
    store = Narrow(window=4)

    report = writing(store).process(users(*"abcdefghijk"))

    assert report.handled == 11
    assert store.requests == 1 + 4  # the marks are read, and 3, 3, 3 and 2 are committed
    assert numbers(store.committed) == [*range(1, 12)]


def test_a_store_that_packs_nothing_ends() -> None:
    class Reluctant(FaultyStore):
        @override
        def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:
            return []

    store = Reluctant(window=4)

    assert writing(store).process(users("a", "b")).handled == 2
    assert numbers(store.committed) == [1, 2]


def test_a_window_of_one_packs_nothing() -> None:
    store = FaultyStore(window=1)

    assert writing(store).process(users("a", "b")).handled == 2
    assert store.requests == 1 + 2


def test_a_refusal_stops_later_handlers() -> None:
    store = FaultyStore(["none", "refused"], window=1)
    world = World("a", {"first": "transaction", "second": "transaction"})

    world.app(store).process(batch(*world.records))

    assert world.began == [("first", 10)]


def test_unpacked_duplicates_run_once() -> None:
    store = FaultyStore(window=1)
    world = World("a", {"write": "transaction"})

    report = world.app(store).process(batch(*world.records * 2))

    assert [r.outcome.value for r in report.records] == ["handled", "already handled"]
    assert world.began == [("write", 10)]


class Written(FaultyStore):
    """A store that notes the writes of transactions."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        super().__init__(faults, window=3)
        self.writes: list[object] = []

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        self.writes += transaction.writes
        return super().commit(mark, transaction, patience=patience)

    @override
    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        is_done = super().commit_together(commits, patience=patience)
        self.writes += [write for commit in commits for write in commit.transaction.writes if is_done]
        return is_done


@pytest.mark.parametrize("faults", [[], ["none", "refused"]], ids=["together", "alone"])
def test_requested_writes_are_committed(faults: Any) -> None:
    store = Written(faults)
    app = StreamApp("app", store=store)

    @app.on_keys(dict)
    def put(change: AnyKeys, tx: Transaction) -> None:
        tx.put("seen", {"pk": change.keys["pk"]})

    app(users("a", "b", "c"))

    assert [getattr(write, "item", None) for write in store.writes] == [user_of(key) for key in "abc"]


def user_of(key: str) -> Json:
    return {"pk": {"S": key}}


def test_leftovers_go_in_the_next_request() -> None:
    store = FaultyStore(window=4, once_a_lane=True)

    assert writing(store).process(users("a", "a", "b", "a")).handled == 4
    assert numbers(store.committed) == [1, 3, 2, 4]
    assert store.requests == 1 + 3


def test_a_refused_pack_is_split() -> None:
    store = FaultyStore(["none", "refused", "none", "refused", "none"], window=3)

    assert outcomes(writing(store), users("a", "b", "c")) == ["handled", "failed", "handled"]
    assert numbers(store.committed) == [1, 3]


def test_a_refusal_closes_its_lane() -> None:
    store = FaultyStore(["none", "refused", "refused"], window=9)

    report = writing(store).process(users("a", "b", "a", "b", "a"))

    assert [r.outcome.value for r in report.records] == ["failed", "handled", "not run", "handled", "not run"]
    assert numbers(store.committed) == [2, 4]
    assert isinstance(report.records[0].error, TransactionError)
    assert report.response == named(1)


def test_a_failed_record_keeps_its_error() -> None:
    store = FaultyStore(["none", "refused", "refused"], window=9)
    world = World("aa", {"first": "transaction", "second": "transaction"}, {("second", 20): 1})

    report = world.app(store).process(batch(*world.records))

    assert [o.value for _, o in report.records[1].handlers] == ["not run", "failed"]
    assert isinstance(report.records[1].error, ValueError)


def test_a_retry_commits_the_rest() -> None:
    store = FaultyStore(["none", "refused", "refused"], window=9)
    app = writing(store)

    app.process(users("a", "b", "a", "b", "a"))

    assert outcomes(app, users("a", "b", "a", "b", "a")) == [
        "handled",
        "already handled",
        "handled",
        "already handled",
        "handled",
    ]
    assert numbers(store.committed) == [2, 4, 1, 3, 5]


@pytest.mark.parametrize(("fault", "committed"), [("down", []), ("lost", [1, 2, 3])])
def test_an_outage_ends_the_batch(fault: Any, committed: list[int]) -> None:
    store = FaultyStore(["none", fault], window=3)

    report = writing(store).process(users(*"abcde"))

    assert [r.outcome.value for r in report.records] == ["failed"] + ["not run"] * 4
    assert isinstance(report.records[0].error, StoreError)
    assert numbers(store.committed) == committed


class Unasked(FaultyStore):
    """A store that cannot say which commits fit in one request."""

    @override
    def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:
        raise StoreError("the store cannot be reached")


def test_an_outage_while_packing_ends_it() -> None:
    store = Unasked(window=2)

    report = writing(store).process(users("a", "b", "c"))

    assert [r.outcome.value for r in report.records] == ["failed", "not run", "not run"]
    assert isinstance(report.records[0].error, StoreError)
    assert store.committed == []


def test_an_outage_without_packs_ends_it() -> None:
    store = FaultyStore(["none", "none", "down"])

    assert outcomes(writing(store), users(*"abcd")) == ["handled", "failed", "not run", "not run"]
    assert numbers(store.committed) == [1]


def test_an_outage_after_a_split_ends_it() -> None:
    store = FaultyStore(["none", "refused", "down"], window=3)

    assert outcomes(writing(store), users(*"abcd")) == ["failed", "not run", "not run", "not run"]


def test_a_failure_spares_waiting_commits() -> None:
    store = FaultyStore(window=9)
    world = World("aaba", {"write": "transaction"}, {("write", 20): 1})

    report = world.app(store).process(batch(*world.records))

    assert [r.outcome.value for r in report.records] == ["handled", "failed", "handled", "not run"]
    assert numbers(store.committed) == [10, 30]


def test_plain_handlers_see_earlier_writes() -> None:
    store = FaultyStore(window=9)
    app = StreamApp("app", store=store)
    seen: list[list[int]] = []

    @app.on_keys(dict)
    def look(change: AnyKeys) -> None:
        seen.append(numbers(store.committed))

    app.on_insert(dict)(write_user)

    app(users("a", "b", "c"))

    assert seen == [[], [1], [1, 2]]


def write_user(change: Any, tx: Transaction) -> None: ...


def test_a_refusal_stops_a_plain_handler() -> None:
    store = FaultyStore(["none", "refused"], window=9)
    app = StreamApp("app", store=store)
    app.on_insert(dict)(write_user)
    seen: list[object] = []
    app.on_modify(dict)(lambda change: seen.append(change.record.keys["pk"]))

    event = batch(insert(1, user("a")), modified(2, "a"), modified(3, "b"))

    assert outcomes(app, event) == ["failed", "not run", "handled"]
    assert seen == ["b"]


def test_a_refusal_outlasts_a_failed_flush() -> None:
    store = FaultyStore(["none", "refused", "down"], window=9)
    app = StreamApp("app", store=store)
    app.on_insert(dict)(write_user)
    app.on_modify(dict)(lambda change: None)

    assert outcomes(app, batch(insert(1, user("a")), modified(2, "b"))) == ["failed", "failed"]


def test_the_second_needs_the_first_commit() -> None:
    store = FaultyStore(["none", "refused", "refused"], window=9)
    world = World("ab", {"first": "transaction", "second": "async transaction"})

    report = world.app(store).process(batch(*world.records))

    assert [[o.value for _, o in record.handlers] for record in report.records] == [
        ["failed", "not run"],
        ["handled", "handled"],
    ]
    assert runs_of(store.committed) == [("first", 20), ("second", 20)]


def test_a_split_pack_keeps_duplicates() -> None:
    store = FaultyStore(["none", "refused"], window=1 + 1)
    app = writing(store)
    record = insert(1, user("a"))

    assert outcomes(app, batch(record, insert(2, user("b")), record)) == [
        "handled",
        "handled",
        "already handled",
    ]
    assert numbers(store.committed) == [1, 2]


def test_a_duplicate_of_a_refusal_waits() -> None:
    store = FaultyStore(["none", "refused", "refused"], window=2)
    record = insert(1, user("a"))

    assert outcomes(writing(store), batch(record, insert(2, user("b")), record)) == [
        "failed",
        "handled",
        "not run",
    ]


def test_a_duplicate_of_a_dropped_one_waits() -> None:
    store = FaultyStore(["none", "refused", "refused"], window=2)
    first, second = users("a", "a")["Records"]

    assert outcomes(writing(store), batch(first, second, second)) == ["failed", "not run", "not run"]


def test_handlers_before_a_refusal_stay_done() -> None:
    store = FaultyStore(["none", "refused", "none", "refused"], window=9)
    world = World("a", {"first": "transaction", "second": "transaction", "third": "transaction"})

    [report] = world.app(store).process(batch(*world.records)).records

    assert [outcome.value for _, outcome in report.handlers] == ["handled", "failed", "not run"]


def test_the_letter_names_its_handler() -> None:
    letters = Letters()
    app = writing(FaultyStore(["none", "refused"], window=9), dead_letter=DeadLetters(letters, after=1))

    assert outcomes(app, users("a")) == ["dead-lettered"]
    assert [(letter.handler or "").rpartition(".")[2] for letter in letters.letters] == ["write"]


def test_an_unmarked_letter_is_a_failure() -> None:
    store = FaultyStore(["none", "refused", "down"], window=9)

    assert outcomes(writing(store, dead_letter=DeadLetters(Letters(), after=1)), users("a")) == ["failed"]


def test_a_dead_letter_frees_its_lane() -> None:
    store, letters = FaultyStore(["none", "refused", "refused"], window=9), Letters()

    report = writing(store, dead_letter=DeadLetters(letters, after=1)).process(users("a", "b", "a"))

    assert [r.outcome.value for r in report.records] == ["dead-lettered", "handled", "handled"]
    assert [letter.error for letter in letters.letters] == ["TransactionError"]
    assert report.response == {"batchItemFailures": []}


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("concurrency", [1, 2])
def test_an_exit_commits_what_waits(stop: type[BaseException], concurrency: int) -> None:
    store = FaultyStore(window=9)
    app = StreamApp("app", store=store, concurrency=concurrency)

    @app.on_keys(dict)
    def leave(change: AnyKeys, tx: Transaction) -> None:
        if change.record.sequence_number.endswith("2"):
            raise stop

    with pytest.raises(stop):
        app(users("a", "a"))
    assert numbers(store.committed) == [1]


class Chokes(FaultyStore):
    """A store that fails on one record's writes, with an error no store should raise."""

    def __init__(self, number: int) -> None:
        super().__init__(window=9)
        self.number = number

    @override
    def pack(self, commits: Sequence[Commit], *, patience: timedelta) -> Sequence[int]:
        self._choke([commit.mark for commit in commits])
        return super().pack(commits, patience=patience)

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        self._choke([mark])
        return super().commit(mark, transaction, patience=patience)

    def _choke(self, marks: Sequence[str]) -> None:
        if self.number in numbers(marks):
            raise AttributeError


def test_impossible_writes_fail_alone() -> None:
    store = Chokes(2)

    assert outcomes(writing(store), users("a", "b", "c")) == ["handled", "failed", "handled"]
    assert numbers(store.committed) == [1, 3]


class Slow(FaultyStore):
    """A store whose every request takes two seconds, and which refuses every pack."""

    def __init__(self, context: Context) -> None:
        super().__init__(window=9)
        self.context = context
        self.patience: list[float] = []

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        self._take_time(patience)
        return super().commit(mark, transaction, patience=patience)

    @override
    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        self._take_time(patience)
        return False

    def _take_time(self, patience: timedelta) -> None:
        self.patience.append(patience.total_seconds())
        self.context.milliseconds -= 2_000


def test_patience_shrinks_with_requests() -> None:
    context = Context(milliseconds=9_000)
    store = Slow(context)

    writing(store).process(users("a", "b", "c"), context)

    assert store.patience == [4.5, 3.5, 2.5, 1.5]


class EndsTheProcess(FaultyStore):
    """A store during whose commit somebody presses Ctrl-C."""

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        raise KeyboardInterrupt


def test_an_interrupt_flushes_the_marks() -> None:
    store = EndsTheProcess(window=9)
    app = StreamApp("app", store=store)
    app.on_insert(dict)(write_user)
    app.on_modify(dict)(lambda change: None)

    with pytest.raises(KeyboardInterrupt):
        app(batch(modified(1, "a"), insert(2, user("b"))))
    assert numbers(store.marks) == [1]


class Refuses(FaultyStore):
    """A store that refuses one record, once another lane has come far enough."""

    def __init__(self, number: int, come_so_far: threading.Event) -> None:
        super().__init__(window=2)
        self.number = number
        self.come_so_far = come_so_far

    @override
    def commit_together(self, commits: Sequence[Commit], *, patience: timedelta) -> bool:
        self.come_so_far.wait(PATIENCE)
        return self.number not in numbers([commit.mark for commit in commits]) and super().commit_together(
            commits, patience=patience
        )

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        if self.number in numbers([mark]):
            raise TransactionError("refused")
        return super().commit(mark, transaction, patience=patience)


def test_a_late_refusal_drops_running_work() -> None:
    running, settled = threading.Event(), threading.Event()
    store = Refuses(1, running)
    app = StreamApp("app", store=store, concurrency=2)
    waits = threading.Event()

    @app.on_keys(dict)
    def write(change: AnyKeys, tx: Transaction) -> None:
        steps[change.record.sequence_number[-1]]()

    def second_of_the_lane() -> None:
        running.set()
        settled.wait(PATIENCE)

    steps: dict[str, Callable[[], object]] = {
        "1": waits.set,  # its commit waits first, so the other lane fills the pack and commits it
        "2": second_of_the_lane,
        "3": lambda: waits.wait(PATIENCE) and running.wait(PATIENCE),
        "4": settled.set,  # the other lane has closed this one by then
    }
    event = batch(*(insert(n, user(key)) for n, key in enumerate("aabb", start=1)))

    assert outcomes(app, event) == ["failed", "not run", "handled", "handled"]
    assert numbers(store.committed) == [3, 4]


def test_packs_commit_once_and_in_order() -> None:
    store = FaultyStore(["none", "refused", "none", "refused", "lost", "none", "down"], window=5)
    world = World("abcabcabcabc", {"write": "transaction"})

    deliver(world.app(store, concurrency=3), world.records)

    assert sorted(numbers(store.committed)) == [*range(10, 130, 10)]
    assert world.is_in_order(world.committed(store))
