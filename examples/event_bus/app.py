"""Every change of any table as an event on an EventBridge bus, ten in a request."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from ddbevents import PartialFailure, Reject, StreamApp, StreamRecord, to_json
from ddbevents.stores import DynamoDBStore

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient
    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef

FINAL = {"InvalidArgument", "MalformedDetail"}  # no other attempt will help

app = StreamApp("event-bus", store=DynamoDBStore(os.environ.get("IDEMPOTENCY_TABLE", "handled-events")))
lambda_handler = app


@app.bulk(10).on_record()
def publish(records: Sequence[StreamRecord]) -> None:
    """Put the records on the bus, and name those that it did not take."""
    answer = client().put_events(Entries=[entry_of(record) for record in records])
    failure = PartialFailure()
    for record, outcome in zip(records, answer["Entries"], strict=True):
        if code := outcome.get("ErrorCode"):
            error = f"the bus answers {code}"
            failure.add(record, Reject(error) if code in FINAL else ConnectionError(error))
    if failure:
        raise failure


def entry_of(record: StreamRecord) -> PutEventsRequestEntryTypeDef:
    """Return the event of a record: receivers drop what they know by `id`, and what is old by `sequence`."""
    change = {"id": record.event_id, "sequence": record.sequence_number, "change": record}
    return {
        "EventBusName": os.environ.get("EVENT_BUS", "default"),
        "Source": "shop.tables",
        "DetailType": f"{record.table} {record.kind}",
        "Time": record.created_at or datetime.now(UTC),
        "Detail": to_json(change),
    }


@cache
def client() -> EventBridgeClient:
    """Return the client, which is made once an execution environment."""
    config = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 2})
    return boto3.client("events", config=config)
