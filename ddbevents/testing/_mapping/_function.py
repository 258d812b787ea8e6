"""One invocation of a function by Lambda's Python runtime.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html and
https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
"""

from __future__ import annotations

import json
from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

from .._clock import FunctionTimeoutError, VirtualClock

Handler: TypeAlias = Callable[[Any, Any], object]
"""A Lambda handler, which takes the event and the context."""


class Function(NamedTuple):
    """A handler and its configuration."""

    handler: Handler
    name: str
    timeout: timedelta
    memory: int


@dataclass(frozen=True, slots=True)
class SimulatedContext:
    """Lambda's context object; the time it has left comes from the virtual clock."""

    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: int
    aws_request_id: str
    log_stream_name: str
    deadline: datetime = field(repr=False)
    clock: VirtualClock = field(repr=False)
    function_version: str = "$LATEST"
    identity: None = None
    client_context: None = None

    @property
    def log_group_name(self) -> str:
        """The function's log group."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Return the virtual milliseconds until Lambda ends the function."""
        return max(0, (self.deadline - self.clock.now) // timedelta(milliseconds=1))


class Reply(NamedTuple):
    """The function's answer as JSON, or its error."""

    answer: Any
    error: BaseException | None


def function_arn(name: str) -> str:
    """Return the ARN of a function."""
    return f"arn:aws:lambda:eu-central-1:123456789012:function:{name}"


def invoke(function: Function, payload: str, request_id: str, clock: VirtualClock) -> Reply:
    """Call the handler with a fresh event, and end it at its timeout.

    Exceptions that end a test run pass through: KeyboardInterrupt, and those of test runners.
    """
    context = _context(function, request_id, clock)
    try:
        with clock.ending_at(context.deadline):
            answer = function.handler(json.loads(payload), context)
    # SystemExit ends the runtime, and CancelledError passes through it. Both fail the invocation.
    except (Exception, SystemExit, CancelledError, FunctionTimeoutError) as error:  # noqa: BLE001  # the runtime's
        return Reply(None, error)
    # A handler can catch FunctionTimeoutError, but not the end of its process: its answer does not count.
    if clock.now >= context.deadline:
        return Reply(None, FunctionTimeoutError("the function ran into its timeout, and went on"))
    return _marshalled(answer)


def _context(function: Function, request_id: str, clock: VirtualClock) -> SimulatedContext:
    return SimulatedContext(
        function_name=function.name,
        invoked_function_arn=function_arn(function.name),
        memory_limit_in_mb=function.memory,
        aws_request_id=request_id,
        log_stream_name=f"{clock.now:%Y/%m/%d}/[$LATEST]{request_id.replace('-', '')}",
        deadline=clock.now + function.timeout,
        clock=clock,
    )


def _marshalled(answer: object) -> Reply:
    """Return the answer as Lambda reads it. From Python 3.12 on, the runtime writes UTF-8, not ASCII."""
    try:
        text = json.dumps(answer, ensure_ascii=False)
        text.encode()
        return Reply(json.loads(text), None)
    except (TypeError, ValueError, RecursionError) as error:
        return Reply(None, error)
