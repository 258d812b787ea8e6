"""The app as Lambda and tests call it, how it is made, and what it includes."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timedelta
from typing import Any, assert_type

from ddbevents import (
    Attr,
    BatchFailedError,
    BatchItemFailure,
    BatchReport,
    BatchResponse,
    Change,
    FailureReader,
    LambdaContext,
    Outcome,
    RecordReport,
    Router,
    StreamApp,
    StreamRecord,
    UnreadableRecord,
    current_context,
)
from ddbevents.dead_letters import DeadLetter, DeadLetters
from ddbevents.stores import MemoryStore
from ddbevents.testing import MemoryReader
from tests.typing.models import User


class OwnContext:
    """A context by its shape, with a plain attribute as AWS's own has it."""

    function_name: str = "stream"

    def get_remaining_time_in_millis(self) -> int:
        return 1_000


class ContextWithoutTime:
    function_name: str = "stream"


app = StreamApp("users", store=MemoryStore(), time_reserve=timedelta(seconds=2))
router = Router(table="Users", where=Attr("kind").eq("user"))
app.include(router)
app.include(StreamApp())


def calls(event: object, context: LambdaContext) -> None:
    assert_type(app(event, context), BatchResponse)
    assert_type(app(event, OwnContext()), BatchResponse)
    assert_type(app(event, None), BatchResponse)
    assert_type(app({"Records": []}), BatchResponse)
    assert_type(app(event)["batchItemFailures"], list[BatchItemFailure])
    assert_type(app(event)["batchItemFailures"][0]["itemIdentifier"], str)


def the_context() -> int:
    assert_type(current_context(), LambdaContext | None)
    current_context(app)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    return current_context().get_remaining_time_in_millis()  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]


def reports(event: object, context: LambdaContext) -> None:
    report = app.process(event, context)

    assert_type(report, BatchReport)
    assert_type(report.response, BatchResponse)
    assert_type(report.failure, BatchFailedError | None)
    assert_type(report.records, tuple[RecordReport, ...])
    assert_type(report.failed, int)
    assert_type(report.records[0].record, StreamRecord | UnreadableRecord)
    assert_type(report.records[0].outcome, Outcome)
    assert_type(report.records[0].handlers, tuple[tuple[str, Outcome], ...])
    assert_type(report.records[0].error, BaseException | None)


def what_a_call_refuses(event: object) -> None:
    app()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    app(event, "context")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app(event, ContextWithoutTime())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.process(event, ContextWithoutTime())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app(event)["failures"]  # type: ignore[typeddict-item]  # pyright: ignore[reportGeneralTypeIssues]


def what_making_refuses() -> None:
    StreamApp(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    StreamApp("users", MemoryStore())  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    StreamApp(time_reserve=2)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    StreamApp(table="Users")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Router("Users")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Router(where="kind")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.include(calls)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class OwnSink:
    def send(self, letter: DeadLetter, *, patience: timedelta) -> None: ...


class AsyncSink:
    async def send(self, letter: DeadLetter, *, patience: timedelta) -> None: ...


def trace(change: Change[User]) -> AbstractContextManager[None]:
    assert_type(change, Change[User])
    return nullcontext()


@contextmanager
def any_change(change: Any) -> Generator[int]:
    yield 1


class Span:
    def __init__(self, change: Change[User]) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> bool:
        return True


async def async_middleware(change: Change[User]) -> None: ...


class OwnReader:
    streams = frozenset({"arn"})
    buckets: Sequence[str] = ()

    def read(self, failure: Mapping[str, Any]) -> dict[str, Any]:
        return {"Records": [failure]}


class UnboundReader:
    def read(self, failure: Mapping[str, Any]) -> dict[str, Any]:
        return {"Records": [failure]}


def no_middleware(change: Change[User]) -> None: ...


how_it_runs = StreamApp(
    "users",
    store=MemoryStore(),
    dead_letter=DeadLetters(OwnSink(), after=5, after_invalid=1),
    concurrency=16,
    middleware=[trace, any_change, Span, nullcontext],
    reader=OwnReader(),
)
also_in_tests: FailureReader = MemoryReader()


def what_reports_are_for() -> None:
    @app.on_report
    def note(report: BatchReport) -> None:
        assert_type(report.handlers, Mapping[str, Mapping[Outcome, int]])
        assert_type(report.oldest_age, timedelta | None)
        assert_type(report.finished_at, datetime | None)
        assert_type(report.records[0].seconds, float)
        assert_type(report.dead_lettered, int)

    @app.on_report
    async def push(report: BatchReport) -> None: ...

    assert_type(note(app.process(None)), None)
    reports: list[BatchReport] = []
    app.on_report(reports.append)
    assert_type(app.prepare(), None)


def what_running_refuses() -> None:
    StreamApp(concurrency="4")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    StreamApp(dead_letter=OwnSink())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    StreamApp(dead_letter=DeadLetters(OwnSink(), 5))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    StreamApp(middleware=trace)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    StreamApp(middleware=[nullcontext()])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    StreamApp(middleware=[no_middleware])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    StreamApp(middleware=[async_middleware])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    StreamApp(reader=UnboundReader())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.prepare(User)  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]


def what_a_callback_refuses() -> None:
    @app.on_report  # type: ignore[type-var]  # pyright: ignore[reportArgumentType, reportUntypedFunctionDecorator]
    def of_a_record(report: RecordReport) -> None: ...

    @app.on_report  # type: ignore[type-var]  # pyright: ignore[reportArgumentType, reportUntypedFunctionDecorator]
    def of_nothing() -> None: ...

    app.on_report()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def view_types_are_named() -> None:
    StreamApp(view_type="NEW_IMAGE")
    Router(view_type="KEYS_ONLY")
    Router(table="users", view_type=None)
    StreamApp(view_type="IMAGE")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Router(view_type="new_image")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
