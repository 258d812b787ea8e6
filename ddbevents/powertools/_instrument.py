"""Logger, Metrics and Tracer of Powertools: names, kinds, ids, types, counts and times, and nothing else.

It takes the user's own objects, so it need not load Powertools.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

from .._app import StreamApp
from .._engine import BatchReport, CallObserver, HandlerCall, ObservedBatch, Outcome
from .._engine._figures import figures_of
from .._errors import ConfigurationError
from .._logs import type_name
from .._records import shown_table

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics, Tracer

_LONGEST_NAME: Final = 200  # characters of a subsegment's name


def instrument(
    app: StreamApp,
    *,
    logger: Logger | None = None,
    metrics: Metrics | None = None,
    tracer: Tracer | None = None,
) -> None:
    """Log, count and trace an app's batches and the calls of its handlers with Powertools.

    Args:
        app: The app.
        logger: Gets keys that name the record, for the lines that its handlers write.
        metrics: Gets the figures of each batch. It writes them when `log_metrics` or you say so.
        tracer: Gets a subsegment for each batch and each call of a handler.

    Raises:
        ConfigurationError: None of the three is given, or the logger cannot keep threads apart.
    """
    if logger is None and metrics is None and tracer is None:
        raise ConfigurationError("instrument does nothing for this app: pass logger=, metrics= or tracer=")
    if logger is not None:
        if not hasattr(logger, "thread_safe_append_keys"):
            raise ConfigurationError(
                "logger has no thread_safe_append_keys, so records of several threads would share their keys:"
                " pass a Logger of Powertools, and update Powertools if it is one"
            )
        with_keys = partial(_with_keys, logger)
        app.observe(lambda _: nullcontext(with_keys))
    if metrics is not None:
        app.on_report(partial(_count, metrics))
    if tracer is not None:
        app.observe(_Subsegments(tracer).around_batch)


def _count(metrics: Metrics, report: BatchReport) -> None:
    for name, unit, value in figures_of(report):
        metrics.add_metric(name=name, unit=unit, value=value)


@contextmanager
def _with_keys(logger: Logger, call: HandlerCall) -> Generator[None]:
    """Let a logger add keys to the lines of a handler."""
    keys = _keys_of(call)
    earlier = {**logger.thread_safe_get_current_keys()}
    logger.thread_safe_append_keys(**keys)
    try:
        yield
    finally:
        # what the handler has added itself stays
        logger.thread_safe_remove_keys(keys)
        logger.thread_safe_append_keys(**{key: earlier[key] for key in keys if key in earlier})


def _keys_of(call: HandlerCall) -> Mapping[str, str | int]:
    tables = {table for record in call.records if (table := shown_table(record.raw)) is not None}
    keys: dict[str, str | int] = {"handler": call.handler}
    if len(tables) == 1:
        keys["table"] = tables.pop()
    if len(call.records) != 1:
        return {**keys, "records": len(call.records)}
    [record] = call.records
    return {
        **keys,
        "kind": record.kind,
        "event_id": record.event_id,
        "sequence_number": record.sequence_number,
    }


class _Subsegments:
    """The subsegments of a tracer."""

    def __init__(self, tracer: Tracer) -> None:
        # a provider's types say less than it can do
        self._provider: Any = tracer.provider

    @contextmanager
    def around_batch(self, batch: ObservedBatch) -> Generator[CallObserver]:
        """Put a subsegment around a batch, and note its figures once it has run."""
        name = "process" if batch.table is None else f"process {batch.table}"
        with self._subsegment(name, {"app": batch.app, "records": batch.size}) as own:
            yield partial(self._around_call, own, get_ident())
            if batch.report is not None and own is not None:
                own.put_annotation("failed", batch.report.failed)
                own.put_annotation("dead_lettered", batch.report.dead_lettered)
                failed = (each.error for each in batch.report.records if each.outcome is Outcome.FAILED)
                _mark(own, next(failed, None))

    @contextmanager
    def _around_call(self, parent: Any, home: int, call: HandlerCall) -> Generator[None]:
        # X-Ray keeps what is open for each thread
        joined = nullcontext() if get_ident() == home or parent is None else self._joined(parent)
        with joined, self._subsegment(call.handler, _keys_of(call)):
            yield

    @contextmanager
    def _joined(self, parent: Any) -> Generator[None]:
        """Let a thread go on with the subsegment of another one."""
        self._provider.set_trace_entity(parent)
        try:
            yield
        finally:
            self._provider.clear_trace_entities()

    @contextmanager
    def _subsegment(self, name: str, annotations: Mapping[str, str | int]) -> Generator[Any]:
        """Open a subsegment, which is None outside of a trace, and close it without an exception.

        Given an exception, X-Ray records its message.
        """
        manager = self._provider.in_subsegment(name=f"## {name}"[:_LONGEST_NAME])
        subsegment = manager.__enter__()
        try:
            _annotate(subsegment, annotations)
            yield subsegment
        except BaseException as error:
            _mark(subsegment, error)
            raise
        finally:
            manager.__exit__(None, None, None)


def _annotate(subsegment: Any, annotations: Mapping[str, str | int]) -> None:
    if subsegment is not None:
        for key, value in annotations.items():
            subsegment.put_annotation(key, value)


def _mark(subsegment: Any, error: BaseException | None) -> None:
    """Mark a subsegment as failed."""
    if subsegment is not None and error is not None:
        subsegment.add_fault_flag()
        subsegment.put_annotation("error_type", type_name(error))
