"""`on_upsert` gives a handler `Insert` or `Modify`, and a handler must take both."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, assert_type

from ddbevents import Insert, Router, StreamApp, StreamRecord, Transaction, Upsert
from typing_tests import mistakes
from typing_tests.models import Order, User
from typing_tests.stores import OwnTransactionalStore

app = StreamApp(store=OwnTransactionalStore())
router = Router()


@app.on_upsert(User)
@router.on_upsert(User)
def synchronous(change: Upsert[User]) -> None:
    assert_type(change, Upsert[User])
    assert_type(change.new, User)
    assert_type(change.record, StreamRecord)


@app.on_upsert(User)
@router.on_upsert(User)
def synchronous_with_transaction(change: Upsert[User], tx: Transaction) -> None:
    assert_type(change, Upsert[User])
    assert_type(tx, Transaction)


@app.on_upsert(User)
@router.on_upsert(User)
async def asynchronous(change: Upsert[User]) -> None:
    assert_type(change, Upsert[User])


@app.on_upsert(User)
@router.on_upsert(User)
async def asynchronous_with_transaction(change: Upsert[User], tx: Transaction) -> None:
    assert_type(change, Upsert[User])
    assert_type(tx, Transaction)


# a decorated handler is still the function it was, which a plain test can call
assert_type(synchronous, Callable[[Upsert[User]], None])
assert_type(synchronous_with_transaction, Callable[[Upsert[User], Transaction], None])
assert_type(asynchronous, Callable[[Upsert[User]], Coroutine[Any, Any, None]])
assert_type(asynchronous_with_transaction, Callable[[Upsert[User], Transaction], Coroutine[Any, Any, None]])


def wrong_model(change: Upsert[Order]) -> None: ...


def wrong_model_with_transaction(change: Upsert[Order], tx: Transaction) -> None: ...


async def async_wrong_model(change: Upsert[Order]) -> None: ...


async def async_wrong_model_with_transaction(change: Upsert[Order], tx: Transaction) -> None: ...


def wrong_kind(change: Insert[User]) -> None: ...


def wrong_kind_with_transaction(change: Insert[User], tx: Transaction) -> None: ...


async def async_wrong_kind(change: Insert[User]) -> None: ...


async def async_wrong_kind_with_transaction(change: Insert[User], tx: Transaction) -> None: ...


def what_an_app_refuses(app: StreamApp) -> None:
    register = app.on_upsert(User)
    register(wrong_model)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(wrong_model_with_transaction)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(async_wrong_model)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(async_wrong_model_with_transaction)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(wrong_kind)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(wrong_kind_with_transaction)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(async_wrong_kind)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(async_wrong_kind_with_transaction)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.takes_nothing)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.takes_three)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.takes_item)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.demands_keyword)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.wants_no_transaction)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.async_takes_nothing)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.async_takes_three)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.async_takes_item)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.async_wants_no_transaction)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.returns_number)  # type: ignore[type-var]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.returns_number_with_transaction)  # type: ignore[arg-type, type-var]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.returns_text)  # type: ignore[type-var]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.returns_text_with_transaction)  # type: ignore[arg-type, type-var]  # pyright: ignore[reportCallIssue, reportArgumentType]


def what_a_router_refuses(router: Router) -> None:
    register = router.on_upsert(User)
    register(wrong_model)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(wrong_model_with_transaction)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(async_wrong_model)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(async_wrong_model_with_transaction)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(wrong_kind)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(wrong_kind_with_transaction)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(async_wrong_kind)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(async_wrong_kind_with_transaction)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.takes_nothing)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.takes_three)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.takes_item)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.demands_keyword)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.wants_no_transaction)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.async_takes_nothing)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.async_takes_three)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.async_takes_item)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.async_wants_no_transaction)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.returns_number)  # type: ignore[type-var]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.returns_number_with_transaction)  # type: ignore[arg-type, type-var]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.returns_text)  # type: ignore[type-var]  # pyright: ignore[reportCallIssue, reportArgumentType]
    register(mistakes.returns_text_with_transaction)  # type: ignore[arg-type, type-var]  # pyright: ignore[reportCallIssue, reportArgumentType]
