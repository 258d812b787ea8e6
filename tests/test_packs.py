"""Transactions that are committed together: when, in which order, and what becomes of them if that fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from typing_extensions import override

from ddbevents import KeyChange, StoreError, StreamApp, Transaction, TransactionError
from ddbevents._engine._stores import Commit
from ddbevents._transaction import Write
from ddbevents.dead_letters import DeadLetters
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


def told(app: StreamApp, event: Json) -> list[str]:
    return [report.outcome.value for report in app.process(event).records]


def numbers(marks: Sequence[str]) -> list[int]:
    return [number for _, number in runs_of(marks)]


def test_as_many_as_the_window_says_share_a_request() -> None:
    store = FaultyStore(window=4)

    report = writing(store).process(users(*"abcdefghij"))

    assert report.handled == 10
    assert store.requests == 1 + 3  # the marks are read, and 4, 4 and 2 are committed
    assert numbers(store.committed) == [*range(1, 11)]


def test_a_store_that_packs_nothing_commits_each_alone() -> None:
    store = FaultyStore(window=1)

    assert writing(store).process(users("a", "b")).handled == 2
    assert store.requests == 1 + 2


def test_where_each_goes_alone_the_second_handler_does_not_run_if_the_first_is_refused() -> None:
    store = FaultyStore(["none", "refused"], window=1)
    world = World("a", {"first": "transaction", "second": "transaction"})

    world.app(store).process(batch(*world.records))

    assert world.began == [("first", 10)]


def test_where_each_goes_alone_a_record_that_is_twice_in_a_batch_runs_once() -> None:
    store = FaultyStore(window=1)
    world = World("a", {"write": "transaction"})

    report = world.app(store).process(batch(*world.records * 2))

    assert [r.outcome.value for r in report.records] == ["handled", "already handled"]
    assert world.began == [("write", 10)]


class Written(FaultyStore):
    """One that notes what transactions would write."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        super().__init__(faults, window=3)
        self.writes: list[Write] = []

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
def test_what_handlers_ask_for_is_what_is_committed(faults: Any) -> None:
    store = Written(faults)
    app = StreamApp("app", store=store)

    @app.on_keys(dict)
    def put(change: AnyKeys, tx: Transaction) -> None:
        tx.put("seen", {"pk": change.keys["pk"]})

    app(users("a", "b", "c"))

    assert [getattr(write, "item", None) for write in store.writes] == [user_of(key) for key in "abc"]


def user_of(key: str) -> Json:
    return {"pk": {"S": key}}


def test_what_cannot_share_a_request_follows_in_the_next() -> None:
    store = FaultyStore(window=4, once_a_lane=True)

    assert writing(store).process(users("a", "a", "b", "a")).handled == 4
    assert numbers(store.committed) == [1, 3, 2, 4]
    assert store.requests == 1 + 3


def test_a_pack_that_is_refused_is_committed_one_by_one() -> None:
    store = FaultyStore(["none", "refused", "none", "refused", "none"], window=3)

    assert told(writing(store), users("a", "b", "c")) == ["handled", "failed", "handled"]
    assert numbers(store.committed) == [1, 3]


def test_what_follows_a_refused_transaction_in_its_lane_is_not_committed() -> None:
    store = FaultyStore(["none", "refused", "refused"], window=9)

    report = writing(store).process(users("a", "b", "a", "b", "a"))

    assert [r.outcome.value for r in report.records] == ["failed", "handled", "not run", "handled", "not run"]
    assert numbers(store.committed) == [2, 4]
    assert isinstance(report.records[0].error, TransactionError)
    assert report.response == named(1)


def test_a_record_that_failed_keeps_its_error_when_what_waits_of_it_is_not_committed() -> None:
    store = FaultyStore(["none", "refused", "refused"], window=9)
    world = World("aa", {"first": "transaction", "second": "transaction"}, {("second", 20): 1})

    report = world.app(store).process(batch(*world.records))

    assert [o.value for _, o in report.records[1].handlers] == ["not run", "failed"]
    assert isinstance(report.records[1].error, ValueError)


def test_the_next_delivery_commits_what_was_left() -> None:
    store = FaultyStore(["none", "refused", "refused"], window=9)
    app = writing(store)

    app.process(users("a", "b", "a", "b", "a"))

    assert told(app, users("a", "b", "a", "b", "a")) == [
        "handled",
        "already handled",
        "handled",
        "already handled",
        "handled",
    ]
    assert numbers(store.committed) == [2, 4, 1, 3, 5]


@pytest.mark.parametrize(("fault", "committed"), [("down", []), ("lost", [1, 2, 3])])
def test_nothing_is_done_after_a_pack_that_did_not_get_through(fault: Any, committed: list[int]) -> None:
    store = FaultyStore(["none", fault], window=3)

    report = writing(store).process(users(*"abcde"))

    assert [r.outcome.value for r in report.records] == ["failed"] + ["not run"] * 4
    assert isinstance(report.records[0].error, StoreError)
    assert numbers(store.committed) == committed


class Unasked(FaultyStore):
    """One that cannot say which commits can be one request."""

    @override
    def pack(self, commits: Sequence[Commit]) -> Sequence[int]:
        raise StoreError("the store cannot be reached")


def test_nothing_is_committed_where_the_store_cannot_say_what_goes_together() -> None:
    store = Unasked(window=2)

    report = writing(store).process(users("a", "b", "c"))

    assert [r.outcome.value for r in report.records] == ["failed", "not run", "not run"]
    assert isinstance(report.records[0].error, StoreError)
    assert store.committed == []


def test_without_packs_nothing_runs_after_a_transaction_that_did_not_get_through() -> None:
    store = FaultyStore(["none", "none", "down"])

    assert told(writing(store), users(*"abcd")) == ["handled", "failed", "not run", "not run"]
    assert numbers(store.committed) == [1]


def test_a_transaction_alone_that_did_not_get_through_leaves_the_others_too() -> None:
    store = FaultyStore(["none", "refused", "down"], window=3)

    assert told(writing(store), users(*"abcd")) == ["failed", "not run", "not run", "not run"]


def test_a_handler_that_fails_does_not_take_along_what_waits() -> None:
    store = FaultyStore(window=9)
    world = World("aaba", {"write": "transaction"}, {("write", 20): 1})

    report = world.app(store).process(batch(*world.records))

    assert [r.outcome.value for r in report.records] == ["handled", "failed", "handled", "not run"]
    assert numbers(store.committed) == [10, 30]


def test_a_handler_without_transaction_runs_after_what_waits_is_committed() -> None:
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


def test_what_was_to_come_before_a_handler_without_transaction_keeps_it_from_running() -> None:
    store = FaultyStore(["none", "refused"], window=9)
    app = StreamApp("app", store=store)
    app.on_insert(dict)(write_user)
    seen: list[object] = []
    app.on_modify(dict)(lambda change: seen.append(change.record.keys["pk"]))

    event = batch(insert(1, user("a")), modified(2, "a"), modified(3, "b"))

    assert told(app, event) == ["failed", "not run", "handled"]
    assert seen == ["b"]


def test_what_was_refused_stays_refused_when_marks_of_others_cannot_be_written() -> None:
    store = FaultyStore(["none", "refused", "down"], window=9)
    app = StreamApp("app", store=store)
    app.on_insert(dict)(write_user)
    app.on_modify(dict)(lambda change: None)

    assert told(app, batch(insert(1, user("a")), modified(2, "b"))) == ["failed", "failed"]


def test_two_handlers_of_a_record_wait_both_and_the_second_is_not_committed_without_the_first() -> None:
    store = FaultyStore(["none", "refused", "refused"], window=9)
    world = World("ab", {"first": "transaction", "second": "async transaction"})

    report = world.app(store).process(batch(*world.records))

    assert [[o.value for _, o in record.handlers] for record in report.records] == [
        ["failed", "not run"],
        ["handled", "handled"],
    ]
    assert runs_of(store.committed) == [("first", 20), ("second", 20)]


def test_a_record_that_is_twice_in_a_batch_is_left_twice_if_it_cannot_be_committed() -> None:
    store = FaultyStore(["none", "refused"], window=1 + 1)
    app = writing(store)
    record = insert(1, user("a"))

    assert told(app, batch(record, insert(2, user("b")), record)) == ["handled", "handled", "already handled"]
    assert numbers(store.committed) == [1, 2]


def test_a_duplicate_of_what_could_not_be_committed_is_left_with_it() -> None:
    store = FaultyStore(["none", "refused", "refused"], window=2)
    record = insert(1, user("a"))

    assert told(writing(store), batch(record, insert(2, user("b")), record)) == [
        "failed",
        "handled",
        "not run",
    ]


def test_a_duplicate_of_what_was_left_is_left_too() -> None:
    store = FaultyStore(["none", "refused", "refused"], window=2)
    first, second = users("a", "a")["Records"]

    assert told(writing(store), batch(first, second, second)) == ["failed", "not run", "not run"]


def test_of_three_handlers_only_the_refused_and_the_one_after_it_are_to_be_done() -> None:
    store = FaultyStore(["none", "refused", "none", "refused"], window=9)
    world = World("a", {"first": "transaction", "second": "transaction", "third": "transaction"})

    [report] = world.app(store).process(batch(*world.records)).records

    assert [outcome.value for _, outcome in report.handlers] == ["handled", "failed", "not run"]


def test_a_letter_of_what_cannot_be_committed_names_its_handler() -> None:
    letters = Letters()
    app = writing(FaultyStore(["none", "refused"], window=9), dead_letter=DeadLetters(letters, after=1))

    assert told(app, users("a")) == ["dead-lettered"]
    assert [(letter.handler or "").rpartition(".")[2] for letter in letters.letters] == ["write"]


def test_what_cannot_be_committed_fails_if_the_mark_of_its_letter_cannot_be_written() -> None:
    store = FaultyStore(["none", "refused", "down"], window=9)

    assert told(writing(store, dead_letter=DeadLetters(Letters(), after=1)), users("a")) == ["failed"]


def test_what_is_put_aside_does_not_hold_back_its_lane() -> None:
    store, letters = FaultyStore(["none", "refused", "refused"], window=9), Letters()

    report = writing(store, dead_letter=DeadLetters(letters, after=1)).process(users("a", "b", "a"))

    assert [r.outcome.value for r in report.records] == ["dead-lettered", "handled", "handled"]
    assert [letter.error for letter in letters.letters] == ["TransactionError"]
    assert report.response == {"batchItemFailures": []}


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("concurrency", [1, 2])
def test_what_waits_is_committed_when_the_process_ends(stop: type[BaseException], concurrency: int) -> None:
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
    """One that cannot make a request of a record's writes, and does not say so as a store does."""

    def __init__(self, number: int) -> None:
        super().__init__(window=9)
        self.number = number

    @override
    def pack(self, commits: Sequence[Commit]) -> Sequence[int]:
        self._choke([commit.mark for commit in commits])
        return super().pack(commits)

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        self._choke([mark])
        return super().commit(mark, transaction, patience=patience)

    def _choke(self, marks: Sequence[str]) -> None:
        if self.number in numbers(marks):
            raise AttributeError


def test_writes_that_nobody_foresaw_fail_their_own_record() -> None:
    store = Chokes(2)

    assert told(writing(store), users("a", "b", "c")) == ["handled", "failed", "handled"]
    assert numbers(store.committed) == [1, 3]


class Slow(FaultyStore):
    """One whose every request takes two seconds, and which packs nothing in the end."""

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


def test_each_request_has_the_patience_that_the_one_before_left() -> None:
    context = Context(milliseconds=9_000)
    store = Slow(context)

    writing(store).process(users("a", "b", "c"), context)

    assert store.patience == [4.5, 3.5, 2.5, 1.5]


class EndsTheProcess(FaultyStore):
    """One during whose commit somebody presses Ctrl-C."""

    @override
    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        raise KeyboardInterrupt


def test_marks_are_written_also_when_a_commit_is_interrupted() -> None:
    store = EndsTheProcess(window=9)
    app = StreamApp("app", store=store)
    app.on_insert(dict)(write_user)
    app.on_modify(dict)(lambda change: None)

    with pytest.raises(KeyboardInterrupt):
        app(batch(modified(1, "a"), insert(2, user("b"))))
    assert numbers(store.marks) == [1]


class Refuses(FaultyStore):
    """One that refuses a record, after somebody else has come so far."""

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


def test_what_a_lane_is_running_while_another_fails_to_commit_its_record_before_is_not_committed() -> None:
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
        "1": waits.set,  # waits first, so that the other lane makes the pack full, and commits it
        "2": second_of_the_lane,
        "3": lambda: waits.wait(PATIENCE) and running.wait(PATIENCE),
        "4": settled.set,  # the other lane has closed this one by then
    }
    event = batch(*(insert(n, user(key)) for n, key in enumerate("aabb", start=1)))

    assert told(app, event) == ["failed", "not run", "handled", "handled"]
    assert numbers(store.committed) == [3, 4]


def test_deliveries_in_packs_end_with_each_record_committed_once_in_order() -> None:
    store = FaultyStore(["none", "refused", "none", "refused", "lost", "none", "down"], window=5)
    world = World("abcabcabcabc", {"write": "transaction"})

    deliver(world.app(store, concurrency=3), world.records)

    assert sorted(numbers(store.committed)) == [*range(10, 130, 10)]
    assert world.is_in_order(world.committed(store))
