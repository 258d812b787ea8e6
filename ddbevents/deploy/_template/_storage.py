"""The tables, queues and buckets of a template. All of them outlive the stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ._parts import RETAINED, Json
from ._plan import Plan

_TWO_WEEKS: Final = 14 * 24 * 60 * 60  # the longest that SQS keeps a message
_PRIVATE: Final = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}


def storage(plan: Plan) -> Iterator[tuple[str, Json]]:
    """Yield the resources that keep something, by their logical names."""
    if plan.has_table:
        yield "IdempotencyTable", _table(plan)
    if plan.has_queue:
        yield "DeadLetterQueue", _queue(plan)
    if plan.has_bucket:
        yield "DeadLetterBucket", _bucket()
    yield "FailureBucket", _bucket()


def _table(plan: Plan) -> Json:
    # only a name in the code needs one here: with a name, a change that replaces the table fails
    name = {} if plan.table_variable else {"TableName": plan.needs.table}
    return {
        "Type": "AWS::DynamoDB::Table",
        **RETAINED,
        "Properties": {
            **name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "TimeToLiveSpecification": {"AttributeName": "expiration", "Enabled": True},
        },
    }


def _queue(plan: Plan) -> Json:
    is_fifo = str(plan.needs.queue).endswith(".fifo")
    return {
        "Type": "AWS::SQS::Queue",
        **RETAINED,
        "Properties": {
            **({"FifoQueue": True} if is_fifo else {}),
            "MessageRetentionPeriod": _TWO_WEEKS,
            "SqsManagedSseEnabled": True,
        },
    }


def _bucket() -> Json:
    return {
        "Type": "AWS::S3::Bucket",
        **RETAINED,
        "Properties": {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                ]
            },
            "PublicAccessBlockConfiguration": _PRIVATE,
        },
    }
