"""The number of expenses and their sum for each project, through bookings, corrections and removals."""

from __future__ import annotations

import os
from decimal import Decimal

from pydantic import BaseModel

from ddbevents import Insert, Modify, Remove, StreamApp, Transaction
from ddbevents.stores import DynamoDBStore


class Expense(BaseModel):
    """An item of the table of expenses."""

    expense_id: str
    project: str
    amount: Decimal


store = DynamoDBStore(os.environ.get("IDEMPOTENCY_TABLE", "handled-events"), pack=True)
app = StreamApp("totals", store=store)
lambda_handler = app


@app.on_insert(Expense)
def book(change: Insert[Expense], tx: Transaction) -> None:
    """Add a new expense to its project."""
    add(tx, change.new.project, 1, change.new.amount)


@app.on_modify(Expense, changed=["project", "amount"])
def correct(change: Modify[Expense], tx: Transaction) -> None:
    """Add the difference, or move the expense to its new project."""
    old, new = change.old, change.new
    if old.project == new.project:  # a transaction may write an item only once
        add(tx, new.project, 0, new.amount - old.amount)
    else:
        add(tx, old.project, -1, -old.amount)
        add(tx, new.project, 1, new.amount)


@app.on_remove(Expense)
def cancel(change: Remove[Expense], tx: Transaction) -> None:
    """Take a removed expense out of its project."""
    add(tx, change.old.project, -1, -change.old.amount)


def add(tx: Transaction, project: str, expenses: int, amount: Decimal) -> None:
    """Add to the totals of a project, which begin at 0."""
    tx.update("project-totals", {"project": project}, add={"expenses": expenses, "amount": amount})
