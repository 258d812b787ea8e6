"""Lambda's context: whose it is, and whether the time left is enough to begin another record."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from datetime import timedelta
from inspect import Parameter, signature
from math import inf, isnan
from typing import Any, Final, Protocol, TypeGuard

from .._errors import ConfigurationError

_LONGEST_PATIENCE: Final = timedelta(seconds=5)
_LONGEST_PATIENCE_FOR_MARKS: Final = timedelta(minutes=1)
_BY_NAME: Final = frozenset({Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY})
_FOR_EVER: Final = 1e15  # milliseconds; a larger whole number may be no float
_METHOD: Final = "get_remaining_time_in_millis"
_FOR_TESTS: Final = {"store": "ddbevents.stores.MemoryStore()", "sink": "ddbevents.testing.MemorySink()"}
_CURE: Final = "pass Lambda's context, or None for no deadline"


class LambdaContext(Protocol):
    """The part of Lambda's context object that an app uses. Any object of this shape will do."""

    @property
    def function_name(self) -> str:
        """The function's name."""
        ...

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left before Lambda ends the function."""
        ...


invocation: Final[ContextVar[Sequence[LambdaContext | None]]] = ContextVar("invocation", default=())
"""The context of the batch that is being handled, in a list, which is emptied at the batch's end: threads and
tasks may keep a copy of the variable for longer."""


def current_context() -> LambdaContext | None:
    """Return Lambda's context of the invocation that the caller belongs to; None outside of one.

    Handlers can call it, middleware and report functions, and everything that runs with their context
    variables: what they await, asyncio's tasks, `asyncio.to_thread`. A thread of their own has it if they
    start it with `contextvars.copy_context().run`. After the invocation it is None there too.
    """
    return next(iter(invocation.get()), None)


class Deadline:
    """Learns from the batch how long a record may take.

    Measured on the real runtime client: a function that runs into its timeout checkpoints nothing, so Lambda
    runs the whole batch again.

    Attributes:
        is_set: Whether there is a deadline.
    """

    def __init__(self, context: object, reserve: timedelta) -> None:
        """Begin with what is known before the first record.

        Args:
            context: Lambda's context. There is no deadline without one, nor with one that does not say how
                much time is left, as some doubles in tests.
            reserve: The time to keep in hand at least.

        Raises:
            ConfigurationError: The context's method cannot be called, or does not return a number.
        """
        self._ask = _asking(context)
        self.is_set: Final = self._ask is not None
        self._reserve = self._needed = reserve.total_seconds()
        self._slowest_record = 0.0
        self._slowest_flush = 0.0
        self._kept: float | None = None

    def keep_half(self) -> None:
        """Keep half of the time that is left for the second pass of the batch, once, until `keep_nothing`."""
        if self._kept is None and self._ask is not None:
            self._kept = max(0.0, _seconds_left(self._ask) / 2)

    def keep_nothing(self) -> None:
        """Let the second pass have all the time that is left."""
        self._kept = 0.0

    def note_record(self, seconds: float) -> None:
        """Learn how long a record took."""
        if seconds > self._slowest_record:
            self._slowest_record = seconds
            self._needed = max(self._reserve, 2 * seconds + self._slowest_flush)

    def note_flush(self, seconds: float) -> None:
        """Learn how long it took to write to the store."""
        if seconds > self._slowest_flush:
            self._slowest_flush = seconds
            self._needed = max(self._reserve, 2 * self._slowest_record + seconds)

    def is_near(self) -> bool:
        """Return whether another record might not end in time, if it took twice as long as the slowest."""
        if self._ask is None:
            return False
        return _seconds_left(self._ask) - (self._kept or 0.0) < self._needed

    @property
    def patience(self) -> timedelta:
        """How long one commit or one dead letter may take: half of the time left, and at most 5 seconds."""
        return self._half_of_the_rest(_LONGEST_PATIENCE)

    @property
    def patience_for_marks(self) -> timedelta:
        """How long the marks of a whole batch may take: half of the time left, and at most a minute.

        A store that sends a request for each mark needs some seconds for thousands of them.
        """
        return self._half_of_the_rest(_LONGEST_PATIENCE_FOR_MARKS)

    def _half_of_the_rest(self, longest: timedelta) -> timedelta:
        if self._ask is None:
            return longest
        return timedelta(seconds=max(0.0, min(longest.total_seconds(), _seconds_left(self._ask) / 2)))


def _seconds_left(ask: Callable[[], Any]) -> float:
    try:
        answer = _answer(ask)
        # as Lambda answers
        return answer / 1000 if type(answer) is int and 0 <= answer < _FOR_EVER else _seconds(answer)
    except ConfigurationError:
        return -inf  # it answered before, so it cannot be refused any more: the rest waits for a retry


def read_context(context: object, name: str) -> Any:
    """Return an attribute of the context, or None if it has none.

    Raises:
        ConfigurationError: It cannot be read.
    """
    try:
        return getattr(context, name, None)
    except Exception as error:  # whatever a double of a test does
        raise _cannot_be_read(name, error) from error


def _asking(context: object) -> Callable[[], Any] | None:
    """Return the context's method, or None if there is no deadline."""
    method: object = read_context(context, _METHOD)
    if method is None:
        return None
    if not callable(method):
        raise ConfigurationError(f"the context's {_METHOD} is {type(method).__name__}, not a method: {_CURE}")
    answer = _answer(method)
    if _is_mock(answer):
        return None  # a mock answers whatever it is asked, and nobody has said how much time is left
    _seconds(answer)
    return method


def _answer(method: Callable[[], Any]) -> Any:
    try:
        return method()
    except Exception as error:  # as above
        raise _cannot_be_read(_METHOD, error) from error


def _seconds(answer: object) -> float:
    if isinstance(answer, Coroutine):
        answer.close()
    if isinstance(answer, bool) or not isinstance(answer, (int, float)):
        raise _is_no_number(type(answer).__name__)
    if isinstance(answer, float) and isnan(answer):
        raise _is_no_number("NaN")
    return max(-_FOR_EVER, min(answer, _FOR_EVER)) / 1000


def _is_no_number(found: str) -> ConfigurationError:
    return ConfigurationError(f"the context's {_METHOD} returns {found}, not a number: {_CURE}")


def _cannot_be_read(name: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"the context's {name} raises {type(error).__name__}: {_CURE}")


def check_patience(argument: str, given: object, methods: Mapping[str, str]) -> None:
    """Refuse a store or a sink with a method that cannot be told how long it may take, or that keeps nothing.

    Args:
        argument: The name of the argument that it was given as.
        given: The store or the sink.
        methods: The names of its methods, each with its other parameters as text. It need not have them all.

    Raises:
        ConfigurationError: A method does not take `patience` by name, or is a mock that answers with mocks.
    """
    for name, parameters in methods.items():
        method = getattr(given, name, None)
        if _is_mock(given) and _is_mock(method) and _answers_with_mocks(method):
            raise ConfigurationError(
                f"{argument} is a {type(given).__name__}, which keeps nothing and answers with mocks: in"
                f" tests use {_FOR_TESTS[argument]}, or give {name} a return_value"
            )
        if callable(method) and not _takes_patience(method):
            raise ConfigurationError(
                f"{argument}: {type(given).__name__}.{name} does not take `patience`, the time that it may"
                f" take: write `def {name}(self, {parameters}, *, patience: timedelta)`, and end within it"
            )


def _is_mock(value: object) -> TypeGuard[Any]:
    return type(value).__module__ == "unittest.mock"


def _answers_with_mocks(method: Any) -> bool:
    is_set = method.side_effect is not None or vars(method).get("_mock_wraps") is not None
    return not is_set and _is_mock(method.return_value)


def _takes_patience(method: Callable[..., object]) -> bool:
    try:
        parameters = signature(method).parameters
    except ValueError:
        return True  # it is written in C and does not say
    found = parameters.get("patience")
    if found is not None and found.kind in _BY_NAME:
        return True
    return any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values())
