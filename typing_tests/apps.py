"""The app as Lambda and tests call it, how it is made, and what it includes."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_type

from ddbevents import (
    Attr,
    BatchFailedError,
    BatchItemFailure,
    BatchReport,
    BatchResponse,
    LambdaContext,
    Outcome,
    RecordReport,
    Router,
    StreamApp,
    StreamRecord,
    UnreadableRecord,
)
from ddbevents.stores import MemoryStore


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
