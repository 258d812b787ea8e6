"""The play without any fault: what the others are compared with, or why they cannot be."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, TypeAlias

from ..._engine import Outcome, RecordReport
from ..._errors import ConfigurationError
from ..._logs import describe
from ._staging import Played, Scene, play

_Reason: TypeAlias = tuple[str, BaseException | None]


def play_undisturbed(scene: Scene[Any]) -> Played:
    """Play without any fault, and see that the same comes of it twice.

    Raises:
        ConfigurationError: A record is not handled, no handler runs, or there are no effects to compare.
    """
    first = play(scene, ())
    lost = _lost(first)
    if lost:
        reason, cause = _why_lost(first, lost[0])
        raise ConfigurationError(f"without any fault, every record must be handled: {reason}") from cause
    if not first.begun:
        reason, cause = _why_idle(first)
        raise ConfigurationError(f"without any fault, some handler must run: {reason}") from cause
    if first.effects is None:
        raise ConfigurationError(
            "observe returned None, which is the same whatever happens: return the effects"
        )
    first = kept(first)
    if play(scene, ()).effects != first.effects:
        raise ConfigurationError(
            "the effects differ without any fault: make_world has to begin anew each time, and observe must "
            "not tell what is new each time, such as the present moment"
        )
    return first


def kept(played: Played) -> Played:
    """The same with a copy of the effects, which nothing changes any more.

    Raises:
        ConfigurationError: They cannot be copied, or not be compared with the copy.
    """
    try:
        effects = copy.deepcopy(played.effects)
        is_equal = bool(effects == played.effects)
    except Exception as error:  # of whatever objects these are
        raise _incomparable(played.effects) from error
    if not is_equal:
        raise _incomparable(played.effects)
    return played._replace(effects=effects)


def _incomparable(effects: object) -> ConfigurationError:
    return ConfigurationError(
        "observe must return something that can be copied and compared, such as a dict of the items: "
        f"what it returned, {type(effects).__name__}, cannot"
    )


def _lost(played: Played) -> list[str | None]:
    latest = {each.record.identifier: each for report in played.reports for each in report.records}
    # a mapping without ReportBatchItemFailures loses records and does not know it
    return [*played.history.lost, *(number for number, each in latest.items() if each.is_open)]


def _why_lost(played: Played, number: str | None) -> _Reason:
    failed = [*_told(played, Outcome.FAILED)]
    if failed:
        own = [each for each in failed if each.record.identifier == number]
        return _said((own or failed)[-1], "failed")
    errors = [each.error for each in played.history.invocations if number in each.sequence_numbers]
    if errors and errors[-1] is not None:
        return f"the function failed: {describe(errors[-1])}", errors[-1]
    return f"record {number} was given up before it was delivered: see max_age of the mapping", None


def _why_idle(played: Played) -> _Reason:
    for report in _told(played, Outcome.DEAD_LETTERED):
        return _said(report, "was put aside")
    if any(_told(played, Outcome.ALREADY_HANDLED)):
        return "the records are handled already, so make_world does not begin anew", None
    if not played.history.invocations:
        return "there are no records, or the filters of the mapping let none through", None
    return "no handler of the app takes any of the records", None


def _told(played: Played, outcome: Outcome) -> Iterator[RecordReport]:
    return (each for report in played.reports for each in report.records if each.outcome is outcome)


def _said(report: RecordReport, how: str) -> _Reason:
    names = [name for name, outcome in report.handlers if outcome is report.outcome]
    where = f"in {names[0]}" if names else "before any handler ran"
    error = "" if report.error is None else f": {describe(report.error)}"
    return f"record {report.record.identifier} {how} {where}{error}", report.error
