from __future__ import annotations

import json
import re
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

import pytest

from ddbevents import StreamApp, parse_event
from ddbevents.stores import MemoryStore
from examples.workflows.app import app, client, lambda_handler
from tests.command_line import ROOT, run_beside_examples
from tests.moto_server import aws_environment

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient

WORKFLOWS = ROOT / "examples" / "workflows"
EVENTS = sorted(WORKFLOWS.glob("events/*.json"))
README = (WORKFLOWS / "README.md").read_text("utf-8")
[COMMAND] = re.findall(r"^ddbevents (.*)$", README, re.MULTILINE)
[DEFINITION] = re.findall(r"--definition '(.*)'\)", README)

Json: TypeAlias = dict[str, Any]


@pytest.fixture(scope="module")
def environment(moto_endpoint: str) -> Generator[pytest.MonkeyPatch]:
    with aws_environment(moto_endpoint) as environment:
        yield environment
    client.cache_clear()


@pytest.fixture
def machine(environment: pytest.MonkeyPatch) -> str:
    """Make a state machine, which the environment names, and return its ARN."""
    arn = make_machine(client(), f"orders-{uuid4()}")
    environment.setenv("STATE_MACHINE", arn)
    return arn


@pytest.fixture
def workflows() -> StreamApp:
    return app.with_store(MemoryStore())


def make_machine(client: SFNClient, name: str) -> str:
    role = "arn:aws:iam::123456789012:role/orders"
    return client.create_state_machine(name=name, definition=DEFINITION, roleArn=role)["stateMachineArn"]


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def inputs(machine: str) -> dict[str, Json]:
    """Return the input of each execution, by the execution's name."""
    executions = client().list_executions(stateMachineArn=machine)["executions"]
    details = [client().describe_execution(executionArn=each["executionArn"]) for each in executions]
    return {each.get("name", ""): json.loads(each.get("input", "")) for each in details}


def identities(kind: str = "order") -> set[str]:
    """Return the event ids of all records of a kind of item."""
    records = [record for path in EVENTS for record in parse_event(read(path))]
    images = [(record, record.new_image or record.old_image or {}) for record in records]
    return {record.event_id for record, image in images if image["kind"] == {"S": kind}}


def test_the_readme_starts_executions(machine: str, tmp_path: Path) -> None:
    run = run_beside_examples(tmp_path, COMMAND)

    assert (run.returncode, run.stderr) == (0, "")
    assert "5 records in 2 events · 4 handled · 1 ignored · " in run.stdout
    assert inputs(machine).keys() == identities()


def test_the_input_is_the_change(machine: str, workflows: StreamApp) -> None:
    paid = read(EVENTS[1])

    workflows(paid)

    order = {"kind": "order", "order_id": "1001", "total": 19.9}
    assert inputs(machine)[paid["Records"][0]["eventID"]] == {
        "kind": "MODIFY",
        "keys": {"pk": "CUSTOMER#ada", "sk": "ORDER#1001"},
        "new": {**order, "status": "PAID"},
        "old": {**order, "status": "PLACED"},
    }


@pytest.mark.parametrize("store", [None, MemoryStore()], ids=["without a store", "with a store"])
def test_a_change_has_one_execution(machine: str, store: MemoryStore | None) -> None:
    tested = app.with_store(store)

    answers = [tested(read(path)) for path in [*EVENTS, *EVENTS]]

    assert answers == [{"batchItemFailures": []}] * 4
    assert inputs(machine).keys() == identities()


def test_a_closed_execution_is_enough(machine: str, workflows: StreamApp) -> None:
    first = read(EVENTS[0])
    app.with_store(None)(first)
    for each in client().list_executions(stateMachineArn=machine)["executions"]:
        client().stop_execution(executionArn=each["executionArn"])

    report = workflows.process(first)

    assert (report.handled, report.failed) == (2, 0)


def test_another_error_fails_the_record(
    machine: str, workflows: StreamApp, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("STATE_MACHINE", f"{machine}-of-nobody")
    missing = workflows.process(read(EVENTS[0]))
    environment.setenv("STATE_MACHINE", machine)
    there = workflows.process(read(EVENTS[0]))

    assert (missing.failed, there.handled) == (2, 2)
    assert type(missing.records[1].error).__name__ == "StateMachineDoesNotExist"


def test_lambda_calls_the_app() -> None:
    assert lambda_handler is app


def test_records_rise_and_never_repeat() -> None:
    records = [record for path in EVENTS for record in parse_event(read(path))]
    numbers = [int(record.sequence_number) for record in records]

    assert numbers == sorted(set(numbers))
    assert len({record.event_id for record in records}) == len(records)
