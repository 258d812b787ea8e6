"""Conditions, and the options of the decorators."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_type

from ddbevents import Attr, Condition, Router, StreamApp
from tests.typing.models import User, UserKey

is_open = Attr("status").eq("OPEN")
is_large = Attr("lines[0].price").gt(Decimal("9.99"))

assert_type(is_open, Condition)
assert_type(Attr("total").ne(0), Condition)
assert_type(Attr("total").lt(1), Condition)
assert_type(Attr("total").lte(1), Condition)
assert_type(Attr("total").gte(1), Condition)
assert_type(Attr("total").between(1, 2), Condition)
assert_type(Attr("name").begins_with("A"), Condition)
assert_type(Attr("name").begins_with(b"A"), Condition)
assert_type(Attr("name").is_in(["Ada", "Grace"]), Condition)
assert_type(Attr("name").is_in({"Ada", "Grace"}), Condition)
assert_type(Attr("tags").contains("new"), Condition)
assert_type(Attr("tags").exists(), Condition)
assert_type(Attr("tags").not_exists(), Condition)
assert_type(is_open & is_large, Condition)
assert_type(is_open | is_large, Condition)
assert_type(~is_open, Condition)
assert_type(~(is_open & is_large) | is_open, Condition)


def what_a_condition_refuses() -> None:
    Attr(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Attr("status") == "OPEN" & is_open  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]  # noqa: B015
    is_open & True  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]
    Attr("status") & is_open  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]
    Attr("total").between(1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Attr("name").begins_with(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Attr("total").is_in(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Attr("tags").exists(True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # noqa: FBT003


def options(app: StreamApp, router: Router) -> None:
    app.on_insert(User, where=is_open)
    app.on_modify(User, where=is_open, changed="email")
    app.on_modify(User, changed=["email", "user_id"])
    app.on_modify(User, old=None)
    app.on_remove(User, where=is_open, expired=True)
    app.on_upsert(User, where=is_open)
    app.on_change(User, where=is_open)
    app.on_keys(UserKey, where=is_open)
    router.on_insert(User, where=is_open)
    router.on_modify(User, where=is_open, changed=("email",), old=User)
    router.on_remove(User, where=is_open, expired=None)
    router.on_upsert(User, where=None)
    router.on_change(User, where=is_open)
    router.on_keys(UserKey, where=is_open)
    router.on_keys(UserKey, kinds="REMOVE", expired=True)
    router.on_record(where=is_open, kinds="REMOVE")
    router.on_record(kinds=["INSERT", "MODIFY"])
    router.on_keys(UserKey, kinds=("INSERT", "MODIFY"))
    router.on_keys(UserKey, kinds=["INSERT", "MODIFY"])
    router.on_keys(UserKey, kinds={"INSERT", "MODIFY"})


def what_the_decorators_refuse(app: StreamApp, router: Router, user: User) -> None:
    app.on_insert(user)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.on_insert()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    app.on_insert(User, is_open)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    app.on_insert(User, where="status")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.on_insert(User, where=Attr("status"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.on_insert(User, changed="email")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    app.on_modify(User, changed=1)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    app.on_modify(User, old=user)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.on_modify(User, expired=True)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    app.on_remove(User, expired="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.on_remove(User, changed="email")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    router.on_upsert(User, changed="email")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    router.on_change(User, expired=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    router.on_record(User)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    router.on_record(kinds="remove")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    router.on_keys(UserKey, kinds="remove")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    router.on_keys(UserKey, kinds=("REMOVE", "PUT"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    router.on_keys(UserKey, kinds="REMOVE", expired="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    router.on_keys(UserKey, where="status")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
