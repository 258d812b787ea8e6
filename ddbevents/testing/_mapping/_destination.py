"""The message that Lambda sends to an on-failure destination.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html. Recorded on AWS:
`functionError` can be null, and there is no `responseContext` if the records were too old.
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
    """Return the message for a queue or a topic: where the discarded records are, but not the records.

    Args:
        batch: The discarded batch.
        last: The invocation that used up the retries; None if the records were too old.
        function: The function's name.
        shard: The shard of the records.
        request_id: The message's own request id.
        at: When the batch was discarded.
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
