"""Mails of a shop whose customers and orders share one DynamoDB table."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel

from ddbevents import Attr, Insert, Modify, Remove, StreamApp

logger = logging.getLogger("orders")


class Customer(BaseModel):
    """A customer, in an item with the sort key PROFILE."""

    kind: Literal["customer"]
    name: str
    email: str


class Order(BaseModel):
    """An order of a customer, in an item with the sort key ORDER#…; it has a `ttl` until it is paid."""

    kind: Literal["order"]
    number: int
    status: str
    amount: Decimal
    email: str


app = StreamApp("orders")
lambda_handler = app


@app.on_insert(Customer)
async def welcome(change: Insert[Customer]) -> None:
    """Welcome a new customer."""
    await send_mail(change.new.email, f"Welcome, {change.new.name}!")


@app.on_modify(Customer, changed="email")
async def confirm_address(change: Modify[Customer]) -> None:
    """Write to both addresses: the owner of the old one may not know of the change."""
    await asyncio.gather(
        send_mail(change.old.email, f"We now write to {change.new.email}."),
        send_mail(change.new.email, "This is your new address."),
    )


@app.on_modify(Order, changed="status", where=Attr("status").eq("SHIPPED"))
async def announce_parcel(change: Modify[Order]) -> None:
    """Announce a parcel once, even if the shipped order changes again."""
    order = change.new
    await send_mail(order.email, f"Order {order.number} over {order.amount:.2f} EUR is on its way.")


@app.on_remove(Order, expired=True)
def restock(change: Remove[Order]) -> None:
    """Restock an order that was not paid in time."""
    logger.info("order %s was never paid: back to the shelf", change.old.number)


async def send_mail(to: str, text: str) -> None:
    """Log a mail in place of a mail service."""
    logger.info("mail to %s: %s", to, text)
