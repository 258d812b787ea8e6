"""The results of an exploration, as a test sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from .._tables import short, table

Harm: TypeAlias = Literal["doubled", "lost", "changed"]

_LONGEST: Final = 400  # characters of effects in a message


class ScheduleStep(NamedTuple):
    """One event of a schedule, in words.

    Attributes:
        delivery: The number of the batch's delivery, from 1.
        where: The point at which it happened.
        what: What happened there.
    """

    delivery: int
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Violation:
    """A schedule under which an effect did not happen exactly once.

    Attributes:
        handlers: The names of the handlers that caused it.
        harm: Whether an effect was doubled, was lost, or changed in another way.
        steps: The shortest schedule found that causes it.
        expected: The effects without faults.
        found: The effects under this schedule.
        cure: How to fix it.
    """

    handlers: tuple[str, ...]
    harm: Harm
    steps: tuple[ScheduleStep, ...]
    expected: object
    found: object
    cure: str

    def __str__(self) -> str:
        """Show a headline, the steps as a table, the effects and the cure."""
        names = ", ".join(map(short, self.handlers))
        what = "an effect" if self.harm != "changed" else "the effects"
        rows = [(str(number), *map(str, step)) for number, step in enumerate(self.steps, 1)]
        return "\n".join(
            [
                f"{names} {self.harm} {what}:",
                *(f"  {line}" for line in table(("step", "delivery", "where", "what happens"), rows)),
                f"  expected: {_shortened(self.expected)}",
                f"  found:    {_shortened(self.found)}",
                f"  fix:      {self.cure}",
            ]
        )


@dataclass(frozen=True, slots=True, repr=False)
class Exploration:
    """The result of an exploration. It is true if every effect happened exactly once.

    Attributes:
        schedules: How many schedules ran.
        violations: What went wrong, with one short schedule for each handler that caused it.
        unplayed: What could happen to the app and was not tried, with what to do to have it tried.
    """

    schedules: int
    violations: tuple[Violation, ...]
    unplayed: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every effect happened exactly once under every schedule."""
        return not self.violations

    def raise_for_violations(self) -> None:
        """Fail a test, with all violations as its message.

        Raises:
            AssertionError: An effect was doubled, lost or changed.
        """
        if self.violations:
            raise AssertionError(str(self))

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        harms = [f"{', '.join(map(short, each.handlers))}: {each.harm}" for each in self.violations]
        return f"<Exploration of {self.schedules} schedules: {'; '.join(harms) or 'ok'}>"

    def __str__(self) -> str:
        """Show all violations, with the steps that lead to them, or what was not tried."""
        if not self.violations:
            success = f"{self.schedules} schedules: each effect happened exactly once"
            return "\n".join([success, *(f"  not tried: {each}" for each in self.unplayed)])
        return "\n\n".join(map(str, self.violations))


def _shortened(effects: object) -> str:
    text = repr(effects)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
