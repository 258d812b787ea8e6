"""The same mistakes where people make them: under the decorator, which is where the error is shown."""

from __future__ import annotations

from ddbevents import Insert, KeyChange, Modify, Remove, StreamApp, Transaction
from typing_tests.models import Order, User, UserBeforeMigration, UserKey


def wrong_parameters(app: StreamApp) -> None:
    @app.on_insert(User)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
    def wrong_model(change: Insert[Order]) -> None: ...

    @app.on_insert(User)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
    async def plain_item(user: User) -> None: ...

    @app.on_modify(User)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
    def wrong_kind(change: Insert[User]) -> None: ...

    @app.on_modify(User, old=UserBeforeMigration)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
    def wrong_old_model(change: Modify[User, Order]) -> None: ...

    @app.on_remove(User)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
    def no_parameter() -> None: ...

    @app.on_upsert(User)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
    def one_kind_only(change: Insert[User]) -> None: ...

    @app.on_change(User)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
    async def wrong_second_parameter(change: object, tx: int) -> None: ...

    @app.on_keys(UserKey)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
    def three_parameters(change: KeyChange[UserKey], tx: Transaction, more: object) -> None: ...


def wrong_results(app: StreamApp) -> None:
    @app.on_remove(User)  # type: ignore[type-var]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
    def wrong_result(change: Remove[User]) -> int:
        return 1

    @app.on_remove(User)  # type: ignore[type-var]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
    async def wrong_async_result(change: Remove[User]) -> str:
        return ""
