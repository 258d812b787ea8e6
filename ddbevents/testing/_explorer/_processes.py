"""Processes: one invocation of an app each, which can die, lose an answer or wait at every point."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, NamedTuple, TypeAlias, TypeVar

from ..._errors import StoreError
from ._schedules import TO_THE_END, Fault, Point

AnswerT = TypeVar("AnswerT")

Task: TypeAlias = tuple[str, str]
"""A handler's name and the event id of a record: the work that has to be done exactly once."""


Place: TypeAlias = tuple[int, int]
"""The place of an app among those of the stream, and of a handler in its order of registration.

Not the names, which two apps can share, and which can differ from process to process.
"""


class MadeApp(NamedTuple):
    """An app that was made for a process.

    Attributes:
        place: Its place among the apps of the stream.
        name: Its name; None for the function's.
        handlers: The names of its handlers, in order of registration.
        transactional: The names of those that ask for a transaction.
        one_by_one: Whether handlers take lists or last states, whose calls are never at the same time.
        has_store: Whether it has an idempotency store.
        concurrency: The number of items whose records run at the same time.
    """

    place: int
    name: str | None
    handlers: tuple[str, ...]
    transactional: frozenset[str]
    one_by_one: bool
    has_store: bool
    concurrency: int


_PLENTY: Final = 900_000  # milliseconds, the longest that Lambda lets a function run

# A context variable and not a global, because two processes can be interleaved in two threads. Async handlers
# get a copy of it in their tasks.
_current: ContextVar[Process | None] = ContextVar("_current", default=None)


class KilledError(BaseException):
    """The process is dead.

    It is not an `Exception`, so neither a handler nor the app takes it for a failure and reports it.
    """


class Process:
    """One invocation of an app, from Lambda's call to its answer or its death.

    Attributes:
        made: The app that was made for it; None if that failed.
        points: The points that it passed.
        begun: How often each handler began with each record.
        done: How often each handler took effect for each record: it returned, or its transaction was
            committed.
        answer: The app's answer; None if there is none.
        error: Why there is no answer, or None.
    """

    def __init__(self, faults: Mapping[int, Fault], wait: Callable[[], None]) -> None:
        """Make a process.

        Args:
            faults: The faults by the number of the point, from 0.
            wait: Called at each point; returns when it is this process's turn.
        """
        self.made: MadeApp | None = None
        self.points: list[Point] = []
        self.begun: Counter[Task] = Counter()
        self.done: Counter[Task] = Counter()
        self.answer: object = None
        self.error: BaseException | None = None
        self._faults = faults
        self._wait = wait
        self._thread = 0
        self._is_dead = False
        self._is_out_of_time = False

    def run(self, app: Callable[[], object]) -> None:
        """Call the app and keep its answer or its error."""
        self._thread = threading.get_ident()
        token = _current.set(self)
        try:
            self.answer = app()
        except BaseException as error:  # noqa: BLE001  # it may be in a thread, so `result` raises it to the caller
            self.error = error
        finally:
            _current.reset(token)

    def result(self) -> object:
        """Return the answer.

        Raises:
            SystemExit: The process was killed.
            BaseException: The app raised it.
        """
        if isinstance(self.error, KilledError):
            # To the event source mapping this is a failed invocation, as in Lambda.
            raise SystemExit("the process was killed")
        if self.error is not None:
            raise self.error
        return self.answer

    def reach(self, point: Point) -> Fault | None:
        """Wait for this process's turn, then pass a point or die there.

        Returns:
            A fault that the caller has to carry out, or None.
        """
        # After a kill, `finally` blocks and other threads of the app still run here, but not in Lambda. So
        # none of their requests may get out.
        if self._is_dead:
            raise KilledError
        self._wait()
        fault = self._faults.get(len(self.points))
        self.points.append(point._replace(can_wait=threading.get_ident() == self._thread))
        if fault is Fault.KILLED_BEFORE:
            self._die()
        if fault is Fault.OUT_OF_TIME:
            self._is_out_of_time = True
        return fault

    def request(self, point: Point, send: Callable[[], AnswerT]) -> AnswerT:
        """Send a request to the store and return its answer.

        Raises:
            StoreError: The store refused the request, or its answer was lost.
        """
        fault = self.reach(point)
        if fault is Fault.REFUSED:
            raise StoreError("the store refuses, as the schedule says")
        answer = send()
        # From here on the request was executed, and the app does not know.
        if fault is Fault.KILLED_AFTER:
            self._die()
        if fault is Fault.ANSWER_LOST:
            raise StoreError("the store's answer is lost, as the schedule says")
        return answer

    @contextmanager
    def handling(self, handler: str, event_ids: tuple[str, ...], *, transactional: bool) -> Generator[None]:
        """Run a handler within this context; its begin and its end are points."""
        self.reach(Point("begin", handler, event_ids))
        self.note_begun(handler, event_ids)
        yield
        # A transactional handler only asks for writes. They take effect when the store commits them.
        if not transactional:
            self.note_done(handler, event_ids)
        self.reach(Point("end", handler, event_ids))

    def note_begun(self, handler: str, event_ids: Iterable[str]) -> None:
        """Note that a handler began with these records."""
        self.begun.update((handler, event_id) for event_id in event_ids)

    def note_done(self, handler: str, event_ids: Iterable[str]) -> None:
        """Note that a handler took effect for these records."""
        self.done.update((handler, event_id) for event_id in event_ids)

    def milliseconds_left(self) -> int:
        """Return the time left before Lambda ends the function."""
        return 0 if self._is_out_of_time else _PLENTY

    def _die(self) -> None:
        self._is_dead = True
        raise KilledError


def current_process() -> Process | None:
    """Return the process that the calling code runs in, or None outside of an exploration."""
    return _current.get()


class SteppedThread:
    """A thread that runs from point to point, only when it is told to.

    Two semaphores pass control back and forth, so that exactly one thread runs at any time. This makes an
    interleaving depend on the schedule alone, and a violation repeatable.

    Attributes:
        has_ended: Whether it ran to its end.
    """

    def __init__(self, run: Callable[[], None]) -> None:
        self.has_ended = False
        self._run = run
        self._points_left = 0
        self._turn, self._arrived = threading.Semaphore(0), threading.Semaphore(0)
        # A daemon, because a process can wait forever at a point: the exploration may fail before it wakes.
        self._thread = threading.Thread(target=self._work, name="ddbevents-explorer", daemon=True)
        self._thread.start()

    def advance(self, points: int) -> None:
        """Let the thread pass this many points, or run to its end."""
        if points > 0 and not self.has_ended:
            self._points_left = points
            self._turn.release()
            self._arrived.acquire()

    def finish(self) -> None:
        """Let the thread run to its end."""
        while not self.has_ended:
            self.advance(TO_THE_END)

    def wait(self) -> None:
        """Wait for the next turn, if this one is over. Called at each point of what the thread runs."""
        self._points_left -= 1
        # A point of an async handler is reached in the event loop, which the other processes need: to wait
        # there would block them for ever. So the process goes on, up to a point in its own thread.
        if self._points_left <= 0 and threading.current_thread() is self._thread:
            self._arrived.release()
            self._turn.acquire()

    def _work(self) -> None:
        self._turn.acquire()
        try:
            self._run()
        finally:
            self.has_ended = True
            self._arrived.release()
