"""Dead letters without AWS: a sink in memory, and the event that Lambda passes for a queue of them.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from .._engine import PATIENCE
from ..dead_letters import DeadLetter, letter_to_json
from ._clock import START

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


def queue_event(*letters: DeadLetter | Mapping[str, Any]) -> dict[str, Any]:
    """Return the event that Lambda passes to a function for these messages of a dead-letter queue.

    Messages are numbered from 1 in each event: the `messageId` of the first is
    `00000000-0000-4000-8000-000000000001`. No message is compressed, however long it is.

    Args:
        letters: Dead letters that a sink got, for example a `MemorySink`; or failure records of Lambda, as
            `failure_record` returns them.

    Raises:
        DeadLetterError: A letter's record is not JSON.
    """
    return {"Records": [_message(number, letter) for number, letter in enumerate(letters, 1)]}


def _message(number: int, letter: DeadLetter | Mapping[str, Any]) -> dict[str, Any]:
    body, moment = _content(letter)
    sent = str(int(moment.timestamp() * 1000))
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


def _content(letter: DeadLetter | Mapping[str, Any]) -> tuple[str, datetime]:
    if isinstance(letter, DeadLetter):
        return letter_to_json(letter), letter.failed_at
    return json.dumps(letter), START
