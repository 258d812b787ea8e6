"""What an on-failure destination gets.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html; that `functionError` can
be null, and that there is no `responseContext` where the age was exceeded, was recorded on AWS.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ._batches import Batch
from ._function import function_arn
from ._history import Invocation


def failure_message(
    batch: Batch, last: Invocation | None, *, function: str, shard: str, request_id: str, at: datetime
) -> dict[str, Any]:
    """The message to a queue or a topic: what was discarded and where it is, but not the records.

    Args:
        batch: What is discarded.
        last: The invocation that used up the retries; None if the records were too old.
        function: The function's name.
        shard: Where the records came from.
        request_id: Of the message.
        at: When they were discarded.
    """
    first, *_, newest = (batch.records[0], *batch.records)
    return {
        "requestContext": {
            "requestId": request_id,
            "functionArn": function_arn(function),
            "condition": "RecordAgeExceeded" if last is None else "RetryAttemptsExhausted",
            "approximateInvokeCount": batch.invocations,
        },
        **({} if last is None else {"responseContext": _response(last)}),
        "version": "1.0",
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": newest.sequence_number,
            "approximateArrivalOfFirstRecord": f"{first.at:%Y-%m-%dT%H:%M:%S}Z",
            "approximateArrivalOfLastRecord": f"{newest.at:%Y-%m-%dT%H:%M:%S}Z",
            "batchSize": len(batch.records),
            "streamArn": first.raw.get("eventSourceARN"),
        },
    }


def _response(last: Invocation) -> dict[str, Any]:
    return {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": None if last.error is None else "Unhandled",
    }
