"""The example of a projection, with each transaction in a request of its own."""

from __future__ import annotations

from ddbevents.stores import DynamoDBStore
from examples.projection.app import app

lambda_handler = app.with_store(DynamoDBStore("handled-events"))
