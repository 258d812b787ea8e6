"""Dead letters in tests: a sink in memory, and the event of a queue of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import md5
from typing import Any

import pytest

from ddbevents import DeadLetterError, Insert, Reject, StreamApp
from ddbevents.dead_letters import DeadLetter, DeadLetters, DeadLetterSink, letter_from_json
from ddbevents.stores import MemoryStore
from ddbevents.testing import MemorySink, Table, event, queue_event


class Mails:
    """An app that rejects items without an address until it is fixed, and the mails that it sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.is_fixed = False
        self.app = StreamApp("mails", store=MemoryStore(), dead_letter=DeadLetters(MemorySink()))
        self.app.on_insert(dict)(self.send)

    def send(self, change: Insert[dict[str, Any]]) -> None:
        if not self.is_fixed and "email" not in change.new:
            raise Reject("no address")
        self.sent.append(change.new["pk"])


def letter(key: str = "ada", **parts: Any) -> DeadLetter:
    made = DeadLetter(
        app="mails",
        handler="mails.send",
        attempts=5,
        error="ValueError",
        message="no address",
        path=None,
        failed_at=datetime(2026, 11, 23, 17, 42, 5, 250_000, tzinfo=UTC),
        record=Table("Users").insert({"pk": key}),
    )
    return made._replace(**parts)


def test_a_memory_sink_is_a_sink() -> None:
    assert isinstance(MemorySink(), DeadLetterSink)


def test_a_memory_sink_keeps_the_order() -> None:
    sink = MemorySink()

    sink.send(letter("ada"))
    sink.send(letter("grace"))

    assert sink.letters == [letter("ada"), letter("grace")]


def test_a_new_memory_sink_is_empty() -> None:
    MemorySink().send(letter())

    assert MemorySink().letters == []


def test_threads_share_a_memory_sink() -> None:
    sink = MemorySink()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: sink.send(letter(attempts=number)), range(1000)))

    assert sorted(each.attempts for each in sink.letters) == list(range(1000))


def test_an_app_sends_to_a_memory_sink() -> None:
    mails, sink, record = Mails(), MemorySink(), Table("Users").insert({"pk": "ada"})

    mails.app.with_sink(sink).process(event(record))

    assert [(each.error, each.record) for each in sink.letters] == [("Reject", record)]


def test_a_queued_letter_is_handled_once() -> None:
    mails, sink, record = Mails(), MemorySink(), Table("Users").insert({"pk": "ada"})
    mails.app.with_sink(sink).process(event(record))
    mails.is_fixed = True

    first = mails.app.process(queue_event(*sink.letters))
    again = mails.app.process(queue_event(*sink.letters))

    assert (first.handled, again.already_handled) == (1, 1)
    assert mails.sent == ["ada"]


def test_each_failed_message_is_named() -> None:
    mails = Mails()
    handler = f"{__name__}.Mails.send"

    answer = mails.app(queue_event(letter("ada", handler=handler), letter("grace", handler="gone")))

    assert answer == {
        "batchItemFailures": [
            {"itemIdentifier": "00000000-0000-4000-8000-000000000001"},
            {"itemIdentifier": "00000000-0000-4000-8000-000000000002"},
        ]
    }


def test_a_message_has_all_fields() -> None:
    [message] = queue_event(letter())["Records"]

    body = message.pop("body")
    assert message == {
        "messageId": "00000000-0000-4000-8000-000000000001",
        "receiptHandle": "AQEB000000000001",
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1795455725250",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1795455725250",
        },
        "messageAttributes": {},
        "md5OfBody": md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:dead-letters",
        "awsRegion": "eu-central-1",
    }


def test_a_message_body_is_the_letter() -> None:
    odd = letter(message="\ud800 and é")

    [message] = queue_event(odd)["Records"]

    assert letter_from_json(message["body"]) == odd


def test_messages_are_numbered() -> None:
    identifiers = [message["messageId"] for message in queue_event(*[letter()] * 20)["Records"]]

    assert identifiers == sorted({*identifiers})
    assert len(identifiers) == 20


def test_no_letters_are_an_empty_event() -> None:
    assert queue_event() == {"Records": []}


def test_a_letter_must_be_json() -> None:
    with pytest.raises(DeadLetterError, match="cannot be written as JSON"):
        queue_event(letter(record=object()))
