"""Each rule for stores finds a store that breaks it."""

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
from tests import faulty_stores as faulty


def in_memory(store: MemoryStore) -> TableUnderTest:
    return TableUnderTest("items", lambda key: store.item("items", key))


RULES: dict[str, Any] = {
    rule.__name__: rule for rule in [*STORE_RULES, *EXPIRY_RULES, *TRANSACTION_RULES, *PACKING_RULES]
}

STORE_FAULTS: list[tuple[str, Callable[[], MemoryStore]]] = [
    ("added_marks_are_handled", faulty.Forgets),
    ("other_marks_are_not_handled", faulty.HasEverything),
    ("only_marks_asked_for_are_given", faulty.GivesAllItHas),
    ("reading_leaves_no_mark", faulty.TakesLeases),
    ("marks_added_again_stay", faulty.Toggles),
    ("marks_named_twice_are_one", faulty.LosesDuplicates),
    ("no_marks_are_no_error", faulty.TakesNothingForEverything),
    ("any_collection_will_do", faulty.TakesLists),
    ("marks_are_any_text", faulty.RefusesWhatIsNotAscii),
    ("similar_marks_are_different", faulty.Respells),
    ("similar_marks_are_different", faulty.Strips),
    ("similar_marks_are_different", faulty.Cuts),
    ("thousands_of_marks_at_once", faulty.ReadsOnePage),
    ("a_call_ends_with_its_patience", faulty.TakesItsTime),
    ("a_call_ends_with_its_patience", faulty.GivesUpInSilence),
    ("threads_share_a_store", faulty.KeepsMarksOfThreadsApart),
]

EXPIRY_FAULTS: list[tuple[str, Callable[[Callable[[], datetime]], MemoryStore]]] = [
    ("marks_count_for_48_hours", faulty.KeepsForAnHour),
    ("expired_marks_do_not_count", lambda clock: faulty.IgnoresExpiry(clock=clock)),
    ("expired_marks_can_be_added_again", lambda clock: faulty.KeepsTheFirstExpiry(clock=clock)),
    ("expired_marks_stop_no_commit", lambda clock: faulty.IsStoppedByExpiredMarks(clock=clock)),
    ("committed_marks_expire_as_others", lambda clock: faulty.CommitsForAnHour(clock=clock)),
]

TRANSACTION_FAULTS: list[tuple[str, Callable[[], MemoryStore]]] = [
    ("a_commit_writes_mark_and_items", faulty.CommitsWithoutMark),
    ("a_second_commit_writes_nothing", faulty.WritesAlthoughMarked),
    ("an_added_mark_stops_a_commit", faulty.KeepsCommittedMarksApart),
    ("a_mark_counts_more_than_a_condition", faulty.LooksAtConditionsFirst),
    ("a_false_condition_stops_all_writes", faulty.WritesOneByOne),
    ("a_false_skip_drops_all_writes", faulty.NeverSkips),
    ("a_false_skip_drops_all_writes", faulty.SkipsWithoutMark),
    ("a_false_skip_drops_all_writes", faulty.SkipsTheWriteOnly),
    ("a_false_condition_stops_a_skip", faulty.SkipsEverythingFalse),
    ("a_true_skip_does_its_write", faulty.AlwaysSkips),
    ("a_mark_counts_more_than_a_skip", faulty.TakesSkipsForNew),
    ("a_refused_commit_can_be_done_later", faulty.Claims),
    ("a_commit_without_writes_writes_the_mark", faulty.CommitsOnlyWrites),
    ("every_write_does_what_it_says", faulty.Merges),
    ("conditions_see_the_item_before", faulty.SkipsConditionalWrites),
    ("two_writes_to_an_item_are_refused", faulty.TakesTheLastWrite),
    ("ninety_nine_writes_are_one_commit", faulty.WritesInParts),
    ("threads_commit_a_mark_once", faulty.LooksBeforeItLocks),
    ("threads_add_to_one_item", faulty.LosesUpdates),
]

PACKING_FAULTS: list[tuple[str, Callable[[], faulty.Packs]]] = [
    ("the_window_is_at_least_one", faulty.WaitsForNone),
    ("pack_names_commits_in_order", faulty.PacksBackwards),
    ("pack_names_commits_in_order", faulty.PacksNothing),
    ("pack_names_commits_in_order", faulty.PacksUnknownCommits),
    ("a_lane_keeps_its_order", faulty.Overtakes),
    ("a_lane_keeps_its_order", faulty.OvertakesAnyLane),
    ("a_pack_is_done_as_one", faulty.PacksWithoutMarks),
    ("a_mark_that_is_there_stops_a_pack", faulty.PacksAlthoughMarked),
    ("a_false_condition_stops_a_pack", faulty.PacksHalf),
    ("a_skip_drops_no_other_commit", faulty.SkipsWholePacks),
    ("commits_add_up", faulty.PacksOneWriteToAnItem),
    ("later_commits_win", faulty.PacksInAnyOrder),
    ("copies_of_a_batch_count_once", faulty.LooksBeforeItPacks),
]


def test_every_rule_finds_a_fault() -> None:
    faults = [*STORE_FAULTS, *EXPIRY_FAULTS, *TRANSACTION_FAULTS, *PACKING_FAULTS]

    assert {rule for rule, _ in faults} == RULES.keys()


@pytest.mark.parametrize(("rule", "make_store"), STORE_FAULTS)
def test_a_faulty_store_breaks_its_rule(rule: str, make_store: Callable[[], MemoryStore]) -> None:
    with pytest.raises(AssertionError, match=r"handled (did not return|returned)|: add took 2"):
        RULES[rule](make_store())


@pytest.mark.parametrize("rule", STORE_RULES)
def test_a_store_may_give_up(rule: Any) -> None:
    rule(faulty.GivesUp())


@pytest.mark.parametrize(("rule", "make_store"), EXPIRY_FAULTS)
def test_faulty_expiry_breaks_its_rule(rule: str, make_store: Any) -> None:
    with pytest.raises(AssertionError, match="mark"):
        RULES[rule](make_store)


@pytest.mark.parametrize(("rule", "make_store"), TRANSACTION_FAULTS)
def test_a_faulty_commit_breaks_its_rule(rule: str, make_store: Callable[[], MemoryStore]) -> None:
    store = make_store()

    with pytest.raises(AssertionError, match=": "):
        RULES[rule](store, in_memory(store))


@pytest.mark.parametrize(("rule", "make_store"), PACKING_FAULTS)
def test_a_faulty_pack_breaks_its_rule(rule: str, make_store: Callable[[], faulty.Packs]) -> None:
    store = make_store()

    with pytest.raises(AssertionError, match=": "):
        RULES[rule](store, in_memory(store))


@pytest.mark.parametrize("rule", PACKING_RULES)
def test_a_good_pack_breaks_no_rule(rule: Any) -> None:
    store = faulty.Packs()

    rule(store, in_memory(store))


@pytest.mark.parametrize("rule", ["commits_add_up", "later_commits_win"])
def test_a_refused_pack_is_done_singly(rule: str) -> None:
    store = faulty.CommitsAlone()

    RULES[rule](store, in_memory(store))


@pytest.mark.parametrize("rule", EXPIRY_RULES)
def test_expiry_needs_no_transactions(rule: Any) -> None:
    class Marks:
        def __init__(self, clock: Callable[[], datetime]) -> None:
            store = MemoryStore(clock=clock)
            self.handled, self.add = store.handled, store.add

    rule(Marks)
