"""The straight path of a batch that goes to bulk handlers alone. Its one reason is speed, as of the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from typing_extensions import override

from .._async import is_failure
from .._records import Columns
from ._entries import Bulk, Dispatch, Entry, Step, Steps, entry_of
from ._report import Outcome
from ._settings import Settings
from ._straight import Straight, record_of, reread
from ._units import BegunCall

if TYPE_CHECKING:
    from ._progress import Progress


class StraightBulk(Straight):
    """A batch for bulk handlers on the straight path, up to its end or to where the general engine goes on.

    Attributes:
        begun: The call with which it goes on.
    """

    begun: BegunCall | None = None
    _has_called = False

    def __init__(
        self, columns: Columns, steps: Sequence[Steps], bulk: Mapping[str, Bulk], settings: Settings
    ) -> None:
        super().__init__(columns, steps, settings)
        self._bulk = bulk
        self._called: list[tuple[int, str]] = []  # places and handlers
        self._seconds = [0.0] * len(steps)

    @override
    def entries(self, dispatch: Dispatch) -> list[Entry]:
        """Return the entries of all records, with the outcomes that are known."""
        entries = [entry_of(self._record(place), dispatch) for place in range(len(self._steps))]
        for entry, seconds in zip(entries, self._seconds, strict=True):
            entry.seconds = seconds
        for place, name in self._called:
            entries[place].outcomes[name] = Outcome.HANDLED
        return entries

    @override
    def hand_over(self, entries: Sequence[Entry], progress: Progress) -> Sequence[Entry]:
        """Let the general engine go on. Only the second pass has anything to do.

        Raises:
            StoreError: The store cannot tell what was handled before, so none may run.
        """
        event_ids = self._columns.event_ids
        self._handled = {*self._handled, *[(name, event_ids[place]) for place, name in self._called]}
        rest = super().hand_over(entries, progress)
        progress.gate.resume_calls(has_called=self._has_called)
        return rest

    @override
    def _run(self) -> bool:
        if not self._settings.has_store:
            # as for a first pass, which takes no time here
            self._settings.deadline.keep_half()
            self._settings.deadline.keep_nothing()
        event_ids = self._columns.event_ids
        for name, bulk in self._bulk.items():
            waiting = [
                (place, step)
                for place, steps in enumerate(self._steps)
                for step in steps
                if step[0] == name and (name, event_ids[place]) not in self._handled
            ]
            for start in range(0, len(waiting), bulk.most):
                if not self._call(name, waiting[start : start + bulk.most]):
                    return False
        return True

    def _call(self, name: str, chunk: Sequence[tuple[int, Step]]) -> bool:
        """Call a handler with the changes of some records; False if the general engine has to go on."""
        deadline, raws, bodies = self._settings.deadline, self._columns.raws, self._columns.bodies
        # the first call is always made
        if self._has_called and deadline.is_near():
            self.begun = BegunCall(name, has_time=False)
            return False
        self._has_called = True
        self.begun = BegunCall(name)
        begun = perf_counter()
        try:
            seen = self._seen
            changes = [
                reread(read, seen[place], bodies[place])
                if place in seen
                else read(raws[place], bodies[place])
                for place, (_, read, _, _) in chunk
            ]
        except BaseException as error:
            # what cannot be read is read again, by what explains why
            if not is_failure(error):
                raise
            return False
        failure = self._error_of(chunk[0][1], [*changes])
        seconds = perf_counter() - begun
        for (place, _), change in zip(chunk, changes, strict=True):
            if record_of(change) is not raws[place]:
                self._seen[place] = record_of(change)
        if failure is not None:
            self.begun = BegunCall(name, changes=changes, error=failure, seconds=seconds)
            return False
        for place, _ in chunk:
            self._seconds[place] += seconds / len(chunk)
        deadline.note_record(seconds)
        done = [(place, name) for place, _ in chunk]
        self._called += done
        if self._journal is not None:
            self._unwritten += done
            return self._flush()
        return True

    @staticmethod
    def _error_of(step: Step, changes: list[object]) -> BaseException | None:
        _, _, handler, settle = step
        try:
            result = handler(changes)
            if result is not None:
                settle(result)
        except BaseException as error:
            # a handler is the user's own code
            if not is_failure(error):
                raise
            return error
        return None
