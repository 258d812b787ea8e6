"""Mails and parcels of a shop whose customers and orders share one DynamoDB table."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel

from ddbevents import Attr, Insert, Modify, Remove, StreamApp

logger = logging.getLogger("orders")


class Customer(BaseModel):
    """The item PROFILE of a customer."""

    kind: Literal["customer"]
    name: str
    email: str


class Order(BaseModel):
    """One of the items ORDER#… of a customer. Until it is paid it has a `ttl`."""

    kind: Literal["order"]
    number: int
    status: str
    amount: Decimal
    email: str


app = StreamApp("orders")
lambda_handler = app


@app.on_insert(Customer)
async def welcome(change: Insert[Customer]) -> None:
    """Greet whoever signed up."""
    await send_mail(change.new.email, f"Welcome, {change.new.name}!")


@app.on_modify(Customer, changed="email")
async def confirm_address(change: Modify[Customer]) -> None:
    """Tell the old address, too: its owner may not know of the change."""
    await asyncio.gather(
        send_mail(change.old.email, f"We now write to {change.new.email}."),
        send_mail(change.new.email, "This is your new address."),
    )


@app.on_modify(Order, changed="status", where=Attr("status").eq("SHIPPED"))
async def announce_parcel(change: Modify[Order]) -> None:
    """Write once, however often a shipped order is changed later."""
    order = change.new
    await send_mail(order.email, f"Order {order.number} over {order.amount:.2f} EUR is on its way.")


@app.on_remove(Order, expired=True)
def restock(change: Remove[Order]) -> None:
    """Put back what nobody paid for in time."""
    logger.info("order %s was never paid: back to the shelf", change.old.number)


async def send_mail(to: str, text: str) -> None:
    """Stand in for a mail service."""
    logger.info("mail to %s: %s", to, text)
