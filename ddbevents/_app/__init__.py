"""The app: puts reading, routing, the engine and the answer together as a Lambda handler."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from operator import attrgetter
from typing import Any, Final, Self, TypeVar

from typing_extensions import override

from .._codec import prepare
from .._engine import (
    ANSWERING,
    BatchReport,
    BatchResponse,
    BatchRun,
    Callback,
    DeadLetters,
    DeadLetterSink,
    Deadline,
    Dispatch,
    IdempotencyStore,
    LambdaContext,
    NoStore,
    Observer,
    Settings,
    Watch,
    announce,
    check_arguments,
    check_store,
    function_name,
    invocation,
    preview_batch,
    process_batch,
)
from .._records import Event, FailureReader, ViewType, read_event
from .._routing import AddressedRoutes, Middleware, Route, Router, Routes, doubts
from ._parts import AppParts, check_transactions

CallbackT = TypeVar("CallbackT", bound=Callback)
ObserverT = TypeVar("ObserverT", bound=Observer)
AppT = TypeVar("AppT", bound="StreamApp")


class StreamApp(Router):
    """A Lambda handler for a DynamoDB stream: `lambda_handler = app`.

    Its event source mapping needs `FunctionResponseTypes: ["ReportBatchItemFailures"]`: without it Lambda
    takes every answer for success, and failed records are lost.
    """

    def __init__(  # noqa: PLR0913  # all but the first by name
        self,
        name: str | None = None,
        *,
        store: IdempotencyStore | None = None,
        dead_letter: DeadLetters | None = None,
        concurrency: int = 1,
        time_reserve: timedelta = timedelta(seconds=1),
        middleware: Sequence[Middleware] = (),
        view_type: ViewType | None = None,
        reader: FailureReader | None = None,
    ) -> None:
        """Make an app.

        Args:
            name: The name that idempotency records begin with, so that apps can share a store; the
                function's name if not given. After a change of it, Lambda's retries run again.
            store: Where idempotency records are. Without one, the batch stops at the first failure, and what
                ran before it may run again.
            dead_letter: When and where a record that keeps failing is dead-lettered. Needs a store, which
                counts the attempts.
            concurrency: The number of items whose records run at the same time, those of one item in order:
                sync handlers in threads, async ones as tasks of one event loop.
            time_reserve: No further record begins with less time left than this, or than twice the slowest
                record so far and the slowest write of idempotency records.
            middleware: Functions that are called with the change and return the context manager that its
                handler runs within, the first outermost; for sync and async handlers alike.
            view_type: The stream's StreamViewType: decorators that it cannot serve are refused. None for any.
            reader: What fetches the records of batches that Lambda gave up, `StreamReader(streams=[...])` of
                `ddbevents.sources`. With it the app takes Lambda's failure records from SQS, SNS and S3.

        Raises:
            ConfigurationError: The name is empty, too long or contains a `#`, the reserve is negative or
                above 90 minutes, the concurrency is less than 1, a middleware has the wrong shape, there are
                dead letters without a store, or the reader names neither streams nor buckets.
        """
        super().__init__(view_type=view_type)
        check_arguments(name, store, dead_letter, concurrency, time_reserve, reader)
        if middleware or not isinstance(middleware, tuple):
            from .._routing._middleware import check_middleware  # noqa: PLC0415  # cold start: most have none

            check_middleware(middleware)
        self._parts = AppParts(
            name=name,
            store=NoStore() if store is None else store,
            dead_letters=dead_letter,
            concurrency=concurrency,
            time_reserve=time_reserve,
            middleware=tuple(middleware),
            reader=reader,
        )
        self._watch = Watch()

    def __call__(self, event: object, context: LambdaContext | None = None) -> BatchResponse:
        """Handle a batch, as Lambda calls it.

        Args:
            event: The event that Lambda passes.
            context: Lambda's context, or None in tests: then there is no deadline.

        Returns:
            The record from which a stream retries, or each message that a queue retries; an empty list if
            all records are done.

        Raises:
            InvalidEventError: The event is no batch of records that an app reads.
            ConfigurationError: The context does not answer as Lambda's does.
            BatchFailedError: The first of several records failed, or a failed record has no identifier.
        """
        return self._handle(event, context).answer()

    def process(self, event: object, context: LambdaContext | None = None) -> BatchReport:
        """Handle a batch and report each record's outcome, failures of the store included.

        A function that returns `app.process(event, context).response` never fails as a whole, which
        suits an event source mapping without `BisectBatchOnFunctionError`.

        Raises:
            InvalidEventError: The event is no batch of records.
        """
        return self._handle(event, context).report

    def preview(self, event: object, context: LambdaContext | None = None) -> BatchReport:
        """Report what would be done with a batch. Nothing runs, and nothing is written.

        Records that would run are NOT_RUN, since nobody knows whether they would succeed. So `response` and
        `failure` are those of a batch of which nothing ran.

        Raises:
            InvalidEventError: The event is no batch of records.
        """
        return self._run(preview_batch, event, context).report

    def on_report(self, callback: CallbackT) -> CallbackT:
        """Call a function, which may be async, with the report of each batch, once everything is written.

        If it raises, that is logged and changes nothing, since the batch is done. Returns the function.

        Raises:
            ConfigurationError: It cannot be called with a report alone.
        """
        from .._routing._callbacks import check_callback  # noqa: PLC0415  # cold start: most have none

        check_callback(callback)
        self._parts = self._parts._replace(callbacks=(*self._parts.callbacks, callback))
        return callback

    def observe(self, observer: ObserverT) -> ObserverT:
        """Run each batch within the context manager that a function returns, given an `ObservedBatch`.

        What that yields is called with the `HandlerCall` of each call of a handler, and returns the context
        manager that the call runs within; it may yield None. An observer can neither stop a handler nor
        suppress its exception: if it raises, that is logged, and it sees no more of the batch. Returns the
        function.

        Raises:
            ConfigurationError: It has the wrong shape.
        """
        from .._routing._middleware import check_observer  # noqa: PLC0415  # cold start: most have none

        check_observer(observer)
        self._parts = self._parts._replace(observers=(*self._parts.observers, observer))
        return observer

    def include(self, router: Router) -> None:
        """Add the handlers of a router, which takes no further ones from now on.

        Raises:
            ConfigurationError: Two handlers have the same name, or one needs what the store or the stream
                does not have. Then none is added.
        """
        from .._routing._including import included  # noqa: PLC0415  # cold start: many apps are one file

        routes = included(router, self, StreamApp)
        for route in routes:
            check_transactions(route, self._parts.store)
            self._routes.check(route)
        for route in routes:
            self._admit(route)

    def prepare(self, *, freeze_gc: bool = False) -> None:
        """Compile the decoders of all models now, instead of with the first record of each.

        Called at the end of the module, it moves some milliseconds from the first batch to the time in which
        Lambda initializes the function.

        Args:
            freeze_gc: Whether to collect garbage now and to exempt all that is left from later collections,
                with `gc.freeze()`, for the whole process. Modules and their contents live as long as it does
                anyway, and parsing the JSON of a large batch alone sets off many collections.
        """
        self._routes.make_tables()
        for route in self._routes:
            prepare(route.selection.model)
            prepare(route.old_model)
        if freeze_gc:
            gc.collect()
            gc.freeze()

    def with_store(self, store: IdempotencyStore | None) -> Self:
        """Return the same app with another store, for example a `MemoryStore` in a test.

        Raises:
            ConfigurationError: A handler needs transactions and the store has none.
        """
        check_store(store, self._parts.dead_letters)
        return self._with(self._routes, store=NoStore() if store is None else store)

    def with_sink(self, sink: DeadLetterSink) -> Self:
        """Return the same app with another sink for dead letters, for example a `MemorySink` in a test.

        Records are dead-lettered when they were before: never, if the app has no dead letters.

        Raises:
            ConfigurationError: The sink has no `send`.
        """
        dead_letters = self._parts.dead_letters
        # made without a policy too, so that a wrong sink is refused
        replaced = DeadLetters(sink) if dead_letters is None else dead_letters.with_sink(sink)
        return self._with(self._routes, dead_letters=dead_letters and replaced)

    @override
    def _admit(self, route: Route) -> None:
        check_transactions(route, self._parts.store)
        super()._admit(route._replace(middleware=self._parts.middleware))

    def _with(self, routes: Iterable[Route], **parts: Any) -> Self:
        changed = self._parts._replace(**parts)
        own = Routes(routes)  # so that later registrations are the copy's own
        for route in own:
            check_transactions(route, changed.store)
        app = copy.copy(self)
        app._parts, app._routes = changed, own  # noqa: SLF001  # of the same class
        return app

    def _handle(self, event: object, context: LambdaContext | None) -> BatchRun:
        contexts = [context]
        token = invocation.set(contexts)  # a context manager would cost a tenth of a small batch
        try:
            run = self._run(self._process if self._parts.observers else process_batch, event, context)
            self._watch.note(run, partial(doubts, self._routes, StreamApp), self._routes.near_misses)
            announce(run, self._parts.callbacks)
        finally:
            invocation.reset(token)
            contexts.clear()
        return run

    def _process(self, event: Event, dispatch: Dispatch, settings: Settings) -> BatchRun:
        from .._engine._observers import process_observed  # noqa: PLC0415  # cold start: most have none

        return process_observed(self._parts.observers, event, dispatch, settings)

    def _run(
        self,
        run: Callable[[Event, Dispatch, Settings], BatchRun],
        event: object,
        context: LambdaContext | None,
    ) -> BatchRun:
        parts = self._parts
        name = parts.name or function_name(context)
        deadline = Deadline(context, parts.time_reserve)
        batch = read_event(event, parts.reader, deadline.is_near)
        settings = Settings(
            app=name,
            store=parts.store,
            deadline=deadline,
            concurrency=parts.concurrency,
            # a dead letter that fails again stays in its queue, which counts deliveries itself
            dead_letters=parts.dead_letters if ANSWERING[batch.delivery].is_ordered else None,
            delivery=batch.delivery,
            skips_dead_lettered=parts.dead_letters is not None,
            why_not=self._routes.why_not,
        )
        routes = AddressedRoutes(name, self._routes) if batch.delivery == "queue" else self._routes
        return run(batch, routes, settings)


parts_of: Final[Callable[[StreamApp], AppParts]] = attrgetter("_parts")
"""Returns the parts of an app. Users see no more of an app than they need."""


def app_with(app: AppT, *, routes: Iterable[Route], **parts: Any) -> AppT:
    """Return a copy of an app with other routes and other parts."""
    return app._with(routes, **parts)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # as above
