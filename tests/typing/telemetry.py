"""Instruments take an app, and the tools that they write to by name."""

from __future__ import annotations

from typing import Any, assert_type

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from ddbevents import Router, StreamApp, emf
from ddbevents.opentelemetry import instrument


def what_is_traced(app: StreamApp, tracers: TracerProvider, meters: MeterProvider) -> None:
    instrument(app, tracer_provider=tracers, meter_provider=meters)
    assert_type(instrument(app), None)


def what_is_not_traced(router: Router, app: StreamApp, tracers: TracerProvider) -> None:
    instrument(router)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    instrument(app, tracers)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    instrument(app, meter_provider=tracers)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def what_writes_metrics(app: StreamApp, router: Router) -> None:
    assert_type(emf.instrument(app, namespace="Shop"), None)
    function = {"Ref": "Function"}
    assert_type(emf.alarms(namespace="Shop", app="users", function_name=function), dict[str, Any])
    emf.instrument(router, namespace="Shop")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    emf.instrument(app)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    emf.alarms(namespace="Shop", app="users", function_name="f", max_age=3600)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
