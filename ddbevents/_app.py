"""The app: composes reading, routing, running and answering into a Lambda handler."""

from __future__ import annotations

import copy
import os
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Protocol, Self, TypeVar

from typing_extensions import override

from ._codec import prepare
from ._engine import (
    AnyJob,
    BatchReport,
    BatchResponse,
    BatchSettings,
    BrokenJob,
    Callback,
    DeadLetters,
    DeadLetterSink,
    Deadline,
    IdempotencyStore,
    Job,
    TransactionalStore,
    check_concurrency,
    check_middleware,
    check_name,
    check_store,
    check_time_reserve,
    process_batch,
    tell,
)
from ._errors import ConfigurationError, InvalidRecordError
from ._records import Kind, StreamRecord, UnreadableRecord, is_from_stream, read_event
from ._routing import Middleware, Route, Router, takers

CallbackT = TypeVar("CallbackT", bound=Callback)


class LambdaContext(Protocol):
    """What is needed of Lambda's context object; any object of this shape will do."""

    @property
    def function_name(self) -> str:
        """The function's name."""
        ...

    def get_remaining_time_in_millis(self) -> int:
        """The milliseconds left before Lambda ends the function."""
        ...


class StreamApp(Router):
    """A Lambda handler for a DynamoDB stream: `lambda_handler = app`.

    Its trigger needs `FunctionResponseTypes: ["ReportBatchItemFailures"]`: without it Lambda takes every
    answer for success, and failed records are lost.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        store: IdempotencyStore | None = None,
        dead_letter: DeadLetters | None = None,
        concurrency: int = 1,
        time_reserve: timedelta = timedelta(seconds=1),
        middleware: Sequence[Middleware] = (),
    ) -> None:
        """Make an app.

        Args:
            name: Begins every mark, so that apps can share a store; the function's name if not given.
                Changing it makes all records new.
            store: Where marks are kept. Without one, the batch stops at the first failure, and what ran
                before it may run again.
            dead_letter: When a record that goes on failing is put aside, and where; needs a store, which
                counts the attempts.
            concurrency: How many items' records run at once, those of one item in order: sync handlers in
                threads, async ones as tasks of one event loop.
            time_reserve: No further record is begun with less time left than this, or than twice the slowest
                record so far and the slowest writing of marks.
            middleware: Each is called with the change and gives the context manager that its handler runs
                within, the first outermost; sync and async handlers alike.

        Raises:
            ConfigurationError: The name is empty or has a `#`, the reserve is negative, the concurrency is
                less than 1, a middleware cannot be called, or there are dead letters without a store.
        """
        super().__init__()
        check_name(name)
        check_store(store, dead_letter)
        check_concurrency(concurrency)
        check_time_reserve(time_reserve)
        check_middleware(middleware)
        self._middleware = tuple(middleware)
        self._routes_by_kind: dict[Kind, tuple[Route, ...]] = {}
        self._name = name
        self._store = store
        self._dead_letters = dead_letter
        self._concurrency = concurrency
        self._time_reserve = time_reserve
        self._report_to: list[Callback] = []

    def __call__(self, event: object, context: LambdaContext | None = None) -> BatchResponse:
        """Handle a batch, as Lambda calls it.

        Args:
            event: What Lambda passes.
            context: Lambda's context, or None in tests: then there is no deadline.

        Returns:
            The record from which a stream delivers again, or each message that a queue delivers again; empty
            if all is done.

        Raises:
            InvalidEventError: The event is no batch of stream records.
            BatchFailedError: The first of several records failed, or a failed one cannot be named.
        """
        report = self.process(event, context)
        if report.failure is not None:
            raise report.failure
        return report.response

    def process(self, event: object, context: LambdaContext | None = None) -> BatchReport:
        """Handle a batch and say what came of each record, failures of records and of the store among it.

        A function that returns `app.process(event, context).response` never fails as a whole, which
        suits an event source mapping without `BisectBatchOnFunctionError`.

        Raises:
            InvalidEventError: The event is no batch of records.
        """
        report = process_batch(*self._work(event, context))
        tell(report, self._report_to)
        return report

    def preview(self, event: object, context: LambdaContext | None = None) -> BatchReport:
        """What would be done with a batch: nothing runs, and nothing is written.

        What would run is NOT_RUN; whether it would succeed is not known. So the report's `response` and
        `failure` are those of a batch of which nothing ran.

        Raises:
            InvalidEventError: The event is no batch of records.
        """
        from ._engine._preview import preview_batch  # noqa: PLC0415  # cold start: for who looks before running

        return preview_batch(*self._work(event, context))

    def on_report(self, callback: CallbackT) -> CallbackT:
        """Call a function, which may be async, with the report of each batch, once all marks are written.

        What it raises is logged, and changes nothing: the batch is done. Returns the function.

        Raises:
            ConfigurationError: It is no function.
        """
        if not callable(callback):
            raise ConfigurationError("on_report takes a function of one parameter")
        self._report_to.append(callback)
        return callback

    def include(self, router: Router) -> None:
        """Add the handlers of a router, which takes no more of them afterwards.

        Raises:
            ConfigurationError: Two handlers have one name, or one needs transactions that the store has not;
                then none is added.
        """
        _check_router(router)
        routes = router._freeze()  # noqa: SLF001  # its base class
        for route in routes:
            self._check(route)
        for route in routes:
            self._admit(route)

    def prepare(self) -> None:
        """Compile the decoders of all models now, instead of with the first record of each.

        Called at the end of the module, it moves some milliseconds from the first batch to the time in which
        Lambda initializes the function.
        """
        for route in self._routes:
            prepare(route.selection.model)
            prepare(route.old_model)

    def with_store(self, store: IdempotencyStore | None) -> Self:
        """The same app with its marks elsewhere, such as a `MemoryStore` in a test.

        Raises:
            ConfigurationError: A handler needs transactions and the store has none.
        """
        check_store(store, self._dead_letters)
        app = copy.copy(self)
        app._store = store  # noqa: SLF001  # its own class
        app._routes, app._routes_by_kind, app._report_to = [], {}, [*self._report_to]  # noqa: SLF001
        for route in self._routes:
            app._admit(route)  # noqa: SLF001
        return app

    def with_sink(self, sink: DeadLetterSink) -> Self:
        """The same app with its dead letters elsewhere, such as in a `MemorySink` in a test.

        They are put aside when they were before: never, if the app has no dead letters.

        Raises:
            ConfigurationError: The sink has no `send`.
        """
        app = self.with_store(self._store)
        app._dead_letters = self._dead_letters and self._dead_letters.with_sink(sink)  # noqa: SLF001  # its own class
        return app

    @override
    def _check(self, route: Route) -> None:
        if route.transactional and not isinstance(self._store, TransactionalStore):
            raise ConfigurationError(
                f"{route.name} asks for a transaction: give the app a store that has them"
            )
        super()._check(route)

    @override
    def _admit(self, route: Route) -> None:
        super()._admit(route)
        for kind in route.selection.kinds:
            within = route._replace(middleware=self._middleware)
            self._routes_by_kind[kind] = (*self._routes_by_kind.get(kind, ()), within)

    def _work(self, event: object, context: LambdaContext | None) -> tuple[Iterator[AnyJob], BatchSettings]:
        name = self._name or _function_name(context)
        records = read_event(event)
        from_stream = is_from_stream(event)
        settings = BatchSettings(
            app=name,
            store=self._store,
            deadline=Deadline(getattr(context, "get_remaining_time_in_millis", None), self._time_reserve),
            concurrency=self._concurrency,
            # what fails again stays in the queue, which counts deliveries itself
            dead_letters=self._dead_letters if from_stream else None,
            from_stream=from_stream,
        )
        return map(self._job if from_stream else partial(self._redrive, name), records), settings

    def _redrive(self, name: str, record: StreamRecord | UnreadableRecord) -> AnyJob:
        job = self._job(record)
        if isinstance(job, BrokenJob):
            return job
        try:
            return _addressed(job, name, {route.name for route in self._routes})
        except InvalidRecordError as error:
            return BrokenJob(record, error)

    def _job(self, record: StreamRecord | UnreadableRecord) -> AnyJob:
        if isinstance(record, UnreadableRecord):
            return BrokenJob(record, record.error)
        try:
            return Job(record, takers(self._routes_by_kind.get(record.kind, ()), record))
        except InvalidRecordError as error:
            return BrokenJob(record, error)


def _addressed(job: Job, app: str, registered: Collection[str]) -> Job:
    """The job for the handler that a dead letter names, since the others had the record from the stream."""
    letter = job.record.letter
    if letter is None or (letter.handler is None and letter.app == app):
        return job
    if letter.app != app:
        reason = (
            f"the dead letter is of the app {letter.app!r}, not {app!r}: send it there, or name the app so"
        )
    elif letter.handler not in registered:
        reason = (
            f"the app has no handler {letter.handler!r}: if it was renamed, write its new name in the letter,"
            " which has other marks, or null; else load the app under the name that its module had"
        )
    else:
        return job._replace(handlers=[each for each in job.handlers if each.name == letter.handler])
    raise InvalidRecordError(reason, path=("body",), sequence_number=job.record.sequence_number)


def _check_router(router: object) -> None:
    # of an app only the handlers would come, without its store and its middleware
    if not isinstance(router, Router) or isinstance(router, StreamApp):
        raise ConfigurationError("include takes a Router, and no app: register its handlers with a Router")


def _function_name(context: LambdaContext | None) -> str:
    name: object = getattr(context, "function_name", None) or os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    return str(name or "ddbevents")
