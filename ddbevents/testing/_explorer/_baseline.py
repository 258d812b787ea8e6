"""The baseline: a simulation without faults, which the others are compared with, or why there is none."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, TypeAlias

from ..._engine import Outcome, RecordReport
from ..._errors import ConfigurationError
from ..._logs import describe
from ._simulation import Scenario, Simulation, simulate

_Reason: TypeAlias = tuple[str, BaseException | None]
"""A reason in words, and the exception behind it if there is one."""


def simulate_baseline(scenario: Scenario[Any]) -> Simulation:
    """Simulate without faults, twice, and check that the effects can be compared.

    An app that fails without any fault would look like one that loses effects, and effects that differ by
    themselves like a violation. Both are mistakes of the test, not of the handlers.

    Raises:
        ConfigurationError: A record is not handled, no handler runs, or the effects cannot be compared.
    """
    baseline = simulate(scenario, ())
    unhandled = _unhandled(baseline)
    if unhandled:
        reason, cause = _why_unhandled(baseline, unhandled[0])
        raise ConfigurationError(f"without any fault, every record must be handled: {reason}") from cause
    if not baseline.begun:
        reason, cause = _why_idle(baseline)
        raise ConfigurationError(f"without any fault, a handler must run: {reason}") from cause
    if baseline.effects is None:
        raise ConfigurationError("observe returned None: return the effects, or no fault can be noticed")
    baseline = with_own_effects(baseline)
    if simulate(scenario, ()).effects != baseline.effects:
        raise ConfigurationError(
            "the effects of two runs without faults differ: make_world must make a new world each time, and "
            "observe must leave out values that differ each time, such as the current time"
        )
    return baseline


def with_own_effects(simulation: Simulation) -> Simulation:
    """Return the simulation with a copy of its effects, which later simulations cannot change.

    Raises:
        ConfigurationError: The effects cannot be copied, or not be compared with the copy.
    """
    try:
        effects = copy.deepcopy(simulation.effects)
        is_equal = bool(effects == simulation.effects)
    except Exception as error:  # the objects are the user's, and so are their copying and comparing
        raise _incomparable(simulation.effects) from error
    if not is_equal:
        raise _incomparable(simulation.effects)
    return simulation._replace(effects=effects)


def _incomparable(effects: object) -> ConfigurationError:
    return ConfigurationError(
        f"observe returned a {type(effects).__name__}, which cannot be copied and compared: return plain "
        "values instead, for example a dict of the items"
    )


def _unhandled(simulation: Simulation) -> list[str | None]:
    """Return the identifiers of the records that were lost or stayed unfinished."""
    latest = {
        (place, each.record.identifier): each
        for place, report in simulation.reports
        for each in report.records
    }
    # The history alone cannot tell: without ReportBatchItemFailures every answer counts as success.
    return [*simulation.lost, *(number for (_, number), each in latest.items() if each.is_open)]


def _why_unhandled(simulation: Simulation, number: str | None) -> _Reason:
    failed = [*_with_outcome(simulation, Outcome.FAILED)]
    if failed:
        # A record may be given up with others without a failure of its own. Then the last failure is the
        # reason.
        own = [each for each in failed if each.record.identifier == number]
        return _reason((own or failed)[-1], "failed")
    errors = [each.error for each in simulation.invocations if number in each.sequence_numbers]
    if errors and errors[-1] is not None:
        return f"the function failed: {describe(errors[-1])}", errors[-1]
    return f"record {number} was given up before it was delivered: see max_age of the mapping", None


def _why_idle(simulation: Simulation) -> _Reason:
    for report in _with_outcome(simulation, Outcome.DEAD_LETTERED):
        return _reason(report, "was dead-lettered")
    if any(_with_outcome(simulation, Outcome.ALREADY_HANDLED)):
        return "the records were handled already, so make_world does not make a new world", None
    if not simulation.invocations:
        return "there are no records, or the filters of the mapping let none through", None
    return "no handler of the app matches any of the records", None


def _with_outcome(simulation: Simulation, outcome: Outcome) -> Iterator[RecordReport]:
    return (each for _, report in simulation.reports for each in report.records if each.outcome is outcome)


def _reason(report: RecordReport, outcome: str) -> _Reason:
    names = [name for name, each in report.handlers if each is report.outcome]
    where = f"in {names[0]}" if names else "before any handler ran"
    error = "" if report.error is None else f": {describe(report.error)}"
    return f"record {report.record.identifier} {outcome} {where}{error}", report.error
