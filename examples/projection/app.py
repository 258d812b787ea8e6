"""Orders per customer and revenue per day, each order counted exactly once."""

from __future__ import annotations

import os
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel

from ddbevents import Insert, Modify, StreamApp, Transaction
from ddbevents.stores import DynamoDBStore


class Order(BaseModel):
    """An item of the table of orders."""

    order_id: str
    customer_id: str
    placed_at: datetime
    amount: Decimal


# the template names the table; elsewhere nothing is sent to it
store = DynamoDBStore(os.environ.get("IDEMPOTENCY_TABLE", "handled-events"), pack=True)
app = StreamApp("projection", store=store)
lambda_handler = app


@app.on_insert(Order)
def count(change: Insert[Order], tx: Transaction) -> None:
    """Count a new order for its customer and its day."""
    order = change.new
    tx.update("customers", {"customer_id": order.customer_id}, add={"orders": 1})
    tx.update("revenue", {"day": day_of(order)}, add={"orders": 1, "amount": order.amount})


@app.on_modify(Order, changed="amount")
def correct(change: Modify[Order], tx: Transaction) -> None:
    """Correct the day's revenue by the difference."""
    difference = change.new.amount - change.old.amount
    tx.update("revenue", {"day": day_of(change.new)}, add={"amount": difference})


def day_of(order: Order) -> str:
    """Return the day of an order, for example `2026-11-23`."""
    return order.placed_at.date().isoformat()
