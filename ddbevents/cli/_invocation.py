"""One Lambda invocation on this machine: its context, and what Lambda would get from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, perf_counter

from .._app import StreamApp
from .._engine import BatchReport, RecordReport
from .._errors import InvalidEventError


@dataclass(frozen=True, slots=True)
class InvocationContext:
    """What the library needs of Lambda's context.

    Attributes:
        function_name: The function's name.
        deadline: When the function would be ended, on the monotonic clock.
    """

    function_name: str
    deadline: float

    @classmethod
    def of(cls, function_name: str, timeout: float) -> InvocationContext:
        """The context of an invocation that begins now and may take so many seconds."""
        return cls(function_name, monotonic() + timeout)

    def get_remaining_time_in_millis(self) -> int:
        """The milliseconds left, 0 when there are none."""
        return max(0, int((self.deadline - monotonic()) * 1000))


@dataclass(frozen=True, slots=True)
class Invocation:
    """What came of an event.

    Attributes:
        answer: What Lambda gets: the response, or an error.
        seconds: How long it took.
        report: What came of the records; None if the event was refused.
    """

    answer: Mapping[str, object]
    seconds: float
    report: BatchReport | None

    @property
    def is_done(self) -> bool:
        """Whether nothing has to be delivered again."""
        return self.report is not None and not any(record.is_open for record in self.report.records)


def records_of(invocations: Iterable[Invocation]) -> Sequence[RecordReport]:
    """What came of each record, in the order of the events."""
    return [record for each in invocations if each.report for record in each.report.records]


def run(app: StreamApp, event: object, context: InvocationContext) -> Invocation:
    """Invoke the app as Lambda does, and keep what it does not say."""
    start = perf_counter()
    try:
        report = app.process(event, context)
    except InvalidEventError as error:
        return Invocation(_error(type(error).__name__, str(error)), perf_counter() - start, None)
    except SystemExit as error:
        # it ends Lambda's Python, too
        return Invocation(_error("Runtime.ExitError", _exit_message(error)), perf_counter() - start, None)
    return Invocation(_answer(report), perf_counter() - start, report)


def _answer(report: BatchReport) -> Mapping[str, object]:
    if report.failure is not None:
        return _error(type(report.failure).__name__, str(report.failure))
    return {**report.response}


def _error(error_type: str, message: str) -> Mapping[str, object]:
    return {"errorType": error_type, "errorMessage": message}


def _exit_message(error: SystemExit) -> str:
    status = error.code if isinstance(error.code, int) else int(error.code is not None)
    return f"Runtime exited with error: exit status {status}"
