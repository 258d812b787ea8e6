"""Stream records and Lambda contexts for tests, exactly as AWS makes them unless a test says otherwise."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

ARN: Final = "arn:aws:dynamodb:eu-central-1:123456789012:table/Users/stream/2026-11-23T09:00:00.000"
CANARY: Final = "canary-7f3a"
FIRST: Final = 26163800000000026199463300
PATIENCE: Final = timedelta(seconds=5)

Json = dict[str, Any]


def insert(number: int, item: Mapping[str, Any], **parts: Any) -> Json:
    return record(number, "INSERT", item, **{"NewImage": item, **parts})


def modify(number: int, old: Mapping[str, Any], new: Mapping[str, Any], **parts: Any) -> Json:
    return record(number, "MODIFY", new, **{"OldImage": old, "NewImage": new, **parts})


def remove(number: int, item: Mapping[str, Any], **parts: Any) -> Json:
    return record(number, "REMOVE", item, **{"OldImage": item, **parts})


def record(number: int, kind: str, item: Mapping[str, Any], **body: Any) -> Json:
    """Return a record of a table whose key is `pk`; `body` replaces or adds fields of `dynamodb`."""
    return {
        "eventID": f"{number:032x}",
        "eventName": kind,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1661096164,
            "Keys": {"pk": item["pk"]},
            "SequenceNumber": sequence_number(number),
            "SizeBytes": 70,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            **body,
        },
        "eventSourceARN": ARN,
    }


def user(pk: str, email: str = "ada@example.com", **attributes: Any) -> Json:
    return {"pk": {"S": pk}, "email": {"S": email}, **attributes}


def batch(*records: Any) -> Json:
    return {"Records": list(records)}


def sequence_number(number: int) -> str:
    return str(FIRST + number)


def named(*numbers: int) -> Json:
    """Return the answer that names these records."""
    return {"batchItemFailures": [{"itemIdentifier": sequence_number(number)} for number in numbers]}


@dataclass
class Context:
    """A Lambda context whose time left a test sets."""

    milliseconds: int = 60_000
    function_name: str = "welcome-users"

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


class MarksOnly:
    """A store without transactions."""

    def __init__(self) -> None:
        self.marks: set[str] = set()

    def handled(self, marks: Collection[str], *, patience: timedelta) -> AbstractSet[str]:  # noqa: ARG002  # the Protocol's
        return self.marks & {*marks}

    def add(self, marks: Collection[str], *, patience: timedelta) -> None:  # noqa: ARG002  # the Protocol's
        self.marks |= {*marks}


def shown(value: object) -> str:
    """Return a name for a parameter, the same in each process."""
    return re.sub(r" at 0x[0-9a-f]+", "", ascii(value))
