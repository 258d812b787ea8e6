"""How effects differ: what counts as less, as more, and as neither."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

# private: explore shows only which harm was done, and not why
from ddbevents.testing._explorer._effects import UNKNOWN, difference


class Unequal:
    def __eq__(self, other: object) -> bool:
        raise TypeError

    __hash__ = None  # type: ignore[assignment]  # it cannot be equal to anything


@pytest.mark.parametrize(
    ("initial", "expected", "found", "answer"),
    [
        (0, 3, 2, "less"),
        (0, 3, 4, "more"),
        (10, 7, 8, "less"),
        (10, 7, 6, "more"),
        (UNKNOWN, Decimal(3), 2.5, "less"),
        (None, 3, 4, "more"),
        (3, 3, 4, "other"),
        ({}, {"a": 1}, {}, "less"),
        ({}, {"a": 1}, {"a": 1, "b": 1}, "more"),
        ({}, {"a": 1, "b": 1}, {"a": 2}, "other"),
        ({"a": 1}, {}, {"a": 1}, "less"),
        ({"a": 1}, {"a": 1}, {}, "other"),
        (Counter(), Counter("ab"), Counter("aab"), "more"),
        (set(), {"a", "b"}, {"a"}, "less"),
        (set(), {"a"}, {"a", "b"}, "more"),
        ({"a"}, frozenset(), {"a"}, "less"),
        ([], ["a", "b"], ["b"], "less"),
        ([], ["a", "b"], ["a", "a", "b"], "more"),
        ([], ["a", "b"], ["a", "a"], "other"),
        ([], ["a", "b"], ["a", "b", "c"], "more"),
        ([], [{"n": 2}], [{"n": 1}], "less"),
        ([], [{"n": 2}, {"n": 2}], [{"n": 3}], "other"),
        (({}, []), ({"a": 1}, [{"n": 2}]), ({"a": 1}, [{"n": 3}]), "more"),
        (None, {"n": 2}, None, "less"),
        (None, None, {"n": 2}, "more"),
        ("OPEN", "PAID", "OPEN", "less"),
        ("OPEN", "PAID", "CLOSED", "other"),
        (False, True, False, "less"),
        (True, True, False, "other"),
        (0, 1, "1", "other"),
        (None, "a", Unequal(), "other"),
    ],
)
def test_a_difference(initial: object, expected: object, found: object, answer: str) -> None:
    assert difference(initial, expected, found) == answer


COUNTS = st.dictionaries(st.sampled_from("abc"), st.integers(1, 3), min_size=1)


@given(COUNTS, st.sampled_from("abc"))
def test_one_more_is_more_and_one_less_is_less(counts: dict[str, int], name: str) -> None:
    expected = Counter(counts)
    more, less = expected + Counter([name]), expected - Counter(next(iter(expected)))

    assert difference(Counter(), expected, more) == "more"
    assert difference(Counter(), expected, less) == "less"


@given(
    st.recursive(st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_nothing_done_is_less(effects: Any) -> None:
    assert difference(None, [effects], None) == "less"
