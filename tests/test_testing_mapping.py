"""The event source mapping: batches, windows, the function's event and context, and its history."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ddbevents import ConfigurationError, Insert, StreamApp
from ddbevents.stores import MemoryStore
from ddbevents.testing import EventSourceMapping, VirtualClock, event
from tests.mappings import (
    SECOND,
    START,
    Recorder,
    fail,
    failing_at,
    keys,
    numbers,
    records,
    seconds,
    sizes,
    succeed,
)


def test_a_batch_has_100_records() -> None:
    mapping = EventSourceMapping(succeed)

    mapping.put(*records(250))

    assert sizes(mapping.run()) == [100, 100, 50]


def test_batch_size_limits_a_batch() -> None:
    mapping = EventSourceMapping(succeed, batch_size=2)

    mapping.put(*records(5))

    assert sizes(mapping.run()) == [2, 2, 1]


def test_an_event_has_at_most_6291456_bytes() -> None:
    recorder = Recorder()
    mapping = EventSourceMapping(recorder)

    mapping.put(*records(20, text="x" * 800_000))
    mapping.run()

    lengths = [len(json.dumps(event, separators=(",", ":")).encode()) for event in recorder.events]
    assert [len(event["Records"]) for event in recorder.events] == [7, 7, 6]
    assert max(lengths) <= 6_291_456


def test_6291456_bytes_are_one_batch() -> None:
    one, two = records(2, text="")
    frame = len(json.dumps(event(one, two), separators=(",", ":")))
    two["dynamodb"]["NewImage"]["text"]["S"] = "x" * (6_291_456 - frame)
    mapping = EventSourceMapping(succeed)

    mapping.put(one, two)

    assert sizes(mapping.run()) == [2]


def test_one_byte_more_makes_two_batches() -> None:
    one, two = records(2, text="")
    frame = len(json.dumps(event(one, two), separators=(",", ":")))
    two["dynamodb"]["NewImage"]["text"]["S"] = "x" * (6_291_457 - frame)
    mapping = EventSourceMapping(succeed)

    mapping.put(one, two)

    assert sizes(mapping.run()) == [1, 1]


def test_a_record_fits_into_an_event() -> None:
    [record] = records(1, text="x" * 6_291_456)

    with pytest.raises(ConfigurationError, match="larger than the 6291456 bytes"):
        EventSourceMapping(succeed).put(record)


def test_no_window_means_no_wait() -> None:
    mapping = EventSourceMapping(succeed)

    mapping.put(*records(1))

    assert seconds(mapping.run()) == [0]


def test_a_batch_waits_for_its_window() -> None:
    mapping = EventSourceMapping(succeed, window=timedelta(seconds=20))

    mapping.put(*records(1))

    assert seconds(mapping.run()) == [20]


def test_a_batch_fills_in_its_window() -> None:
    mapping = EventSourceMapping(succeed, window=timedelta(seconds=20))
    first, second = records(2)

    mapping.put(first)
    mapping.run(until=START + 15 * SECOND)
    mapping.put(second)
    history = mapping.run()

    assert (sizes(history), seconds(history)) == ([2], [20])


def test_a_full_batch_does_not_wait() -> None:
    mapping = EventSourceMapping(succeed, batch_size=2, window=timedelta(seconds=20))

    mapping.put(*records(3))
    history = mapping.run()

    assert (sizes(history), seconds(history)) == ([2, 1], [0, 20])


def test_a_batch_full_of_bytes_is_full() -> None:
    mapping = EventSourceMapping(succeed, window=timedelta(seconds=20))

    mapping.put(*records(8, text="x" * 800_000))
    history = mapping.run()

    assert (sizes(history), seconds(history)) == ([7, 1], [0, 20])


def test_a_window_follows_an_invocation() -> None:
    def slow(_: Any, __: Any) -> None:
        mapping.clock.advance(2 * SECOND)

    mapping = EventSourceMapping(slow, batch_size=2, window=timedelta(seconds=20))

    mapping.put(*records(3))

    assert seconds(mapping.run()) == [0, 22]


def test_the_event_is_lambdas() -> None:
    recorder, put = Recorder(), records(3)
    mapping = EventSourceMapping(recorder)

    mapping.put(*put)
    mapping.run()

    assert recorder.events == [event(*put)]


def test_each_invocation_has_its_own_event() -> None:
    seen: list[int] = []

    def spoil(payload: dict[str, Any], _: Any) -> None:
        seen.append(len(payload["Records"]))
        payload["Records"].clear()
        raise ValueError("again")

    mapping = EventSourceMapping(spoil, retries=1)
    mapping.put(*records(2))
    mapping.run()

    assert seen == [2, 2]


def test_put_copies_a_record() -> None:
    recorder = Recorder()
    [record] = records(1)
    mapping = EventSourceMapping(recorder)

    mapping.put(record)
    record["eventName"] = "REMOVE"
    mapping.run()

    assert recorder.events[0]["Records"][0]["eventName"] == "INSERT"


def test_the_context_is_lambdas() -> None:
    recorder = Recorder()
    mapping = EventSourceMapping(recorder, function_name="users", timeout=60 * SECOND, memory=512)

    mapping.put(*records(1))
    mapping.run()

    [context] = recorder.contexts
    assert context.function_name == "users"
    assert context.function_version == "$LATEST"
    assert context.invoked_function_arn == "arn:aws:lambda:eu-central-1:123456789012:function:users"
    assert context.memory_limit_in_mb == 512
    assert context.log_group_name == "/aws/lambda/users"
    assert re.fullmatch(r"2026/01/01/\[\$LATEST\][0-9a-f]{32}", context.log_stream_name)
    assert (context.identity, context.client_context) == (None, None)
    assert context.get_remaining_time_in_millis() == 60_000


def test_the_function_has_defaults() -> None:
    recorder = Recorder()
    mapping = EventSourceMapping(recorder)

    mapping.put(*records(1))
    mapping.run()

    [context] = recorder.contexts
    assert (context.memory_limit_in_mb, context.get_remaining_time_in_millis()) == (128, 3000)


def test_request_ids_differ() -> None:
    recorder = Recorder()
    mapping = EventSourceMapping(recorder, batch_size=1)

    mapping.put(*records(2))
    history = mapping.run()

    first, second = [context.aws_request_id for context in recorder.contexts]
    assert first != second
    assert [invocation.request_id for invocation in history.invocations] == [first, second]


def test_records_are_put_in_order() -> None:
    first, second = records(2)

    with pytest.raises(ConfigurationError, match="in order of their sequence numbers"):
        EventSourceMapping(succeed).put(second, first)


def test_a_record_is_put_once() -> None:
    [record] = records(1)

    with pytest.raises(ConfigurationError, match="in order of their sequence numbers"):
        EventSourceMapping(succeed).put(record, record)


def test_a_childs_numbers_go_on() -> None:
    mapping = EventSourceMapping(succeed)
    mapping.put(*records(2))
    mapping.split()

    with pytest.raises(ConfigurationError, match="in order of their sequence numbers"):
        mapping.put(*records(1))


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"dynamodb": {}},
        {"dynamodb": []},
        {"dynamodb": {"SequenceNumber": 5}},
        {"dynamodb": {"SequenceNumber": "٣"}},
        {"dynamodb": {"SequenceNumber": "3.0"}},
        {"dynamodb": {"SequenceNumber": ""}},
        {"dynamodb": {"SequenceNumber": "1", "NewImage": {"b": {"B": b"x"}}}},
    ],
    ids=str,
)
def test_a_bad_record_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="record"):
        EventSourceMapping(succeed).put(record)


def test_a_record_may_have_no_keys() -> None:
    recorder = Recorder()
    mapping = EventSourceMapping(lambda payload, _: recorder.events.append(payload))

    mapping.put({"dynamodb": {"SequenceNumber": "1", "odd": "\ud800"}})
    mapping.run()

    assert recorder.events == [{"Records": [{"dynamodb": {"SequenceNumber": "1", "odd": "\ud800"}}]}]


def test_a_handler_can_put_records() -> None:
    first, second = records(2)

    def write(payload: dict[str, Any], _: Any) -> None:
        if keys(payload) == ["0"]:
            mapping.put(second)

    mapping = EventSourceMapping(write)
    mapping.put(first)

    assert mapping.run().delivered == numbers([first, second])


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 0},
        {"batch_size": 10_001},
        {"window": timedelta(seconds=301)},
        {"window": timedelta(seconds=-1)},
        {"retries": -2},
        {"retries": 10_001},
        {"max_age": timedelta(seconds=59)},
        {"max_age": timedelta(days=8)},
        {"parallelization": 0},
        {"parallelization": 11},
    ],
    ids=str,
)
def test_a_setting_has_a_range(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        EventSourceMapping(succeed, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 1},
        {"batch_size": 10_000},
        {"window": timedelta(seconds=300)},
        {"retries": 10_000},
        {"max_age": timedelta(seconds=60)},
        {"max_age": timedelta(days=7)},
        {"parallelization": 10},
    ],
    ids=str,
)
def test_a_setting_at_its_limit_is_valid(settings: dict[str, Any]) -> None:
    assert EventSourceMapping(succeed, **settings).run().invocations == []


def test_step_delivers_one_batch() -> None:
    mapping = EventSourceMapping(succeed, batch_size=1)
    mapping.put(*records(2))

    assert mapping.step()
    assert sizes(mapping.history) == [1]
    assert mapping.step()
    assert not mapping.step()


def test_a_run_until_a_moment() -> None:
    mapping = EventSourceMapping(fail)
    mapping.put(*records(1))

    history = mapping.run(until=START + 5 * SECOND)

    assert seconds(history) == [0, 1, 3]
    assert mapping.clock.now == START + 5 * SECOND


def test_the_last_moment_is_inclusive() -> None:
    mapping = EventSourceMapping(fail)
    mapping.put(*records(1))

    assert seconds(mapping.run(until=START + 3 * SECOND)) == [0, 1, 3]


def test_an_empty_run_does_nothing() -> None:
    mapping = EventSourceMapping(succeed)

    assert mapping.run().invocations == []
    assert mapping.clock.now == START


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ConfigurationError, match="backwards"):
        VirtualClock().advance(-SECOND)


def test_a_store_can_share_the_clock() -> None:
    mails: list[str] = []
    clock = VirtualClock(datetime(2026, 5, 1, tzinfo=UTC))
    app = StreamApp("users", store=MemoryStore(clock=clock))

    @app.on_insert(dict[str, Any])
    def welcome(change: Insert[dict[str, Any]]) -> None:
        mails.append(change.new["pk"])

    [record] = records(1)
    first, again = EventSourceMapping(app, clock=clock), EventSourceMapping(app, clock=clock)
    first.put(record)
    first.run()
    clock.advance(timedelta(hours=49))
    again.put(record)
    again.run()

    assert mails == ["0", "0"]


def test_waiting_moves_a_shared_clock() -> None:
    clock = VirtualClock()
    mapping = EventSourceMapping(succeed, window=20 * SECOND, clock=clock)

    mapping.put(*records(1))
    mapping.run()

    assert clock.now == START + 20 * SECOND


def test_deliveries_are_counted_by_record() -> None:
    mapping = EventSourceMapping(failing_at("2"), retries=1)
    put = records(4)

    mapping.put(*put)
    history = mapping.run()

    assert [history.deliveries[number] for number in numbers(put)] == [1, 1, 3, 3]
    assert history.delivered == numbers(put) + numbers(put)[2:] * 2


def test_the_repr_of_a_success() -> None:
    mapping = EventSourceMapping(succeed)

    mapping.put(*records(2))

    assert repr(mapping.run().invocations) == "[<Invocation of 2 records: succeeded>]"


def test_reprs_hold_no_item_values() -> None:
    mapping = EventSourceMapping(fail, retries=0)

    mapping.put(*records(1, email="canary"))
    history = mapping.run()

    shown = f"{history!r} {history.invocations!r} {history.discarded!r}"
    assert shown == (
        "<History: 1 invocations, 1 records lost>"
        " [<Invocation of 1 records: failed, ValueError>]"
        " [<Discarded 1 records: RetryAttemptsExhausted>]"
    )
