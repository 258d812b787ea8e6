"""The app's process, as its parent sees it: started anew on each save, and whenever it is gone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import IO, Any, Final, Literal, NamedTuple, TypeAlias, cast

from ..._errors import DDBEventsError

Message: TypeAlias = Mapping[str, Any]
State: TypeAlias = Literal["starting", "ready", "broken", "gone"]

_PROGRAM: Final = "from ddbevents.cli._app_process._child import serve; serve()"
# most apps use boto3, which takes longer to import than they do
_SPARE: Final = f"import importlib.util as u; u.find_spec('boto3') and __import__('boto3'); {_PROGRAM}"
_AFTER_THE_END: Final[Mapping[State, State]] = {
    "starting": "broken",
    "ready": "gone",
    "broken": "broken",
    "gone": "gone",
}
_UNTIL_KILLED: Final = 0.4
_UNTIL_KILLED_FOR_GOOD: Final = 2.0
_GRACE: Final = 1.0  # an app leaves the rest of a batch to the next delivery before its time is over


class ProcessSettings(NamedTuple):
    """What the process has to know, as the user gave it.

    Attributes:
        target: TARGET.
        store: The value of --store.
        tables: The value of each --table.
        timeout: The function's timeout, in seconds.
        traceback: Whether tracebacks are wanted.
    """

    target: str
    store: str
    tables: Sequence[str]
    timeout: float
    traceback: bool


class AppProcessError(DDBEventsError):
    """The process ended, or did not answer in time: the batch failed."""


class AppProcess:
    """A process with the app.

    Attributes:
        state: Whether it is being started, takes events, could not import the app, or is gone.
        problem: Why the app cannot be imported, if that is so.
        started: How often it was started.
    """

    def __init__(
        self, settings: ProcessSettings, show: Callable[[str], object], wake: Callable[[], object]
    ) -> None:
        """Keep what a process needs; none is started yet.

        Args:
            settings: For the process.
            show: Shows the output of handlers.
            wake: Called by another thread when `poll` has something to do.
        """
        self._settings = settings
        self._show = show
        self._wake = wake
        self._process: subprocess.Popen[bytes] | None = None
        self._spare: subprocess.Popen[bytes] | None = None  # has imported all but the app
        self._messages: SimpleQueue[Message] = SimpleQueue()
        self.state: State = "gone"
        self.problem: str | None = None
        self.started = 0

    def start(self) -> None:
        """Start the process, in place of the one that runs."""
        self.stop()
        self.state, self.problem = "starting", None
        self.started += 1
        self._messages = SimpleQueue()
        process = self._process = self._spare or _python(_PROGRAM)
        self._spare = None
        Thread(target=_receive, args=(_open(process.stdout), self._messages, self._wake), daemon=True).start()
        self._send(self._settings)

    def stop(self, patience: float = _UNTIL_KILLED) -> None:
        """End the process, if there is one; one that has loaded the app may close what it has open."""
        if self._process is not None:
            _end(self._process, 0 if self.state == "starting" else patience)
            self._process = None
        self.state = "gone"

    def close(self) -> None:
        """End the process, which may finish a batch first, and the one that would have come after it."""
        self.stop(_UNTIL_KILLED_FOR_GOOD)
        if self._spare is not None:
            _end(self._spare, 0)
            _open(self._spare.stdout).close()
            self._spare = None

    def poll(self) -> None:
        """Show what the process has written, and notice when it is ready or gone."""
        with suppress(Empty):
            while True:
                self._take(self._messages.get_nowait())

    def invoke(self, event: object) -> Message:
        """Run an event, and return its answer and the rows of its records.

        Raises:
            AppProcessError: The process ended, or ran out of time and was ended.
        """
        self._send(event)
        deadline = monotonic() + self._settings.timeout + _GRACE
        while self.state == "ready":
            try:
                message = self._messages.get(timeout=max(0.0, deadline - monotonic()))
            except Empty:
                self.stop()
                raise AppProcessError(
                    f"the app did not end within the {self._settings.timeout:g} s of --timeout, so its"
                    " process was ended"
                ) from None
            if "batch" in message:
                batch: Message = message["batch"]
                return batch
            self._take(message)
        raise AppProcessError(f"the app's process ended in the middle of a batch, with {self._exit()}")

    def _take(self, message: Message) -> None:
        if "output" in message:
            self._show(message["output"])
        elif "ready" in message:
            self.state = "ready"
            self._prepare()
        elif "failed" in message:
            self.state, self.problem = "broken", message["failed"]
            self._prepare()
        else:
            self.problem = self.problem or f"the app's process ended with {self._exit()}"
            self.state = _AFTER_THE_END[self.state]

    def _prepare(self) -> None:
        """Let a process import all but the app, so that the next start is quick."""
        self._spare = _python(_SPARE)

    def _exit(self) -> str:
        code = self._process.wait() if self._process is not None else 0
        return f"signal {-code}" if code < 0 else f"exit status {code}"

    def _send(self, request: object) -> None:
        pipe = _open(self._process.stdin if self._process else None)
        with suppress(OSError):  # it is gone, and its last message says so
            pipe.write(json.dumps(request).encode() + b"\n")
            pipe.flush()


def _python(program: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  # the program is ours
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the parent
    )


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    """End a process: it is told by the end of its input, and killed when it takes too long."""
    with suppress(OSError):  # what was not sent any more
        _open(process.stdin).close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=patience)
    process.kill()
    process.wait()


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    """Return a pipe that Popen was asked to make."""
    return cast("IO[bytes]", pipe)  # Popen's type is the same without pipes


def _receive(pipe: IO[bytes], messages: SimpleQueue[Message], wake: Callable[[], object]) -> None:
    with pipe, suppress(ValueError):  # the last line is not whole, since the process was killed
        for line in pipe:
            messages.put(json.loads(line))
            wake()
    messages.put({"ended": True})
    wake()
