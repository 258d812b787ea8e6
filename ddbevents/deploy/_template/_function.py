"""The function of a template, its role, and the event source mapping that calls it."""

from __future__ import annotations

from typing import Final

from .._policy import Statement
from ._parts import Json, arn_of, ref, substituted
from ._plan import Plan

_DAY: Final = 24 * 60 * 60
_HALF_A_DAY: Final = _DAY // 2
_HOUR: Final = 60 * 60
_RETRIES: Final = 10
_MORE_THAN_ATTEMPTS: Final = 5


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
            "Policies": [
                {
                    "PolicyName": "handlers",
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [_statement(each) for each in plan.statements],
                    },
                }
            ],
        },
    }


def _statement(given: Statement) -> Json:
    resources = [substituted(resource) for resource in given["Resource"]]
    return {**given, "Resource": resources if len(resources) > 1 else resources[0]}
