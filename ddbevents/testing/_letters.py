"""Dead letters without AWS: a sink in memory, and what Lambda passes for a queue of them.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from .._records import DeadLetter
from .._records._letter_json import to_json

_ARN: Final = "arn:aws:sqs:eu-central-1:123456789012:dead-letters"


class MemorySink:
    """A sink whose letters a test looks at; threads may share it.

    Attributes:
        letters: What was put aside, in that order.
    """

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    def send(self, letter: DeadLetter) -> None:
        """Keep a letter."""
        self.letters.append(letter)  # one step, so it needs no lock


def queue_event(*letters: DeadLetter) -> dict[str, Any]:
    """What Lambda passes to the function for these messages of a queue of dead letters.

    Messages are numbered from 1 in each event: the `messageId` of the first is
    `00000000-0000-4000-8000-000000000001`. None is compressed, however long it is.

    Args:
        letters: As a sink got them, such as those of a `MemorySink`.

    Raises:
        DeadLetterError: A letter's record holds something that JSON has not.
    """
    return {"Records": [_message(number, letter) for number, letter in enumerate(letters, 1)]}


def _message(number: int, letter: DeadLetter) -> dict[str, Any]:
    body = to_json(letter)
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
