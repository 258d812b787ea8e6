"""Each rule of stores finds the fault that it is there for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from ddbevents.stores import MemoryStore
from ddbevents.testing import (
    EXPIRY_RULES,
    PACKING_RULES,
    STORE_RULES,
    TRANSACTION_RULES,
    TableUnderTest,
)
from ddbevents.testing._rules import _expiry, _marks, _packing, _transactions
from tests import faulty_stores as faulty


def in_memory(store: MemoryStore) -> TableUnderTest:
    return TableUnderTest("items", lambda key: store.item("items", key))


STORE_FAULTS: list[tuple[Any, Callable[[], MemoryStore]]] = [
    (_marks.added_marks_are_handled, faulty.Forgets),
    (_marks.other_marks_are_not_handled, faulty.HasEverything),
    (_marks.only_marks_asked_for_are_given, faulty.GivesAllItHas),
    (_marks.reading_leaves_no_mark, faulty.TakesLeases),
    (_marks.marks_added_again_stay, faulty.Toggles),
    (_marks.marks_named_twice_are_one, faulty.LosesDuplicates),
    (_marks.no_marks_are_no_error, faulty.TakesNothingForEverything),
    (_marks.any_collection_will_do, faulty.TakesLists),
    (_marks.marks_are_any_text, faulty.RefusesWhatIsNotAscii),
    (_marks.similar_marks_are_different, faulty.Respells),
    (_marks.similar_marks_are_different, faulty.Strips),
    (_marks.similar_marks_are_different, faulty.Cuts),
    (_marks.thousands_of_marks_at_once, faulty.ReadsOnePage),
    (_marks.threads_share_a_store, faulty.KeepsMarksOfThreadsApart),
]

EXPIRY_FAULTS: list[tuple[Any, Callable[[Callable[[], datetime]], MemoryStore]]] = [
    (_expiry.marks_count_for_48_hours, faulty.KeepsForAnHour),
    (_expiry.expired_marks_do_not_count, lambda clock: faulty.IgnoresExpiry(clock=clock)),
    (_expiry.expired_marks_can_be_added_again, lambda clock: faulty.KeepsTheFirstExpiry(clock=clock)),
    (_expiry.expired_marks_stop_no_commit, lambda clock: faulty.IsStoppedByExpiredMarks(clock=clock)),
    (_expiry.committed_marks_expire_as_others, lambda clock: faulty.CommitsForAnHour(clock=clock)),
]

TRANSACTION_FAULTS: list[tuple[Any, Callable[[], MemoryStore]]] = [
    (_transactions.a_commit_writes_mark_and_items, faulty.CommitsWithoutMark),
    (_transactions.a_second_commit_writes_nothing, faulty.WritesAlthoughMarked),
    (_transactions.an_added_mark_stops_a_commit, faulty.KeepsCommittedMarksApart),
    (_transactions.a_mark_counts_more_than_a_condition, faulty.LooksAtConditionsFirst),
    (_transactions.a_false_condition_stops_all_writes, faulty.WritesOneByOne),
    (_transactions.a_refused_commit_can_be_done_later, faulty.Claims),
    (_transactions.a_commit_without_writes_writes_the_mark, faulty.CommitsOnlyWrites),
    (_transactions.every_write_does_what_it_says, faulty.Merges),
    (_transactions.conditions_see_the_item_before, faulty.SkipsConditionalWrites),
    (_transactions.two_writes_to_an_item_are_refused, faulty.TakesTheLastWrite),
    (_transactions.ninety_nine_writes_are_one_commit, faulty.WritesInParts),
    (_transactions.threads_commit_a_mark_once, faulty.LooksBeforeItLocks),
    (_transactions.threads_add_to_one_item, faulty.LosesUpdates),
]

PACKING_FAULTS: list[tuple[Any, Callable[[], faulty.Packs]]] = [
    (_packing.the_window_is_at_least_one, faulty.WaitsForNone),
    (_packing.pack_names_commits_in_order, faulty.PacksBackwards),
    (_packing.pack_names_commits_in_order, faulty.PacksNothing),
    (_packing.pack_names_commits_in_order, faulty.PacksUnknownCommits),
    (_packing.a_lane_keeps_its_order, faulty.Overtakes),
    (_packing.a_lane_keeps_its_order, faulty.OvertakesAnyLane),
    (_packing.a_pack_is_done_as_one, faulty.PacksWithoutMarks),
    (_packing.a_mark_that_is_there_stops_a_pack, faulty.PacksAlthoughMarked),
    (_packing.a_false_condition_stops_a_pack, faulty.PacksHalf),
    (_packing.commits_add_up, faulty.PacksOneWriteToAnItem),
    (_packing.later_commits_win, faulty.PacksInAnyOrder),
    (_packing.copies_of_a_batch_count_once, faulty.LooksBeforeItPacks),
]


def test_every_rule_has_a_fault_that_it_finds() -> None:
    rules = [*STORE_RULES, *EXPIRY_RULES, *TRANSACTION_RULES, *PACKING_RULES]
    faults = [*STORE_FAULTS, *EXPIRY_FAULTS, *TRANSACTION_FAULTS, *PACKING_FAULTS]

    assert {rule for rule, _ in faults} == set(rules)


@pytest.mark.parametrize(("rule", "make_store"), STORE_FAULTS)
def test_a_faulty_store_breaks_its_rule(rule: Any, make_store: Callable[[], MemoryStore]) -> None:
    with pytest.raises(AssertionError, match=r"handled (did not return|returned)"):
        rule(make_store())


@pytest.mark.parametrize(("rule", "make_store"), EXPIRY_FAULTS)
def test_a_store_that_counts_time_wrongly_breaks_its_rule(rule: Any, make_store: Any) -> None:
    with pytest.raises(AssertionError, match="mark"):
        rule(make_store)


@pytest.mark.parametrize(("rule", "make_store"), TRANSACTION_FAULTS)
def test_a_store_with_faulty_transactions_breaks_its_rule(
    rule: Any, make_store: Callable[[], MemoryStore]
) -> None:
    store = make_store()

    with pytest.raises(AssertionError, match=": "):
        rule(store, in_memory(store))


@pytest.mark.parametrize(("rule", "make_store"), PACKING_FAULTS)
def test_a_store_that_packs_wrongly_breaks_its_rule(
    rule: Any, make_store: Callable[[], faulty.Packs]
) -> None:
    store = make_store()

    with pytest.raises(AssertionError, match=": "):
        rule(store, in_memory(store))


@pytest.mark.parametrize("rule", PACKING_RULES)
def test_a_store_that_packs_as_it_should_breaks_no_rule(rule: Any) -> None:
    store = faulty.Packs()

    rule(store, in_memory(store))


@pytest.mark.parametrize("rule", [_packing.commits_add_up, _packing.later_commits_win])
def test_what_cannot_be_done_together_is_done_alone(rule: Any) -> None:
    store = faulty.CommitsAlone()

    rule(store, in_memory(store))


@pytest.mark.parametrize("rule", EXPIRY_RULES)
def test_the_rules_of_expiry_are_for_stores_without_transactions_too(rule: Any) -> None:
    class Marks:
        def __init__(self, clock: Callable[[], datetime]) -> None:
            store = MemoryStore(clock=clock)
            self.handled, self.add = store.handled, store.add

    rule(Marks)
