"""What happened at an event source mapping, to assert on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

from ._answers import VerdictName

Condition: TypeAlias = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]
Json: TypeAlias = dict[str, Any]


class Invocation(NamedTuple):
    """One call of the function.

    Attributes:
        at: When it began.
        duration: How long it took.
        shard: Whose records it got; AWS does not tell the function.
        records: The records it got.
        retry: How many retries of the batch it used up, 0 at the first delivery.
        request_id: The `aws_request_id` of its context.
        answer: What the function returned, as Lambda reads it; None if it failed.
        error: Why it failed, or None.
        verdict: What Lambda made of it.
        checkpoint: The record to begin again at, if the answer named one.
    """

    at: datetime
    duration: timedelta
    shard: str
    records: tuple[Json, ...]
    retry: int
    request_id: str
    answer: Any
    error: BaseException | None
    verdict: VerdictName
    checkpoint: str | None

    @property
    def sequence_numbers(self) -> list[str]:
        """Of its records, in their order."""
        return sequence_numbers(self.records)

    def __repr__(self) -> str:
        """Without records, answer and the error's message, which may hold an item's values."""
        error = "" if self.error is None else f", {type(self.error).__name__}"
        return f"<Invocation of {len(self.records)} records: {self.verdict}{error}>"


class Discarded(NamedTuple):
    """Records that Lambda gave up on, together.

    Attributes:
        at: When.
        shard: Where they came from.
        records: The records.
        condition: Why.
        message: What a queue or a topic gets as on-failure destination.
    """

    at: datetime
    shard: str
    records: tuple[Json, ...]
    condition: Condition
    message: Json

    @property
    def sequence_numbers(self) -> list[str]:
        """Of its records, in their order."""
        return sequence_numbers(self.records)

    @property
    def s3_object(self) -> Json:
        """What a bucket gets as on-failure destination: the message, and the event as text."""
        return {**self.message, "payload": json.dumps({"Records": self.records})}

    def __repr__(self) -> str:
        """Without records."""
        return f"<Discarded {len(self.records)} records: {self.condition}>"


class History:
    """What happened at an event source mapping, in order.

    Attributes:
        invocations: The calls of the function.
        discarded: What was given up on, batch by batch.
        expired: Records that left the stream after 24 hours, undone; no destination hears of them.
        filtered: Records that no filter let through.
        throttled: How many deliveries were refused before the function was called.
    """

    def __init__(self) -> None:
        self.invocations: list[Invocation] = []
        self.discarded: list[Discarded] = []
        self.expired: list[Json] = []
        self.filtered: list[Json] = []
        self.throttled = 0

    @property
    def delivered(self) -> list[str]:
        """The sequence numbers in the order of their deliveries, repeated as they were."""
        return [number for invocation in self.invocations for number in invocation.sequence_numbers]

    @property
    def deliveries(self) -> Counter[str]:
        """How often each sequence number was delivered."""
        return Counter(self.delivered)

    @property
    def retries(self) -> int:
        """How many invocations used up a retry."""
        return sum(invocation.retry > 0 for invocation in self.invocations)

    @property
    def lost(self) -> list[str]:
        """The sequence numbers of what was discarded or expired, so that it is not delivered any more."""
        gone = [number for discarded in self.discarded for number in discarded.sequence_numbers]
        return gone + sequence_numbers(self.expired)

    def __repr__(self) -> str:
        """In numbers."""
        return f"<History: {len(self.invocations)} invocations, {len(self.lost)} records lost>"


def sequence_numbers(records: Iterable[Json]) -> list[str]:
    """Of the records, in their order."""
    return [record["dynamodb"]["SequenceNumber"] for record in records]
