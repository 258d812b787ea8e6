"""A handler may take more than it is given: a base class, a union of changes, `object`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, assert_type

from ddbevents import Change, Insert, Modify, Remove, Router, StreamApp, Transaction, Upsert
from tests.typing.models import Address, Administrator, Order, User
from tests.typing.stores import OwnTransactionalStore

app = StreamApp(store=OwnTransactionalStore())
router = Router()


def takes_any_kind(change: Change[User]) -> None: ...


def takes_any_new_item(change: Insert[User] | Upsert[User]) -> None: ...


def takes_two_models(change: Insert[User] | Insert[Order]) -> None: ...


def takes_anything(change: object) -> None: ...


def takes_any(change: Any) -> None: ...


def takes_as_many_as_there_are(*arguments: object) -> None: ...


def takes_an_option(change: Insert[User], retries: int = 3) -> None: ...


def never_returns(change: Insert[User]) -> NoReturn:
    raise NotImplementedError


class Mailer:
    def send(self, change: Insert[User]) -> None: ...

    async def send_later(self, change: Insert[User], tx: Transaction) -> None: ...


assert_type(app.on_insert(User)(takes_any_kind), Callable[[Insert[User]], None])
assert_type(app.on_upsert(User)(takes_any_new_item), Callable[[Upsert[User]], None])
assert_type(app.on_insert(User)(takes_two_models), Callable[[Insert[User]], None])
assert_type(app.on_insert(Order)(takes_two_models), Callable[[Insert[Order]], None])
assert_type(app.on_remove(Address)(takes_anything), Callable[[Remove[Address]], None])
assert_type(router.on_modify(User)(takes_any), Callable[[Modify[User]], None])
assert_type(router.on_modify(User)(takes_as_many_as_there_are), Callable[[Modify[User]], None])
assert_type(router.on_insert(User)(takes_an_option), Callable[[Insert[User]], None])
assert_type(router.on_insert(User)(Mailer().send), Callable[[Insert[User]], None])
router.on_insert(User)(Mailer().send_later)
router.on_insert(User)(never_returns)


@app.on_insert(User)
@router.on_insert(User)
async def is_registered_twice(change: Insert[User], tx: Transaction) -> None: ...


@router.on_insert(Administrator)
def takes_the_base_class(change: Insert[User]) -> None:
    assert_type(change.new, User)


def what_is_refused(app: StreamApp) -> None:
    # what is decorated counts by what it was registered for, so a union takes on_change or plain calls
    inserted = app.on_insert(User)(takes_any_kind)
    app.on_remove(User)(inserted)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]

    def takes_the_subclass(change: Insert[Administrator]) -> None: ...

    app.on_insert(User)(takes_the_subclass)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
