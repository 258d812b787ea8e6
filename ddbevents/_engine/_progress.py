"""The state of one batch: what is handled, and what waits for the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Final

from .._async import is_failure
from .._errors import StoreError
from .._transaction import Transaction
from ._entries import OF_RECORD, Entry, Handler, Task, all_transactional, tasks_of
from ._gate import Gate
from ._journal import Journal, Note, log_lost_marks
from ._report import Outcome
from ._settings import Settings
from ._stores import PackingStore

if TYPE_CHECKING:
    from ._commit_queue import CommitQueue, Waiting
    from ._failures import Failure

_HANDLED: Final = Outcome.HANDLED


class Progress:
    """How far a batch has come.

    Outcomes may change after they are noted: a handler counts as handled before its mark or its packed
    transaction is written, and writing may fail. That is safe, since nothing is answered before `finish`.

    Lanes use it from several threads. What they share are sets and dicts, whose single operations are atomic;
    the journal and the queue of commits, which do more in one step, have locks of their own.

    Attributes:
        gate: What may still run.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._deadline = settings.deadline
        self._journal = Journal(settings.app, settings.store)
        self._queue = _queue_of(settings)
        self._handled: set[Task] = set()
        self.gate: Final = Gate(settings)

    def read(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Ask the store what was handled before, and return the entries.

        Raises:
            StoreError: It cannot tell. Every record that has a handler has failed, and none may run.
        """
        if not self._journal.keeps:
            return entries
        letters = tasks_of(entry for entry in entries if entry.is_letter)
        others = tasks_of(entry for entry in entries if not entry.is_letter)
        # a letter runs although its record was dead-lettered, also beside a failure record that has it
        others = {task: None for task in others if task not in letters} if letters else others
        skips = self._settings.skips_dead_lettered
        try:
            self._handled = self._read(others, with_dead_letters=skips)
            if letters:
                self._handled |= self._read(letters, with_dead_letters=False)
        except StoreError as error:
            self.refuse(entries, error)
            raise
        return entries

    def _read(self, tasks: Iterable[Task], *, with_dead_letters: bool) -> set[Task]:
        patience = self._deadline.patience_for_marks
        return self._journal.read(tasks, with_dead_letters=with_dead_letters, patience=patience)

    def refuse(self, entries: Iterable[Entry], error: StoreError) -> None:
        """Fail every record that has a handler, since the store cannot be read."""
        for entry in entries:
            # one without handlers is ignored, whatever the store says
            if entry.outcomes:
                entry.fail(OF_RECORD, Outcome.FAILED, entry.invalid or error)

    def resume(self, handled: set[Task], *, has_begun: bool, is_stopped: bool) -> None:
        """Go on with a batch that the straight path has begun.

        Args:
            handled: What was handled before, by the store's marks.
            has_begun: Whether a record was tried.
            is_stopped: Whether time is short, so that no further record begins.
        """
        self._handled = handled
        self.gate.resume(has_begun=has_begun, is_stopped=is_stopped)

    def note_unwritten(self, entry: Entry, handler: str) -> None:
        """Note that a handler succeeded on the straight path, and that its mark is still to be written."""
        self._journal.note_handled(entry, handler)

    def lose_marks(self, error: StoreError) -> None:
        """Note that the marks that wait cannot be written."""
        self._lose(self._journal.take(), error)

    def note_earlier(self, entry: Entry) -> Sequence[Handler]:
        """Note which handlers have handled the record before, and return the others."""
        handled, identity = self._handled, entry.identity
        for handler in entry.handlers:
            if (handler.name, identity) in handled:
                break
        else:
            # the usual case, which costs no more than one look-up a handler
            return entry.handlers
        todo: list[Handler] = []
        for handler in entry.handlers:
            if (handler.name, identity) in handled:
                entry.outcomes[handler.name] = Outcome.ALREADY_HANDLED
            else:
                todo.append(handler)
        return todo

    def note_earlier_bulk(self, entry: Entry) -> None:
        """Note which handlers of the second pass have handled the record before."""
        for handler, _ in entry.bulk:
            if self.is_handled(entry, handler.name) and entry.outcomes[handler.name] is Outcome.NOT_RUN:
                entry.outcomes[handler.name] = Outcome.ALREADY_HANDLED

    def begin(self, entry: Entry) -> Sequence[Handler]:
        """Return the handlers to run now.

        There are none if all of them have run before, or if the record is left to a retry: behind a failure,
        or because time is short. Transactions that wait are committed first where a handler may rely on them.
        """
        todo = self.note_earlier(entry)
        if not todo:
            return todo
        if self._queue is not None and entry.invalid is None and not all_transactional(todo):
            self._commit_waiting()
        fails_at_once = entry.invalid is not None and self._settings.dead_letters is None
        return todo if self.gate.may_begin(entry, fails_at_once=fails_at_once) else ()

    def end(self, entry: Entry, seconds: float) -> None:
        """Note how long a record took, and write what is due."""
        if entry.invalid is None:
            entry.seconds = seconds
        self._deadline.note_record(seconds)
        if self._queue is not None and self._queue.is_due():
            self._commit_waiting(keep_some=True)
        if self._journal.is_due():
            self._flush()

    def succeeded(self, entry: Entry, handler: str) -> None:
        """Note that a plain handler succeeded."""
        self._set_handled(entry, handler)
        self._journal.note_handled(entry, handler)

    def transact(
        self, entry: Entry, handler: str, transaction: Transaction, todo: Sequence[Handler]
    ) -> Outcome:
        """Commit the transaction of a handler that succeeded, or let it wait for others.

        It waits only if the record's other handlers have transactions too: a plain one may rely on its
        writes.

        Returns:
            HANDLED, also while it waits; or what `failed` returns if it cannot be committed.
        """
        commit = self._journal.commit_of(entry, handler, transaction)
        if self._queue is not None and all_transactional(todo):
            # noted first: as soon as it waits, another lane may find out that it cannot be committed
            self._set_handled(entry, handler)
            if not self._queue.add(entry, handler, commit):
                self._leave(entry, handler)
            return Outcome.HANDLED
        try:
            self._journal.commit_now(commit, self._deadline.patience)
        except BaseException as error:
            # the store may be the user's own code
            if not is_failure(error):
                raise
            return self.failed(entry, handler, error, of_store=isinstance(error, StoreError))
        self._set_handled(entry, handler)
        return Outcome.HANDLED

    def failed(self, entry: Entry, handler: str, error: BaseException, *, of_store: bool = False) -> Outcome:
        """Note that a handler failed: log it, and count the attempt or dead-letter the record.

        Args:
            entry: The record.
            handler: The handler's name.
            error: Why it failed.
            of_store: Whether the app's store is to blame, and not the handler.

        Returns:
            DEAD_LETTERED, which holds back nothing; or FAILED, which holds back the later records of the same
            item, or the whole batch.
        """
        from ._failures import Failure, of_single  # noqa: PLC0415  # cold start: failures are rare

        self.failed_together([Failure((entry,), handler, of_single(error), of_store=of_store)])
        return entry.outcomes[handler]

    def failed_together(self, failures: Sequence[Failure]) -> None:
        """Note failures of one handler, as `failed` does for each."""
        from ._failures import retry_or_dead_letter  # noqa: PLC0415  # as above

        outcomes = retry_or_dead_letter(failures, self._settings, self._journal)
        for (entries, handler, error, of_store), outcome in zip(failures, outcomes, strict=True):
            if outcome is Outcome.DEAD_LETTERED:
                for entry in entries:
                    entry.fail(handler, outcome, error)
                    # without an identity, another record would pass for this one
                    if entry.identity is not None:
                        self._handled.add((handler, entry.identity))
                continue
            entries[0].fail(handler, outcome, error)
            if of_store:
                self.gate.halt()
            else:
                self.gate.hold_back_after(entries[0])

    def is_handled(self, entry: Entry, handler: str) -> bool:
        """Return whether a handler has handled a record, or was done with it."""
        return (handler, entry.identity) in self._handled

    def end_call(self, seconds: float) -> None:
        """Note how long a call of a bulk handler took, and write the marks of its records."""
        self._deadline.note_record(seconds)
        self._flush()

    def finish(self) -> None:
        """Write everything that waits for the store."""
        try:
            self._commit_waiting()
        finally:
            self._flush()

    def _set_handled(self, entry: Entry, handler: str) -> None:
        entry.outcomes[handler] = _HANDLED
        self._handled.add((handler, entry.identity))

    def _commit_waiting(self, *, keep_some: bool = False) -> None:
        if self._queue is None:
            return
        start = perf_counter()
        with self._queue.committing:
            while (sent := self._queue.send(self._deadline)) is not None:
                for waiting in sent.pack:
                    # not if a failure of its lane dropped it in the meantime
                    if self._queue.take(waiting) and not sent.is_committed:
                        error = sent.error or self._queue.commit_alone(waiting, self._deadline.patience)
                        self._note_commit(self._queue, waiting, error)
                if keep_some and self._queue.is_half_empty():
                    break
        self._deadline.note_flush(perf_counter() - start)

    def _note_commit(self, queue: CommitQueue, waiting: Waiting, error: Exception | None) -> None:
        if error is None:
            return
        of_store = isinstance(error, StoreError)
        outcome = self.failed(waiting.entry, waiting.handler, error, of_store=of_store)
        if outcome is Outcome.FAILED:
            self._handled.discard((waiting.handler, waiting.entry.identity))
            # later transactions of the item may rely on this one
            dropped = queue.drop_all() if of_store else queue.drop_lane(waiting.commit.lane)
            for each in dropped:
                self._leave(each.entry, each.handler)

    def _leave(self, entry: Entry, handler: str) -> None:
        """Leave a transaction that was not committed to a retry."""
        self._handled.discard((handler, entry.identity))
        entry.outcomes[handler] = Outcome.NOT_RUN

    def _flush(self) -> None:
        """Write the marks that wait, of handled and dead-lettered records and of failed attempts.

        If they are lost, a retry does the same again, also sending a dead letter.
        """
        notes = self._journal.take()
        if not notes:
            return
        start = perf_counter()
        try:
            self._journal.write([mark for _, _, mark in notes], self._deadline.patience_for_marks)
        except StoreError as error:
            self._lose(notes, error)
        self._deadline.note_flush(perf_counter() - start)

    def _lose(self, notes: Iterable[Note], error: StoreError) -> None:
        log_lost_marks(error)
        self.gate.halt()
        for entry, handler, _ in notes:
            entry.fail(handler, Outcome.FAILED, error)


def _queue_of(settings: Settings) -> CommitQueue | None:
    store = settings.store
    # the attribute is asked for first, since asking for a Protocol takes long
    if getattr(store, "window", 1) == 1 or not isinstance(store, PackingStore):
        return None
    from ._commit_queue import CommitQueue  # noqa: PLC0415  # cold start: for stores that pack transactions

    return CommitQueue(store)
