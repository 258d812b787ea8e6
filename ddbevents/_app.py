"""The app: composes reading, routing, running and answering into a Lambda handler."""

from __future__ import annotations

import copy
import os
from datetime import timedelta
from functools import partial
from typing import Protocol, Self

from typing_extensions import override

from ._batch import Job, Task, process_batch
from ._errors import ConfigurationError, InvalidRecordError
from ._idempotency import IdempotencyStore, TransactionalStore
from ._records import StreamRecord, UnreadableRecord, read_event
from ._report import BatchReport, BatchResponse
from ._routing import Route, Router


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
        time_reserve: timedelta = timedelta(seconds=1),
    ) -> None:
        """Make an app.

        Args:
            name: Begins every mark, so that apps can share a store; the function's name if not given.
                Changing it makes all records new.
            store: Where marks are kept. Without one, the batch stops at the first failure, and what ran
                before it may run again.
            time_reserve: With less than this left, the rest of the batch is left to the next delivery.

        Raises:
            ConfigurationError: The name is empty or has a `#`, or the reserve is negative.
        """
        super().__init__()
        if name is not None and (not name or "#" in name):
            raise ConfigurationError("an app's name begins its marks: it is not empty and has no '#'")
        if time_reserve < timedelta(0):
            raise ConfigurationError("time_reserve is the time to keep in hand: it is not negative")
        _check_store(store)
        self._name = name
        self._store = store
        self._time_reserve = time_reserve

    def __call__(self, event: object, context: LambdaContext | None = None) -> BatchResponse:
        """Handle a batch, as Lambda calls it.

        Args:
            event: What Lambda passes.
            context: Lambda's context, or None in tests: then there is no deadline.

        Returns:
            The lowest record to deliver again, or nothing.

        Raises:
            InvalidEventError: The event is no batch of stream records.
            BatchFailedError: The first of several records failed, or a failed one cannot be named.
        """
        report = self.process(event, context)
        if report.failure is not None:
            raise report.failure
        return report.response

    def process(self, event: object, context: LambdaContext | None = None) -> BatchReport:
        """Handle a batch and say what came of each record. Raises only `InvalidEventError`.

        A function that returns `app.process(event, context).response` never fails as a whole, which
        suits an event source mapping without `BisectBatchOnFunctionError`.
        """
        name = self._name or _function_name(context)
        jobs = (self._job(record, name) for record in read_event(event))
        return process_batch(jobs, self._store, partial(_is_time_up, context, self._time_reserve))

    def include(self, router: Router) -> None:
        """Add the handlers of a router, which takes no more of them afterwards.

        Raises:
            ConfigurationError: Two handlers have one name, or one needs transactions that the store has not.
        """
        if not isinstance(router, Router):
            raise ConfigurationError("include takes a Router")
        for route in router.freeze():
            self._admit(route)

    def with_store(self, store: IdempotencyStore | None) -> Self:
        """The same app with its marks elsewhere, such as a `MemoryStore` in a test.

        Raises:
            ConfigurationError: A handler needs transactions and the store has none.
        """
        _check_store(store)
        app = copy.copy(self)
        app._store = store  # noqa: SLF001  # its own class
        app._routes = []  # noqa: SLF001
        for route in self._routes:
            app._admit(route)  # noqa: SLF001
        return app

    @override
    def _admit(self, route: Route) -> None:
        if route.transactional and not isinstance(self._store, TransactionalStore):
            raise ConfigurationError(
                f"{route.name} asks for a transaction: give the app a store that has them"
            )
        super()._admit(route)

    def _job(self, record: StreamRecord | UnreadableRecord, name: str) -> Job:
        if isinstance(record, UnreadableRecord):
            return Job(record, error=record.error)
        try:
            return Job(record, self._tasks(record, name))
        except InvalidRecordError as error:
            return Job(record, error=error)

    def _tasks(self, record: StreamRecord, name: str) -> list[Task]:
        tasks: list[Task] = []
        for route in self._routes:
            # a function registered twice runs once for a record: it has one mark
            if route.selection.takes(record) and not (tasks and _has(tasks, route.name)):
                mark = f"{name}#{route.name}#{record.event_id}"
                tasks.append(Task(route.name, mark, partial(route.run, record), route.transactional))
        return tasks


def _has(tasks: list[Task], handler: str) -> bool:
    return any(task.handler == handler for task in tasks)


def _check_store(store: object) -> None:
    if store is not None and (isinstance(store, type) or not isinstance(store, IdempotencyStore)):
        raise ConfigurationError(
            "a store has the methods of ddbevents.stores.IdempotencyStore; pass an instance"
        )


def _function_name(context: LambdaContext | None) -> str:
    name: object = getattr(context, "function_name", None) or os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    return str(name or "ddbevents")


def _is_time_up(context: LambdaContext | None, reserve: timedelta) -> bool:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return remaining is not None and timedelta(milliseconds=remaining()) < reserve
