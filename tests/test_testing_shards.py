"""Shards of a stream: lineage, order, and parallel lanes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ddbevents import ConfigurationError
from ddbevents.testing import EventSourceMapping, VirtualClock, event
from tests.mappings import (
    Recorder,
    failing_at,
    keys,
    numbers,
    records,
    sizes,
    succeed,
)


def test_children_wait_for_their_parent() -> None:
    recorder = Recorder()

    def fail_once(payload: dict[str, Any], context: Any) -> None:
        recorder(payload, context)
        if len(recorder.events) == 1:
            raise ValueError("once")

    mapping = EventSourceMapping(fail_once)
    before, left, right = records(3)
    mapping.put(before)
    first, second = mapping.split()
    mapping.put(left, shard=first)
    mapping.put(right, shard=second)
    mapping.run()

    assert recorder.keys == ["0", "0", "1", "2"]


def test_a_shard_waits_for_all_ancestors() -> None:
    mapping = EventSourceMapping(failing_at("0", error=True), retries=1)
    before, after = records(2)

    mapping.put(before)
    child, _ = mapping.split()
    grandchild, _ = mapping.split(child)
    mapping.put(after, shard=grandchild)

    assert mapping.run().delivered == numbers([before, before, after])


def test_a_child_waits_for_all_lanes() -> None:
    mapping = EventSourceMapping(failing_at("0", error=True), retries=1, parallelization=10)
    before, after = records(2)

    mapping.put(before)
    child, _ = mapping.split()
    mapping.put(after, shard=child)

    assert mapping.run().delivered == numbers([before, before, after])


def test_a_batch_comes_from_one_shard() -> None:
    mapping = EventSourceMapping(succeed)
    mapping.split()

    mapping.put(*records(50))
    history = mapping.run()

    assert sum(sizes(history)) == 50
    assert [invocation.shard for invocation in history.invocations] == mapping.shards


def test_shards_do_not_block_each_other() -> None:
    mapping = EventSourceMapping(failing_at("0", error=True), retries=3)
    first, second = mapping.split()
    blocked, free = records(2)

    mapping.put(blocked, shard=first)
    mapping.put(free, shard=second)

    verdicts = [invocation.verdict for invocation in mapping.run().invocations]
    assert verdicts == ["failed", "succeeded", "failed", "failed", "failed"]


def test_a_split_halves_the_items() -> None:
    mapping = EventSourceMapping(succeed, batch_size=1000)
    mapping.split()

    mapping.put(*records(1000))

    assert sizes(mapping.run()) == pytest.approx([500, 500], abs=60)


def test_an_item_stays_in_its_lineage() -> None:
    mapping = EventSourceMapping(succeed)
    left, right = mapping.split()
    put = records(80, items=40)

    mapping.put(*put[:40])
    before = [set(keys(event(*invocation.records))) for invocation in mapping.run().invocations]
    children = {right: mapping.split(right), left: mapping.split(left)}
    mapping.put(*put[40:])
    after = [(i.shard, set(keys(event(*i.records)))) for i in mapping.run().invocations[2:]]

    assert [shard for shard, _ in after] == [*children[right], *children[left]]
    assert [after[0][1] | after[1][1], after[2][1] | after[3][1]] == before[::-1]


def test_an_item_has_one_shard() -> None:
    mapping = EventSourceMapping(succeed)
    mapping.split()

    mapping.put(*records(20, items=1))

    assert sizes(mapping.run()) == [20]


def test_a_split_shard_takes_no_records() -> None:
    mapping = EventSourceMapping(succeed)
    [parent] = mapping.shards
    mapping.split(parent)

    with pytest.raises(ConfigurationError, match="was split: put records into"):
        mapping.put(*records(1), shard=parent)


def test_a_shard_is_split_once() -> None:
    mapping = EventSourceMapping(succeed)
    [parent] = mapping.shards
    mapping.split(parent)

    with pytest.raises(ConfigurationError, match="was split already"):
        mapping.split(parent)


def test_an_unknown_shard_is_an_error() -> None:
    mapping = EventSourceMapping(succeed)
    left, right = mapping.split()

    with pytest.raises(ConfigurationError, match=f"there is no shard shardId-7: there are {left}, {right}$"):
        mapping.put(*records(1), shard="shardId-7")


def test_other_lanes_stay_free() -> None:
    blocked = EventSourceMapping(failing_at("0", error=True), retries=0)
    parallel = EventSourceMapping(failing_at("0", error=True), retries=0, parallelization=10)

    blocked.put(*records(40))
    parallel.put(*records(40))

    assert len(blocked.run().lost) == 40
    assert 1 <= len(parallel.run().lost) < 40


def test_an_item_has_one_lane() -> None:
    mapping = EventSourceMapping(succeed, parallelization=10)

    mapping.put(*records(20, items=1))

    assert sizes(mapping.run()) == [20]


class Overlapping:
    """A handler that has another batch delivered before it returns, as often as there is one."""

    def __init__(self) -> None:
        self.began: list[list[str]] = []
        self.steps: list[bool] = []

    def __call__(self, payload: dict[str, Any], _: Any) -> None:
        self.began.append([record["dynamodb"]["Keys"]["pk"]["S"] for record in payload["Records"]])
        self.steps.append(self.mapping.step(self.mapping.clock.now))

    def over(self, **settings: Any) -> EventSourceMapping:
        self.mapping = EventSourceMapping(self, **settings)
        return self.mapping


def test_lanes_can_overlap() -> None:
    handler = Overlapping()
    mapping = handler.over(parallelization=10, batch_size=1)

    mapping.put(*records(4))
    mapping.run()

    assert sorted(handler.began) == [["0"], ["1"], ["2"], ["3"]]
    assert handler.steps[0] is False
    assert handler.steps.count(True) > 0


def test_a_lane_does_not_overlap_itself() -> None:
    handler = Overlapping()
    mapping = handler.over(batch_size=1)

    mapping.put(*records(3))
    mapping.run()

    assert handler.began == [["0"], ["1"], ["2"]]
    assert handler.steps == [False, False, False]


def test_a_child_does_not_overlap_its_parent() -> None:
    handler = Overlapping()
    mapping = handler.over()
    before, after = records(2)

    mapping.put(before)
    first, _ = mapping.split()
    mapping.put(after, shard=first)
    mapping.run()

    assert handler.began == [["0"], ["1"]]
    assert handler.steps == [False, False]


def test_each_overlapping_function_has_its_timeout() -> None:
    clock = VirtualClock()

    def overlap(_: object, __: object) -> None:
        mapping.step(clock.now)
        clock.advance(timedelta(seconds=2))

    mapping = EventSourceMapping(
        overlap, parallelization=10, clock=clock, timeout=timedelta(seconds=3), retries=0
    )

    mapping.put(*records(4))
    history = mapping.run()

    assert [type(each.error).__name__ for each in history.invocations][-1] == "FunctionTimeoutError"
    assert history.invocations[0].error is None
