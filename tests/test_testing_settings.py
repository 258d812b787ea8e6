"""Settings of an event source mapping: a value of a wrong type is refused by the setting's name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ddbevents import ConfigurationError
from ddbevents.testing import EventSourceMapping


def succeed(event: Any, context: object) -> None: ...


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": "10"}, "batch_size must be 1 to 10000"),
        ({"window": 5}, "window must be a timedelta of 0 to 300 seconds"),
        ({"retries": None}, "retries must be 0 to 10000, or -1 for no limit"),
        ({"retries": 1.5}, "retries must be 0 to 10000, or -1 for no limit"),
        ({"max_age": 3600}, "max_age must be a timedelta of 60 seconds to 7 days, or None for no limit"),
        ({"parallelization": None}, "parallelization must be 1 to 10"),
    ],
    ids=str,
)
def test_a_setting_has_a_type(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        EventSourceMapping(succeed, **settings)

    assert str(refused.value) == message


@pytest.mark.parametrize("settings", [{"retries": -1}, {"retries": 0}, {"window": timedelta(0)}], ids=str)
def test_the_lowest_settings_are_valid(settings: dict[str, Any]) -> None:
    assert EventSourceMapping(succeed, **settings).run().invocations == []
