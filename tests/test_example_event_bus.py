from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

import pytest

from ddbevents import Reject, StreamApp, parse_event
from ddbevents.stores import MemoryStore
from ddbevents.testing import Table, event
from examples.event_bus.app import app, client, entry_of, lambda_handler
from tests.command_line import ROOT, run_beside_examples
from tests.letters import new_queue
from tests.moto_server import aws_environment

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

EVENT_BUS = ROOT / "examples" / "event_bus"
EVENTS = sorted(EVENT_BUS.glob("events/*.json"))
[COMMAND] = re.findall(r"^ddbevents (.*)$", (EVENT_BUS / "README.md").read_text("utf-8"), re.MULTILINE)

Json: TypeAlias = dict[str, Any]
Received: TypeAlias = Callable[[], list[Json]]


@pytest.fixture(scope="module")
def environment(moto_endpoint: str) -> Generator[pytest.MonkeyPatch]:
    with aws_environment(moto_endpoint) as environment:
        yield environment
    client.cache_clear()


@pytest.fixture
def received(environment: pytest.MonkeyPatch, sqs: SQSClient) -> Received:
    """Make a bus with a rule that sends all events to a queue, and return what reads the queue."""
    bus = f"bus-{uuid4()}"
    environment.setenv("EVENT_BUS", bus)
    url = new_queue(sqs)
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    client().create_event_bus(Name=bus)
    client().put_rule(Name="all", EventBusName=bus, EventPattern='{"source": ["shop.tables"]}')
    client().put_targets(
        Rule="all", EventBusName=bus, Targets=[{"Id": "queue", "Arn": attributes.get("QueueArn", "")}]
    )

    def receive() -> list[Json]:
        events: list[Json] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                events.append(json.loads(message.get("Body", ""), parse_float=Decimal))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message.get("ReceiptHandle", ""))
        return sorted(events, key=lambda each: (each["detail-type"], each["detail"]["sequence"]))

    return receive


@pytest.fixture
def table() -> Table:
    return Table("Orders", "order_id")


@pytest.fixture
def bus() -> StreamApp:
    return app.with_store(MemoryStore())


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def orders(table: Table, count: int) -> Json:
    return event(*(table.insert({"order_id": str(number)}) for number in range(count)))


def fail_once(place: int, code: str) -> None:
    """Let the bus refuse one entry of the next request."""

    def refuse(parsed: Any, **_: object) -> None:
        parsed["Entries"][place] = {"ErrorCode": code, "ErrorMessage": "quotes the entry"}
        client().meta.events.unregister("after-call.events.PutEvents", refuse)

    client().meta.events.register("after-call.events.PutEvents", refuse)


def test_the_readme_fills_the_bus(received: Received, tmp_path: Path) -> None:
    run = run_beside_examples(tmp_path, COMMAND)

    assert (run.returncode, run.stderr) == (0, "")
    assert "16 records in 2 events · 16 handled · " in run.stdout
    assert [each["detail-type"] for each in received()] == [
        "Customers INSERT",
        "Customers MODIFY",
        "Customers REMOVE",
        *["Orders INSERT"] * 11,
        "Orders MODIFY",
        "Orders REMOVE",
    ]


def test_an_event_has_plain_json(received: Received, bus: StreamApp, table: Table) -> None:
    order = {"order_id": "7", "amount": Decimal("7.50"), "tags": {"gift", "eu"}, "seal": b"\xff"}
    batch = event(table.modify(order, {**order, "amount": 8}))

    bus(batch)

    [published] = received()
    plain = {"order_id": "7", "amount": Decimal("7.50"), "tags": ["eu", "gift"], "seal": "/w=="}
    assert published["time"] == "2026-01-01T00:00:00Z"
    assert published["detail"] == {
        "id": batch["Records"][0]["eventID"],
        "sequence": batch["Records"][0]["dynamodb"]["SequenceNumber"],
        "change": {"kind": "MODIFY", "keys": {"order_id": "7"}, "new": {**plain, "amount": 8}, "old": plain},
    }


def test_ten_events_share_a_request(received: Received, bus: StreamApp, table: Table) -> None:
    sizes: list[int] = []

    def count(params: Any, **_: object) -> None:
        sizes.append(len(params["Entries"]))

    client().meta.events.register("provide-client-params.events.PutEvents", count)
    bus(orders(table, 23))

    assert sizes == [10, 10, 3]
    assert len(received()) == 23


def test_only_a_failed_event_is_put_again(received: Received, bus: StreamApp, table: Table) -> None:
    batch = orders(table, 3)
    fail_once(1, "ThrottlingException")

    first, second = bus.process(batch), bus.process(batch)

    assert [each.outcome for each in first.records] == ["handled", "failed", "handled"]
    assert (second.handled, second.already_handled) == (1, 2)
    assert isinstance(first.records[1].error, ConnectionError)
    assert str(first.records[1].error) == "the bus answers ThrottlingException"


@pytest.mark.parametrize("code", ["InvalidArgument", "MalformedDetail"])
def test_a_wrong_event_is_rejected(received: Received, bus: StreamApp, table: Table, code: str) -> None:
    fail_once(0, code)

    report = bus.process(orders(table, 2))

    assert [each.outcome for each in report.records] == ["failed", "handled"]
    assert isinstance(report.records[0].error, Reject)


def test_a_retry_puts_nothing(received: Received, bus: StreamApp) -> None:
    reports = [bus.process(read(path)) for path in [*EVENTS, *EVENTS]]

    assert [report.handled for report in reports] == [13, 3, 0, 0]
    assert len(received()) == 16


def test_a_record_without_a_time_has_now(table: Table) -> None:
    record = table.insert({"order_id": "7"})
    del record["dynamodb"]["ApproximateCreationDateTime"]

    before = datetime.now(UTC)
    entry = entry_of(parse_event(event(record))[0])

    assert before <= datetime.fromisoformat(str(entry.get("Time"))) <= datetime.now(UTC)


def test_lambda_calls_the_app() -> None:
    assert lambda_handler is app


def test_records_rise_and_never_repeat() -> None:
    batches = [parse_event(read(path)) for path in EVENTS]
    numbers = [[int(record.sequence_number) for record in batch] for batch in batches]
    identities = [record.event_id for batch in batches for record in batch]

    assert numbers == [sorted(set(batch)) for batch in numbers]
    assert len({*identities}) == len(identities)
