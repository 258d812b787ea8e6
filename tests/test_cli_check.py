from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from boto3.session import Session

from tests.aws_stub import StubbedAWS, right_mapping
from tests.command_line import Command, Run, command, current_folder

APP = """
import os

from pydantic import BaseModel

from ddbevents import Insert, StreamApp
from ddbevents.stores import DynamoDBStore

print("imported")
app = StreamApp("orders", store=DynamoDBStore(os.environ["IDEMPOTENCY_TABLE"]))


class Order(BaseModel):
    pk: str


@app.on_insert(Order)
def welcome(change: Insert[Order]) -> None: ...
"""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> StubbedAWS:
    """Stand a stub in for AWS, since a command makes its own session."""
    stub = StubbedAWS()
    monkeypatch.setattr(Session, "client", lambda _, name, **options: stub.client(name, **options))
    return stub


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    monkeypatch.setenv("IDEMPOTENCY_TABLE", "")  # the command sets it, and the fixture restores it
    monkeypatch.delenv("IDEMPOTENCY_TABLE")
    (tmp_path / "orders_app.py").write_text(APP)
    with current_folder(tmp_path, monkeypatch):
        yield


def check(*arguments: str, columns: int = 100, function: str = "orders") -> Run:
    run: Command = command("check", columns)
    return run("orders_app.py", "--function", function, *arguments)


def test_a_right_set_up_exits_with_0(aws: StubbedAWS) -> None:
    run = check()

    assert (run.code, run.out) == (0, "orders: wired as its app needs it\n")
    assert run.err == "imported\n"


@pytest.mark.parametrize("columns", [60, 100])
def test_findings_come_with_their_cure(aws: StubbedAWS, columns: int) -> None:
    aws.mappings = [right_mapping(FunctionResponseTypes=[], BisectBatchOnFunctionError=False)]

    run = check(columns=columns)

    assert run.code == 1
    assert "no-partial-answers" in run.out
    assert "set FunctionResponseTypes" in run.out
    assert run.out.endswith("\norders: 1 error, 1 warning\n")


def test_warnings_exit_with_0(aws: StubbedAWS) -> None:
    aws.mappings = [right_mapping(MetricsConfig={"Metrics": []})]

    run = check()

    assert run.code == 0
    assert run.out.endswith("\norders: 0 errors, 1 warning\n")


def test_json_is_for_programs(aws: StubbedAWS) -> None:
    aws.tables.pop("handled-events")

    run = check("--json")

    [finding] = json.loads(run.out)
    assert run.code == 1
    assert [*finding] == ["severity", "code", "message", "cure"]
    assert (finding["severity"], finding["code"]) == ("error", "table-missing")


def test_another_endpoint_is_asked(aws: StubbedAWS) -> None:
    check("--endpoint-url", "http://127.0.0.1:4566")

    assert aws.endpoints == {"http://127.0.0.1:4566"}


def test_a_variable_that_nobody_has_is_named(aws: StubbedAWS) -> None:
    aws.function.pop("Environment")

    run = check()

    assert run.code == 2
    assert "IDEMPOTENCY_TABLE is not set" in run.err
    assert "orders has no such variable either" in run.err


def test_a_variable_is_not_replaced(aws: StubbedAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDEMPOTENCY_TABLE", "local")
    aws.function["Environment"]["Variables"]["AWS_PROFILE"] = "another"

    run = check()

    assert run.code == 0
    assert "AWS_PROFILE" not in os.environ


def test_a_missing_function_is_an_error(aws: StubbedAWS) -> None:
    run = check(function="missing")

    assert (run.code, run.out) == (2, "")
    assert run.err == "error: there is no function missing: check its name, the account and the region\n"


def test_other_errors_stay_as_they_are(aws: StubbedAWS) -> None:
    run = command("check")("elsewhere.py", "--function", "orders")

    assert (run.code, run.err) == (2, "error: there is no file elsewhere.py\n")
