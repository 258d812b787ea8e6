"""The time that a store or a sink has for one call, however many requests the call makes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import timedelta
from time import monotonic
from typing import Any, Final, Generic, TypeVar

ResultT = TypeVar("ResultT")

_LEAST_SECONDS: Final = 0.25  # an invocation that is nearly over still tries once


class TimeLeft:
    """The time that is left of a patience. Several threads may share it."""

    def __init__(self, patience: timedelta) -> None:
        """Start the clock.

        Args:
            patience: How long the call may take from now on. Requests get at least a quarter of a second.
        """
        self.allowed: Final = max(patience.total_seconds(), _LEAST_SECONDS)
        self._start = monotonic()
        self._patience = patience.total_seconds()

    @property
    def seconds(self) -> float:
        """The seconds of patience that are left for waits and further tries, 0 if there are none."""
        return max(0.0, self._start + self._patience - monotonic())

    def run(self, request: Callable[[], ResultT]) -> ResultT:
        """Send a request and return its answer, but wait for it no longer than the time left.

        The time-outs of boto3 and of other clients belong to a client and not to a request, and count for
        each of its tries, addresses and packets. So the request runs in another thread, with the caller's
        context variables. When time is up it is left behind: it may still take effect, as any
        request may whose answer is lost.

        Raises:
            TimeoutError: There was no answer in time; or no time was left, and nothing was sent.
        """
        seconds = self._start + self.allowed - monotonic()
        if seconds <= 0:
            raise TimeoutError
        running = _Running(request)
        _idle_worker().work(running)
        return running.result(seconds)

    @contextmanager
    def holding(self, lock: threading.Lock) -> Generator[None]:
        """Hold a lock that other threads may hold for long.

        Raises:
            TimeoutError: It was not free in time.
        """
        if not lock.acquire(timeout=self.seconds):
            raise TimeoutError("other threads were using it all the time")
        try:
            yield
        finally:
            lock.release()


class _Running(Generic[ResultT]):
    """A request in a thread of its own."""

    def __init__(self, request: Callable[[], ResultT]) -> None:
        self._request = request
        self._context = copy_context()
        self._is_running = threading.Lock()
        self._is_running.acquire()
        self._answers: list[ResultT] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._answers.append(self._context.run(self._request))
        except BaseException as error:  # noqa: BLE001  # a client may be the user's own; its caller gets the error
            self._error = error

    def end(self) -> None:
        self._is_running.release()

    def result(self, seconds: float) -> ResultT:
        if not self._is_running.acquire(timeout=seconds):
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._answers[0]


class _Worker:
    """A thread that runs one request after another, since starting one takes half as long as a request."""

    def __init__(self) -> None:
        self.process: Final = os.getpid()
        self._work: list[_Running[Any]] = []
        self._has_work = threading.Lock()
        self._has_work.acquire()
        # a daemon, since the process must be able to end before a request that hangs
        threading.Thread(target=self._run, name="ddbevents-request", daemon=True).start()

    def work(self, running: _Running[Any]) -> None:
        """Run a request; only for a caller that has the worker for itself."""
        self._work.append(running)
        self._has_work.release()

    def _run(self) -> None:
        while True:
            self._has_work.acquire()
            running = self._work.pop()
            running.run()
            _idle.append(self)  # before its caller goes on, and perhaps sends the next request
            running.end()
            del running  # or the answer would be kept for as long as the worker is idle


_idle: Final[list[_Worker]] = []


def _idle_worker() -> _Worker:
    """Return a worker that nobody else has."""
    while True:
        try:
            worker = _idle.pop()
        except IndexError:
            return _Worker()
        if worker.process == os.getpid():  # a fork copies the list, but not the threads
            return worker
