"""A persistence layer of Powertools becomes a store, and its tools watch an app."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import assert_type

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.utilities.idempotency import BasePersistenceLayer, DynamoDBPersistenceLayer

from ddbevents import Router, StreamApp
from ddbevents.powertools import PowertoolsStore, instrument
from ddbevents.stores import IdempotencyStore, MemoryStore, TransactionalStore


def what_is_a_store(layer: BasePersistenceLayer) -> None:
    store: IdempotencyStore = PowertoolsStore(layer)
    StreamApp(store=store)
    StreamApp(store=PowertoolsStore(DynamoDBPersistenceLayer("idempotency"), keep=timedelta(days=7)))
    assert_type(PowertoolsStore(layer).handled(["a"]), AbstractSet[str])


def what_is_no_layer(layer: BasePersistenceLayer) -> None:
    PowertoolsStore()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    PowertoolsStore("idempotency")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    PowertoolsStore(DynamoDBPersistenceLayer)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    PowertoolsStore(MemoryStore())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    PowertoolsStore(layer, keep=3600)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def what_has_no_transactions(layer: BasePersistenceLayer) -> None:
    store: TransactionalStore
    store = PowertoolsStore(layer)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    assert_type(store, TransactionalStore)


def what_an_app_refuses(layer: BasePersistenceLayer) -> None:
    StreamApp(store=layer)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def what_is_instrumented(app: StreamApp, router: Router) -> None:
    instrument(app, logger=Logger(), metrics=Metrics(), tracer=Tracer())
    assert_type(instrument(app, logger=Logger()), None)
    instrument(router, logger=Logger())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    instrument(app, Logger())  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    instrument(app, metrics=Logger())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
