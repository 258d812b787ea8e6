"""Settings of an event source mapping: a value of a wrong type is refused by the setting's name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ddbevents import ConfigurationError, StreamApp
from ddbevents.testing import EventSourceMapping, event, insert


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


@pytest.mark.parametrize("handler", [{"Records": []}, None, "app"], ids=["an event", "None", "text"])
def test_only_a_handler_is_mapped(handler: Any) -> None:
    with pytest.raises(ConfigurationError, match="handler must be a Lambda handler"):
        EventSourceMapping(handler)


@pytest.mark.parametrize("timeout", [3, timedelta(0), timedelta(hours=2)], ids=["a number", "none", "hours"])
def test_a_timeout_is_one_of_lambdas(timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match="timeout must be a timedelta of up to 90 minutes"):
        EventSourceMapping(StreamApp(), timeout=timeout)


def test_put_takes_records_one_by_one() -> None:
    mapping = EventSourceMapping(StreamApp())
    record = insert({"pk": "a"})

    with pytest.raises(ConfigurationError, match=r"put\(\*records\), not put\(records\)"):
        mapping.put([record])  # type: ignore[arg-type]  # the mistake
    with pytest.raises(ConfigurationError, match=r"put takes records, not an event"):
        mapping.put(event(record))
