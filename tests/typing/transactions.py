"""The writes that a handler of two parameters asks for."""

from __future__ import annotations

from typing import assert_type

from ddbevents import Attr, Transaction
from tests.typing.models import User


def writes(tx: Transaction, user: User) -> None:
    is_new = Attr("userId").not_exists()

    tx.put("users", user, when=is_new)
    tx.put("users", {"userId": "ada"})
    tx.update("statistics", key={"pk": "users"}, add={"total": 1})
    tx.update("statistics", {"pk": "users"}, set={"last": "ada"}, remove=["first"], delete={"ids": {"ada"}})
    tx.delete("users", {"userId": "ada"}, when=~is_new)
    tx.check("users", {"userId": "ada"}, when=~is_new)
    tx.check("users", {"userId": "ada"})
    tx.put("users", user, when=is_new, on_conflict="skip")
    tx.update("statistics", {"pk": "users"}, add={"total": 1}, when=~is_new, on_conflict="fail")
    tx.delete("users", {"userId": "ada"}, when=~is_new, on_conflict="skip")
    tx.check("users", {"userId": "ada"}, on_conflict="skip")
    tx.raw({"Delete": {"TableName": "users", "Key": {"userId": {"S": "ada"}}}})
    assert_type(tx.writes[0].table, str)


def what_is_refused(tx: Transaction, user: User) -> None:
    tx.put(user)  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
    tx.put("users", user, when="new")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tx.update("statistics", "users", add={"total": 1})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tx.update("statistics", {"pk": "users"}, add=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tx.put("users", user, on_conflict="ignore")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tx.update("statistics", {"pk": "u"}, add={"n": 1}, on_conflict=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tx.delete("users", {"userId": "ada"}, on_conflict="SKIP")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tx.check("users", {"userId": "ada"}, on_conflict=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tx.raw({}, on_conflict="skip")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    tx.delete("users")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    tx.check("users")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    tx.raw("Delete")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
