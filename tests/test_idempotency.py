"""How long marks may be kept, and by which clock."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import pytest

from ddbevents import ConfigurationError
from ddbevents._engine._stores import utc_now
from ddbevents.stores import MemoryStore

INSTANT = timedelta(microseconds=1)
TWO_DAYS = timedelta(days=2)
CENTURY = timedelta(days=36_500)


@pytest.mark.parametrize("keep", [TWO_DAYS, CENTURY], ids=["two days", "a hundred years"])
def test_marks_may_be_kept_from_two_days_to_a_hundred_years(keep: timedelta) -> None:
    store = MemoryStore(keep=keep)

    store.add(["a"])

    assert store.handled(["a"]) == {"a"}


@pytest.mark.parametrize("keep", [TWO_DAYS - INSTANT, CENTURY + INSTANT], ids=["shorter", "longer"])
def test_marks_are_kept_neither_shorter_nor_longer(keep: timedelta) -> None:
    with pytest.raises(ConfigurationError, match="keep"):
        MemoryStore(keep=keep)


@pytest.mark.parametrize("keep", [48, None], ids=str)
def test_what_is_no_duration_is_refused(keep: Any) -> None:
    with pytest.raises(ConfigurationError, match="keep"):
        MemoryStore(keep=keep)


def test_the_present_moment_is_told_in_utc() -> None:
    assert utc_now().tzinfo is UTC
