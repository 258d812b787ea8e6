"""Every argument of the app, the router and the decorators, as a tired person would give it.

Each is refused where it is written, by a message that names the parameter and the cure.
"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar
from unittest.mock import MagicMock, Mock, create_autospec, patch  # as tests of users have them

import pytest
from boto3.dynamodb.conditions import Attr as Boto3Attr
from pydantic import BaseModel
from pydantic.v1 import BaseModel as BaseModelOfPydantic1
from typing_extensions import TypedDict

from ddbevents import (
    Attr,
    BatchReport,
    Condition,
    ConfigurationError,
    Insert,
    LambdaContext,
    Router,
    StreamApp,
    Transaction,
    TransactionError,
)
from ddbevents.dead_letters import DeadLetter, DeadLetters, SQSQueue
from ddbevents.stores import MemoryStore
from ddbevents.testing import MemorySink
from tests.stream import MarksOnly, batch, insert, shown, user

Call = Callable[[Any], object]
T = TypeVar("T")


class User(BaseModel):
    pk: str
    email: str = ""


class UserOfPydantic1(BaseModelOfPydantic1):
    pk: str


@dataclass
class Point:
    x: int


class Session(TypedDict):
    token: str


def welcome(change: Insert[User]) -> None: ...


class Reports:
    """A callback as a class, and as a method without its object."""

    def __init__(self, report: BatchReport) -> None: ...

    def keep(self, report: BatchReport) -> None: ...


class Reporting(Reports, Generic[T]):
    """A callback as a class with arguments."""


def report_and_context(report: BatchReport, context: LambdaContext) -> None: ...
def no_report() -> None: ...
def report_by_name(*, report: BatchReport) -> None: ...


def generated(report: BatchReport) -> Iterator[None]:
    yield


async def async_generated(report: BatchReport) -> AsyncGenerator[None]:
    yield


def refusal(call: Call, value: object) -> str:
    with pytest.raises(ConfigurationError) as refused:
        call(value)
    return str(refused.value)


DECORATORS: dict[str, Call] = {
    "on_insert": StreamApp().on_insert,
    "on_modify": StreamApp().on_modify,
    "on_remove": StreamApp().on_remove,
    "on_upsert": StreamApp().on_upsert,
    "on_change": StreamApp().on_change,
    "on_previous": StreamApp().on_previous,
    "on_keys": StreamApp().on_keys,
}
WHERES: dict[str, Call] = {
    "Router": lambda where: Router(where=where),
    "on_insert": lambda where: Router().on_insert(User, where=where),
    "on_modify": lambda where: Router().on_modify(User, where=where),
    "on_remove": lambda where: Router().on_remove(User, where=where),
    "on_upsert": lambda where: Router().on_upsert(User, where=where),
    "on_change": lambda where: Router().on_change(User, where=where),
    "on_previous": lambda where: Router().on_previous(User, where=where),
    "on_keys": lambda where: Router().on_keys(User, where=where),
    "on_record": lambda where: Router().on_record(where=where),
}
BOTO3 = "it is boto3's, which cannot be evaluated here: import Attr from ddbevents"
COMPARE = "compare it, for example Attr('status').eq('OPEN') or .exists()"
NOT_TRUE = "compare with a method, Attr('status').eq('OPEN') in place of =="
AS_DATA = "a function is none, since stores need it as data: write Attr('status').eq('OPEN')"
WRITE = "write Attr('status').eq('OPEN'), and combine conditions with &, | and ~"

NO_CONDITIONS: dict[str, tuple[Any, str]] = {
    "boto3's": (Boto3Attr("email").eq("x"), BOTO3),
    "boto3's, joined": (Boto3Attr("email").eq("x") & Boto3Attr("pk").eq("y"), BOTO3),
    "boto3's attribute": (Boto3Attr("email"), BOTO3),
    "an attribute": (Attr("email"), COMPARE),
    "==": (operator.eq(Attr("email"), "x"), NOT_TRUE),
    "True": (True, NOT_TRUE),
    "a function": (lambda item: item["email"] == "x", AS_DATA),
    "an uncalled method": (Attr("email").eq, AS_DATA),
    "the class": (Condition, AS_DATA),
    "text": ("email = 'x'", WRITE),
    "a list of texts": (["email", "pk"], WRITE),
    "a list of conditions": ([Attr("email").eq("x")], WRITE),
    "a dict": ({"email": "x"}, WRITE),
    "zero": (0, WRITE),
}


@pytest.mark.parametrize("call", WHERES.values(), ids=WHERES.keys())
@pytest.mark.parametrize(("where", "cure"), NO_CONDITIONS.values(), ids=NO_CONDITIONS.keys())
def test_where_is_a_condition(call: Call, where: object, cure: str) -> None:
    message = refusal(call, where)

    assert message.startswith("where must be a condition: ")
    assert message.endswith(cure)


@pytest.mark.parametrize(("when", "cure"), NO_CONDITIONS.values(), ids=NO_CONDITIONS.keys())
def test_when_is_a_condition(when: Any, cure: str) -> None:
    tx = Transaction()

    with pytest.raises(TransactionError, match="when must be a condition: ") as refused:
        tx.delete("users", {"pk": "a"}, when=when)

    assert str(refused.value).endswith(cure)
    assert tx.writes == ()


@pytest.mark.parametrize(("other", "cure"), NO_CONDITIONS.values(), ids=NO_CONDITIONS.keys())
def test_conditions_join_conditions_only(other: Any, cure: str) -> None:
    message = refusal(lambda condition: Attr("pk").eq("a") & condition, other)

    assert message.startswith("a condition can only be combined with another condition: ")
    assert message.endswith(cure)


MODELS: dict[str, tuple[Any, str]] = {
    "pydantic 1": (
        UserOfPydantic1,
        "UserOfPydantic1 is no item model, but one of pydantic 1: derive it from",
    ),
    "an instance": (User(pk="a"), "an instance of User is no item model: pass the class User itself"),
    "an instance of a dataclass": (Point(1), "an instance of Point is no item model: pass the class Point"),
    "a name": ("User", "text is no item model: pass the class itself, not its name"),
    "a number's type": (int, "int is no item model: use a pydantic model, a dataclass or a TypedDict"),
    "a session": (Session(token=""), "dict is no item model: use a pydantic model"),
    "a list": ([User], "list is no item model: use a pydantic model"),
    "a function": (welcome, "welcome is no item model, but a function: pass the model to the decorator"),
    "a union": (User | Point, "a union is no item model: register the handler once for each"),
}


@pytest.mark.parametrize("call", DECORATORS.values(), ids=DECORATORS.keys())
@pytest.mark.parametrize(("model", "message"), MODELS.values(), ids=MODELS.keys())
def test_the_model_is_an_item_model(call: Call, model: object, message: str) -> None:
    assert refusal(call, model).startswith(message)


@pytest.mark.parametrize(("model", "message"), MODELS.values(), ids=MODELS.keys())
def test_old_is_an_item_model(model: object, message: str) -> None:
    assert refusal(lambda old: Router().on_modify(User, old=old), model).startswith(f"old: {message}")


NAMES = "changed must be the name of a field, or a list of names"
EMPTY = "changed names no field: leave it out to take every change"
CALLS: dict[str, Call] = {
    "name": StreamApp,
    "store": lambda store: StreamApp(store=store),
    "with_store": lambda store: StreamApp().with_store(store),
    "dead_letter": lambda letters: StreamApp(store=MemoryStore(), dead_letter=letters),
    "concurrency": lambda concurrency: StreamApp(concurrency=concurrency),
    "time_reserve": lambda reserve: StreamApp(time_reserve=reserve),
    "table": lambda table: Router(table=table),
    "changed": lambda changed: Router().on_modify(User, changed=changed),
    "expired": lambda expired: Router().on_remove(User, expired=expired),
    "on_report": lambda callback: StreamApp().on_report(callback),
    "include": lambda router: StreamApp().include(router),
    "with_sink": lambda sink: StreamApp().with_sink(sink),
    "with_sink in place of one": lambda sink: StreamApp(
        store=MemoryStore(), dead_letter=DeadLetters(MemorySink())
    ).with_sink(sink),
}
TEXT = "name must be text: pass the store as store="
STORE = "store must be an instance of a class with the methods of"
LETTERS = "dead_letter must be a DeadLetters, for example DeadLetters(SQSQueue(url), after=5)"
LANES = "concurrency must be a whole number of at least 1, the number of items at once"
RESERVE = "time_reserve must be a timedelta, and not negative: write timedelta(seconds=...)"
TABLE = "table must be the name of one table, as text and not an ARN"
EXPIRED = "expired must be True, False or None, for both"
CALLBACK = "on_report takes a function of one parameter, the report"
SINK = "sink must be an instance of a class with the method of DeadLetterSink"
ROUTER = "include takes a Router, an instance: pass the router that has the handlers"

MISTAKES: dict[tuple[str, str], list[Any]] = {
    ("name", TEXT): [5, b"users", True, MemoryStore(), StreamApp, ["users"]],
    ("name", "name must not be empty or contain '#'"): ["", "a#b"],
    ("name", "name must be printable and no longer than 255 characters"): ["a\nb", "\ud800", "a" * 256],
    ("store", STORE): [MemorySink(), {}, 0, False, []],
    ("store", "store is the class MemoryStore: pass an instance"): [MemoryStore],
    ("store", "store is text: for the idempotency table of this name"): ["marks", ""],
    ("with_store", STORE): [MemorySink(), {}, 0],
    ("with_store", "store is the class MemoryStore: pass an instance"): [MemoryStore],
    ("with_store", "store is text: for the idempotency table of this name"): ["marks"],
    ("dead_letter", LETTERS): [MemorySink(), DeadLetters, SQSQueue, "url", 5, True],
    ("concurrency", LANES): [True, False, 0, -1, 2.0, "8", None, [8]],
    ("time_reserve", RESERVE): [5, 1.5, "5", None, timedelta, timedelta(seconds=-1)],
    ("time_reserve", "timedelta(1) is a day, so write timedelta(seconds=...)"): [timedelta(1)],
    ("table", TABLE): ["", 5, ["Users"], b"Users", "a b", "arn:aws:dynamodb:eu-west-1:1:table/Users"],
    ("changed", NAMES): [None, True, 1, b"email", ["email", 1], {"email": "x"}, [["email"]]],
    ("changed", EMPTY): [[], set(), frozenset(), iter([])],
    ("changed", "User has no field"): ["", "Email", ["email", "phone"]],
    ("expired", EXPIRED): ["yes", 1, 0, [True], timedelta(0)],
    ("on_report", CALLBACK): [None, "report", 5, Reports, Reporting[int], [print]],
    ("on_report", "but gets the report alone: let it take (report)"): [
        report_and_context,
        no_report,
        report_by_name,
        Reports.keep,
    ],
    ("on_report", "is a generator, which nothing would run"): [generated, async_generated],
    ("include", ROUTER): [None, Router, StreamApp, welcome, [Router()], "users"],
    ("include", "include takes a Router, not an app: register its handlers with a Router"): [StreamApp()],
    ("with_sink", SINK): [None, MemorySink, MemoryStore(), "url", print],
    ("with_sink in place of one", SINK): [None, MemorySink, MemoryStore(), "url"],
}


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [(parameter, value, message) for (parameter, message), values in MISTAKES.items() for value in values],
    ids=shown,
)
def test_a_mistake_is_refused(parameter: str, value: object, message: str) -> None:
    assert message in refusal(CALLS[parameter], value)


FITTING: dict[str, list[Any]] = {
    "name": [None, "users", "Users 1", "a" * 255],
    "store": [None, MemoryStore()],
    "with_store": [None, MemoryStore()],
    "dead_letter": [None, DeadLetters(MemorySink())],
    "concurrency": [1, 8],
    "time_reserve": [timedelta(0), timedelta(minutes=15)],
    "table": [None, "Users", "a.b-c_d"],
    "changed": ["email", ["email"], ("pk", "email"), {"email"}, iter(["pk"]), ()],
    "expired": [None, True, False],
    "on_report": [print, max, lambda report, more=1: None],
    "include": [Router()],
    "with_sink": [MemorySink()],
}


@pytest.mark.parametrize(
    ("parameter", "value"),
    [(parameter, value) for parameter, values in FITTING.items() for value in values],
    ids=shown,
)
def test_a_fitting_value_is_accepted(parameter: str, value: object) -> None:
    CALLS[parameter](value)


def test_async_callbacks_are_accepted() -> None:
    reports: list[BatchReport] = []
    app = StreamApp()

    @app.on_report
    async def keep(report: BatchReport) -> None:
        reports.append(report)

    app(batch(insert(1, user("a"))))

    assert len(reports) == 1


def test_generators_run_when_iterated() -> None:
    async def iterate(report: BatchReport) -> list[None]:
        return [nothing async for nothing in async_generated(report)]

    report = StreamApp().process(batch())

    assert [*generated(report), *asyncio.run(iterate(report))] == [None, None]


@pytest.mark.parametrize("name", [5, None, b"email", ["email"], "", "a..b", "a[x]"], ids=shown)
def test_an_attribute_has_a_path(name: Any) -> None:
    assert refusal(Attr, name).endswith("is not an attribute path: write it as 'address.city' or 'lines[0]'")


MOCKS: dict[str, Any] = {
    "MagicMock": MagicMock,
    "Mock": Mock,
    "of a class": lambda: MagicMock(spec=MarksAndLetters),
    "autospec": lambda: create_autospec(MarksAndLetters, instance=True),
}


class MarksAndLetters(MarksOnly):
    """A store that is a sink, too."""

    def send(self, letter: DeadLetter, *, patience: timedelta) -> None: ...


@pytest.mark.parametrize("parameter", ["store", "with_store", "with_sink", "with_sink in place of one"])
@pytest.mark.parametrize("make", MOCKS.values(), ids=MOCKS.keys())
def test_a_mock_keeps_nothing(parameter: str, make: Callable[[], Any]) -> None:
    is_sink = "sink" in parameter
    use, method = ("testing.MemorySink()", "send") if is_sink else ("stores.MemoryStore()", "handled")

    assert refusal(CALLS[parameter], make()).endswith(
        "Mock, which keeps nothing and answers with mocks: in tests use"
        f" ddbevents.{use}, or give {method} a return_value"
    )


@pytest.mark.parametrize(
    "store",
    [
        Mock(spec=MarksOnly, **{"handled.return_value": set(), "add.return_value": None}),
        Mock(spec=MarksOnly, **{"handled.side_effect": OSError, "add.side_effect": OSError}),
        Mock(wraps=MarksOnly(), spec=MarksOnly),
    ],
    ids=["return_value", "side_effect", "wraps"],
)
def test_a_mock_may_be_told_what_to_do(store: Any) -> None:
    StreamApp(store=store)


def test_a_spy_on_a_store_is_accepted() -> None:
    store = MarksOnly()
    with patch.object(store, "add") as add:
        StreamApp(store=store)

    assert not add.called


@pytest.mark.parametrize("number", ["after", "after_invalid"])
@pytest.mark.parametrize("value", [True, False, 0, -1, 1.0, "5", None])
def test_attempts_are_a_whole_number(number: str, value: object) -> None:
    message = refusal(lambda given: DeadLetters(MemorySink(), **{number: given}), value)

    assert message == f"{number} must be a whole number of attempts, at least 1"
