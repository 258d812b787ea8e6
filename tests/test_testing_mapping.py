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


def test_a_batch_has_100_records_by_default() -> None:
    mapping = EventSourceMapping(succeed)

    mapping.put(*records(250))

    assert sizes(mapping.run()) == [100, 100, 50]


def test_a_batch_has_at_most_batch_size_records() -> None:
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


def test_a_payload_of_exactly_6291456_bytes_is_one_batch() -> None:
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


def test_a_record_larger_than_an_event_is_an_error() -> None:
    [record] = records(1, text="x" * 6_291_456)

    with pytest.raises(ConfigurationError, match="larger than the 6291456 bytes"):
        EventSourceMapping(succeed).put(record)


def test_without_a_window_a_batch_is_delivered_at_once() -> None:
    mapping = EventSourceMapping(succeed)

    mapping.put(*records(1))

    assert seconds(mapping.run()) == [0]


def test_a_batch_that_is_not_full_waits_for_its_window() -> None:
    mapping = EventSourceMapping(succeed, window=timedelta(seconds=20))

    mapping.put(*records(1))

    assert seconds(mapping.run()) == [20]


def test_what_arrives_within_the_window_goes_into_the_batch() -> None:
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


def test_a_batch_that_is_full_by_its_bytes_does_not_wait() -> None:
    mapping = EventSourceMapping(succeed, window=timedelta(seconds=20))

    mapping.put(*records(8, text="x" * 800_000))
    history = mapping.run()

    assert (sizes(history), seconds(history)) == ([7, 1], [0, 20])


def test_the_next_window_begins_when_the_invocation_has_ended() -> None:
    def slow(_: Any, __: Any) -> None:
        mapping.clock.advance(2 * SECOND)

    mapping = EventSourceMapping(slow, batch_size=2, window=timedelta(seconds=20))

    mapping.put(*records(3))

    assert seconds(mapping.run()) == [0, 22]


def test_the_function_gets_the_event_that_lambda_sends() -> None:
    recorder, put = Recorder(), records(3)
    mapping = EventSourceMapping(recorder)

    mapping.put(*put)
    mapping.run()

    assert recorder.events == [event(*put)]


def test_each_invocation_gets_an_event_of_its_own() -> None:
    seen: list[int] = []

    def spoil(payload: dict[str, Any], _: Any) -> None:
        seen.append(len(payload["Records"]))
        payload["Records"].clear()
        raise ValueError("again")

    mapping = EventSourceMapping(spoil, retries=1)
    mapping.put(*records(2))
    mapping.run()

    assert seen == [2, 2]


def test_a_record_is_what_it_was_when_it_was_put() -> None:
    recorder = Recorder()
    [record] = records(1)
    mapping = EventSourceMapping(recorder)

    mapping.put(record)
    record["eventName"] = "REMOVE"
    mapping.run()

    assert recorder.events[0]["Records"][0]["eventName"] == "INSERT"


def test_the_context_is_that_of_lambda() -> None:
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


def test_a_function_has_128_mb_and_3_seconds_unless_the_mapping_says_otherwise() -> None:
    recorder = Recorder()
    mapping = EventSourceMapping(recorder)

    mapping.put(*records(1))
    mapping.run()

    [context] = recorder.contexts
    assert (context.memory_limit_in_mb, context.get_remaining_time_in_millis()) == (128, 3000)


def test_each_invocation_has_a_request_id_of_its_own() -> None:
    recorder = Recorder()
    mapping = EventSourceMapping(recorder, batch_size=1)

    mapping.put(*records(2))
    history = mapping.run()

    first, second = [context.aws_request_id for context in recorder.contexts]
    assert first != second
    assert [invocation.request_id for invocation in history.invocations] == [first, second]


def test_records_are_put_in_the_order_of_their_numbers() -> None:
    first, second = records(2)

    with pytest.raises(ConfigurationError, match="in order of their sequence numbers"):
        EventSourceMapping(succeed).put(second, first)


def test_a_record_is_put_once() -> None:
    [record] = records(1)

    with pytest.raises(ConfigurationError, match="in order of their sequence numbers"):
        EventSourceMapping(succeed).put(record, record)


def test_the_numbers_of_a_child_go_on_from_its_parent() -> None:
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
def test_what_is_no_record_is_an_error(record: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="record"):
        EventSourceMapping(succeed).put(record)


def test_a_record_without_keys_is_delivered_as_it_is() -> None:
    recorder = Recorder()
    mapping = EventSourceMapping(lambda payload, _: recorder.events.append(payload))

    mapping.put({"dynamodb": {"SequenceNumber": "1", "odd": "\ud800"}})
    mapping.run()

    assert recorder.events == [{"Records": [{"dynamodb": {"SequenceNumber": "1", "odd": "\ud800"}}]}]


def test_a_handler_may_put_records() -> None:
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
def test_a_setting_that_aws_would_refuse_is_an_error(settings: dict[str, Any]) -> None:
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
def test_a_setting_at_the_edge_is_taken(settings: dict[str, Any]) -> None:
    assert EventSourceMapping(succeed, **settings).run().invocations == []


def test_step_delivers_one_batch() -> None:
    mapping = EventSourceMapping(succeed, batch_size=1)
    mapping.put(*records(2))

    assert mapping.step()
    assert sizes(mapping.history) == [1]
    assert mapping.step()
    assert not mapping.step()


def test_a_run_until_a_moment_leaves_the_rest_and_ends_there() -> None:
    mapping = EventSourceMapping(fail)
    mapping.put(*records(1))

    history = mapping.run(until=START + 5 * SECOND)

    assert seconds(history) == [0, 1, 3]
    assert mapping.clock.now == START + 5 * SECOND


def test_what_is_due_at_the_last_moment_of_a_run_is_delivered() -> None:
    mapping = EventSourceMapping(fail)
    mapping.put(*records(1))

    assert seconds(mapping.run(until=START + 3 * SECOND)) == [0, 1, 3]


def test_a_run_with_nothing_to_do_does_nothing() -> None:
    mapping = EventSourceMapping(succeed)

    assert mapping.run().invocations == []
    assert mapping.clock.now == START


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ConfigurationError, match="backwards"):
        VirtualClock().advance(-SECOND)


def test_a_clock_can_be_shared_with_a_store() -> None:
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


def test_a_mapping_that_waits_moves_the_clock_it_was_given() -> None:
    clock = VirtualClock()
    mapping = EventSourceMapping(succeed, window=20 * SECOND, clock=clock)

    mapping.put(*records(1))
    mapping.run()

    assert clock.now == START + 20 * SECOND


def test_the_history_counts_deliveries_by_record() -> None:
    mapping = EventSourceMapping(failing_at("2"), retries=1)
    put = records(4)

    mapping.put(*put)
    history = mapping.run()

    assert [history.deliveries[number] for number in numbers(put)] == [1, 1, 3, 3]
    assert history.delivered == numbers(put) + numbers(put)[2:] * 2


def test_what_is_shown_of_a_success_names_no_error() -> None:
    mapping = EventSourceMapping(succeed)

    mapping.put(*records(2))

    assert repr(mapping.run().invocations) == "[<Invocation of 2 records: succeeded>]"


def test_what_is_shown_of_a_history_has_no_values_of_items() -> None:
    mapping = EventSourceMapping(fail, retries=0)

    mapping.put(*records(1, email="canary"))
    history = mapping.run()

    shown = f"{history!r} {history.invocations!r} {history.discarded!r}"
    assert shown == (
        "<History: 1 invocations, 1 records lost>"
        " [<Invocation of 1 records: failed, ValueError>]"
        " [<Discarded 1 records: RetryAttemptsExhausted>]"
    )
