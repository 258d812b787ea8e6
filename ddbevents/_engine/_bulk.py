"""The second pass of a batch: handlers that take a list of changes, or each item once in its last state.

They run one after the other, in order of registration, when the handlers of single records are through. Order
is kept per item within a handler, not between handlers. Imported by apps that have such handlers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from time import perf_counter
from typing import Any, Final

from .._async import is_failure
from .._errors import ConfigurationError, PartialFailure, Reject
from .._logs import describe, logger
from .._records import lane_of
from ._entries import Entry
from ._failures import Failure, log_untried, of_single
from ._progress import Progress
from ._report import Outcome
from ._settings import Settings
from ._units import BegunCall, Unit, not_held_back, units_of

_FAILED: Final = (Outcome.FAILED, Outcome.DEAD_LETTERED)


def run_bulk(
    entries: Sequence[Entry],
    names: Sequence[str],
    settings: Settings,
    begun: BegunCall | None,
    progress: Progress,
) -> None:
    """Run the handlers of the second pass, as far as the first pass has come.

    Args:
        entries: All records of the batch.
        names: The handlers, in order of registration.
        settings: The settings of the batch.
        begun: The call to go on with.
        progress: How far the batch has come.
    """
    settings.deadline.keep_nothing()
    for entry in entries:
        progress.note_earlier_bulk(entry)
    # without a store, what comes after a failure would run again
    by_item = settings.has_store or not settings.is_ordered
    for place, name in enumerate(names):
        entries = not_held_back(entries, {*names[place:]}, by_item=by_item)
        if not progress.gate.begin_pass():
            return
        units = units_of(entries, name)
        if units:
            _Calls(units, progress).run(begun if begun is not None and begun.handler == name else None)


class _Calls:
    """The calls of one handler."""

    def __init__(self, units: Sequence[Unit], progress: Progress) -> None:
        _, handler, bulk = units[0]
        self._handler: Final = handler
        self._bulk: Final = bulk
        self._room = len(units)  # changes that a call has room for, as far as is known
        self._progress: Final = progress
        self._waiting = deque(units)

    def run(self, begun: BegunCall | None) -> None:
        """Call the handler until nothing waits, time is short, or a second call has failed as a whole.

        Args:
            begun: The first call, if it is begun already.
        """
        has_failed = False
        while self._waiting:
            units = self._next()
            if not units:
                continue
            if not (self._progress.gate.may_call() if begun is None else begun.has_time):
                return
            error = self._call(units) if begun is None else self._go_on(units, begun)
            begun = None
            if error is None:
                continue
            if not self._bulk.isolate:
                error = _of_many(error)
                self._note(units, [self._failure(unit, error) for unit in units if self._is_open(unit)])
            elif has_failed:
                self._give_up(units, error)
            elif self._isolate(units, error):
                continue
            if has_failed:
                return
            has_failed = True

    def _next(self) -> list[Unit]:
        """Take the units of the next call out of those that wait."""
        taken: list[Unit] = []
        identities: set[str | None] = set()
        while self._waiting and len(taken) < self._bulk.most and len(taken) < self._room:
            # a copy of a record that is in the call waits until that is through
            if not identities.isdisjoint(self._waiting[0].identities):
                break
            unit = self._todo(self._waiting.popleft())
            if unit is not None:
                taken.append(unit)
                identities |= unit.identities
        return taken

    def _todo(self, unit: Unit) -> Unit | None:
        """Return a unit with the records that are not handled yet; None if there is nothing to call for."""
        if self._progress.gate.is_held_back(unit.first):
            return None
        todo: list[Entry] = []
        for entry in unit.entries:
            if not self._progress.is_handled(entry, self._handler.name):
                todo.append(entry)
            elif entry.outcomes[self._handler.name] is Outcome.NOT_RUN:
                entry.outcomes[self._handler.name] = Outcome.ALREADY_HANDLED
        if todo and todo[-1] is not unit.entries[-1]:
            # the last state is handled, so those before it are of no interest any more
            self._note([unit._replace(entries=todo)])
            return None
        return unit._replace(entries=todo) if todo else None

    def _call(self, units: Iterable[Unit]) -> BaseException | None:
        """Call the handler with the changes of units, and note what became of each.

        Returns:
            Why the call failed as a whole, of which nothing is noted; None if it did not.
        """
        start = perf_counter()
        taken = [(unit, change) for unit in units for change in self._read(unit)]
        if not taken:
            return None
        error = self._run([change for _, change in taken])
        return self._settle(taken, error, perf_counter() - start)

    def _go_on(self, units: Sequence[Unit], begun: BegunCall) -> BaseException | None:
        """Go on with a call that is begun, and return what `_call` would."""
        if begun.changes is None or begun.error is None:
            return self._call(units)
        error = self._usable(begun.error, begun.changes)
        return self._settle([*zip(units, begun.changes, strict=True)], error, begun.seconds)

    def _settle(
        self, taken: Sequence[tuple[Unit, Any]], error: BaseException | None, seconds: float
    ) -> BaseException | None:
        """Note what became of each change of a call, and return why it failed as a whole."""
        for unit, _ in taken:
            unit.took(seconds / len(taken))
        failures = [] if error is None else self._failures(taken, error)
        if failures is not None:
            self._note([unit for unit, _ in taken], failures)
        self._progress.end_call(seconds)
        return error if failures is None else None

    def _read(self, unit: Unit) -> Iterator[Any]:
        """Yield the change; none if it is held back or done, or cannot be read, which fails it alone."""
        if not self._is_open(unit) or self._progress.gate.is_held_back(unit.first):
            return
        try:
            change = unit.handler.read([entry.record for entry in unit.entries])
        except BaseException as error:
            # validators are the user's own code
            if not is_failure(error):
                raise
            self._progress.failed_together([self._failure(unit, error)])
        else:
            yield change

    def _run(self, changes: list[Any]) -> BaseException | None:
        """Call the handler, and return its exception."""
        try:
            # a copy, since the handler may change its list
            self._handler.call([*changes] if self._bulk.takes_list else changes[0])
        except BaseException as error:
            # a handler is the user's own code
            if not is_failure(error):
                raise
            return self._usable(error, changes)
        return None

    def _usable(self, error: BaseException, changes: Sequence[Any]) -> BaseException:
        """Return an exception of the handler; in place of a `PartialFailure` of no use, one that says so."""
        if not isinstance(error, PartialFailure):
            return error
        if not self._bulk.takes_list:
            return of_single(error)
        return error if _names_some(error, changes) else _nameless(error)

    def _failures(self, taken: Sequence[tuple[Unit, Any]], error: BaseException) -> Sequence[Failure] | None:
        """Return which units have failed; None if the call failed as a whole, which is no attempt of any."""
        if isinstance(error, PartialFailure):
            errors = {id(change): why for change, why in reversed(error.failures)}
            named = [(unit, errors[id(change)]) for unit, change in taken if id(change) in errors]
            return [self._failure(unit, error if why is None else why) for unit, why in named]
        return [self._failure(taken[0][0], error)] if len(taken) == 1 else None

    def _note(self, units: Iterable[Unit], failures: Sequence[Failure] = ()) -> None:
        """Note a call: the given failures, and that all others are done but those after one of their item."""
        if failures:
            self._progress.failed_together(failures)
        held: set[Hashable] = set()
        for unit in units:
            if unit.first.outcomes[self._handler.name] is Outcome.FAILED:
                held.add(lane_of(unit.first.record))
            elif self._is_open(unit) and not (held and lane_of(unit.first.record) in held):
                for entry in unit.entries:
                    self._progress.succeeded(entry, self._handler.name)

    def _isolate(self, units: Sequence[Unit], error: BaseException) -> bool:
        """Halve a call that failed until one change fails alone, and let those after it wait again.

        Returns:
            Whether no change did. Then the call was too large, so later ones are as small as one that was
            not.
        """
        logger().warning(
            "%s failed for %s changes at once, so it is called with fewer of them: %s",
            self._handler.name,
            len(units),
            describe(error),
        )
        later: Sequence[Unit] = ()
        room, is_found = 0, False
        while units:
            if not self._progress.gate.may_call():
                self._give_up(units, error)
                return False
            middle = (len(units) + 1) // 2
            half, rest = units[:middle], units[middle:]
            failure = self._call(half)
            if failure is not None:
                error, units, later = failure, half, [*rest, *later]
            elif len(half) == 1 and half[0].first.outcomes[self._handler.name] in _FAILED:
                units, later, is_found = (), [*rest, *later], True
            else:
                units, room = rest, max(room, len(half))
        self._waiting.extendleft(reversed(later))
        self._room = self._room if is_found else room
        return not is_found

    def _give_up(self, units: Iterable[Unit], error: BaseException) -> None:
        """Leave the changes of a call that failed to a retry: it is nobody's attempt."""
        failures = [self._failure(unit, error) for unit in units if self._is_open(unit)]
        log_untried(failures)
        for failure in failures:
            failure.entry.fail(self._handler.name, Outcome.FAILED, error)

    def _failure(self, unit: Unit, error: BaseException) -> Failure:
        return Failure(unit.entries, self._handler.name, error)

    def _is_open(self, unit: Unit) -> bool:
        return unit.first.outcomes[self._handler.name] is Outcome.NOT_RUN


def _names_some(failure: PartialFailure, changes: Iterable[Any]) -> bool:
    given = {id(change) for change in changes}
    return bool(failure) and all(id(change) in given for change, _ in failure.failures)


def _nameless(failure: PartialFailure) -> ConfigurationError:
    reason = "has a change that the handler did not get in this call" if failure else "has no changes"
    error = ConfigurationError(
        f"the PartialFailure {reason}: add() the changes that failed, as they were given"
    )
    error.__cause__ = failure
    return error


def _of_many(error: BaseException) -> BaseException:
    """Return the error to note for each change of a call: a `Reject` of all of them is none of each."""
    if not isinstance(error, Reject):
        return error
    named = ConfigurationError(
        "the handler raised Reject for several changes at once, which dead-letters none of them: add() those"
        " that it rejects to a PartialFailure, each with its Reject"
    )
    named.__cause__ = error
    return named
