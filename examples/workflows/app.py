"""One execution of a Step Functions state machine for each change of an order."""

from __future__ import annotations

import os
from contextlib import suppress
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Literal

import boto3
from botocore.config import Config
from pydantic import BaseModel

from ddbevents import Change, StreamApp, to_json
from ddbevents.stores import DynamoDBStore

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient


class Order(BaseModel):
    """An order, in an item with `kind` order."""

    kind: Literal["order"]
    order_id: str
    status: str
    total: Decimal


app = StreamApp("workflows", store=DynamoDBStore(os.environ.get("IDEMPOTENCY_TABLE", "handled-events")))
lambda_handler = app


@app.on_change(Order)
def start(change: Change[Order]) -> None:
    """Start the execution that is named like the change, unless an earlier delivery has started it."""
    with suppress(client().exceptions.ExecutionAlreadyExists):
        client().start_execution(
            stateMachineArn=os.environ["STATE_MACHINE"],
            name=change.record.event_id,
            input=to_json(change),
        )


@cache
def client() -> SFNClient:
    """Return the client, which is made once an execution environment."""
    config = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 2})
    return boto3.client("stepfunctions", config=config)
