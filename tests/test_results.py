"""Results of handlers, which nothing uses: a warning once a handler, and an error if it has not run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import BaseModel

from ddbevents import ConfigurationError, Outcome, RecordReport, StreamApp
from ddbevents.stores import MemoryStore
from tests.stream import CANARY, batch, insert, user


class User(BaseModel):
    email: str


RECORD = insert(1, user("a", CANARY))
CURE = (
    ", which nothing uses: its record counts as handled. Raise an exception to have it retried, or Reject to"
    " dead-letter it, and else return None"
)

Handler = Callable[..., Any]


def report_of(handler: Handler, name: str) -> RecordReport:
    """Return the report of a record of a handler that has this name, since each is warned of once."""
    handler.__qualname__ = name
    app = StreamApp("users", store=MemoryStore())
    app.on_insert(User)(handler)
    [report] = app.process(batch(RECORD)).records
    return report


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert CANARY not in caplog.text
    return [line.getMessage() for line in caplog.records if line.levelno == logging.WARNING]


def returning(result: object) -> Handler:
    return lambda change: result


def returning_async(result: object) -> Handler:
    async def handler(change: object) -> Any:
        await asyncio.sleep(0)
        return result

    return handler


def returning_with_tx(result: object) -> Handler:
    return lambda change, tx: result


@pytest.mark.parametrize("kind", [returning, returning_async, returning_with_tx])
@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ({"batchItemFailures": []}, "an answer for Lambda"),
        ({"batchItemFailures": [{"itemIdentifier": CANARY}]}, "an answer for Lambda"),
        ({"statusCode": 500}, "a value of type dict"),
        (False, "a value of type bool"),
        ([CANARY], "a value of type list"),
        (CANARY, "a value of type str"),
        (ValueError(CANARY), "a value of type ValueError"),
    ],
    ids=["answer", "failures", "dict", "bool", "list", "str", "error"],
)
def test_a_result_warns(
    kind: Callable[[object], Handler],
    result: object,
    shown: str,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> None:
    report = report_of(kind(result), request.node.name)

    assert report.outcome is Outcome.HANDLED
    assert warnings(caplog) == [f"{__name__}.{request.node.name} returned {shown}{CURE}"]


def test_a_result_warns_once_a_handler(caplog: pytest.LogCaptureFixture) -> None:
    handlers = [returning(1), returning(2), returning_async(3)]
    with ThreadPoolExecutor(8) as threads:
        reports = [*threads.map(report_of, handlers * 8, ["once", "once too", "once async"] * 8)]

    assert len(reports) == 24
    assert len(warnings(caplog)) == 3


@pytest.mark.parametrize("kind", [returning, returning_async])
def test_none_warns_of_nothing(kind: Callable[[object], Handler], caplog: pytest.LogCaptureFixture) -> None:
    assert report_of(kind(None), f"none {kind.__name__}").outcome is Outcome.HANDLED
    assert warnings(caplog) == []


def test_a_returned_task_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []

    async def work() -> str:
        await asyncio.sleep(0)
        ended.append("work")
        return "done"

    async def handler(change: object) -> Any:
        return asyncio.create_task(work())

    assert report_of(handler, "tasked").outcome is Outcome.HANDLED
    assert ended == ["work"]
    assert warnings(caplog) == []


class Request:
    """An awaitable that is no coroutine, as some HTTP clients have them."""

    def __await__(self) -> Any:
        yield from asyncio.sleep(0).__await__()


async def coroutine() -> None: ...


@pytest.mark.parametrize("made", [coroutine, Request])
def test_an_awaitable_of_an_async_handler_fails(made: Callable[[], Awaitable[None]]) -> None:
    report = report_of(returning_async(made()), f"awaitable {made.__name__}")

    assert report.outcome is Outcome.FAILED
    assert isinstance(report.error, ConfigurationError)
    assert str(report.error) == (
        "the async handler returned an awaitable, which nothing would await: await it in the handler"
    )


@pytest.mark.parametrize("kind", [returning, returning_async])
def test_a_generator_fails(kind: Callable[[object], Handler]) -> None:
    report = report_of(kind(each for each in "ab"), f"generator {kind.__name__}")

    assert str(report.error) == "the handler returned a generator, which nothing would run: return None"


def test_a_request_of_a_sync_handler_is_awaited(caplog: pytest.LogCaptureFixture) -> None:
    assert report_of(lambda change: Request(), "request").outcome is Outcome.HANDLED
    assert warnings(caplog) == []


@pytest.mark.parametrize("kind", [returning, returning_async])
def test_a_callbacks_result_warns_of_nothing(
    kind: Callable[[object], Handler], caplog: pytest.LogCaptureFixture
) -> None:
    app = StreamApp()
    app.on_report(kind(1))

    app(batch(RECORD))

    assert "returned" not in caplog.text
