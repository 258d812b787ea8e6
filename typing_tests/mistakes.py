"""Handlers that are wrong for every decorator. Each makes one mistake and takes any change otherwise."""

from __future__ import annotations

from ddbevents import Transaction
from typing_tests.models import User


def takes_nothing() -> None: ...


def takes_three(change: object, tx: Transaction, more: object) -> None: ...


def takes_item(item: User) -> None: ...


def demands_keyword(change: object, *, more: object) -> None: ...


def wants_no_transaction(change: object, tx: int) -> None: ...


def returns_number(change: object) -> int:
    return 1


def returns_number_with_transaction(change: object, tx: Transaction) -> int:
    return 1


async def async_takes_nothing() -> None: ...


async def async_takes_three(change: object, tx: Transaction, more: object) -> None: ...


async def async_takes_item(item: User) -> None: ...


async def async_wants_no_transaction(change: object, tx: int) -> None: ...


async def returns_text(change: object) -> str:
    return ""


async def returns_text_with_transaction(change: object, tx: Transaction) -> str:
    return ""
