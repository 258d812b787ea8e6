"""A run of `dev`: records, saved files and the app's process, each in its turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from ..._errors import DDBEventsError, SourceError
from .._app_process import AppProcess, AppProcessError, ProcessSettings
from .._errors import CommandError
from .._output import plural
from ._deliveries import Deliveries, MappingOptions
from ._saves import saved_files
from ._screen import Screen

if TYPE_CHECKING:
    from ...sources._follow import Page

_TICK: Final = 0.5  # between two looks at the status line
_RATE_SECONDS: Final = 10


class Saved(NamedTuple):
    """Files that were saved."""

    names: frozenset[str]


class Ended(NamedTuple):
    """The end of the stream: why it cannot be read, or None if it is disabled."""

    error: SourceError | None


News: TypeAlias = "Page | Saved | Ended | None"
"""Something that a thread has seen; None if the app's process has a message."""


class FunctionError(DDBEventsError):
    """The app answered with an error, so the whole batch failed."""


class Session:
    """Follows a stream, runs the app, and counts.

    Attributes:
        outcomes: How many records had which outcome in the end.
        letters: How many dead letters there are.
    """

    def __init__(
        self, table: str, screen: Screen, settings: ProcessSettings, options: MappingOptions
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self.letters = 0
        self._stop = Event()
        self._table = table
        self._screen = screen
        self._target = settings.target
        self._news: SimpleQueue[News] = SimpleQueue()
        self._process = AppProcess(settings, screen.output, lambda: self._news.put(None))
        self._deliveries = Deliveries(options, self._invoke)
        self._last: dict[str, str] = {}  # the outcomes of records that will be delivered again
        self._recent: list[float] = []  # when records were delivered
        self._shown: tuple[str, int] = ("gone", 0)
        self._began = 0.0
        self._has_ended = False

    def watch(self, pages: Iterator[Page]) -> None:
        """Begin to read the stream and to look for saved files, each in a thread."""
        saves = saved_files(self._target, self._stop)
        for work in (lambda: _read(pages, self._news.put), lambda: _look(saves, self._news.put)):
            Thread(target=work, daemon=True).start()

    def close(self) -> None:
        """End the app's process and the status line, and look for saved files no more."""
        self._stop.set()
        self._process.close()
        self._screen.close()

    def run(self) -> None:
        """Deliver what comes, until the stream is disabled and everything is done.

        Raises:
            CommandError: The stream cannot be read any more.
        """
        self._start()
        while not self._has_ended or self._deliveries.unfinished:
            self._take_news(self._patience())
            self._process.poll()
            self._show_process()
            if self._process.state == "ready":
                self._deliver()
            if self._process.state == "gone":
                self._start()
            self._show_status()
        self._screen.note("the stream is disabled, and everything in it was delivered")

    def _deliver(self) -> None:
        before = self._deliveries.given_up
        self._deliveries.deliver()
        unfinished = self._deliveries.unfinished
        self._last = {number: outcome for number, outcome in self._last.items() if number in unfinished}
        given_up = self._deliveries.given_up - before
        if given_up:
            self._screen.problem(
                f"{plural(given_up, 'record')} given up: Lambda would tell the mapping's failure destination"
            )

    def _start(self) -> None:
        self._began = monotonic()
        self._process.start()

    def _patience(self) -> float:
        """Return for how long there is nothing to do but to wait for news."""
        due = self._deliveries.seconds_to_next() if self._process.state == "ready" else None
        return _TICK if due is None else min(due, _TICK)

    def _take_news(self, patience: float) -> None:
        try:
            news = self._news.get(timeout=patience)
            while True:
                self._take(news)
                news = self._news.get_nowait()
        except Empty:
            return

    def _take(self, news: News) -> None:
        match news:
            case None:
                return
            case Saved(names):
                self._screen.note(f"{', '.join(sorted(names))} changed: restarting")
                self._start()
                self._deliveries.hurry()
            case Ended(None):
                self._has_ended = True
            case Ended(error):
                raise CommandError(str(error)) from error
            case page:
                self._deliveries.put(page)

    def _invoke(self, event: Any, _context: object) -> object:
        try:
            batch = self._process.invoke(event)
        except AppProcessError as error:
            self._screen.problem(
                f"{error}: {plural(len(event['Records']), 'record')} will be delivered again"
            )
            raise
        answer: Mapping[str, Any] = batch["answer"]
        for record, row in zip(event["Records"], batch["rows"], strict=False):
            self._count(record["dynamodb"]["SequenceNumber"], row["outcome"])
            self.letters += row["letters"]
            self._screen.row(row)
        if "errorType" not in answer:
            return answer
        if not batch["rows"]:
            self._screen.problem(f"{answer['errorType']}: {answer['errorMessage']}")
        raise FunctionError(answer["errorType"])

    def _count(self, number: str, outcome: str) -> None:
        """Count a record once, by its last outcome; a retry does not make it one that was handled before."""
        self._recent.append(monotonic())
        before = self._last.get(number)
        if before is not None:
            self.outcomes[before] -= 1
            outcome = before if (before, outcome) == ("handled", "already handled") else outcome
        self.outcomes[outcome] += 1
        self._last[number] = outcome

    def _show_process(self) -> None:
        shown = (self._process.state, self._process.started)
        if shown == self._shown:
            return
        self._shown = shown
        if self._process.state == "ready":
            self._screen.note(f"{self._target} is loaded, in {monotonic() - self._began:.2f} s")
        elif self._process.state == "broken":
            self._screen.problem(f"{self._process.problem}; save a file to try again")

    def _show_status(self) -> None:
        now = monotonic()
        self._recent = [at for at in self._recent if now - at <= _RATE_SECONDS]
        counts = [f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()) if count]
        waiting = self._deliveries.unfinished
        age = time() - next(iter(waiting.values())) if waiting else 0.0
        parts = [
            f"{self._table}: {self._process.state}",
            *counts,
            f"{len(self._recent) / _RATE_SECONDS:.1f}/s",
            f"{len(waiting)} waiting",
            f"iterator age {max(0.0, age):.0f} s",
        ]
        self._screen.status(" · ".join(parts))


def _read(pages: Iterator[Page], put: Callable[[News], object]) -> None:
    try:
        for page in pages:
            put(page)
        put(Ended(None))
    except SourceError as error:
        put(Ended(error))


def _look(saves: Iterable[frozenset[str]], put: Callable[[News], object]) -> None:
    for names in saves:
        put(Saved(names))
