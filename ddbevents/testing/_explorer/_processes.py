"""One execution of an app that can die, lose an answer or stand still, from point to point."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeAlias, TypeVar

from ..._errors import StoreError
from ._schedules import Fault, Point

AnswerT = TypeVar("AnswerT")
Task: TypeAlias = tuple[str, str]
"""A handler's name and the event id of the record that it handles."""
_PLENTY: Final = 900_000  # milliseconds, the longest that Lambda lets a function run

_running: ContextVar[Process | None] = ContextVar("_running", default=None)


class KilledError(BaseException):
    """The process is gone. No `Exception`, so that nothing in it takes it for a failure."""


class Process:
    """From Lambda's invocation of an app to its answer or its death.

    Attributes:
        points: What it has passed.
        begun: How often each handler began with each record.
        done: How often it took effect: it came to its end, or its transaction was committed.
        answer: What it told Lambda; None if nothing.
        error: Why it told nothing.
    """

    def __init__(self, faults: Mapping[int, Fault], stand_still: Callable[[], None]) -> None:
        self.points: list[Point] = []
        self.begun: Counter[Task] = Counter()
        self.done: Counter[Task] = Counter()
        self.answer: object = None
        self.error: BaseException | None = None
        self._faults = faults
        self._stand_still = stand_still
        self._is_dead = False
        self._is_out_of_time = False

    def run(self, app: Callable[[], object]) -> None:
        """Call the app, and keep what came of it."""
        token = _running.set(self)
        try:
            self.answer = app()
        except BaseException as error:  # noqa: BLE001  # it may run in a thread, and is raised where that is joined
            self.error = error
        finally:
            _running.reset(token)

    def result(self) -> object:
        """The answer.

        Raises:
            SystemExit: The process was killed.
            BaseException: What the app raised.
        """
        if isinstance(self.error, KilledError):
            raise SystemExit("the process was killed")
        if self.error is not None:
            raise self.error
        return self.answer

    def reach(self, point: Point) -> Fault | None:
        """Stand still if it is not one's turn, and die if that is what happens here.

        Returns:
            What else happens.
        """
        if self._is_dead:
            raise KilledError
        self._stand_still()
        fault = self._faults.get(len(self.points))
        self.points.append(point)
        if fault is Fault.KILLED_BEFORE:
            self._die()
        if fault is Fault.OUT_OF_TIME:
            self._is_out_of_time = True
        return fault

    def request(self, point: Point, send: Callable[[], AnswerT]) -> AnswerT:
        """Send a request to the store, and give its answer.

        Raises:
            StoreError: It was refused, or its answer was lost.
        """
        fault = self.reach(point)
        if fault is Fault.REFUSED:
            raise StoreError("the store refuses, as the schedule says")
        answer = send()
        if fault is Fault.KILLED_AFTER:
            self._die()
        if fault is Fault.ANSWER_LOST:
            raise StoreError("the store's answer is lost, as the schedule says")
        return answer

    @contextmanager
    def handling(self, handler: str, event_id: str, *, transactional: bool) -> Generator[None]:
        """Run a handler within: its begin and its end are points."""
        task = handler, event_id
        self.reach(Point("begin", handler, (event_id,)))
        self.begun[task] += 1
        yield
        if not transactional:
            self.done[task] += 1
        self.reach(Point("end", handler, (event_id,)))

    def milliseconds_left(self) -> int:
        """Before Lambda ends the function."""
        return 0 if self._is_out_of_time else _PLENTY

    def _die(self) -> None:
        self._is_dead = True
        raise KilledError


def boundary(name: str) -> None:
    """Say where in a handler, a fake or a store a process may die: between two effects, for example.

    `explore` kills it there, or lets a copy overtake it; anywhere else it does nothing. Hold no lock
    meanwhile that another process waits for.

    Args:
        name: What stands in the report.
    """
    process = _running.get()
    if process is not None:
        process.reach(Point("boundary", name))


class Walker:
    """Something in a thread that goes on, to the next point or to its end, only when it is told to.

    Attributes:
        has_ended: Whether it came to its end.
    """

    def __init__(self, run: Callable[[], None]) -> None:
        self.has_ended = False
        self._run = run
        self._turn, self._arrived = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._work, name="ddbevents-explorer", daemon=True).start()

    def go_on(self, points: int) -> None:
        """Pass so many points, or come to the end."""
        while points > 0 and not self.has_ended:
            self._turn.release()
            self._arrived.acquire()
            points -= 1

    def finish(self) -> None:
        """Come to the end."""
        while not self.has_ended:
            self.go_on(1)

    def stand_still(self) -> None:
        """Called by what runs: wait for the next turn."""
        self._arrived.release()
        self._turn.acquire()

    def _work(self) -> None:
        self._turn.acquire()
        try:
            self._run()
        finally:
            self.has_ended = True
            self._arrived.release()
