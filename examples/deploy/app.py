"""A shop's function, ready for Lambda: names come from its environment, and the template sets them."""

from __future__ import annotations

import logging
import os
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel

from ddbevents import Attr, Insert, Modify, Prefix, StreamApp, Transaction
from ddbevents.dead_letters import DeadLetters, SQSQueue
from ddbevents.stores import DynamoDBStore

logger = logging.getLogger("orders")


class Customer(BaseModel):
    """A customer, in an item with the sort key PROFILE."""

    kind: Literal["customer"]
    name: str
    email: str


class Order(BaseModel):
    """An order of a customer, in an item with the sort key ORDER#…."""

    kind: Literal["order"]
    sk: Annotated[str, Prefix("ORDER#")]
    customer: str
    amount: Decimal
    status: str


app = StreamApp(
    "orders",
    store=DynamoDBStore(os.environ["IDEMPOTENCY_TABLE"]),
    dead_letter=DeadLetters(SQSQueue(os.environ["DEAD_LETTER_QUEUE_URL"]), after=5),
)
lambda_handler = app


@app.on_insert(Customer)
def welcome(change: Insert[Customer]) -> None:
    """Welcome a new customer."""
    logger.info("mail to %s: Welcome, %s!", change.new.email, change.new.name)


@app.on_insert(Order)
def count(change: Insert[Order], tx: Transaction) -> None:
    """Add an order to its customer's total, exactly once."""
    tx.update("totals", {"customer": change.new.customer}, add={"orders": 1, "amount": change.new.amount})


@app.on_modify(Order, changed="status", where=Attr("status").eq("SHIPPED"))
def announce_parcel(change: Modify[Order]) -> None:
    """Announce a parcel."""
    logger.info("the parcel of %s is on its way", change.new.customer)


app.prepare()  # while Lambda initializes the function, not with the first record
