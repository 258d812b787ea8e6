"""Bulk handlers: what a call gets, and what becomes of its changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, Final

import pytest
from pydantic import BaseModel, field_validator

from ddbevents import (
    BatchFailedError,
    BatchReport,
    Change,
    ConfigurationError,
    Insert,
    PartialFailure,
    Reject,
    Remove,
    StreamApp,
    Upsert,
)
from ddbevents.dead_letters import DeadLetters
from ddbevents.stores import MemoryStore
from tests.deliveries import WAYS, FaultyStore, Letters
from tests.stream import CANARY, Context, Json, batch, insert, modify, named, remove, user


class User(BaseModel):
    pk: str
    email: str

    @field_validator("email")
    @classmethod
    def has_at(cls, email: str) -> str:
        if "@" not in email:
            raise ValueError("an address has an @")
        return email


class Index:
    """An app with a bulk handler, which notes the keys of each call.

    Attributes:
        broken: Keys that make the whole call fail.
        failed: Keys that are named in a `PartialFailure`, each with its error.
    """

    def __init__(
        self,
        most: int = 100,
        *,
        store: Any = None,
        broken: Iterable[str] = (),
        failed: Iterable[str] = (),
        isolate: bool = True,
        error: Exception | None = None,
        **options: Any,
    ) -> None:
        self.calls: list[list[str]] = []
        self.broken = {*broken}
        self.failed = {*failed}
        self.error = error
        self.app = StreamApp("app", store=store, **options)
        self.app.bulk(most, isolate=isolate).on_change(User)(self.index)

    def index(self, changes: Sequence[Change[User]]) -> None:
        keys = [key_of(change) for change in changes]
        self.calls.append(keys)
        if self.broken & {*keys}:
            raise self.error or ValueError(CANARY)
        failure = PartialFailure()
        for change in changes:
            if key_of(change) in self.failed:
                failure.add(change, self.error)
        if failure:
            raise failure

    def run(self, *records: Json, context: Context | Slow | None = None) -> list[str]:
        return outcomes(self.app.process(batch(*records), context))


class Slow:
    """A Lambda context whose time goes by as a test says."""

    function_name = "slow"

    def __init__(self, milliseconds: int) -> None:
        self.left = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.left


def key_of(change: Change[User]) -> str:
    return str(change.record.keys["pk"])


def outcomes(report: BatchReport) -> list[str]:
    return [each.outcome.value for each in report.records]


def users(keys: str) -> list[Json]:
    return [insert(number, user(key)) for number, key in enumerate(keys)]


HANDLED: Final = "handled"
EARLIER: Final = "already handled"
FAILED: Final = "failed"
NOT_RUN: Final = "not run"
DEAD: Final = "dead-lettered"


@pytest.mark.parametrize(
    ("most", "calls"),
    [(1, ["a", "b", "c"]), (2, ["ab", "c"]), (3, ["abc"]), (500, ["abc"])],
)
def test_a_call_gets_at_most_so_many(most: int, calls: list[str]) -> None:
    index = Index(most)

    assert index.run(*users("abc")) == [HANDLED] * 3
    assert index.calls == [[*call] for call in calls]


def test_a_thousand_records_are_two_calls() -> None:
    index = Index(500, store=MemoryStore())

    records = [insert(number, user(f"user-{number}")) for number in range(1000)]

    assert {*index.run(*records)} == {HANDLED}
    assert [len(call) for call in index.calls] == [500, 500]


@pytest.mark.parametrize("place", [0, 1, 77, 127, 128, 198, 199])
def test_one_poison_in_200_takes_twelve_calls(place: int) -> None:
    index = Index(200, store=MemoryStore(), broken=[f"user-{place}"])

    found = index.run(*[insert(number, user(f"user-{number}")) for number in range(200)])

    assert [number for number, outcome in enumerate(found) if outcome != HANDLED] == [place]
    assert len(index.calls) <= 12


def test_changes_come_in_stream_order() -> None:
    index = Index()
    kinds: list[str] = []

    @index.app.bulk(10).on_change(User)
    def note(changes: list[Change[User]]) -> None:
        kinds.extend(change.record.kind for change in changes)

    index.run(
        insert(0, user("a")), modify(1, user("a"), user("a")), remove(2, user("a")), insert(3, user("b"))
    )

    assert kinds == ["INSERT", "MODIFY", "REMOVE", "INSERT"]


def test_what_is_marked_is_in_no_call() -> None:
    index = Index(store=MemoryStore(), broken="b")
    index.run(*users("abc"))
    index.broken.clear()
    index.calls.clear()

    assert index.run(*users("abc")) == [EARLIER, HANDLED, EARLIER]
    assert index.calls == [["b"]]


@WAYS
def test_marks_are_written_after_each_call(lanes: int) -> None:
    store = FaultyStore()
    marked: list[int] = []
    index = Index(2, store=store, concurrency=lanes)

    @index.app.bulk(2).on_keys(dict)
    def note(changes: object) -> None:
        marked.append(len(store.marks))

    index.run(*users("abcd"))

    assert marked == [4, 6]


def test_a_partial_failure_fails_what_it_names() -> None:
    index = Index(store=MemoryStore(), failed="b")

    assert index.run(*users("abc")) == [HANDLED, FAILED, HANDLED]
    assert index.calls == [["a", "b", "c"]]


def test_later_changes_of_its_item_are_left() -> None:
    store = FaultyStore()
    app = StreamApp("app", store=store)

    @app.bulk(9).on_change(User)
    def index(changes: Sequence[Change[User]]) -> None:
        failure = PartialFailure()
        failure.add(changes[1])
        raise failure

    assert outcomes(app.process(batch(*users("aabaca")))) == [
        HANDLED,
        FAILED,
        HANDLED,
        NOT_RUN,
        HANDLED,
        NOT_RUN,
    ]
    assert len(store.marks) == 3


@pytest.mark.parametrize("error", [None, ValueError(CANARY)], ids=["without", "with"])
def test_its_error_is_reported(error: Exception | None, caplog: pytest.LogCaptureFixture) -> None:
    index = Index(store=MemoryStore(), failed="b", error=error)

    report = index.app.process(batch(*users("ab")))

    assert isinstance(report.records[1].error, PartialFailure if error is None else ValueError)
    assert CANARY not in caplog.text


@pytest.mark.parametrize("failed", ["", "x"], ids=["nothing", "a stranger"])
def test_a_nameless_partial_failure_fails_all(failed: str, caplog: pytest.LogCaptureFixture) -> None:
    app = StreamApp("app", store=MemoryStore())

    @app.bulk(9, isolate=False).on_insert(User)
    def index(changes: Sequence[Insert[User]]) -> None:
        failure = PartialFailure()
        for key in failed:
            failure.add(Insert(User(pk=key, email="@"), changes[0].record))
        raise failure

    report = app.process(batch(*users("ab")))

    assert outcomes(report) == [FAILED, FAILED]
    assert isinstance(report.records[0].error, ConfigurationError)
    assert "PartialFailure has" in caplog.text


def test_it_ends_at_a_second_whole_failure() -> None:
    index = Index(2, store=MemoryStore(), broken="ab")

    assert index.run(*users("abcdef")) == [FAILED, FAILED, FAILED, NOT_RUN, NOT_RUN, NOT_RUN]
    assert index.calls == [["a", "b"], ["a"], ["b", "c"]]


class Narrow(Index):
    """Its handler takes six changes a call, though it is registered for ten."""

    def index(self, changes: Sequence[Change[User]]) -> None:
        super().index(changes)
        if len(changes) > 6:
            raise ValueError(CANARY)


def sizes(index: Index) -> list[int]:
    return [len(call) for call in index.calls]


def test_a_call_that_is_too_large_is_cut() -> None:
    index = Narrow(10, store=MemoryStore())

    assert {*index.run(*users("abcdefghijklmnopqrstuvwxyz"))} == {HANDLED}
    assert sizes(index) == [10, 5, 3, 1, 1, 5, 5, 5, 1]


def test_a_poison_among_large_calls_is_found() -> None:
    index = Narrow(10, store=MemoryStore(), broken="n")

    outcomes = index.run(*users("abcdefghijklmnop"))

    assert [number for number, outcome in enumerate(outcomes) if outcome != HANDLED] == [13]
    assert sizes(index) == [10, 5, 3, 1, 1, 5, 3, 1, 2]


def test_without_isolation_all_have_failed() -> None:
    letters = Letters()
    index = Index(
        2, store=MemoryStore(), broken="b", isolate=False, dead_letter=DeadLetters(letters, after=2)
    )

    assert index.run(*users("abcd")) == [FAILED, FAILED, HANDLED, HANDLED]
    assert index.run(*users("abcd")) == [DEAD, DEAD, EARLIER, EARLIER]
    assert [letter.attempts for letter in letters.letters] == [2, 2]


def test_attempts_are_counted_by_change() -> None:
    letters = Letters()
    index = Index(store=MemoryStore(), broken="b", dead_letter=DeadLetters(letters, after=2))

    assert index.run(*users("abc")) == [HANDLED, FAILED, HANDLED]
    assert index.run(*users("abc")) == [EARLIER, DEAD, EARLIER]
    assert [letter.handler for letter in letters.letters] == [f"{__name__}.Index.index"]


@pytest.mark.parametrize("how", ["failed", "broken"])
def test_a_rejected_change_is_dead_lettered(how: str) -> None:
    letters = Letters()
    index = Index(store=MemoryStore(), error=Reject("no"), dead_letter=DeadLetters(letters))
    setattr(index, how, {"b"})

    assert index.run(*users("abc")) == [HANDLED, DEAD, HANDLED]
    assert len(letters.letters) == 1


def test_a_dead_lettered_change_holds_back_nothing() -> None:
    app = StreamApp("app", store=MemoryStore(), dead_letter=DeadLetters(Letters()))

    @app.bulk(9).on_change(User)
    def index(changes: Sequence[Change[User]]) -> None:
        failure = PartialFailure()
        failure.add(changes[0], Reject("no"))
        raise failure

    assert outcomes(app.process(batch(*users("aa")))) == [DEAD, HANDLED]


def test_an_invalid_change_fails_alone() -> None:
    index = Index(store=MemoryStore())

    found = index.run(insert(0, user("a")), insert(1, user("b", "nowhere")), insert(2, user("c")))

    assert found == [HANDLED, FAILED, HANDLED]
    assert index.calls == [["a", "c"]]


def test_later_changes_of_an_invalid_one_wait() -> None:
    index = Index(store=MemoryStore())

    found = index.run(insert(0, user("a", "nowhere")), insert(1, user("a")), insert(2, user("c")))

    assert found == [FAILED, NOT_RUN, HANDLED]
    assert index.calls == [["c"]]


def test_without_a_store_all_stops_at_a_failure() -> None:
    index = Index(2, failed="c")

    assert index.run(*users("abcdef")) == [HANDLED, HANDLED, FAILED, HANDLED, NOT_RUN, NOT_RUN]
    assert index.calls == [["a", "b"], ["c", "d"]]
    assert index.app.process(batch(*users("abcdef"))).response == named(2)


def test_without_a_store_nothing_follows_a_poison() -> None:
    index = Index(broken="c")

    assert index.run(*users("abcdef")) == [HANDLED, HANDLED, FAILED, NOT_RUN, NOT_RUN, NOT_RUN]


def test_an_invalid_head_without_a_store() -> None:
    index = Index()

    found = index.run(insert(0, user("a")), insert(1, user("b", "nowhere")), insert(2, user("c")))

    assert found == [HANDLED, FAILED, NOT_RUN]
    assert index.calls == [["a"]]


def test_a_failed_head_is_raised() -> None:
    index = Index(failed="a")

    with pytest.raises(BatchFailedError):
        index.app(batch(*users("ab")))


class Both:
    """An app with a handler of single records, which fails for some, and a bulk handler."""

    def __init__(self, *, store: Any = None, failing: str = "", **options: Any) -> None:
        self.log: list[str] = []
        self.failing = failing
        self.app = StreamApp("app", store=store, **options)
        self.app.bulk(2).on_insert(User)(self.index)
        self.app.on_insert(User)(self.welcome)

    def index(self, changes: list[Insert[User]]) -> None:
        self.log.append("".join(change.new.pk for change in changes))

    def welcome(self, change: Insert[User]) -> None:
        self.log.append(change.new.pk.upper())
        if change.new.pk in self.failing:
            raise ValueError


def test_bulk_handlers_run_in_a_second_pass() -> None:
    both = Both()

    both.app.process(batch(*users("abc")))

    assert both.log == ["A", "B", "C", "ab", "c"]


@pytest.mark.parametrize(
    ("store", "log"),
    [(MemoryStore(), ["A", "B", "D", "A".lower() + "d"]), (None, ["A", "B", "a"])],
    ids=["with a store", "without"],
)
def test_nothing_follows_a_failed_single(store: MemoryStore | None, log: list[str]) -> None:
    both = Both(store=store, failing="b")

    both.app.process(batch(*users("abbd")))

    assert both.log == log


def test_a_later_bulk_handler_has_no_failed_record() -> None:
    index = Index(store=MemoryStore(), failed="b")
    seen: list[str] = []

    @index.app.bulk(9).on_insert(User)
    def later(changes: Iterable[Insert[User]]) -> None:
        seen.extend(change.new.pk for change in changes)

    report = index.app.process(batch(*users("abcbd")))

    assert seen == ["a", "c", "d"]
    assert [dict(each.handlers).popitem()[1].value for each in report.records] == [
        HANDLED,
        NOT_RUN,
        HANDLED,
        NOT_RUN,
        HANDLED,
    ]


def test_a_later_one_keeps_the_order_of_items() -> None:
    app = StreamApp("app", store=MemoryStore())
    seen: list[str] = []

    @app.bulk(9).on_insert(User)
    def inserted(changes: Sequence[Insert[User]]) -> None:
        raise ValueError

    @app.bulk(9).on_change(User)
    def changed(changes: Sequence[Change[User]]) -> None:
        seen.extend(change.record.kind for change in changes)

    records = [insert(0, user("a")), modify(1, user("a"), user("a")), modify(2, user("b"), user("b"))]

    assert outcomes(app.process(batch(*records))) == [FAILED, NOT_RUN, HANDLED]
    assert seen == ["MODIFY"]


def test_one_function_has_one_list() -> None:
    app = StreamApp("app")
    calls: list[list[str]] = []

    def mirror(changes: Sequence[Upsert[User] | Remove[User]]) -> None:
        calls.append([change.record.kind for change in changes])

    app.bulk(9).on_upsert(User)(mirror)
    app.bulk(9).on_remove(User)(mirror)

    app.process(batch(insert(0, user("a")), remove(1, user("a")), insert(2, user("a"))))

    assert calls == [["INSERT", "REMOVE", "INSERT"]]


@pytest.mark.parametrize("is_async", [True, False])
def test_async_handlers_are_awaited(is_async: bool) -> None:
    app = StreamApp("app")
    done: list[int] = []

    @app.bulk(2).on_insert(User)
    async def index(changes: Sequence[Insert[User]]) -> None:
        await asyncio.sleep(0)
        done.append(len(changes))

    app.process(batch(*users("abc")))

    assert done == [2, 1]


def test_lanes_do_not_run_calls_at_once() -> None:
    both = Both(concurrency=4)

    both.app.process(batch(*users("abcde")))

    assert sorted(both.log[:5]) == [*"ABCDE"]
    assert both.log[5:] == ["ab", "cd", "e"]


def test_a_copy_is_in_no_call_twice() -> None:
    index = Index(store=MemoryStore())

    assert index.run(*users("ab"), *users("ab")) == [HANDLED, HANDLED, EARLIER, EARLIER]
    assert index.calls == [["a", "b"]]


def test_middleware_enters_once_a_call() -> None:
    entered: list[int] = []

    class Within:
        def __init__(self, changes: Any) -> None:
            entered.append(len(changes))

        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> bool:
            return True

    index = Index(2, broken="c", middleware=[Within])

    assert index.run(*users("abc")) == [HANDLED] * 3
    assert entered == [2, 1]


def test_the_store_is_down_so_nothing_runs() -> None:
    index = Index(store=FaultyStore(["down"]))

    assert index.run(*users("ab")) == [FAILED, FAILED]
    assert index.calls == []


def test_lost_marks_end_the_calls() -> None:
    index = Index(1, store=FaultyStore(["none", "lost"]))

    assert index.run(*users("ab")) == [FAILED, NOT_RUN]
    assert index.calls == [["a"]]


def test_an_exit_passes_through() -> None:
    store = FaultyStore()
    index = Index(1, store=store)

    @index.app.bulk(1).on_insert(User)
    def leave(changes: object) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        index.app(batch(*users("ab")))

    assert len(store.marks) == 2


def test_a_preview_calls_nothing() -> None:
    index = Index(store=MemoryStore())

    assert outcomes(index.app.preview(batch(*users("ab")))) == [NOT_RUN, NOT_RUN]
    assert index.calls == []


def test_a_failed_call_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    index = Index(store=MemoryStore(), broken="abcdefg", isolate=False)

    index.run(*users("abcdefg"))

    [line] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert line.getMessage().startswith("7 records (")
    assert "and 2 more) failed in tests.test_bulk.Index.index: ValueError" in line.getMessage()


def test_halving_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    index = Index(store=MemoryStore(), broken="b")

    index.run(*users("ab"))

    assert "Index.index failed for 2 changes at once, so it is called with fewer of them" in caplog.text


def test_no_call_begins_when_time_is_short() -> None:
    context = Slow(60_000)
    index = Index(1, store=MemoryStore())

    def hurry(_: object) -> Any:
        context.left -= 30_000
        return nullcontext()

    index = Index(1, store=MemoryStore(), middleware=[hurry], time_reserve=timedelta(seconds=10))

    assert index.run(*users("abcd"), context=context) == [HANDLED, HANDLED, NOT_RUN, NOT_RUN]


def test_one_call_is_always_made() -> None:
    index = Index(1, store=MemoryStore())

    assert index.run(*users("ab"), context=Slow(0)) == [HANDLED, NOT_RUN]


@pytest.mark.parametrize(
    ("store", "log"),
    [(None, "ABCDE ab cd e"), (MemoryStore(), "ABCDEFGHIJ ab")],
    ids=["without a store", "with one"],
)
def test_half_of_the_time_is_kept_for_calls(store: MemoryStore | None, log: str) -> None:
    context = Slow(100_000)

    def hurry(_: object) -> Any:
        context.left -= 10_000
        return nullcontext()

    both = Both(store=store, middleware=[hurry], time_reserve=timedelta(seconds=5))

    both.app.process(batch(*users("abcdefghij")), context)

    singles = [entry for entry in both.log if entry.isupper()]
    assert " ".join(["".join(singles), *both.log[len(singles) :]]) == log


def test_isolation_stops_when_time_is_short(caplog: pytest.LogCaptureFixture) -> None:
    context = Slow(60_000)

    def hurry(_: object) -> Any:
        context.left -= 55_000
        return nullcontext()

    index = Index(9, store=MemoryStore(), broken="b", middleware=[hurry])

    assert index.run(*users("abc"), context=context) == [FAILED, FAILED, NOT_RUN]
    assert index.calls == [["a", "b", "c"], ["a", "b"]]
    assert "2 records (" in caplog.text


def test_a_spoilt_record_is_not_read_again() -> None:
    app = StreamApp("app")
    items: list[dict[str, Any]] = []

    @app.bulk(9).on_insert(dict)
    def spoil(changes: Sequence[Insert[dict[str, Any]]]) -> None:
        changes[0].record.raw["dynamodb"]["NewImage"] = {}

    @app.bulk(9).on_insert(dict)
    def index(changes: Sequence[Insert[dict[str, Any]]]) -> None:
        items.extend(change.new for change in changes)

    app.process(batch(insert(0, user("a"))))

    assert items == [{"pk": "a", "email": "ada@example.com"}]
