"""How long a store may keep marks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ddbevents import ConfigurationError
from ddbevents.stores import MemoryStore

INSTANT = timedelta(microseconds=1)
TWO_DAYS = timedelta(days=2)
CENTURY = timedelta(days=36_500)


@pytest.mark.parametrize("keep", [TWO_DAYS, CENTURY], ids=["two days", "a hundred years"])
def test_keep_may_be_2_days_to_100_years(keep: timedelta) -> None:
    store = MemoryStore(keep=keep)

    store.add(["a"])

    assert store.handled(["a"]) == {"a"}


@pytest.mark.parametrize("keep", [TWO_DAYS - INSTANT, CENTURY + INSTANT], ids=["shorter", "longer"])
def test_keep_has_limits(keep: timedelta) -> None:
    with pytest.raises(ConfigurationError, match="keep"):
        MemoryStore(keep=keep)


@pytest.mark.parametrize("keep", [48, None], ids=str)
def test_keep_is_a_timedelta(keep: Any) -> None:
    with pytest.raises(ConfigurationError, match="keep"):
        MemoryStore(keep=keep)
