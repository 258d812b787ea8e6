"""The message that Lambda sends to an on-failure destination, and a pipe to its dead-letter queue.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html. Recorded on AWS:
`functionError` can be null, and there is no `responseContext` if the records were too old. A
pipe's message has less: its parts are as others have written them down.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from ._arrivals import Source
from ._batches import Batch
from ._function import function_arn
from ._history import Invocation

_PIPE: Final = "arn:aws:pipes:eu-central-1:123456789012:pipe/changes"


def failure_message(  # noqa: PLR0913  # one for each part of a message
    batch: Batch,
    last: Invocation | None,
    *,
    source: Source,
    function: str,
    shard: str,
    request_id: str,
    at: datetime,
) -> dict[str, Any]:
    """Return the message for a queue or a topic: where the discarded records are, but not the records.

    Args:
        batch: The discarded batch.
        last: The invocation that used up the retries; None if the records were too old.
        source: What the records come from.
        function: The function's name.
        shard: The shard of the records.
        request_id: The message's own request id.
        at: When the batch was discarded.
    """
    condition = "RecordAgeExceeded" if last is None else "RetryAttemptsExhausted"
    rest = {"version": "1.0", "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"}
    if source == "pipe":
        return {
            "context": {"partnerResourceArn": _PIPE, "condition": condition},
            **rest,
            **_info(batch, shard),
        }
    return {
        "requestContext": {
            "requestId": request_id,
            "functionArn": function_arn(function),
            "condition": condition,
            "approximateInvokeCount": batch.invocations,
        },
        **({} if last is None else {"responseContext": _response(last)}),
        **rest,
        **_info(batch, shard),
    }


def _info(batch: Batch, shard: str) -> dict[str, Any]:
    """Return where the records are; Lambda names it by the kind of stream."""
    first, *_, newest = (batch.records[0], *batch.records)
    info = {
        "shardId": shard,
        "startSequenceNumber": first.sequence_number,
        "endSequenceNumber": newest.sequence_number,
        "approximateArrivalOfFirstRecord": f"{first.at:%Y-%m-%dT%H:%M:%S}Z",
        "approximateArrivalOfLastRecord": f"{newest.at:%Y-%m-%dT%H:%M:%S}Z",
        "batchSize": len(batch.records),
        "streamArn": first.raw.get("eventSourceARN"),
    }
    return {"KinesisBatchInfo" if "kinesis" in first.raw else "DDBStreamBatchInfo": info}


def _response(last: Invocation) -> dict[str, Any]:
    return {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": None if last.error is None else "Unhandled",
    }
