"""An observer takes a batch, and gives what takes a call, or None."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import assert_type

from ddbevents import BatchReport, CallObserver, HandlerCall, ObservedBatch, Observer, StreamApp, StreamRecord

app = StreamApp("users")


@contextmanager
def around_call(call: HandlerCall) -> Generator[None]:
    assert_type(call.handler, str)
    assert_type(call.records, tuple[StreamRecord, ...])
    yield


@app.observe
@contextmanager
def around_batch(batch: ObservedBatch) -> Generator[CallObserver]:
    assert_type(batch.table, str | None)
    assert_type(batch.report, BatchReport | None)
    yield around_call


@app.observe
@contextmanager
def of_the_batch_alone(batch: ObservedBatch) -> Generator[None]:
    yield


class Spans:
    """An object that can be called."""

    def __call__(self, batch: ObservedBatch) -> AbstractContextManager[CallObserver]:
        assert_type(batch.size, int)
        return nullcontext(around_call)


spans: Observer = app.observe(Spans())


def no_manager(batch: ObservedBatch) -> None: ...


@contextmanager
def of_the_handler(batch: ObservedBatch) -> Generator[str]:
    yield "users.welcome"


def what_observing_refuses() -> None:
    app.observe(no_manager)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
    app.observe(of_the_handler)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
    app.observe(around_call)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
    app.observe()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
