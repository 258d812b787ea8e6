"""One Lambda invocation on this machine: its context, and the answer that Lambda would get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, perf_counter

from ..._app import StreamApp
from ..._engine import BatchReport, RecordReport
from ..._errors import InvalidEventError


@dataclass(frozen=True, slots=True)
class InvocationContext:
    """The part of Lambda's context that the library uses.

    Attributes:
        function_name: The function's name.
        deadline: When the invocation times out, on the monotonic clock.
    """

    function_name: str
    deadline: float

    @classmethod
    def starting_now(cls, function_name: str, timeout: float) -> InvocationContext:
        """Return the context of an invocation that begins now.

        Args:
            function_name: The function's name.
            timeout: In seconds.
        """
        return cls(function_name, monotonic() + timeout)

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the timeout, 0 after it."""
        return max(0, int((self.deadline - monotonic()) * 1000))


@dataclass(frozen=True, slots=True)
class Invocation:
    """The outcome of an event.

    Attributes:
        answer: What Lambda gets: the response, or an error.
        seconds: The duration.
        report: The batch's report; None if the event was refused.
    """

    answer: Mapping[str, object]
    seconds: float
    report: BatchReport | None

    @property
    def is_done(self) -> bool:
        """Whether Lambda has nothing to retry."""
        return self.report is not None and not any(record.is_open for record in self.report.records)


def records_of(invocations: Iterable[Invocation]) -> Sequence[RecordReport]:
    """Return the reports of all records, in the order of the events."""
    return [record for each in invocations if each.report for record in each.report.records]


def invoke_app(app: StreamApp, event: object, context: InvocationContext) -> Invocation:
    """Invoke the app as Lambda does, and keep the report that Lambda does not see."""
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
