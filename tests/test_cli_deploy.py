"""`ddbevents filters` and `ddbevents policy`: JSON on standard output, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.command_line import Run, command, current_folder

APP: Final = """
from pydantic import BaseModel

from ddbevents import Attr, Insert, Modify, StreamApp, Transaction
from ddbevents.stores import DynamoDBStore

print("loading")
TOTALS = str("totals")
app = StreamApp("shop", store=DynamoDBStore("marks"))
mirror = StreamApp("mirror")
empty = StreamApp("empty")


class Order(BaseModel):
    status: str


@app.on_insert(Order, where=Attr("status").eq("OPEN") & Attr("total").gt(5))
def count(change: Insert[Order], tx: Transaction) -> None:
    tx.update(TOTALS, key={"pk": "orders"}, add={"total": 1})


@app.on_modify(Order, changed="status")
def announce(change: Modify[Order]) -> None:
    ...


@mirror.on_record()
def copy(record) -> None:
    ...
"""
STREAM: Final = "arn:aws:dynamodb:eu-central-1:123456789012:table/shop/stream/2026-11-27T09:00:00.000"
INSERTED: Final = {
    "eventName": ["INSERT"],
    "dynamodb": {"NewImage": {"status": {"S": ["OPEN"]}, "total": {"N": [{"exists": True}]}}},
}
ORDER: Final = (
    "a filter has no order of texts, and a number is a text to it, so that it asks for the type only"
)


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with current_folder(tmp_path, monkeypatch):
        Path("shop_to_deploy.py").write_text(APP, "utf-8")
        yield "shop_to_deploy.py"


def filters(*arguments: str) -> Run:
    """Run the command."""
    return command("filters")(*arguments)


def policy(*arguments: str) -> Run:
    """Run the command for a stream."""
    return command("policy")(*arguments, "--stream", STREAM)


def test_filters_are_json(target: str) -> None:
    run = filters(f"{target}:app")

    assert [json.loads(each["Pattern"])["eventName"] for each in json.loads(run.out)["Filters"]] == [
        ["INSERT"],
        ["MODIFY"],
    ]
    assert (run.code, run.err) == (0, "loading\n")


def test_options_reach_the_filters(target: str) -> None:
    run = filters(f"{target}:app", "--view-type", "OLD_IMAGE", "--quota", "1", "--table", "shop")

    assert json.loads(run.out) == {"Filters": [{"Pattern": '{"eventName":["INSERT","MODIFY"]}'}]}


def test_filters_are_explained(target: str) -> None:
    assert filters(f"{target}:app", "--explain").out.splitlines() == [
        f"filter 1  {json.dumps(INSERTED, separators=(',', ':'))}",
        'filter 2  {"eventName":["MODIFY"]}',
        "",
        "shop_to_deploy.count",
        "  filter 1: eventName, dynamodb.NewImage.status.S, dynamodb.NewImage.total.N",
        f"  widened: total: {ORDER}",
        "",
        "shop_to_deploy.announce",
        "  filter 2: eventName",
        "  widened: status: a filter cannot compare the images, as `changed` does",
    ]


def test_no_filter_is_explained(target: str) -> None:
    assert filters(f"{target}:mirror", "--explain").out.splitlines() == [
        "no filter is needed: handlers take every record",
        "",
        "shop_to_deploy.copy",
        "  no filter: every record",
        "  widened: everything: some handler takes every record, so that there is no filter",
    ]


def test_a_policy_is_json(target: str) -> None:
    run = policy(
        f"{target}:app", "--writes", "totals=update,put", "--failure-destination", "arn:aws:s3:::lost"
    )

    assert [each["Sid"] for each in json.loads(run.out)["Statement"]] == [
        "ReadStream",
        "ListStreams",
        "CreateLogGroup",
        "WriteLogs",
        "KeepIdempotencyRecords",
        "WriteTables1",
        "SendFailureRecords",
        "FindFailureBucket",
    ]
    assert (run.code, run.err) == (0, "loading\n")


def test_options_reach_the_policy(target: str) -> None:
    given = {
        "--idempotency-table": "records",
        "--dead-letters": "arn:aws:sqs:eu-central-1:123456789012:letters",
        "--key": "arn:aws:kms:eu-central-1:123456789012:key/1815",
        "--log-group": "arn:aws:logs:eu-central-1:123456789012:log-group:shop",
    }

    run = policy(f"{target}:mirror", *[text for option in given.items() for text in option])

    named = {resource for each in json.loads(run.out)["Statement"] for resource in each["Resource"]}
    assert named > {*given.values()} - {"records"}
    assert "arn:aws:dynamodb:eu-central-1:123456789012:table/records" in named


@pytest.mark.parametrize(
    ("app", "arguments", "reason"),
    [
        ("empty", [], "the app has no handlers, and a filter for none would drop every record"),
        ("app", ["--view-type", "NEW"], "view_type must be one of KEYS_ONLY, NEW_IMAGE"),
        ("nothing", [], "has no nothing; its apps are: app, mirror, empty"),
    ],
)
def test_no_filters_can_be_made(target: str, app: str, arguments: list[str], reason: str) -> None:
    run = filters(f"{target}:{app}", *arguments)

    assert (run.code, run.out) == (2, "")
    assert reason in run.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "on the command line --writes totals=update"),
        (["--writes", "totals"], "--writes totals names no writes: say totals=update"),
        (["--writes", "totals=write"], "the writes to totals must be a list of methods of Transaction"),
    ],
)
def test_no_policy_can_be_made(target: str, arguments: list[str], reason: str) -> None:
    run = policy(f"{target}:app", *arguments)

    assert (run.code, run.out) == (2, "")
    assert reason in run.err
