"""Lambda's failure records without AWS, and a reader that has their records in memory.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from .._errors import ConfigurationError, SourceError
from .._records import parse_event
from ._builders import event
from ._clock import START
from ._raw_records import Json

_FUNCTION: Final = "arn:aws:lambda:eu-central-1:123456789012:function:changes"
_SHARD: Final = "shardId-00000001766181600000-abcdef01"


def failure_record(*records: Mapping[str, Any], payload: bool = False) -> Json:
    """Return Lambda's failure record of a batch that it gave up, as it is in a queue, a topic or a bucket.

    Pass it to `queue_event`, and its records to a `MemoryReader`.

    Args:
        records: The records of the batch, of one stream and in its order.
        payload: Whether it has the batch itself too, as only S3's has.

    Raises:
        ConfigurationError: There is no record, or something else than a record.
        InvalidRecordError: A record is not as AWS sends it.
    """
    batch = event(*records)
    parsed = parse_event(batch)
    if not parsed:
        raise ConfigurationError("failure_record takes the records of a batch, which has at least one")
    first, last = parsed[0], parsed[-1]
    failure: Json = {
        "requestContext": {
            "requestId": "00000000-0000-4000-8000-000000000001",
            "functionArn": f"{_FUNCTION}:$LATEST",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 4,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": _moment(START),
        "DDBStreamBatchInfo": {
            "shardId": _SHARD,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": _moment(first.created_at or START),
            "approximateArrivalOfLastRecord": _moment(last.created_at or START),
            "batchSize": len(parsed),
            "streamArn": first.source_arn,
        },
    }
    return {**failure, "payload": json.dumps(batch)} if payload else failure


class MemoryReader:
    """A reader that has a stream's records in memory, in place of `ddbevents.sources.StreamReader` in tests.

    Attributes:
        streams: The ARNs of the records' streams.
        buckets: The buckets of `objects`.
        objects: Failure records in buckets, by bucket and key.
    """

    def __init__(
        self, *records: Mapping[str, Any], objects: Mapping[tuple[str, str], Mapping[str, Any]] | None = None
    ) -> None:
        self._records: Sequence[Json] = event(*records)["Records"]
        self.streams: Final[frozenset[str]] = frozenset(record["eventSourceARN"] for record in self._records)
        self.objects: Final[Mapping[tuple[str, str], Mapping[str, Any]]] = dict(objects or {})
        self.buckets: Final[frozenset[str]] = frozenset(bucket for bucket, _ in self.objects)

    def read(self, failure: Mapping[str, Any]) -> Json:
        """Return the records that a failure record names.

        Raises:
            SourceError: They or the object that names them are not there.
        """
        if "bucket" in failure:
            found = self.objects.get((failure["bucket"], failure["key"]))
            if found is None:
                raise SourceError(f"there is no object {failure['key']}", place=failure["key"])
            failure = found
        if "payload" in failure:
            batch: Json = json.loads(failure["payload"])
            return batch
        info = failure["DDBStreamBatchInfo"]
        records = [*self._between(info)]
        if not records:
            raise SourceError(f"the records of shard {info['shardId']} are lost", place=info["shardId"])
        return {"Records": records}

    def _between(self, info: Mapping[str, Any]) -> Iterator[Json]:
        first, last = int(info["startSequenceNumber"]), int(info["endSequenceNumber"])
        for record in self._records:
            is_of_stream = record["eventSourceARN"] == info["streamArn"]
            if is_of_stream and first <= int(record["dynamodb"]["SequenceNumber"]) <= last:
                yield record


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
