"""The function of a template, its role, and the event source mapping that calls it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ._parts import Json, allow, arn_of, joined, ref
from ._plan import Plan

_DAY: Final = 24 * 60 * 60
_HALF_A_DAY: Final = _DAY // 2
_HOUR: Final = 60 * 60
_RETRIES: Final = 10
_MORE_THAN_ATTEMPTS: Final = 5
_WRITES: Final = [
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
]


def function(plan: Plan) -> Json:
    """Return the function."""
    reserve = plan.needs.time_reserve.total_seconds()
    common = {
        "Handler": plan.handler,
        "Runtime": plan.runtime,
        "Architectures": [plan.architecture],
        "MemorySize": 256,
        "Timeout": min(900, max(60, int(3 * reserve))),
        "Role": arn_of("FunctionRole"),
        **({"Environment": {"Variables": {**plan.environment}}} if plan.environment else {}),
    }
    if plan.syntax == "sam":
        return {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": plan.code, **common}}
    code = {"S3Bucket": ref("CodeBucket"), "S3Key": ref("CodeKey")}
    return {"Type": "AWS::Lambda::Function", "Properties": {"Code": code, **common}}


def mapping(plan: Plan) -> Json:
    """Return the event source mapping."""
    criteria = {"FilterCriteria": {"Filters": [{**each} for each in plan.patterns]}} if plan.patterns else {}
    retries, age = _limits(plan)
    return {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "EventSourceArn": ref("StreamArn"),
            "FunctionName": ref("Function"),
            "StartingPosition": "TRIM_HORIZON",
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BisectBatchOnFunctionError": True,
            "MaximumRetryAttempts": retries,
            "MaximumRecordAgeInSeconds": age,
            "DestinationConfig": {"OnFailure": {"Destination": arn_of("FailureBucket")}},
            "MetricsConfig": {"Metrics": ["EventCount"]},
            **criteria,
        },
    }


def _limits(plan: Plan) -> tuple[int, int]:
    """Return how often a batch is retried, and until which age: more than the app's dead letters need."""
    min_age = int(plan.needs.min_age.total_seconds())
    if min_age:
        return -1, min(_DAY, max(2 * min_age, min_age + _HOUR, _HALF_A_DAY))
    return max(_RETRIES, plan.needs.attempts + _MORE_THAN_ATTEMPTS), _HALF_A_DAY


def role(plan: Plan) -> Json:
    """Return the function's role, which may do what the app does and no more."""
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "lambda.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            },
            "ManagedPolicyArns": [
                joined("arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
            ],
            "Policies": [
                {
                    "PolicyName": "handlers",
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": [*_statements(plan)]},
                }
            ],
        },
    }


def _statements(plan: Plan) -> Iterator[Json]:
    reads = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    yield allow(reads, ref("StreamArn"))
    yield allow(["dynamodb:ListStreams"], "*")
    if plan.has_table:
        marks = ["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"]
        yield allow([*marks, "dynamodb:PutItem"] if plan.tables else marks, arn_of("IdempotencyTable"))
    if plan.tables:
        arn = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/"
        yield allow(["dynamodb:DescribeTable", *_WRITES], [joined(f"{arn}{table}") for table in plan.tables])
    yield from _letters(plan)
    yield allow(["s3:PutObject"], joined("${FailureBucket.Arn}/*"))
    yield allow(["s3:ListBucket"], arn_of("FailureBucket"))


def _letters(plan: Plan) -> Iterator[Json]:
    if plan.has_queue:
        yield allow(["sqs:SendMessage"], arn_of("DeadLetterQueue"))
    elif plan.needs.queue is not None:
        yield allow(["sqs:SendMessage"], joined(_arn_of_url(plan.needs.queue)))
    if plan.has_bucket:
        yield allow(["s3:PutObject"], joined("${DeadLetterBucket.Arn}/*"))
    elif plan.needs.bucket is not None:
        yield allow(["s3:PutObject"], joined(f"arn:${{AWS::Partition}}:s3:::{plan.needs.bucket}/*"))


def _arn_of_url(url: str) -> str:
    """Return the ARN of a queue that the code names by its URL, in the stack's Region if the URL has none."""
    host, account, name = url.split("://")[1].split("/")[:3]
    parts = host.split(".")
    region = parts[1] if len(parts) > 3 else "${AWS::Region}"  # noqa: PLR2004  # sqs.<region>.amazonaws.com
    return f"arn:${{AWS::Partition}}:sqs:{region}:{account}:{name}"
