"""Retries of the event source mapping: waits, ages, bisecting, and what goes to a destination."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ddbevents.testing import Discarded, EventSourceMapping, event
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


def test_a_failed_batch_is_retried_whole() -> None:
    mapping = EventSourceMapping(fail, retries=2)

    mapping.put(*records(3))
    history = mapping.run()

    assert sizes(history) == [3, 3, 3]
    assert [invocation.retry for invocation in history.invocations] == [0, 1, 2]
    assert history.retries == 2


def test_waits_between_retries_double() -> None:
    mapping = EventSourceMapping(fail, retries=4)

    mapping.put(*records(1))

    assert seconds(mapping.run()) == [0, 1, 3, 7, 15]


def test_retries_wait_at_most_15_minutes() -> None:
    mapping = EventSourceMapping(fail, retries=12)

    mapping.put(*records(1))

    assert seconds(mapping.run())[9:] == [511, 1023, 1023 + 900, 1023 + 1800]


def test_zero_retries_deliver_once() -> None:
    mapping = EventSourceMapping(fail, retries=0)

    mapping.put(*records(3))
    history = mapping.run()

    assert sizes(history) == [3]
    assert history.lost == numbers(records(3))


def test_a_shard_goes_on_after_a_discard() -> None:
    mapping = EventSourceMapping(failing_at("1", error=True), batch_size=2, retries=1)

    mapping.put(*records(6))
    history = mapping.run()

    assert [invocation.verdict for invocation in history.invocations] == [
        "failed",
        "failed",
        "succeeded",
        "succeeded",
    ]
    assert history.lost == numbers(records(6))[:2]


def test_a_failed_batch_blocks_its_shard() -> None:
    recorder = Recorder()

    def fail_once(payload: dict[str, Any], context: Any) -> None:
        recorder(payload, context)
        if len(recorder.events) == 1:
            raise ValueError("once")

    mapping = EventSourceMapping(fail_once, batch_size=2)
    mapping.put(*records(4))
    mapping.run()

    assert recorder.keys == ["0", "1", "0", "1", "2", "3"]


def test_partial_success_renews_retries() -> None:
    mapping = EventSourceMapping(failing_at("1"), retries=3)
    put = records(2)

    mapping.put(*put)
    history = mapping.run()

    # recorded on AWS: the failing record runs 1 + 4 times, its neighbour once
    assert [history.deliveries[number] for number in numbers(put)] == [1, 5]
    assert [invocation.retry for invocation in history.invocations] == [0, 0, 1, 2, 3]


def test_naming_the_head_is_a_retry() -> None:
    mapping = EventSourceMapping(failing_at("0"), retries=2)

    mapping.put(*records(3))

    assert sizes(mapping.run()) == [3, 3, 3]


def test_retries_end_after_24_hours() -> None:
    mapping = EventSourceMapping(fail)
    put = records(2)

    mapping.put(*put)
    history = mapping.run()

    assert history.expired == put
    assert history.lost == numbers(put)
    assert history.discarded == []
    assert START + timedelta(hours=24) <= mapping.clock.now <= START + timedelta(hours=24, minutes=15)


def test_a_record_expires_at_24_hours() -> None:
    mapping = EventSourceMapping(succeed)
    put = records(1)

    mapping.put(*put)
    mapping.clock.advance(timedelta(hours=24))

    assert mapping.run().expired == put


def test_expired_records_are_not_invoked() -> None:
    expired = EventSourceMapping(succeed)
    too_old = EventSourceMapping(succeed, max_age=timedelta(seconds=60))

    expired.put(*records(1))
    expired.clock.advance(timedelta(hours=24))
    too_old.put(*records(1))
    too_old.clock.advance(61 * SECOND)

    assert (expired.run().invocations, too_old.run().invocations) == ([], [])


def test_an_expiry_ends_the_backoff() -> None:
    mapping = EventSourceMapping(fail, batch_size=1)
    old, new = records(2)

    mapping.put(old)
    mapping.run(until=START + timedelta(hours=23))
    mapping.put(new)
    history = mapping.run(until=START + timedelta(hours=24, minutes=20))

    begun = [invocation.at for invocation in history.invocations if list(invocation.records) == [new]]
    assert history.expired == [old]
    assert begun[0] < START + timedelta(hours=24, minutes=15)
    assert begun[1] - begun[0] == SECOND


def test_throttles_use_up_no_retry() -> None:
    mapping = EventSourceMapping(fail, retries=1)

    mapping.put(*records(1))
    mapping.throttle(4)
    mapping.throttle()
    history = mapping.run()

    assert history.throttled == 5
    assert [invocation.retry for invocation in history.invocations] == [0, 1]
    assert seconds(history)[0] == 31


def test_repeat_delivers_a_success_again() -> None:
    mapping = EventSourceMapping(succeed, batch_size=2)

    mapping.put(*records(4))
    mapping.repeat()
    history = mapping.run()

    assert [key for invocation in history.invocations for key in keys(event(*invocation.records))] == [
        *("0", "1"),
        *("0", "1"),
        *("2", "3"),
    ]
    assert history.retries == 0


def test_repeats_add_up() -> None:
    mapping = EventSourceMapping(succeed)

    mapping.put(*records(1))
    mapping.repeat()
    mapping.repeat()

    assert sizes(mapping.run()) == [1, 1, 1]


def test_only_a_success_is_repeated() -> None:
    mapping = EventSourceMapping(failing_at("0", error=True), retries=0, batch_size=1)

    mapping.put(*records(2))
    mapping.repeat()

    assert [invocation.verdict for invocation in mapping.run().invocations] == [
        "failed",
        "succeeded",
        "succeeded",
    ]


def test_halving_uses_up_no_retry() -> None:
    mapping = EventSourceMapping(failing_at("5", error=True), retries=0, bisect=True)

    mapping.put(*records(8))
    history = mapping.run()

    assert sizes(history) == [8, 4, 4, 2, 1, 1, 2]
    assert history.retries == 0
    assert history.lost == numbers(records(8))[5:6]


def test_the_first_half_is_the_smaller() -> None:
    mapping = EventSourceMapping(failing_at("0", error=True), retries=0, bisect=True)

    mapping.put(*records(7))

    assert sizes(mapping.run()) == [7, 3, 1, 2, 4]


def test_halves_are_delivered_in_order() -> None:
    recorder = Recorder()

    def fail_of_several(payload: dict[str, Any], context: Any) -> None:
        if len(payload["Records"]) > 1:
            raise ValueError("too many")
        recorder(payload, context)

    mapping = EventSourceMapping(fail_of_several, bisect=True)
    mapping.put(*records(5))
    mapping.run()

    assert recorder.keys == ["0", "1", "2", "3", "4"]


def test_a_single_record_has_its_retries() -> None:
    mapping = EventSourceMapping(fail, retries=2, bisect=True)

    mapping.put(*records(2))

    assert sizes(mapping.run()) == [2, 1, 1, 1, 1, 1, 1]


def test_halves_keep_their_retry_count() -> None:
    calls: list[int] = []

    def name_the_head_first(payload: dict[str, Any], _: Any) -> Any:
        calls.append(len(payload["Records"]))
        return failing_at("0", "1", error=len(calls) > 1)(payload, None)

    mapping = EventSourceMapping(name_the_head_first, retries=1, bisect=True)
    mapping.put(*records(2))
    mapping.run()

    assert calls == [2, 2, 1, 1]


def test_naming_the_head_cuts_nothing() -> None:
    mapping = EventSourceMapping(failing_at("0"), retries=1, bisect=True)

    mapping.put(*records(4))
    history = mapping.run()

    assert sizes(history) == [4, 4]
    assert len(history.lost) == 4


def test_a_partial_answer_cuts_the_batch() -> None:
    mapping = EventSourceMapping(failing_at("3"), retries=0, bisect=True)

    mapping.put(*records(8))
    history = mapping.run()

    assert sizes(history) == [8, 5]
    assert history.invocations[1].sequence_numbers == numbers(records(8))[3:]


def test_an_unknown_identifier_halves() -> None:
    def name_a_stranger(payload: dict[str, Any], _: Any) -> Any:
        return {"batchItemFailures": [{"itemIdentifier": "1"}]} if len(payload["Records"]) > 1 else None

    mapping = EventSourceMapping(name_a_stranger, retries=0, bisect=True)
    mapping.put(*records(4))

    assert sizes(mapping.run()) == [4, 2, 1, 1, 2, 1, 1]


def test_only_bisect_halves_a_batch() -> None:
    mapping = EventSourceMapping(fail, retries=1)

    mapping.put(*records(4))

    assert sizes(mapping.run()) == [4, 4]


def test_a_batch_expires_by_max_age() -> None:
    mapping = EventSourceMapping(fail, max_age=timedelta(seconds=60))

    mapping.put(*records(3))
    history = mapping.run()

    assert [discarded.condition for discarded in history.discarded] == ["RecordAgeExceeded"]
    assert history.lost == numbers(records(3))
    assert mapping.clock.now == START + 63 * SECOND


def test_an_old_record_never_runs() -> None:
    mapping = EventSourceMapping(succeed, max_age=timedelta(seconds=60))
    old, new = records(2)

    mapping.put(old)
    mapping.clock.advance(61 * SECOND)
    mapping.put(new)
    history = mapping.run()

    assert history.lost == numbers([old])
    assert history.delivered == numbers([new])


def test_max_age_is_inclusive() -> None:
    mapping = EventSourceMapping(succeed, max_age=timedelta(seconds=60))
    put = records(1)

    mapping.put(*put)
    mapping.clock.advance(60 * SECOND)

    assert mapping.run().delivered == numbers(put)


def test_a_delivered_batch_ages_whole() -> None:
    mapping = EventSourceMapping(fail, max_age=timedelta(seconds=60))
    old, new = records(2)

    mapping.put(old)
    mapping.clock.advance(59 * SECOND)
    mapping.put(new)
    history = mapping.run()

    assert [discarded.sequence_numbers for discarded in history.discarded] == [numbers([old, new])]


def test_the_whole_batch_is_discarded() -> None:
    got: list[Discarded] = []
    mapping = EventSourceMapping(failing_at("2"), retries=0, on_failure=got.append)

    mapping.put(*records(5))
    history = mapping.run()

    assert got == history.discarded
    assert [discarded.sequence_numbers for discarded in got] == [numbers(records(5))[2:]]


def test_a_queue_gets_no_records() -> None:
    mapping = EventSourceMapping(fail, retries=1, function_name="users")
    put = records(3)

    mapping.put(*put)
    [discarded] = mapping.run().discarded

    assert discarded.message == {
        "requestContext": {
            "requestId": mapping.history.invocations[-1].request_id,
            "functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:users",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2026-01-01T00:00:01.000Z",
        "DDBStreamBatchInfo": {
            "shardId": mapping.shards[0],
            "startSequenceNumber": numbers(put)[0],
            "endSequenceNumber": numbers(put)[-1],
            "approximateArrivalOfFirstRecord": "2026-01-01T00:00:00Z",
            "approximateArrivalOfLastRecord": "2026-01-01T00:00:00Z",
            "batchSize": 3,
            "streamArn": put[0]["eventSourceARN"],
        },
    }


def test_the_message_has_milliseconds() -> None:
    mapping = EventSourceMapping(succeed, max_age=timedelta(seconds=60))

    mapping.put(*records(1))
    mapping.clock.advance(timedelta(seconds=61, milliseconds=999))
    [discarded] = mapping.run().discarded

    assert discarded.message["timestamp"] == "2026-01-01T00:01:01.999Z"


def test_a_discard_has_time_and_shard() -> None:
    mapping = EventSourceMapping(fail, retries=1)

    mapping.put(*records(1))
    [discarded] = mapping.run().discarded

    assert (discarded.at, discarded.shard) == (START + SECOND, mapping.shards[0])


def test_a_bucket_gets_the_records() -> None:
    mapping = EventSourceMapping(fail, retries=0)
    put = records(3)

    mapping.put(*put)
    [discarded] = mapping.run().discarded

    assert json.loads(discarded.s3_object["payload"]) == event(*put)
    assert discarded.s3_object["DDBStreamBatchInfo"] == discarded.message["DDBStreamBatchInfo"]


def test_an_answer_is_no_function_error() -> None:
    mapping = EventSourceMapping(failing_at("0"), retries=0)

    mapping.put(*records(1))
    [discarded] = mapping.run().discarded

    assert discarded.message["responseContext"]["functionError"] is None


def test_an_exceeded_age_has_no_response() -> None:
    mapping = EventSourceMapping(succeed, max_age=timedelta(seconds=60))

    mapping.put(*records(1))
    mapping.clock.advance(61 * SECOND)
    [discarded] = mapping.run().discarded

    assert "responseContext" not in discarded.message
    assert discarded.message["requestContext"]["condition"] == "RecordAgeExceeded"
    assert discarded.message["requestContext"]["approximateInvokeCount"] == 0


@given(
    failing=st.sets(st.integers(0, 9)),
    batch_size=st.integers(1, 20),
    parallelization=st.integers(1, 4),
    bisect=st.booleans(),
    error=st.booleans(),
)
def test_first_deliveries_are_in_order(
    failing: set[int], batch_size: int, parallelization: int, *, bisect: bool, error: bool
) -> None:
    mapping = EventSourceMapping(
        failing_at(*map(str, failing), error=error),
        batch_size=batch_size,
        parallelization=parallelization,
        bisect=bisect,
        retries=1,
    )
    put = records(30, items=10)

    mapping.put(*put)
    history = mapping.run()

    first_deliveries = list(dict.fromkeys(history.delivered))
    item = dict(zip(numbers(put), keys(event(*put)), strict=True))
    assert sorted(first_deliveries, key=lambda number: int(item[number])) == sorted(
        numbers(put), key=lambda number: int(item[number])
    )
    assert set(history.lost) >= {number for number in numbers(put) if int(item[number]) in failing}


@given(st.sets(st.integers(0, 19)), st.integers(1, 20))
def test_bisect_loses_only_failures(failing: set[int], batch_size: int) -> None:
    mapping = EventSourceMapping(
        failing_at(*map(str, failing), error=True), batch_size=batch_size, bisect=True, retries=0
    )

    mapping.put(*records(20))

    assert {int(number) for number in mapping.run().lost} == {
        int(number) for place, number in enumerate(numbers(records(20))) if place in failing
    }
