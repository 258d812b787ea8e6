"""Dead letters without AWS: a sink in memory, and the event that Lambda passes for a queue of them.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any, Final

from .._engine import PATIENCE
from ..dead_letters import DeadLetter, letter_to_json

_ARN: Final = "arn:aws:sqs:eu-central-1:123456789012:dead-letters"


class MemorySink:
    """A sink that keeps dead letters in memory, for tests. Threads can share it.

    Attributes:
        letters: The dead letters, in the order in which they were sent.
    """

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    def send(self, letter: DeadLetter, *, patience: timedelta = PATIENCE) -> None:  # noqa: ARG002  # it never waits
        """Keep a dead letter."""
        self.letters.append(letter)  # append is atomic, so it needs no lock


def queue_event(*letters: DeadLetter) -> dict[str, Any]:
    """Return the event that Lambda passes to a function for these messages of a dead-letter queue.

    Messages are numbered from 1 in each event: the `messageId` of the first is
    `00000000-0000-4000-8000-000000000001`. No message is compressed, however long it is.

    Args:
        letters: Dead letters that a sink got, for example a `MemorySink`.

    Raises:
        DeadLetterError: A letter's record is not JSON.
    """
    return {"Records": [_message(number, letter) for number, letter in enumerate(letters, 1)]}


def _message(number: int, letter: DeadLetter) -> dict[str, Any]:
    body = letter_to_json(letter)
    sent = str(int(letter.failed_at.timestamp() * 1000))
    return {
        "messageId": f"00000000-0000-4000-8000-{number:012x}",
        "receiptHandle": f"AQEB{number:012x}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": sent,
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": sent,
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": _ARN,
        "awsRegion": "eu-central-1",
    }
