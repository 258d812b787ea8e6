"""How the log describes an exception: with what helps the engineer on call, and without item values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn, TypeAlias

import pytest
from botocore.exceptions import ClientError

from ddbevents import StoreError, StreamApp
from tests.stream import CANARY, batch, insert, user

Described: TypeAlias = Callable[[Callable[[], object]], str]


class HTTPError(Exception):
    """An error as HTTP clients raise it."""

    def __init__(self, status: object) -> None:
        super().__init__(CANARY)
        self.response = SimpleNamespace(status_code=status, text=CANARY)


@pytest.fixture
def described(caplog: pytest.LogCaptureFixture) -> Described:
    """Return what the log says of the error that a handler raises."""

    def log(fail: Callable[[], object]) -> str:
        app = StreamApp()

        @app.on_insert(dict)
        def handle(change: object) -> None:
            fail()

        app(batch(insert(1, user("a"))))

        [line] = caplog.records
        return line.getMessage().partition(".handle: ")[2]

    return log


def refused(answer: Any, operation: str = "PutItem") -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise ClientError(answer, operation)

    return fail


def test_aws_errors_show_code_and_operation(described: Described) -> None:
    answer = {"Error": {"Code": "AccessDeniedException", "Message": CANARY}}

    said = described(refused(answer))

    assert said.startswith("botocore.exceptions.ClientError (AccessDeniedException of PutItem) at ")
    assert said.endswith(" in fail")
    assert CANARY not in said


@pytest.mark.parametrize(
    "answer",
    [{}, {"Error": {}}, {"Error": {"Code": f"a {CANARY}"}}],
    ids=["empty", "no code", "a text"],
)
def test_the_operation_may_stand_alone(described: Described, answer: Any) -> None:
    assert "ClientError (PutItem) at " in described(refused(answer))


def test_an_empty_answer_is_left_out(described: Described) -> None:
    assert "ClientError at " in described(refused({}, operation=f"a {CANARY}"))


@pytest.mark.parametrize(
    ("status", "shown"), [(503, "HTTPError (status 503) at "), (CANARY, "HTTPError at ")]
)
def test_http_errors_show_their_status(described: Described, status: object, shown: str) -> None:
    def fail() -> NoReturn:
        raise HTTPError(status)

    assert shown in described(fail)


class HeadlessError(Exception):
    """An error whose answer cannot be read."""

    @property
    def response(self) -> object:
        raise RuntimeError


def test_a_broken_answer_is_left_out(described: Described) -> None:
    assert described(lambda: raise_(HeadlessError())).startswith("tests.test_logs.HeadlessError at ")


def raise_(error: Exception) -> NoReturn:
    raise error


def test_a_group_shows_its_members(described: Described) -> None:
    async def connect() -> NoReturn:
        raise ConnectionError(CANARY)

    async def several() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(connect())

    said = described(lambda: asyncio.run(several()))

    assert said.startswith("ExceptionGroup at ")
    assert "[ConnectionError at " in said
    assert said.endswith(" in connect]")
    assert CANARY not in said


def test_a_large_group_is_cut_short(described: Described) -> None:
    def fail() -> NoReturn:
        raise ExceptionGroup(CANARY, [ValueError(), TypeError(), KeyError(), OSError(), OSError()])

    assert described(fail).endswith(" [ValueError; TypeError; KeyError; and 2 more]")


def test_a_cause_shows_its_type(described: Described) -> None:
    def fail() -> NoReturn:
        raise LookupError(CANARY) from KeyError(CANARY)

    assert described(fail).endswith(" in fail, caused by KeyError")


def test_our_own_errors_keep_their_message(described: Described) -> None:
    error = StoreError("the store cannot be reached")

    assert described(lambda: raise_(error)) == "StoreError: the store cannot be reached"
