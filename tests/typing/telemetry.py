"""Instruments take an app, and the tools that they write to by name."""

from __future__ import annotations

from typing import assert_type

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from ddbevents import Router, StreamApp
from ddbevents.opentelemetry import instrument


def what_is_traced(app: StreamApp, tracers: TracerProvider, meters: MeterProvider) -> None:
    instrument(app, tracer_provider=tracers, meter_provider=meters)
    assert_type(instrument(app), None)


def what_is_not_traced(router: Router, app: StreamApp, tracers: TracerProvider) -> None:
    instrument(router)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    instrument(app, tracers)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    instrument(app, meter_provider=tracers)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
