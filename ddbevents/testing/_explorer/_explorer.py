"""Finds out whether an app is idempotent: plays all that can go wrong with it, and compares the effects."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from random import Random
from typing import Any, Final, NamedTuple, TypeVar, overload

from ..._app import StreamApp
from ...stores import MemoryStore
from .._mapping._function import Handler
from .._mapping._mapping import EventSourceMapping
from .._tables import short
from ._boundaries import handler_names, has_store, is_transactional
from ._schedules import Point, Schedule, random_schedule, simpler, single_steps
from ._staging import Played, Scene, play
from ._undisturbed import kept, play_undisturbed
from ._violations import Suspect, Violation, violation_of

WorldT = TypeVar("WorldT")

RETRIES: Final = 3
_mapping_with_retries: Final = partial(EventSourceMapping, retries=RETRIES, bisect=True)


@dataclass(frozen=True, slots=True, repr=False)
class Exploration:
    """What came of all schedules. It is true if nothing was doubled and nothing lost.

    Attributes:
        schedules: How many were played.
        violations: What went wrong, a shortest schedule for each handler that did it.
    """

    schedules: int
    violations: tuple[Violation, ...]

    @property
    def ok(self) -> bool:
        """Whether each effect happened exactly once in all schedules."""
        return not self.violations

    def raise_for_violations(self) -> None:
        """Fail a test, and tell what went wrong.

        Raises:
            AssertionError: An effect was doubled or lost.
        """
        if self.violations:
            raise AssertionError(str(self))

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        harms = [f"{', '.join(map(short, each.handlers))}: {each.harm}" for each in self.violations]
        return f"<Exploration of {self.schedules} schedules: {'; '.join(harms) or 'ok'}>"

    def __str__(self) -> str:
        """All violations, with the steps that lead to them."""
        if not self.violations:
            return f"{self.schedules} schedules: each effect happened exactly once"
        return "\n\n".join(map(str, self.violations))


@overload  # the world is a store in memory
def explore(
    make_app: Callable[[MemoryStore], StreamApp],
    records: Iterable[Mapping[str, Any]],
    *,
    observe: Callable[[MemoryStore], object],
    make_mapping: Callable[[Handler], EventSourceMapping] = ...,
    schedules: int = ...,
    seed: int = ...,
) -> Exploration: ...


@overload  # it is more, or something else
def explore(
    make_app: Callable[[WorldT], StreamApp],
    records: Iterable[Mapping[str, Any]],
    *,
    observe: Callable[[WorldT], object],
    make_world: Callable[[], WorldT],
    make_mapping: Callable[[Handler], EventSourceMapping] = ...,
    schedules: int = ...,
    seed: int = ...,
) -> Exploration: ...


def explore(  # noqa: PLR0913  # two that play, two that judge, two that say how much
    make_app: Callable[[Any], StreamApp],
    records: Iterable[Mapping[str, Any]],
    *,
    observe: Callable[[Any], object],
    make_world: Callable[[], Any] = MemoryStore,
    make_mapping: Callable[[Handler], EventSourceMapping] = _mapping_with_retries,
    schedules: int = 200,
    seed: int = 0,
) -> Exploration:
    """Play an app under Lambda's rules with every fault, and compare its effects with those without any.

    Each request to the app's store and each handler is a point at which a process is killed, before and
    after; an answer is lost, or the store refuses; time runs out; a copy of the batch runs through; and the
    process sleeps until another has done everything. All of these are played once each, then up to three at
    once, at random. Everything happens in memory and in virtual time. The records of a batch are handled one
    after the other, whatever the app's concurrency. While it runs, the library logs nothing.

    Args:
        make_app: Makes the app of one process from the world; `app.with_store` of an app whose world is a
            store.
        records: As the builders make them. A few are enough, and take less time.
        observe: Tells the effects from the world, as something that can be compared and copied.
        make_world: Makes what outlives the processes of a schedule, anew for each: a store, and whatever
            the handlers have effects on. If not given, a MemoryStore.
        make_mapping: Makes the event source mapping. If not given, with three retries and bisect.
        schedules: How many random schedules follow those with one thing each.
        seed: Another one gives other random schedules; the same one gives the same.

    Raises:
        ConfigurationError: Without any fault, a record is not handled, no handler runs, or the effects are
            not the same twice; or they are None, or cannot be copied and compared. It names the record, the
            handler and the error, which is its cause.
    """
    scene = Scene(make_app, [*records], observe, make_world, make_mapping)
    with _quietly():
        whole = _search(scene, schedules, seed)
        if whole.violation is None:
            return Exploration(whole.played, ())
        names = whole.violation.handlers if len(whole.violation.handlers) > 1 else ()
        alone = [_search(scene._replace(only=name), schedules, seed) for name in names]
    blamed = tuple(each.violation for each in alone if each.violation is not None)
    return Exploration(whole.played + sum(each.played for each in alone), blamed or (whole.violation,))


class _Found(NamedTuple):
    played: int
    violation: Violation | None


def _search(scene: Scene[Any], schedules: int, seed: int) -> _Found:
    """Play schedules until one goes wrong."""
    undisturbed = play_undisturbed(scene)
    [[process]] = undisturbed.deliveries[:1]
    count = 0
    for count, schedule in enumerate(_plans(process.points, schedules, seed), 1):
        if play(scene, schedule).effects != undisturbed.effects:
            shortest = _shrink(schedule, lambda other: play(scene, other).effects != undisturbed.effects)
            return _Found(count, _violation(scene, shortest, undisturbed))
    return _Found(count, None)


def _plans(points: list[Point], schedules: int, seed: int) -> Iterator[Schedule]:
    single = ((step,) for step in single_steps(points))
    randoms = (Random(f"{seed}-{number}") for number in range(schedules))  # noqa: S311  # to be replayed
    return chain(single, (random_schedule(random, points) for random in randoms))


def _shrink(schedule: Schedule, is_wrong: Callable[[Schedule], bool]) -> Schedule:
    """A schedule that still goes wrong, and would not with one thing less."""
    while (less := next(filter(is_wrong, simpler(schedule)), None)) is not None:
        schedule = less
    return schedule


def _violation(scene: Scene[Any], schedule: Schedule, undisturbed: Played) -> Violation:
    app = scene.make_app(scene.make_world())
    ran = {handler for handler, _ in undisturbed.begun}
    handlers = tuple(name for name in handler_names(app) if name in ran)
    transactional = all(is_transactional(app, handler) for handler in handlers)
    suspect = Suspect(handlers, has_store(app), transactional)
    return violation_of(suspect, schedule, undisturbed, kept(play(scene, schedule)))


@contextmanager
def _quietly() -> Generator[None]:
    """Thousands of faults that were asked for are no news."""
    logs = [logging.getLogger("ddbevents"), logging.getLogger("ddbevents.batch")]
    before = [log.disabled for log in logs]
    for log in logs:
        log.disabled = True
    try:
        yield
    finally:
        for log, disabled in zip(logs, before, strict=True):
            log.disabled = disabled
