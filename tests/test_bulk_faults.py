"""The tests of bulk handlers and last states notice the faults they are for: each is planted, and found."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests import test_bulk, test_bulk_corners, test_latest
from tests.bulk_deliveries import COPIES, PLANS, Plan, World, deliver
from tests.planted import load
from tests.test_bulk_laws import WITH_LETTERS

load("ddbevents._engine", "ddbevents._routing")

# in the order in which they import each other: with a fault in one, the later ones have to be made again
MODULES: Final = (
    "_engine._gate",
    "_engine._failures",
    "_engine._progress",
    "_engine._units",
    "_engine._bulk",
    "_routing._latest",
)


def by_laws() -> None:
    """Try plans until one breaks a law."""
    settings(
        max_examples=150,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )(given(st.builds(Plan._replace, PLANS, copies=COPIES), PLANS, WITH_LETTERS)(check_laws))()


def check_laws(plan: Plan, other: Plan, dead: Plan) -> None:
    for world in (World(plan), World(dead)):
        assert deliver(world)
        assert world.problems == []
        assert world.marked() == Counter(world.runs)
        assert world.stale == []
    for world in (World(other, keeps=False), World(other, where=True)):
        assert deliver(world)
        assert world.problems == []
        assert world.stale == []


def in_halves() -> None:
    test_bulk_corners.test_halving_goes_on_behind_a_held_change()


def in_half_of_the_time() -> None:
    test_bulk.test_half_of_the_time_is_kept_for_calls(None, "ABCDE ab cd e")


class Fault(NamedTuple):
    """A change to the source of a module, and a test that finds it."""

    name: str
    module: str
    before: str
    after: str
    found_by: Callable[[], object] = by_laws


_ENDS: Final = "if begun is None else begun.has_time):\n                return\n"
_WHOLE: Final = "            elif has_failed:\n                self._give_up(units, error)\n"
_RUN: Final = "        error = self._run([change for _, change in taken])\n"
_LATER: Final = "        self._waiting.extendleft(reversed(later))\n"
_IN_VIEW: Final = "        if is_in_view(selection, newest):\n"
_KEPT: Final = "    settings.deadline.keep_nothing()\n"
_BULK: Final = (
    ("it marks before the call", _RUN, f"        self._note([unit for unit, _ in taken])\n{_RUN}"),
    ("it loses the list at the deadline", _ENDS, _ENDS.replace("return", "self._note(units)")),
    ("a failed call is done", "return error if failures is None else None", "return None"),
    ("marks are ignored", "if not self._progress.is_handled(entry, self._handler.name)", "if entry"),
    (
        "a copy is in the call",
        "if not identities.isdisjoint(self._waiting[0].identities)",
        "if identities is None",
    ),
    ("it takes one more", "len(taken) < self._bulk.most", "len(taken) <= self._bulk.most"),
    (
        "the newest alone is marked",
        "                for entry in unit.entries:\n",
        "                for entry in unit.entries[-1:]:\n",
    ),
    ("a failed change is done", "is Outcome.FAILED:\n                held", "is None:\n                held"),
    ("others are named", "if id(change) in errors]", "if id(change) not in errors]"),
)
_BULK_BY_TEST: Final[Sequence[tuple[str, str, str, Callable[[], object]]]] = (
    (
        "a handled state is called for",
        "if todo and todo[-1] is not unit.entries[-1]:",
        "if not unit:",
        test_latest.test_older_records_of_a_handled_state_are_marked,
    ),
    (
        "what is held back is read",
        " or self._progress.gate.is_held_back(unit.first):\n            return\n        try",
        ":\n            return\n        try",
        in_halves,
    ),
    (
        "later changes of an item are marked",
        "held.add(lane_of(unit.first.record))",
        "pass",
        test_bulk.test_later_changes_of_its_item_are_left,
    ),
    ("halving drops the rest", _LATER, "", in_halves),
    ("the rest is turned round", "extendleft(reversed(later))", "extendleft(later)", in_halves),
    ("halving ends behind a held change", "in _FAILED:", "is not Outcome.HANDLED:", in_halves),
    ("a second whole failure goes on", _WHOLE, "", test_bulk.test_it_ends_at_a_second_whole_failure),
    (
        "earlier handlers do not count",
        "{*names[place:]}",
        "{*names}",
        test_bulk.test_a_later_bulk_handler_has_no_failed_record,
    ),
    ("half of the time is kept for ever", _KEPT, "", in_half_of_the_time),
    (
        "marks wait for the end",
        "        self._progress.end_call(seconds)\n",
        "",
        partial(test_bulk.test_marks_are_written_after_each_call, lanes=2),
    ),
    (
        "the handler has the list itself",
        "[*changes] if",
        "changes if",
        partial(test_bulk_corners.test_a_list_may_be_emptied, lanes=2),
    ),
)
_OTHERS: Final = (
    Fault("older records are not in the unit", "_engine._units", "own.append(entry)", "own[:] = [entry]"),
    Fault("the batch says what is newest", "_engine._units", "sorted(own, key=_place_in_stream)", "own"),
    Fault(
        "copies are later states",
        "_engine._units",
        "if own and entry.identity in seen:",
        "if not own and seen:",
    ),
    Fault(
        "what follows is not taken",
        "_engine._units",
        "    names.update(taking)\n",
        "",
        test_bulk_corners.test_another_table_says_nothing_of_an_item,
    ),
    Fault(
        "open records hold back nothing",
        "_engine._units",
        "            held.add(lane)\n",
        "",
        test_bulk.test_a_later_one_keeps_the_order_of_items,
    ),
    Fault(
        "a failure closes no lane",
        "_engine._gate",
        "            self._closed_lanes.add(lane)\n",
        "            pass\n",
    ),
    Fault(
        "all runs on without a store",
        "_engine._gate",
        " or not self._settings.has_store)",
        ")",
        test_bulk.test_without_a_store_all_stops_at_a_failure,
    ),
    Fault(
        "lanes stay closed",
        "_engine._gate",
        "        self._closed_lanes.clear()\n",
        "",
        test_bulk_corners.test_records_before_a_failure_go_on,
    ),
    Fault(
        "a letter closes nothing",
        "_engine._failures",
        "            for entry in failures[place].entries:\n",
        "            for entry in failures[place].entries[:1]:\n",
    ),
    Fault(
        "a Reject holds back its item",
        "_engine._bulk",
        "is Outcome.FAILED:\n                held",
        "in _FAILED:\n                held",
        test_bulk.test_a_dead_lettered_change_holds_back_nothing,
    ),
    Fault(
        "a letter holds the first record",
        "_engine._failures",
        "record=failure.entries[-1].record.raw",
        "record=failure.entries[0].record.raw",
        test_latest.test_the_letter_has_the_last_record,
    ),
    Fault(
        "the first record is the last state",
        "_routing._latest",
        "newest, item = records[-1], None",
        "newest, item = records[0], None",
    ),
    Fault("an item never leaves", "_routing._latest", _IN_VIEW, '        if newest.kind != "REMOVE":\n'),
)
FAULTS: Final = (
    *[Fault(name, "_engine._bulk", before, after) for name, before, after in _BULK],
    *[Fault(name, "_engine._bulk", before, after, test) for name, before, after, test in _BULK_BY_TEST],
    *_OTHERS,
)


@pytest.fixture
def planted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Fault:
    # the engine has no seam there, and is to have none
    fault: Fault = request.param
    for module in MODULES:
        name = f"ddbevents.{module}"
        source = Path(str(import_module(name).__file__)).read_text("utf-8")
        if module == fault.module:
            assert source.count(fault.before) == 1
            source = source.replace(fault.before, fault.after)
        faulty = ModuleType(name)
        faulty.__package__ = name.rpartition(".")[0]
        monkeypatch.setitem(sys.modules, name, faulty)
        exec(compile(source, "planted", "exec"), vars(faulty))  # noqa: S102  # our own source
    return fault


@pytest.mark.parametrize("planted", FAULTS, ids=lambda fault: fault.name, indirect=True)
def test_a_planted_fault_is_found(planted: Fault) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011  # a failed assertion, or whatever the fault leads to
        planted.found_by()
