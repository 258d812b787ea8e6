"""The tables of transactions that a policy takes from the code of handlers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import pytest
from pydantic import BaseModel

from ddbevents import Attr, ConfigurationError, Insert, StreamApp, Transaction
from ddbevents.deploy import role_policy
from ddbevents.stores import MemoryStore
from ddbevents.testing import inserted

TOTALS = "totals"
NAMED: Final = "named"
COMPUTED: Final = os.environ.get("A_TABLE_OF_TESTS", "computed")
STREAM: Final = "arn:aws:dynamodb:eu-central-1:123456789012:table/shop/stream/2026-11-27T09:00:00.000"


class Order(BaseModel):
    """An order."""

    pk: str


def by_text(change: Insert[Order], tx: Transaction) -> None:
    tx.put("orders", {"pk": change.new.pk})
    tx.delete(table="carts", key={"pk": change.new.pk})


def by_constant(change: Insert[Order], tx: Transaction) -> None:
    tx.update(TOTALS, key={"pk": change.new.pk}, add={"total": 1})
    tx.update(NAMED, key={"pk": change.new.pk}, add={"total": 1})
    tx.check(TOTALS, key={"pk": "open"}, when=Attr("open").exists())


async def later(change: Insert[Order], tx: Transaction) -> None:
    tx.put("orders", {"pk": change.new.pk})


def nothing(change: Insert[Order], tx: Transaction) -> None:
    """Write nothing."""


class Handlers:
    """Handlers that are methods."""

    def method(self, change: Insert[Order], tx: Transaction) -> None:
        tx.put("orders", {"pk": change.new.pk})


def by_environment(change: Insert[Order], tx: Transaction) -> None:
    tx.put(COMPUTED, {"pk": change.new.pk})


def by_parts(change: Insert[Order], tx: Transaction) -> None:
    tx.put(f"orders-{change.new.pk}", {"pk": change.new.pk})


def by_own_name(change: Insert[Order], tx: Transaction) -> None:
    TOTALS = change.new.pk  # noqa: N806  # hides the constant
    tx.put(TOTALS, {"pk": change.new.pk})


def by_helper(change: Insert[Order], tx: Transaction) -> None:
    tx.put("orders", {"pk": change.new.pk})
    by_text(change, tx)


def by_raw(change: Insert[Order], tx: Transaction) -> None:
    tx.raw({"Put": {"TableName": "orders", "Item": {"pk": {"S": change.new.pk}}}})


def traced(handler: Callable[[Any, Transaction], None]) -> Callable[[Any, Transaction], None]:
    """Return a handler around another one."""

    @wraps(handler)
    def handle_traced(change: Any, tx: Transaction) -> None:
        tx.put("traces", {"pk": change.new.pk})
        handler(change, tx)

    return handle_traced


def made_by_exec() -> Any:
    """Return a handler without a source text."""
    scope: dict[str, Any] = {"Insert": Insert, "Order": Order, "Transaction": Transaction}
    exec("def handle(change: Insert[Order], tx: Transaction) -> None: ...", scope)  # noqa: S102  # our own text
    return scope["handle"]


def granted(*handlers: Any) -> dict[str, list[str]]:
    """Return the actions on each table that an app with these handlers may write to."""
    app = StreamApp("shop", store=MemoryStore())
    for handler in handlers:
        app.on_insert(Order)(handler)
    statements = role_policy(app, stream_arn=STREAM)["Statement"]
    return {
        resource.rpartition("/")[2]: [action.partition(":")[2] for action in each["Action"]]
        for each in statements
        if each["Sid"].startswith("WriteTables")
        for resource in each["Resource"]
    }


def written(handler: Any) -> set[str]:
    """Return the tables that a handler writes to when it runs."""
    tx = Transaction()
    result = handler(inserted(Order(pk="a")), tx)
    asyncio.run(result) if asyncio.iscoroutine(result) else None
    return {str(getattr(write, "table", "orders")) for write in tx.writes}


PUT: Final = ["DescribeTable", "PutItem"]


@pytest.mark.parametrize(
    ("handlers", "expected"),
    [
        ([by_text], {"orders": PUT, "carts": ["DeleteItem"]}),
        ([by_constant], {"totals": ["UpdateItem", "ConditionCheckItem"], "named": ["UpdateItem"]}),
        ([later], {"orders": PUT}),
        ([Handlers().method], {"orders": PUT}),
        ([nothing], {}),
        (
            [later, by_text, by_constant],
            {
                "orders": PUT,
                "carts": ["DeleteItem"],
                "totals": ["UpdateItem", "ConditionCheckItem"],
                "named": ["UpdateItem"],
            },
        ),
    ],
    ids=map(str, range(6)),
)
def test_code_names_its_tables(handlers: list[Any], expected: dict[str, list[str]]) -> None:
    assert granted(*handlers) == expected


@pytest.mark.parametrize("handler", [by_text, by_constant, later, nothing, Handlers().method])
def test_the_policy_has_what_a_handler_writes(handler: Any) -> None:
    assert granted(handler).keys() == written(handler)


OTHERS: Final = [by_environment, by_parts, by_own_name, by_helper, by_raw, traced(by_text)]


@pytest.mark.parametrize("handler", OTHERS)
def test_other_handlers_write_too(handler: Any) -> None:
    assert written(handler) != set()


@pytest.mark.parametrize(
    "handler", [*OTHERS, made_by_exec(), lambda change, tx: None], ids=map(str, range(8))
)
def test_other_tables_are_asked_for(handler: Any) -> None:
    with pytest.raises(ConfigurationError, match="its code does not name every table that it writes to"):
        granted(by_constant, handler)
