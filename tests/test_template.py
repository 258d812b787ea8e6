"""Templates: what is in them, that cfn-lint has nothing to say, and the command that prints them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import cfnlint.api  # type: ignore[import-untyped]  # it has no types
import pytest
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]  # the same
from pydantic import BaseModel
from ruamel.yaml import YAML

from ddbevents import ConfigurationError, Insert, StreamApp, Transaction
from ddbevents.dead_letters import DeadLetters, S3Bucket, SQSQueue
from ddbevents.deploy import filter_criteria, role_policy, template
from ddbevents.deploy._template._yaml import to_yaml  # the command's own way to text
from ddbevents.stores import DynamoDBStore, MemoryStore
from ddbevents.testing import inserted
from tests.campaigns import IN_FULL
from tests.command_line import Run, command, current_folder

QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/letters"


class Order(BaseModel):
    pk: str


def handle(change: Insert[Order]) -> None: ...


def count(change: Insert[Order], tx: Transaction) -> None:
    tx.put(str(change), {})  # into a table that nobody can read off the code


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDEMPOTENCY_TABLE", "the-table")
    monkeypatch.setenv("LETTERS", QUEUE)
    monkeypatch.setenv("LETTERS_BUCKET", "the-bucket")


def orders_app(handler: Any = handle, **parts: Any) -> StreamApp:
    given: dict[str, Any] = {"store": DynamoDBStore("the-table"), **parts}
    app = StreamApp("orders", **given)
    app.on_insert(Order)(handler)
    return app


def letters(sink: Any, **policy: Any) -> DeadLetters:
    return DeadLetters(sink, **policy)


def resources(app: StreamApp, **settings: Any) -> dict[str, Any]:
    made: dict[str, Any] = template(app, **settings)["Resources"]
    return made


def mapping_of(app: StreamApp) -> dict[str, Any]:
    properties: dict[str, Any] = resources(app)["StreamMapping"]["Properties"]
    return properties


def statements(app: StreamApp, **settings: Any) -> list[dict[str, Any]]:
    [policy] = resources(app, **settings)["FunctionRole"]["Properties"]["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


APPS: dict[str, tuple[StreamApp, dict[str, Any]]] = {
    "nothing but handlers": (orders_app(store=None), {}),
    "everything": (
        orders_app(count, dead_letter=letters(SQSQueue(QUEUE))),
        {"tables": {"totals": ["update"]}, "variables": ["MAIL_API", "IDEMPOTENCY_TABLE"]},
    ),
    "a bucket": (orders_app(dead_letter=letters(S3Bucket("the-bucket"))), {"architecture": "x86_64"}),
    "a FIFO queue": (orders_app(dead_letter=letters(SQSQueue(f"{QUEUE}.fifo"))), {}),
    "names in the code": (
        orders_app(store=DynamoDBStore("marks"), dead_letter=letters(S3Bucket("letters"))),
        {},
    ),
}


@IN_FULL
def test_templates_are_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One test, as cfn-lint loads for seconds."""
    monkeypatch.setenv("LETTERS_FIFO", f"{QUEUE}.fifo")

    problems = [
        (name, syntax, str(problem))
        for name, (app, settings) in APPS.items()
        for syntax in ("sam", "cloudformation")
        for problem in cfnlint.api.lint(
            to_yaml(template(app, syntax=syntax, **settings)), regions=["eu-central-1"]
        )
    ]

    assert problems == []


def test_a_mapping_loses_nothing() -> None:
    app = orders_app(dead_letter=letters(SQSQueue(QUEUE), after=8))

    assert mapping_of(app) == {
        "EventSourceArn": {"Ref": "StreamArn"},
        "FunctionName": {"Ref": "Function"},
        "StartingPosition": "TRIM_HORIZON",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 13,
        "MaximumRecordAgeInSeconds": 43_200,
        "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["FailureBucket", "Arn"]}}},
        "MetricsConfig": {"Metrics": ["EventCount"]},
        "FilterCriteria": filter_criteria(app),
    }


@pytest.mark.parametrize(("hours", "age"), [(1, 43_200), (7, 50_400), (20, 86_400)])
def test_an_age_limit_is_above_min_age(hours: int, age: int) -> None:
    mapping = mapping_of(orders_app(dead_letter=letters(SQSQueue(QUEUE), min_age=timedelta(hours=hours))))

    assert (mapping["MaximumRetryAttempts"], mapping["MaximumRecordAgeInSeconds"]) == (-1, age)


def test_an_app_for_everything_has_no_filter() -> None:
    app = StreamApp("orders")
    app.on_record()(lambda record: None)

    assert "FilterCriteria" not in mapping_of(app)


def test_the_filter_is_for_the_view_type() -> None:
    app = StreamApp("orders", view_type="NEW_IMAGE")
    app.on_insert(Order)(handle)

    assert resources(app) == resources(app, view_type="NEW_IMAGE")


def test_names_reach_the_function() -> None:
    app = orders_app(dead_letter=letters(SQSQueue(QUEUE)))

    function = resources(app, variables=["MAIL_API", "LETTERS"])["Function"]

    assert function["Properties"]["Environment"] == {
        "Variables": {
            "IDEMPOTENCY_TABLE": {"Ref": "IdempotencyTable"},
            "LETTERS": {"Ref": "DeadLetterQueue"},
            "MAIL_API": {"Ref": "MailApi"},
        }
    }
    assert template(app, variables=["MAIL_API"])["Parameters"]["MailApi"]["Type"] == "String"


def test_names_in_the_code_stay() -> None:
    app = orders_app(store=DynamoDBStore("marks"), dead_letter=letters(SQSQueue(f"{QUEUE}-2")))

    made = resources(app)

    assert made["IdempotencyTable"]["Properties"]["TableName"] == "marks"
    assert "DeadLetterQueue" not in made
    assert "Environment" not in made["Function"]["Properties"]
    [sending] = [each for each in statements(app) if each["Sid"] == "SendDeadLetters"]
    assert sending["Resource"] == {"Fn::Sub": "arn:${AWS::Partition}:sqs:eu-central-1:123456789012:letters-2"}


def test_a_url_in_the_code_has_to_tell_the_queue() -> None:
    app = orders_app(dead_letter=letters(SQSQueue("http://127.0.0.1:4566/000000000000/letters")))

    with pytest.raises(ConfigurationError, match="read it from an environment variable"):
        template(app)


def test_what_is_kept_outlives_the_stack() -> None:
    made = resources(orders_app(dead_letter=letters(SQSQueue(QUEUE))))
    kept = {name for name, resource in made.items() if resource.get("DeletionPolicy") == "Retain"}

    assert kept == {"IdempotencyTable", "DeadLetterQueue", "FailureBucket"}
    assert made["IdempotencyTable"]["Properties"]["TimeToLiveSpecification"] == {
        "AttributeName": "expiration",
        "Enabled": True,
    }
    assert made["DeadLetterQueue"]["Properties"] == {
        "MessageRetentionPeriod": 1_209_600,
        "SqsManagedSseEnabled": True,
    }


def test_other_stores_make_no_table() -> None:
    assert "IdempotencyTable" not in resources(orders_app(store=MemoryStore()))


def test_a_role_may_do_what_the_app_does() -> None:
    app = orders_app(count, dead_letter=letters(S3Bucket("the-bucket")))

    made = statements(app, tables={"totals": ["update"]})

    assert [each["Action"] for each in made] == [
        each["Action"]
        for each in role_policy(
            app,
            stream_arn="${StreamArn}",
            tables={"totals": ["update"]},
            failure_destination="arn:aws:s3:::failures",
        )["Statement"]
    ]
    assert [each["Resource"] for each in made if each["Sid"] == "ReadStream"] == [{"Ref": "StreamArn"}]
    assert [each["Resource"] for each in made if each["Sid"] == "SendDeadLetters"] == [
        {"Fn::Sub": "arn:${AWS::Partition}:s3:::${DeadLetterBucket}/*"}
    ]


def test_the_time_out_is_above_the_reserve() -> None:
    made = resources(orders_app(time_reserve=timedelta(seconds=40)))

    assert made["Function"]["Properties"]["Timeout"] == 120


def test_alarms_are_on_what_is_lost() -> None:
    made = resources(orders_app(dead_letter=letters(SQSQueue(QUEUE))))
    metrics = [each["Properties"]["MetricName"] for name, each in made.items() if name.endswith("Alarm")]

    assert metrics == [
        "IteratorAge",
        "DroppedEventCount",
        "OnFailureDestinationDeliveredEventCount",
        "ApproximateNumberOfMessagesVisible",
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"syntax": "terraform"}, 'syntax must be "sam" or "cloudformation"'),
        ({"view_type": "ALL"}, "view_type must be one of KEYS_ONLY"),
        ({"variables": ["MAIL-API"]}, "'MAIL-API' is no name of an environment variable"),
        ({}, r"count asks for a transaction.*tables="),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    app = orders_app(count)
    given: dict[str, Any] = {"tables": {"totals": ["put"]} if settings else None, **settings}

    with pytest.raises(ConfigurationError, match=message):
        template(app, **given)


def test_the_refused_handler_writes_anywhere() -> None:
    """The test above looks at its code alone."""
    transaction = Transaction()

    count(inserted(Order(pk="1"), keys="pk"), transaction)

    assert len(transaction.writes) == 1


def test_yaml_says_the_same() -> None:
    made = template(orders_app(dead_letter=letters(SQSQueue(QUEUE))), syntax="cloudformation")

    text = to_yaml(made)

    assert from_yaml(text) == made
    assert "# Without it, Lambda takes every answer for success, and failed records are lost.\n" in text
    assert text.count("# ") > 12


def from_yaml(text: str) -> Any:
    """Return a template in the long forms of CloudFormation's functions, as its own tools read it."""
    return json.loads(json.dumps(cfn_yaml.loads(text)))


APP = """
import os

from pydantic import BaseModel

from ddbevents import Insert, StreamApp
from ddbevents.dead_letters import DeadLetters, SQSQueue
from ddbevents.stores import DynamoDBStore

print("imported")
LIMIT = {limit}
store = DynamoDBStore(os.environ["MARKS"])
app = StreamApp("orders", store=store, dead_letter=DeadLetters(SQSQueue(os.environ["LETTERS_URL"])))


class Order(BaseModel):
    pk: str


@app.on_insert(Order)
def welcome(change: Insert[Order]) -> None: ...
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    variables = {*os.environ}
    with current_folder(tmp_path, monkeypatch):
        (tmp_path / "orders_app.py").write_text(APP.format(limit='os.environ["MAIL_API"]'))
        yield tmp_path
    for name in {*os.environ} - variables:  # the command sets them
        del os.environ[name]


def print_template(*arguments: str) -> Run:
    return command("template")("orders_app.py", *arguments)


def test_variables_get_placeholders(project: Path) -> None:
    run = print_template()

    function = YAML(typ="rt").load(run.out)["Resources"]["Function"]["Properties"]
    assert run.code == 0
    assert function["Handler"] == "orders_app.app"
    assert function["Runtime"] == "python3.13"
    assert [*function["Environment"]["Variables"]] == ["MARKS", "LETTERS_URL", "MAIL_API"]
    assert "000000000000" not in run.out
    assert "placeholder" not in run.out
    assert "imported" in run.err


def test_a_file_is_written(project: Path) -> None:
    with (project / "orders_app.py").open("a") as file:
        file.write("lambda_handler = app\n")

    run = print_template("--format", "cloudformation", "--arch", "x86_64", "--python", "3.12", "-o", "t.yaml")

    text = (project / "t.yaml").read_text()
    assert (run.code, run.out) == (0, "")
    assert "Handler: orders_app.lambda_handler\n" in text
    assert "Architectures: [x86_64]\n" in text
    assert "Runtime: python3.12\n" in text
    assert "CodeBucket" in text


def test_a_file_that_cannot_be_written_is_named(project: Path) -> None:
    run = print_template("-o", "missing/t.yaml")

    assert (run.code, run.err.splitlines()[-1]) == (
        2,
        "error: missing/t.yaml cannot be written: No such file or directory",
    )


def test_a_placeholder_that_will_not_do_is_named(project: Path) -> None:
    (project / "orders_app.py").write_text(APP.format(limit='int(os.environ["LIMIT"])'))

    run = print_template()

    assert run.code == 2
    assert "ValueError" in run.err
    assert "LIMIT had a placeholder: set what has to be a real value" in run.err


def test_a_table_is_asked_for(project: Path) -> None:
    with (project / "orders_app.py").open("a") as file:
        file.write(
            "\nfrom ddbevents import Transaction\n"
            "@app.on_insert(Order)\n"
            "def count(change: Insert[Order], tx: Transaction) -> None:\n"
            "    tx.put(str(change), {})\n"
        )

    refused = print_template()
    accepted = print_template("--writes", "totals=update")

    assert refused.code == 2
    assert "--writes totals=update" in refused.err
    assert "table/totals" in accepted.out


def test_other_errors_have_no_placeholders(project: Path) -> None:
    run = command("template")("elsewhere.py")

    assert (run.code, run.err) == (2, "error: there is no file elsewhere.py\n")


def test_yaml_needs_its_extra(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ddbevents.deploy._template._yaml", None)

    run = print_template()

    assert run.code == 2
    assert run.err.endswith("error: YAML needs ruamel.yaml: pip install 'ddbevents[cli]'\n")
