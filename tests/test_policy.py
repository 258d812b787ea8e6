"""`role_policy`: what a function's role is allowed, checked against IAM's own list of actions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import pytest
from policy_sentry.querying.actions import get_action_data
from pydantic import BaseModel

from ddbevents import ConfigurationError, Insert, StreamApp, Transaction
from ddbevents.dead_letters import DeadLetters, S3Bucket, SQSQueue
from ddbevents.deploy import PolicyDocument, role_policy
from ddbevents.sources import StreamReader
from ddbevents.stores import DynamoDBStore, MemoryStore
from ddbevents.testing import MemorySink

STREAM: Final = "arn:aws:dynamodb:eu-central-1:123456789012:table/shop/stream/2026-11-27T09:00:00.000"
LETTERS: Final = "arn:aws:sqs:eu-central-1:123456789012:letters"
QUEUE: Final = SQSQueue("https://sqs.eu-central-1.amazonaws.com/123456789012/letters")
KEY: Final = "arn:aws:kms:eu-central-1:123456789012:key/1815"
ON_QUEUES: Final = (LETTERS, "arn:aws:sns:eu-central-1:123456789012:failures")
ALWAYS: Final = {"ReadStream", "ListStreams", "CreateLogGroup", "WriteLogs"}


class Order(BaseModel):
    """An order."""

    pk: str


def app_with(*, transactional: bool = False, **parts: Any) -> StreamApp:
    """Return an app with a handler."""
    app = StreamApp("shop", **parts)

    @app.on_insert(Order)
    def count(change: Insert[Order]) -> None:
        """Count an order."""

    def add(change: Insert[Order], tx: Transaction) -> None:
        """Add an order to a total."""

    for handler in [add] * transactional:
        app.on_insert(Order)(handler)
    return app


def granted(policy: PolicyDocument) -> dict[str, tuple[list[str], list[str]]]:
    """Return what a policy allows beyond what every function needs."""
    return {
        each["Sid"]: (each["Action"], each["Resource"])
        for each in policy["Statement"]
        if each["Sid"] not in ALWAYS
    }


STORED: Final[dict[str, Any]] = {"store": DynamoDBStore("marks")}
MARKS: Final = "arn:aws:dynamodb:eu-central-1:123456789012:table/marks"
TOTALS: Final = "arn:aws:dynamodb:eu-central-1:123456789012:table/totals"
RECORDS: Final = ["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"]


def test_an_app_reads_its_stream_and_logs() -> None:
    assert role_policy(app_with(), stream_arn=STREAM) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ReadStream",
                "Effect": "Allow",
                "Action": ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
                "Resource": [STREAM],
            },
            {"Sid": "ListStreams", "Effect": "Allow", "Action": ["dynamodb:ListStreams"], "Resource": ["*"]},
            {
                "Sid": "CreateLogGroup",
                "Effect": "Allow",
                "Action": ["logs:CreateLogGroup"],
                "Resource": ["arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/*"],
            },
            {
                "Sid": "WriteLogs",
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": ["arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/*:*"],
            },
        ],
    }


def letters(sink: Any) -> dict[str, Any]:
    """Return the parts of an app with dead letters."""
    return {"store": MemoryStore(), "dead_letter": DeadLetters(sink)}


READER: Final = StreamReader(streams=[STREAM], buckets=["failures"])
NEEDS: Final = [
    (app_with(), {}, {}),
    (app_with(store=MemoryStore()), {}, {}),
    (app_with(**STORED), {}, {"KeepIdempotencyRecords": (RECORDS, [MARKS])}),
    (
        app_with(**STORED),
        {"idempotency_table": "other"},
        {"KeepIdempotencyRecords": (RECORDS, [MARKS.replace("marks", "other")])},
    ),
    (
        app_with(**STORED, transactional=True),
        {"tables": {"totals": "update"}},
        {
            "KeepIdempotencyRecords": ([*RECORDS, "dynamodb:PutItem"], [MARKS]),
            "WriteTables1": (["dynamodb:UpdateItem"], [TOTALS]),
        },
    ),
    (
        app_with(),
        {"tables": {TOTALS: ["check", "put"], "a": ["delete", "update"], "b": ["update", "delete"]}},
        {
            "WriteTables1": (
                ["dynamodb:DescribeTable", "dynamodb:PutItem", "dynamodb:ConditionCheckItem"],
                [TOTALS],
            ),
            "WriteTables2": (
                ["dynamodb:UpdateItem", "dynamodb:DeleteItem"],
                [TOTALS.replace("totals", "a"), TOTALS.replace("totals", "b")],
            ),
        },
    ),
    (app_with(**letters(QUEUE)), {}, {"SendDeadLetters": (["sqs:SendMessage"], [LETTERS])}),
    (
        app_with(**letters(S3Bucket("letters", prefix="shop/"))),
        {},
        {"SendDeadLetters": (["s3:PutObject"], ["arn:aws:s3:::letters/shop/*"])},
    ),
    (
        app_with(**letters(S3Bucket("letters", prefix="shop/"))),
        {"dead_letters": "arn:aws:s3:::others"},
        {"SendDeadLetters": (["s3:PutObject"], ["arn:aws:s3:::others/shop/*"])},
    ),
    (app_with(**letters(MemorySink())), {}, {}),
    (
        app_with(**letters(MemorySink())),
        {"dead_letters": LETTERS},
        {"SendDeadLetters": (["sqs:SendMessage"], [LETTERS])},
    ),
    (
        app_with(reader=READER),
        {},
        {
            "ReadFailedRecords": (["dynamodb:GetRecords", "dynamodb:GetShardIterator"], [STREAM]),
            "ReadFailureRecords": (["s3:GetObject"], ["arn:aws:s3:::failures/*"]),
        },
    ),
    (
        app_with(),
        {"failure_destination": "arn:aws:s3:::failures", "keys": [KEY]},
        {
            "SendFailureRecords": (["s3:PutObject"], ["arn:aws:s3:::failures/*"]),
            "FindFailureBucket": (["s3:ListBucket"], ["arn:aws:s3:::failures"]),
            "UseKeys": (["kms:Decrypt", "kms:GenerateDataKey"], [KEY]),
        },
    ),
    (
        app_with(),
        {"failure_destination": ON_QUEUES[1]},
        {"SendFailureRecords": (["sns:Publish"], [ON_QUEUES[1]])},
    ),
]


@pytest.mark.parametrize(("app", "arguments", "expected"), NEEDS, ids=map(str, range(len(NEEDS))))
def test_a_part_needs_permissions(app: StreamApp, arguments: dict[str, Any], expected: Any) -> None:
    assert granted(role_policy(app, stream_arn=STREAM, **arguments)) == expected


def test_references_stay_references() -> None:
    policy = role_policy(
        app_with(**STORED),
        stream_arn="${Stream}",
        idempotency_table="${Marks}",
        dead_letters="arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Letters.QueueName}",
        log_group="arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/${Shop}:*",
    )

    assert [each["Resource"] for each in policy["Statement"]] == [
        ["${Stream}"],
        ["*"],
        ["arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/${Shop}"],
        ["arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/${Shop}:*"],
        ["arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Marks}"],
        ["arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Letters.QueueName}"],
    ]


MISTAKES: Final = [
    (app_with(), {"stream_arn": "shop"}, "stream_arn must be an ARN"),
    (app_with(), {"stream_arn": MARKS}, "stream_arn must be the ARN of a table's stream"),
    (app_with(), {"stream_arn": LETTERS}, "stream_arn must be the ARN of a table's stream"),
    (app_with(), {"tables": {"totals": ["write"]}}, "the writes to totals must be a list of methods"),
    (app_with(), {"tables": {"totals": []}}, "the writes to totals"),
    (app_with(), {"tables": {"totals": None}}, "the writes to totals"),
    (app_with(), {"tables": {"to/tals": ["update"]}}, "tables must name a table"),
    (app_with(), {"idempotency_table": "arn:nothing"}, "idempotency_table must be an ARN"),
    (app_with(), {"dead_letters": "letters"}, "dead_letters must be an ARN"),
    (app_with(), {"dead_letters": KEY}, "dead_letters must be the ARN of a queue"),
    (app_with(), {"failure_destination": KEY}, "failure_destination must be the ARN of a queue"),
    (app_with(), {"keys": ["1815"]}, "keys must be an ARN"),
    (app_with(), {"log_group": "/aws/lambda/shop"}, "log_group must be an ARN"),
    (
        app_with(**letters(SQSQueue("http://localhost:4566/1/a"))),
        {},
        "does not tell its ARN: pass dead_letters",
    ),
]


@pytest.mark.parametrize(("app", "arguments", "reason"), MISTAKES, ids=map(str, range(len(MISTAKES))))
def test_a_mistake_is_named(app: StreamApp, arguments: dict[str, Any], reason: str) -> None:
    given: dict[str, Any] = {"stream_arn": STREAM, **arguments}

    with pytest.raises(ConfigurationError, match=reason):
        role_policy(app, **given)


def whole_policy() -> PolicyDocument:
    """Return a policy with every action that there is."""
    return role_policy(
        app_with(**STORED, dead_letter=DeadLetters(QUEUE), reader=READER, transactional=True),
        stream_arn=STREAM,
        tables={"totals": ["put", "update", "delete", "check"]},
        failure_destination="arn:aws:s3:::failures",
        keys=[KEY],
    )


GRANTS: Final = [
    (action, resource)
    for each in [
        *whole_policy()["Statement"],
        *role_policy(app_with(), stream_arn=STREAM, failure_destination=ON_QUEUES[1])["Statement"],
    ]
    for action in each["Action"]
    for resource in each["Resource"]
]


def formats_of(action: str) -> Iterable[str]:
    """Return the ARNs that IAM knows for an action, with names for their parts."""
    service, name = action.split(":")
    data: Any = get_action_data(service, name)
    return [each["resource_arn_format"] for each in data[service]]


def fits(resource: str, form: str) -> bool:
    """Return whether an ARN is of a form, as arn:${Partition}:logs:${Region}:${Account}:log-group:${Name}."""
    whole = resource.replace("/*:*", "/*:log-stream:*")  # the last star stands for both parts
    last = re.sub(r"\$\{\w+\}$", "{}", form)
    pattern = re.sub(r"\\\$\\\{\w+\\\}", "[^:]+", re.escape(last)).replace(r"\{\}", ".+")
    return any(each == form or re.fullmatch(pattern, each) is not None for each in (resource, whole))


@pytest.mark.parametrize(("action", "resource"), [*dict.fromkeys(GRANTS)])
def test_iam_knows_each_grant(action: str, resource: str) -> None:
    assert [form for form in formats_of(action) if fits(resource, form)] != []


def test_a_wrong_grant_is_seen() -> None:
    assert not any(fits(MARKS, form) for form in formats_of("dynamodb:GetRecords"))
    assert not any(fits(STREAM, form) for form in formats_of("dynamodb:ListStreams"))
