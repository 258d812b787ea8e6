"""What the log says of an exception: what helps whoever is on call, and no value of an item."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError

from ddbevents import StoreError
from ddbevents._logs import describe
from tests.stream import CANARY


class HTTPError(Exception):
    """As HTTP clients raise it."""

    def __init__(self, status: object) -> None:
        super().__init__(CANARY)
        self.response = SimpleNamespace(status_code=status, text=CANARY)


def described(fail: Callable[[], object]) -> str:
    with pytest.raises(BaseException) as raised:  # noqa: PT011  # a group, among others
        fail()
    return describe(raised.value)


def refused(answer: Any, operation: str = "PutItem") -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise ClientError(answer, operation)

    return fail


def test_an_error_of_aws_is_told_with_its_code_and_operation() -> None:
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
def test_an_answer_without_a_code_is_told_by_its_operation(answer: Any) -> None:
    assert "ClientError (PutItem) at " in described(refused(answer))


def test_an_answer_that_tells_nothing_is_left_out() -> None:
    assert "ClientError at " in described(refused({}, operation=f"a {CANARY}"))


@pytest.mark.parametrize(("status", "told"), [(503, "HTTPError (status 503) at "), (CANARY, "HTTPError at ")])
def test_an_error_of_http_is_told_with_its_status(status: object, told: str) -> None:
    def fail() -> NoReturn:
        raise HTTPError(status)

    assert told in described(fail)


class HeadlessError(Exception):
    """Its answer cannot be looked at."""

    @property
    def response(self) -> object:
        raise RuntimeError


def test_an_answer_that_cannot_be_looked_at_is_left_out() -> None:
    assert described(lambda: raise_(HeadlessError())).startswith("tests.test_logs.HeadlessError at ")


def raise_(error: Exception) -> NoReturn:
    raise error


def test_of_a_group_its_members_are_told_with_their_places() -> None:
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


def test_of_a_large_group_the_first_are_told() -> None:
    def fail() -> NoReturn:
        raise ExceptionGroup(CANARY, [ValueError(), TypeError(), KeyError(), OSError(), OSError()])

    assert described(fail).endswith(" [ValueError; TypeError; KeyError; and 2 more]")


def test_a_cause_is_told_by_its_type() -> None:
    def fail() -> NoReturn:
        raise LookupError(CANARY) from KeyError(CANARY)

    assert described(fail).endswith(" in fail, caused by KeyError")


def test_an_error_of_the_library_has_its_message() -> None:
    assert describe(StoreError("the store cannot be reached")) == "StoreError: the store cannot be reached"
