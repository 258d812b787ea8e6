"""The history of an event source mapping, for assertions."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

from ..._errors import ConfigurationError
from ._answers import VerdictName
from ._arrivals import sequence_numbers

Condition: TypeAlias = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]
Json: TypeAlias = dict[str, Any]


class Invocation(NamedTuple):
    """One call of the function.

    Attributes:
        at: When it began.
        duration: How long it took.
        shard: The shard of its records; AWS does not tell the function.
        records: The records it got.
        retry: Which retry of the batch it was; 0 is the first delivery.
        request_id: The `aws_request_id` of its context.
        answer: The function's answer, as Lambda reads it; None if it failed.
        error: Why it failed, or None.
        verdict: How Lambda judged it.
        checkpoint: The sequence number that Lambda or the pipe retries from, if the answer named one.
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
        """The sequence numbers of its records, in order."""
        return sequence_numbers(self.records)

    def __repr__(self) -> str:
        """Leave out records, answer and the error's message, which may hold item values."""
        error = "" if self.error is None else f", {type(self.error).__name__}"
        return f"<Invocation of {len(self.records)} records: {self.verdict}{error}>"


class Discarded(NamedTuple):
    """A batch that Lambda gave up on.

    Attributes:
        at: When it was discarded.
        shard: The shard of its records.
        records: Its records.
        condition: Why it was discarded.
        message: The message that a queue or a topic gets as on-failure destination.
    """

    at: datetime
    shard: str
    records: tuple[Json, ...]
    condition: Condition
    message: Json

    @property
    def sequence_numbers(self) -> list[str]:
        """The sequence numbers of its records, in order."""
        return sequence_numbers(self.records)

    @property
    def s3_object(self) -> Json:
        """The object that a bucket gets as on-failure destination: the message, and the event as text.

        Raises:
            ConfigurationError: The records came by a pipe, which writes to a queue or a topic only.
        """
        if "context" in self.message:
            raise ConfigurationError(
                "a pipe has a queue or a topic for what it gives up, no bucket: use message"
            )
        return {**self.message, "payload": json.dumps({"Records": self.records})}

    def __repr__(self) -> str:
        """Leave out the records, which hold item values."""
        return f"<Discarded {len(self.records)} records: {self.condition}>"


class History:
    """Everything that happened at an event source mapping, in order.

    Attributes:
        invocations: The calls of the function.
        discarded: The batches that Lambda gave up on.
        expired: Unfinished records that left the stream after 24 hours. No destination is told of them.
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
        """The sequence numbers in order of delivery, with repetitions."""
        return [number for invocation in self.invocations for number in invocation.sequence_numbers]

    @property
    def deliveries(self) -> Counter[str]:
        """How often each sequence number was delivered."""
        return Counter(self.delivered)

    @property
    def retries(self) -> int:
        """How many invocations were retries."""
        return sum(invocation.retry > 0 for invocation in self.invocations)

    @property
    def lost(self) -> list[str]:
        """The sequence numbers of records that were discarded or expired."""
        gone = [number for discarded in self.discarded for number in discarded.sequence_numbers]
        return gone + sequence_numbers(self.expired)

    def __repr__(self) -> str:
        """Show numbers only, no item values."""
        return f"<History: {len(self.invocations)} invocations, {len(self.lost)} records lost>"
