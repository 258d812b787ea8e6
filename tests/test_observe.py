"""Observers: what an app runs around batches and calls, and that it changes neither."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import pytest

from ddbevents import (
    Attr,
    CallObserver,
    ConfigurationError,
    HandlerCall,
    Insert,
    Latest,
    ObservedBatch,
    Outcome,
    StreamApp,
)
from ddbevents.stores import MemoryStore
from ddbevents.testing import kinesis_event, pipes_event, queue_event
from tests.letters import letter
from tests.stream import CANARY, Json, batch, insert, modify, named, user
from tests.test_imports import FIRST_RECORD, modules_after

where = contextvars.ContextVar("where", default="nowhere")


def users(*keys: str) -> Json:
    return batch(*(insert(number, user(key)) for number, key in enumerate(keys, start=1)))


class Steps:
    """An observer that notes what it sees."""

    def __init__(self, name: str = "") -> None:
        self.seen: list[str] = []
        self.calls: list[HandlerCall] = []
        self.batches: list[ObservedBatch] = []
        self.name = name

    @contextmanager
    def around(self, batch: ObservedBatch) -> Generator[CallObserver]:
        self.batches.append(batch)
        self.seen.append(f"{self.name}begins {batch.table} {batch.size} {batch.report}")
        yield self.around_call
        self.seen.append(f"{self.name}ends {batch.report and batch.report.handled}")

    @contextmanager
    def around_call(self, call: HandlerCall) -> Generator[None]:
        self.calls.append(call)
        key = str(call.records[0].keys["pk"])
        token = where.set(f"{where.get()} {self.name}{key}")
        self.seen.append(f"{self.name}{call.handler.rpartition('.')[2]} {key}")
        try:
            yield
        except ValueError as error:
            self.seen.append(f"{self.name}{type(error).__name__}")
            raise
        finally:
            where.reset(token)


@pytest.fixture
def steps() -> Steps:
    return Steps()


def fail_for_b(change: Insert[Any]) -> None:
    if change.new["pk"] == "b":
        raise ValueError(CANARY)


def failing_app(**options: Any) -> StreamApp:
    app = StreamApp("users", store=MemoryStore(), **options)
    app.on_insert(dict)(fail_for_b)
    return app


def test_a_batch_and_its_calls_are_seen(steps: Steps) -> None:
    app = failing_app()
    app.observe(steps.around)

    assert app(users("a", "b", "c")) == named(2)

    assert steps.seen == [
        "begins Users 3 None",
        "fail_for_b a",
        "fail_for_b b",
        "ValueError",
        "fail_for_b c",
        "ends 2",
    ]
    assert steps.batches[0].app == "users"
    assert steps.batches[0].delivery == "stream"


def test_the_report_is_the_one_given(steps: Steps) -> None:
    app = failing_app()
    app.observe(steps.around)

    assert app.process(users("a", "b")) == steps.batches[0].report


def test_the_first_observer_is_outermost() -> None:
    app, outer, inner = failing_app(), Steps("outer "), Steps("inner ")
    app.observe(outer.around)
    app.observe(inner.around)
    inner.seen = outer.seen

    app(users("a"))

    assert [line.partition(" ")[0] for line in outer.seen] == ["outer", "inner"] * 2 + ["inner", "outer"]


def test_observe_returns_the_function(steps: Steps) -> None:
    observer = steps.around

    assert StreamApp("users").observe(observer) is observer


def test_copies_are_observed_too(steps: Steps) -> None:
    app = failing_app()
    app.observe(steps.around)

    app.with_store(MemoryStore())(users("a"))

    assert len(steps.batches) == 1


def test_a_preview_is_not_observed(steps: Steps) -> None:
    app = failing_app()
    app.observe(steps.around)

    app.preview(users("a"))

    assert steps.seen == []


def test_skipped_handlers_are_no_calls(steps: Steps) -> None:
    app = failing_app()
    app.observe(steps.around)
    app(users("a"))
    steps.calls.clear()

    app(users("a"))

    assert steps.calls == []


def test_an_undecodable_item_is_a_call_that_fails(steps: Steps) -> None:
    app = StreamApp("users")
    app.observe(steps.around)
    app.on_insert(dict)(fail_for_b)

    app.process(batch(insert(1, {"pk": {"S": "a"}, "age": {"N": "old"}}), insert(2, user("c"))))

    assert steps.seen[1:] == ["fail_for_b a", "ends 0"]


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("is_async", [False, True])
def test_context_variables_reach_handlers(steps: Steps, concurrency: int, is_async: bool) -> None:
    found: set[str] = set()

    def handle(change: Insert[Any]) -> None:
        found.add(where.get())

    async def handle_async(change: Insert[Any]) -> None:
        handle(change)

    @contextmanager
    def outside(batch: ObservedBatch) -> Generator[None]:
        token = where.set("batch")
        yield
        where.reset(token)

    app = StreamApp("users", concurrency=concurrency)
    app.on_insert(dict)(handle_async if is_async else handle)
    app.observe(outside)
    app.observe(steps.around)

    app(users("a", "b", "c"))

    assert found == {"batch a", "batch b", "batch c"}


def test_a_bulk_call_has_all_records(steps: Steps) -> None:
    app = StreamApp("users")
    app.observe(steps.around)
    app.bulk(2).on_insert(dict)(of_many)

    app(users("a", "b", "c"))

    assert [[record.keys["pk"] for record in call.records] for call in steps.calls] == [["a", "b"], ["c"]]


def of_many(changes: Sequence[Insert[Any]]) -> None: ...


def of_latest(change: Latest[Any]) -> None: ...


def test_a_latest_has_the_records_of_its_item(steps: Steps) -> None:
    app = StreamApp("users")
    app.observe(steps.around)
    app.on_latest(dict)(of_latest)

    app(users("a", "b", "a"))

    assert sorted(len(call.records) for call in steps.calls) == [1, 2]


def test_later_records_of_an_item_are_observed(steps: Steps) -> None:
    app = StreamApp("users")
    app.observe(steps.around)
    app.on_latest(dict, where=Attr("email").eq("in view"))(of_latest)
    outside = user("a", "elsewhere")

    report = app.process(batch(insert(1, user("a", "in view")), modify(2, outside, outside)))

    assert [len(call.records) for call in steps.calls] == [2]
    assert report.handled == 2


@pytest.mark.parametrize(
    ("event", "delivery", "before", "after"),
    [
        (users("a"), "stream", "Users", "Users"),
        (kinesis_event(insert(1, user("a"))), "kinesis", "Users", "Users"),
        (pipes_event(insert(1, user("a"))), "pipe", "Users", "Users"),
        (queue_event(letter(insert(1, user("a")), handler=None)), "queue", "None", "Users"),
        (batch(), "stream", "None", "None"),
        (batch({"eventSource": "aws:dynamodb"}), "stream", "None", "None"),
        (batch({"eventSource": "aws:dynamodb"}, insert(1, user("a"))), "stream", "None", "Users"),
    ],
)
def test_the_table_is_known(steps: Steps, event: Any, delivery: str, before: str, after: str) -> None:
    app = StreamApp("users")
    app.observe(steps.around)

    app.process(event)

    assert steps.batches[0].delivery == delivery
    assert steps.seen[0].startswith(f"begins {before} ")
    assert str(steps.batches[0].table) == after


def fails_first(value: object) -> AbstractContextManager[None]:
    raise LookupError(CANARY)


@contextmanager
def fails_last(value: object) -> Generator[Any]:
    try:
        yield
    finally:
        raise LookupError(CANARY)


def of_calls(calls: Any) -> Any:
    def observer(batch: ObservedBatch) -> AbstractContextManager[Any]:
        return nullcontext(calls)

    return observer


FAULTY = {
    "before the batch": fails_first,
    "after the batch": fails_last,
    "before a call": of_calls(fails_first),
    "after a call": of_calls(fails_last),
    "no manager": lambda batch: None,
    "no manager of a call": of_calls(lambda call: None),
    "a call that is none": of_calls(3),
    "too few parameters": of_calls(lambda: None),
}


@pytest.mark.parametrize("observer", FAULTY.values(), ids=FAULTY.keys())
def test_a_faulty_observer_changes_nothing(observer: Any, caplog: pytest.LogCaptureFixture) -> None:
    app, steps = failing_app(), Steps()
    app.observe(observer)
    app.observe(steps.around)

    assert app(users("a", "b", "c")) == named(2)

    assert steps.seen[-1] == "ends 2"
    assert sum(line.startswith("an observer failed") for line in caplog.messages) == 1
    assert CANARY not in caplog.text


def test_an_observer_suppresses_nothing() -> None:
    app = failing_app()
    app.observe(lambda batch: suppressing(lambda call: suppress(ValueError)))

    assert app(users("a", "b")) == named(2)


@contextmanager
def suppressing(value: CallObserver) -> Generator[CallObserver]:
    with suppress(ValueError):
        yield value


class RaisesAgain(AbstractContextManager[None]):
    def __init__(self, call: HandlerCall) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            raise error


def test_what_is_raised_again_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    app = failing_app()
    app.observe(of_calls(RaisesAgain))

    assert app(users("a", "b")) == named(2)

    assert "an observer failed" not in caplog.text


def exits(change: Insert[Any]) -> None:
    raise SystemExit


def test_an_exit_passes_through_observers(steps: Steps) -> None:
    app = StreamApp("users")
    app.observe(steps.around)
    app.on_insert(dict)(exits)

    with pytest.raises(SystemExit):
        app(users("a"))

    assert steps.batches[0].report is None


def exits_first(value: object) -> AbstractContextManager[None]:
    raise SystemExit


@contextmanager
def exits_last(value: object) -> Generator[None]:
    yield
    raise SystemExit


@pytest.mark.parametrize("observer", [exits_first, exits_last])
def test_an_observer_may_end_the_process(observer: Any) -> None:
    app = failing_app()
    app.observe(observer)

    with pytest.raises(SystemExit):
        app(users("a"))


def test_middleware_runs_inside(steps: Steps) -> None:
    @contextmanager
    def middleware(change: object) -> Generator[None]:
        steps.seen.append("middleware")
        yield

    app = failing_app(middleware=[middleware])
    app.observe(steps.around)

    app(users("a"))

    assert steps.seen[1:] == ["fail_for_b a", "middleware", "ends 1"]


def test_what_a_middleware_suppresses_is_no_failure(steps: Steps) -> None:
    app = failing_app(middleware=[lambda change: suppress(ValueError)])
    app.observe(steps.around)

    report = app.process(users("b"))

    assert report.records[0].outcome is Outcome.HANDLED
    assert "ValueError" not in steps.seen


async def asynchronous(batch: ObservedBatch) -> None: ...


def generator(batch: ObservedBatch) -> Generator[None]:
    yield  # pragma: no cover  # it is refused


def of_two(batch: ObservedBatch, call: HandlerCall) -> None: ...


@pytest.mark.parametrize(
    ("observer", "message"),
    [
        (asynchronous, "observe: asynchronous is async, but it runs around sync and async handlers alike"),
        (generator, "observe: generator is a generator function: decorate it"),
        (of_two, r"takes \(batch, call\), but an observer takes the batch alone, an ObservedBatch, so write"),
        (nullcontext(), "observe: nullcontext is a context manager already: pass the functions"),
        (None, "observe: NoneType cannot be called"),
    ],
)  # fmt: skip
def test_a_wrong_shape_is_refused(observer: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        StreamApp("users").observe(observer)


OBSERVED = FIRST_RECORD.replace(
    "taken = []",
    "taken = []\nfrom contextlib import nullcontext\napp.observe(lambda batch: nullcontext())",
)


def test_without_calls_the_path_is_straight() -> None:
    loaded = modules_after(OBSERVED)

    assert "ddbevents._engine._observers" in loaded
    assert "ddbevents._engine._progress" not in loaded


def test_nothing_is_loaded_for_no_observer() -> None:
    assert "ddbevents._engine._observers" not in modules_after(FIRST_RECORD)


def test_observers_are_no_trace_in_logs(caplog: pytest.LogCaptureFixture, steps: Steps) -> None:
    caplog.set_level(logging.INFO)
    app = failing_app()
    app.observe(steps.around)

    app(users("a"))

    assert [line.name for line in caplog.records] == ["ddbevents.batch"]
