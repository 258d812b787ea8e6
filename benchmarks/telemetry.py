"""Telemetry, measured: what each instrument costs a record, in CPU time.

pip install 'ddbevents[otel,powertools]' opentelemetry-sdk aws-xray-sdk
python benchmarks/telemetry.py [--short]

A handler that does nothing takes 100 records a batch. What instruments write goes nowhere: to a stream, an
exporter and a daemon that drop it. Rounds go in turn, and the best of them counts.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the benchmarks are found when this is the script

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_xray_sdk.core import xray_recorder  # type: ignore[import-untyped]  # it has no types
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from pydantic import BaseModel

from benchmarks.timing import best, cpu_clock
from ddbevents import (
    BatchReport,
    CallObserver,
    HandlerCall,
    Insert,
    ObservedBatch,
    StreamApp,
    emf,
    opentelemetry,
    powertools,
)
from ddbevents.testing import event, insert

RECORDS: Final = 100
Instrument = Callable[[StreamApp], object]


class User(BaseModel):
    """What is handled."""

    pk: str
    email: str


class Nowhere:
    """A daemon of X-Ray that drops what it gets."""

    def send_entity(self, entity: object) -> None:
        """Drop a segment."""

    def set_daemon_address(self, address: object) -> None:
        """Have no address."""


@contextmanager
def nothing(_: HandlerCall) -> Generator[None]:
    """Observe a call, and do nothing."""
    yield


def observe_batches(app: StreamApp) -> None:
    """Observe batches and no calls."""

    @app.observe
    def around_batch(_: ObservedBatch) -> AbstractContextManager[None]:
        return nullcontext()


def observe_calls(app: StreamApp) -> None:
    """Observe batches and calls."""

    @app.observe
    def around_batch(_: ObservedBatch) -> AbstractContextManager[CallObserver]:
        return nullcontext(nothing)


def trace(app: StreamApp, sampler: Sampler) -> None:
    """Trace with OpenTelemetry's SDK; spans end without a processor."""
    provider = TracerProvider(sampler=sampler)
    meters = MeterProvider([InMemoryMetricReader()])
    opentelemetry.instrument(app, tracer_provider=provider, meter_provider=meters)


def log(app: StreamApp) -> None:
    """Give the lines of handlers their keys; the handler writes none."""
    powertools.instrument(app, logger=Logger(service="users", stream=io.StringIO()))


def count(app: StreamApp) -> None:
    """Count with Powertools, and write the metrics after each batch."""
    metrics = Metrics(namespace="Shop", service="users")
    powertools.instrument(app, metrics=metrics)

    @app.on_report
    def write(_: BatchReport) -> None:
        metrics.flush_metrics()


def trace_with_xray(app: StreamApp) -> None:
    """Open subsegments below a segment that stays open."""
    os.environ["AWS_XRAY_CONTEXT_MISSING"] = "IGNORE_ERROR"
    recorder: Any = xray_recorder
    recorder.configure(emitter=Nowhere(), sampling=False)
    recorder.begin_segment("invocation")
    powertools.instrument(app, tracer=Tracer(service="users", disabled=False, auto_patch=False))


INSTRUMENTS: Final[Mapping[str, Instrument]] = {
    "none": lambda _: None,
    "`observe`, batches alone": observe_batches,
    "`ddbevents.emf`": partial(emf.instrument, namespace="Shop"),
    "Powertools, `metrics=`": count,
    "`observe`, with calls": observe_calls,
    "Powertools, `logger=`": log,
    "OpenTelemetry, API alone": opentelemetry.instrument,
    "OpenTelemetry, not sampled": partial(trace, sampler=ALWAYS_OFF),
    "OpenTelemetry, sampled": partial(trace, sampler=ALWAYS_ON),
    "Powertools, `tracer=`": trace_with_xray,
}


def welcome(_: Insert[User]) -> None:
    """Cost nothing, so that only the instrument's work is seen."""


def app_with(instrument: Instrument) -> StreamApp:
    """An app with one handler and one instrument."""
    app = StreamApp("users")
    app.on_insert(User)(welcome)
    instrument(app)
    return app


def main() -> None:
    """Print a row for each instrument."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--short", action="store_true", help="one round")
    rounds = 1 if options.parse_args().short else 50
    logging.getLogger("aws_xray_sdk").setLevel(logging.CRITICAL)
    batch = event(*(insert(User(pk=str(n), email="ada@example.com"), keys="pk") for n in range(RECORDS)))
    apps = {name: app_with(instrument) for name, instrument in INSTRUMENTS.items()}
    with redirect_stdout(io.StringIO()):
        clocks = {name: cpu_clock(partial(app, batch), RECORDS) for name, app in apps.items()}
        times = best(clocks, rounds)
    print(f"Python {sys.version.split()[0]}: {RECORDS} records a batch\n")
    print("| instrument | µs a record | the instrument's part |\n|---|---|---|")
    for name, seconds in times.items():
        print(f"| {name} | {seconds * 1e6:.1f} | {(seconds - times['none']) * 1e6:.1f} |")


if __name__ == "__main__":
    main()
