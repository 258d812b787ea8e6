"""Traces and metrics with OpenTelemetry: names, kinds, ids, types, counts and times, and nothing else.

An exception's message may have an item's values, so it is never recorded. Names follow the conventions for
messaging and for functions: https://opentelemetry.io/docs/specs/semconv/messaging/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Final

from opentelemetry.context import Context
from opentelemetry.metrics import Meter, MeterProvider, get_meter
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    TracerProvider,
    get_current_span,
    get_tracer,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .._app import StreamApp
from .._engine import BatchReport, CallObserver, HandlerCall, ObservedBatch, Outcome, current_context
from .._logs import type_name
from .._records import StreamRecord

_NAME: Final = "ddbevents"
_OPERATIONS: Final[Mapping[str, str]] = {"INSERT": "insert", "MODIFY": "edit", "REMOVE": "delete"}
_OF_SYSTEM: Final = {
    "messaging.system": "aws.dynamodb_streams",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
}
# as the conventions advise for durations in seconds
_BOUNDARIES: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


def instrument(
    app: StreamApp,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
) -> None:
    """Trace an app's batches and the calls of its handlers, and count its records.

    Args:
        app: The app.
        tracer_provider: What makes spans; the global provider if not given.
        meter_provider: What makes metrics; the global provider if not given.
    """
    tracer = get_tracer(_NAME, tracer_provider=tracer_provider)
    meter = get_meter(_NAME, meter_provider=meter_provider)
    app.observe(_Instrument(tracer, meter).around_batch)


class _Instrument:
    """The spans and metrics of one app."""

    def __init__(self, tracer: Tracer, meter: Meter) -> None:
        self._tracer = tracer
        self._duration = meter.create_histogram(
            "messaging.process.duration",
            unit="s",
            description="The time that a batch took",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )
        self._consumed = meter.create_counter(
            "messaging.client.consumed.messages",
            unit="{message}",
            description="The records of batches, by outcome",
        )

    @contextmanager
    def around_batch(self, batch: ObservedBatch) -> Generator[CallObserver]:
        """Put a span around a batch, and count its records once they have run."""
        invocation, parent = get_current_span(), _parent()
        common = {**_OF_SYSTEM, "ddbevents.app": batch.app, **_destination(batch)}
        attributes: dict[str, str | int] = {**common, "messaging.batch.message_count": batch.size}
        with self._span(_batch_name(batch), attributes, parent) as span:
            yield partial(self._around_call, common)
            if batch.report is not None:  # pragma: no branch  # an exit passes the yield by
                common |= _destination(batch)
                span.update_name(_batch_name(batch))
                _note_outcomes(span, batch, batch.report)
                _note_documents(invocation, batch, batch.report)
                self._count(common, batch.report)

    def _around_call(self, common: Mapping[str, str], call: HandlerCall) -> AbstractContextManager[Span]:
        return self._span(call.handler, {**common, "ddbevents.handler": call.handler, **_of_records(call)})

    @contextmanager
    def _span(
        self, name: str, attributes: Mapping[str, str | int], parent: Context | None = None
    ) -> Generator[Span]:
        with self._tracer.start_as_current_span(
            name,
            context=parent,
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                _fail(span, error)
                raise

    def _count(self, common: Mapping[str, str], report: BatchReport) -> None:
        error = _first_error(report)
        self._duration.record(report.seconds, {**common, **dict(_error_type(error))})
        counts = Counter((each.outcome, _error_type(each.error)) for each in report.records)
        for (outcome, error_type), count in counts.items():
            self._consumed.add(count, {**common, "ddbevents.outcome": outcome.value, **dict(error_type)})


def _parent() -> Context | None:
    """Return the context that Lambda's own trace context stands for; None to go on with the current one."""
    if get_current_span().get_span_context().is_valid:
        return None
    read = getattr(current_context(), "w3c", None)
    fields = read() if callable(read) else None
    return TraceContextTextMapPropagator().extract(fields) if isinstance(fields, dict) else None


def _batch_name(batch: ObservedBatch) -> str:
    return "process" if batch.table is None else f"process {batch.table}"


def _destination(batch: ObservedBatch) -> Mapping[str, str]:
    return {} if batch.table is None else {"messaging.destination.name": batch.table}


def _of_records(call: HandlerCall) -> Mapping[str, str | int]:
    """Return what names the record of a call, or how many it has."""
    if len(call.records) != 1:
        return {"messaging.batch.message_count": len(call.records)}
    [record] = call.records
    return {
        "messaging.message.id": record.event_id,
        "ddbevents.kind": record.kind,
        "ddbevents.sequence_number": record.sequence_number,
    }


def _note_outcomes(span: Span, batch: ObservedBatch, report: BatchReport) -> None:
    span.set_attributes(dict(_destination(batch)))
    counts = Counter(each.outcome for each in report.records)
    span.set_attributes({f"ddbevents.{_word(outcome)}": count for outcome, count in counts.items()})
    error = _first_error(report)
    if error is not None:
        _fail(span, error)


def _word(outcome: Outcome) -> str:
    return outcome.value.replace(" ", "_").replace("-", "_")


def _note_documents(invocation: Span, batch: ObservedBatch, report: BatchReport) -> None:
    """Say on the span of the invocation, if there is one, what invoked the function."""
    if not invocation.is_recording():
        return
    invocation.set_attribute("faas.trigger", "datasource")
    if batch.table is not None:
        invocation.set_attribute("faas.document.collection", batch.table)
    kinds = {each.record.kind for each in report.records if isinstance(each.record, StreamRecord)}
    if len(kinds) == 1 and not kinds.isdisjoint(_OPERATIONS):
        # it has one value, so a batch of several kinds has none
        invocation.set_attribute("faas.document.operation", _OPERATIONS[kinds.pop()])


def _first_error(report: BatchReport) -> BaseException | None:
    """Return why the first record failed that has to be retried; None if all are done or time ran out."""
    return next((each.error for each in report.records if each.outcome is Outcome.FAILED), None)


def _error_type(error: BaseException | None) -> tuple[tuple[str, str], ...]:
    return () if error is None else (("error.type", type_name(error)),)


def _fail(span: Span, error: BaseException) -> None:
    """Mark a span as failed, without the message of the error, which may have an item's values."""
    span.set_attributes(dict(_error_type(error)))
    span.set_status(Status(StatusCode.ERROR))
