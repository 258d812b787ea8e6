"""The straight path: plain handlers of a usual batch in one loop. Its one reason is speed.

The general engine does the same, and takes over wherever something is unusual. So this may be deleted, with
its few uses, and nothing but the time changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from operator import attrgetter
from time import perf_counter, time
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .._async import is_failure
from .._errors import StoreError
from .._records import Columns, StreamRecord
from ._answer import BatchResponse, respond
from ._entries import Dispatch, Entry, Steps, Task, entry_of, report_of
from ._report import BatchReport, Outcome
from ._settings import Settings
from ._stores import FLUSH_SIZE, NoStore

if TYPE_CHECKING:
    from ._journal import Journal
    from ._progress import Progress

_Read: TypeAlias = Callable[..., Any]
record_of: Final[Callable[[Any], Any]] = attrgetter("_record")
"""Returns a change's record; what it is to be read from, if nobody has asked for it so far."""


_NONE: Final[Mapping[Any, Any]] = {}


class Straight:
    """A batch on the straight path, up to its end or to where the general engine has to go on."""

    _handled: AbstractSet[Task] = frozenset()  # by the store's marks
    _has_begun = False  # which only a deadline makes matter
    _is_stopped = False  # because time is short
    _report: BatchReport | None = None
    _unread: StoreError | None = None
    _lost: StoreError | None = None  # the marks that are unwritten cannot be written
    # of the record that is begun and not done
    _ran: Sequence[str] | None = None
    _error: BaseException | None = None
    _start = 0.0
    _lasted = _ended = 0.0  # of the whole batch: its seconds, and its end in seconds since 1970

    def __init__(self, columns: Columns, steps: Sequence[Steps], settings: Settings) -> None:
        self._columns = columns
        self._steps = steps
        self._settings = settings
        self._journal = None if isinstance(settings.store, NoStore) else _journal(settings)
        self._seconds: list[float] = []  # of each record that is done
        self._seen: dict[int, StreamRecord] = {}  # the records that handlers have looked at, by place
        self._begun = perf_counter()
        self._unwritten: list[tuple[int, str]] = []  # places and handlers whose marks are still to be written

    @property
    def size(self) -> int:
        """The number of records."""
        return len(self._steps)

    def run(self) -> bool:
        """Run the handlers of all records, in order.

        Returns:
            False if the general engine has to go on.
        """
        try:
            is_through = self._read() and self._run()
        except BaseException:
            # what is done need not run again
            self._unwritten += [(len(self._seconds), name) for name in self._ran or ()]
            self._flush()
            if self._lost is not None:
                from ._journal import log_lost_marks  # noqa: PLC0415  # as in _journal

                log_lost_marks(self._lost)
            raise
        is_through = is_through and self._flush()
        self._lasted, self._ended = perf_counter() - self._begun, time()
        return is_through

    @property
    def report(self) -> BatchReport:
        """The outcome of each record, once all of them have run."""
        if self._report is None:
            self._report = report_of(self._done(), self._settings, self._lasted, self._ended)
        return self._report

    def takers(self) -> AbstractSet[str]:
        """Return the names of the handlers that took a record."""
        return {step[0] for steps in {*self._steps} for step in steps}

    def ignored(self) -> Iterator[StreamRecord]:
        """Yield the records that no handler took."""
        return (self._columns.record(place) for place, steps in enumerate(self._steps) if not steps)

    def answer(self) -> BatchResponse:
        """Return the answer for Lambda, once all records have run: none has to be retried."""
        return respond(())

    def entries(self, dispatch: Dispatch) -> list[Entry]:
        """Return the entries of all records, those that are done with their outcomes."""
        rest = range(len(self._seconds), len(self._steps))
        return [*self._done(), *[entry_of(self._record(place), dispatch) for place in rest]]

    def hand_over(self, entries: Sequence[Entry], progress: Progress) -> Sequence[Entry]:
        """Let the general engine go on, and return the entries that it has to run.

        Raises:
            StoreError: The store cannot tell what was handled before, so none may run.
        """
        if self._unread is not None:
            progress.refuse(entries, self._unread)
            raise self._unread
        progress.resume({*self._handled}, has_begun=self._has_begun, is_stopped=self._is_stopped)
        for place, name in self._unwritten:
            progress.note_unwritten(entries[place], name)
        if self._lost is not None:
            progress.lose_marks(self._lost)
        place = len(self._seconds)
        if self._ran is None:
            return entries[place:]
        self._go_on(entries[place], self._ran, progress)
        return entries[place + 1 :]

    def _go_on(self, entry: Entry, ran: Sequence[str], progress: Progress) -> None:
        """Let the general engine go on with the record that is begun and not done."""
        from ._lanes import run_handlers  # noqa: PLC0415  # cold start: most batches go straight

        todo = progress.note_earlier(entry)[len(ran) :]
        for name in ran:
            progress.succeeded(entry, name)
        if self._error is not None:
            outcome = progress.failed(entry, todo[0].name, self._error)
            todo = () if outcome is Outcome.FAILED else todo[1:]
        run_handlers(entry, todo, progress)
        progress.end(entry, perf_counter() - self._start)
        entry.handlers = ()

    def _done(self) -> Iterator[Entry]:
        for place, seconds in enumerate(self._seconds):
            event_id = self._columns.event_ids[place]
            entry = Entry(self._record(place), (), event_id)
            for name, *_ in self._steps[place]:
                was_handled = (name, event_id) in self._handled
                entry.outcomes[name] = Outcome.ALREADY_HANDLED if was_handled else Outcome.HANDLED
            entry.seconds = seconds
            yield entry

    def _read(self) -> bool:
        if self._journal is None:
            return True
        each = zip(self._steps, self._columns.event_ids, strict=True)
        tasks = [(step[0], event_id) for steps, event_id in each for step in steps]
        with_dead_letters = self._settings.dead_letters is not None
        patience = self._settings.deadline.patience_for_marks
        try:
            self._handled = self._journal.read(tasks, with_dead_letters=with_dead_letters, patience=patience)
        except StoreError as error:
            self._unread = error
        return self._unread is None

    def _run(self) -> bool:  # noqa: C901, PLR0912  # one loop without calls of its own, for speed
        handled, deadline, seconds = self._handled, self._settings.deadline, self._seconds
        event_ids, _, _, bodies, raws = self._columns
        journal, is_limited = self._journal, deadline.is_set
        change: Any
        others: dict[_Read, Any] | None
        slowest, start = 0.0, perf_counter()
        for todo, event_id, raw, body in zip(self._steps, event_ids, raws, bodies, strict=True):
            if handled:
                todo = [step for step in todo if (step[0], event_id) not in handled]  # noqa: PLW2901
            if not todo:
                seconds.append(0.0)
                continue
            if is_limited:
                # the first record is tried even if time is short, or a batch might never get anywhere
                if self._has_begun and deadline.is_near():
                    self._is_stopped = True
                    return False
                self._has_begun = True
            reader = change = others = None
            for name, read, handler, settle in todo:
                try:
                    if read is not reader:
                        if reader is None:
                            change = read(raw, body)
                        else:
                            others = {**(others or {}), reader: change}
                            change = _another(read, change, others, raw, body)
                        reader = read
                    result = handler(change)
                    if result is not None:
                        settle(result)
                except BaseException as error:
                    # a handler is the user's own code
                    names = [step[0] for step in todo]
                    self._ran, self._start = names[: names.index(name)], start
                    if not is_failure(error):
                        raise
                    self._note_record(raw, change)
                    # one that could not even be read is read again, by what explains why
                    self._error = error if read is reader else None
                    return False
            end = perf_counter()
            if change._record is not raw:  # noqa: SLF001  # without a call, as above
                self._note_record(raw, change)
            lasted = end - start
            seconds.append(lasted)
            if lasted > slowest:
                slowest = lasted
                deadline.note_record(slowest)
            start = end
            if journal is not None:
                self._unwritten += [(len(seconds) - 1, step[0]) for step in todo]
                if len(self._unwritten) >= FLUSH_SIZE:
                    if not self._flush():
                        return False
                    start = perf_counter()
        return True

    def _note_record(self, raw: dict[str, Any], change: Any) -> None:
        """Keep the record in progress as handlers have seen it: they may have changed the raw one."""
        if change is not None and record_of(change) is not raw:
            self._seen[len(self._seconds)] = record_of(change)

    def _record(self, place: int) -> StreamRecord:
        return self._seen.get(place) or self._columns.record(place)

    def _flush(self) -> bool:
        """Write the marks that are due; False if the store cannot be written."""
        if self._journal is None or not self._unwritten:
            return True
        event_ids, deadline = self._columns.event_ids, self._settings.deadline
        unwritten, self._unwritten = self._unwritten, []
        marks = [self._journal.mark(event_ids[place], name) for place, name in unwritten]
        start = perf_counter()
        try:
            self._journal.write(marks, deadline.patience_for_marks)
        except StoreError as error:
            self._lost, self._unwritten = error, unwritten
        deadline.note_flush(perf_counter() - start)
        return self._lost is None


def _another(
    read: _Read, last: Any, others: Mapping[_Read, Any], raw: dict[str, Any], body: dict[str, Any]
) -> Any:
    """Return the change that a further reader of a record reads, or has read before.

    Args:
        read: The reader.
        last: The last handler's change.
        others: All changes of the record so far.
        raw: The record.
        body: Its `dynamodb` object.
    """
    record = record_of(last)
    if read in others:
        earlier = others[read]
        if earlier is not record:  # a handler of records has it itself
            earlier._record = record  # noqa: SLF001  # one that is read need not be read again
        return earlier
    if record is raw:
        return read(raw, body, others)
    return reread(read, record, body, others)


def reread(
    read: _Read, record: StreamRecord, body: dict[str, Any], others: Mapping[_Read, Any] = _NONE
) -> Any:
    """Return the change of a record that a handler has looked at, and may have spoilt."""
    return read(record, {**body, "NewImage": record.new_image, "OldImage": record.old_image}, others)


def _journal(settings: Settings) -> Journal:
    from ._journal import Journal  # noqa: PLC0415  # cold start: for apps with a store

    return Journal(settings.app, settings.store)
