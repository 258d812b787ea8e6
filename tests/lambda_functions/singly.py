"""The projection example, with one request for each transaction."""

from __future__ import annotations

from ddbevents.stores import DynamoDBStore
from examples.projection.app import app

lambda_handler = app.with_store(DynamoDBStore("handled-events"))
