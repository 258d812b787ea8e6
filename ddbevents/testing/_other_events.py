"""Events of the sources beside a stream, made of records as `insert`, `modify` and `remove` return them.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-dynamodb.html
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, Literal
from uuid import UUID, uuid5

from .._errors import ConfigurationError
from .._records import StreamRecord, parse_event
from ._builders import event
from ._clock import START
from ._raw_records import Json

_PER_SECOND: Final = {"MILLISECOND": 1_000, "MICROSECOND": 1_000_000}
_FIRST_NUMBER: Final = 49_600_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000  # 56 digits
_CARRIED: Final = frozenset({"Keys", "NewImage", "OldImage", "SizeBytes"})
_CHANGES: Final = UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")  # Kinesis has other eventIDs than the stream


def kinesis_event(
    *records: Mapping[str, Any], precision: Literal["MILLISECOND", "MICROSECOND"] = "MILLISECOND"
) -> Json:
    """Return the event that Lambda passes for these records of Kinesis Data Streams for DynamoDB.

    A change has another `eventID` there than in the table's stream, and the Kinesis record has a sequence
    number of its own, which rises with that of the table's stream.

    Args:
        records: Records as `insert`, `modify` and `remove` return them.
        precision: The unit of the time at which a change was made.

    Raises:
        ConfigurationError: Something else than a record is passed, or the precision is none of the two.
        InvalidRecordError: A record is not as AWS sends it.
    """
    if precision not in _PER_SECOND:
        raise ConfigurationError(f"precision must be one of {', '.join(_PER_SECOND)}")
    return {"Records": [_kinesis_record(record, precision) for record in parse_event(event(*records))]}


def pipes_event(*records: Mapping[str, Any]) -> list[Json]:
    """Return the list that EventBridge Pipes passes for these records of a stream.

    Raises:
        ConfigurationError: Something else than a record is passed.
    """
    listed: list[Json] = event(*records)["Records"]
    return listed


def _kinesis_record(record: StreamRecord, precision: str) -> Json:
    region, table = record.region or "eu-central-1", record.table or "Table"
    number = str(_FIRST_NUMBER + int(record.sequence_number))
    seconds = (record.created_at or START).timestamp()
    body = {name: part for name, part in record.raw["dynamodb"].items() if name in _CARRIED}
    body["ApproximateCreationDateTime"] = int(seconds * _PER_SECOND[precision])
    if precision == "MICROSECOND":
        body["ApproximateCreationDateTimePrecision"] = precision
    change = {
        "awsRegion": region,
        "eventID": str(uuid5(_CHANGES, record.event_id)),
        "eventName": record.kind,
        "userIdentity": record.raw.get("userIdentity"),
        "recordFormat": "application/json",
        "tableName": table,
        "dynamodb": body,
        "eventSource": "aws:dynamodb",
    }
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": change["eventID"],
            "sequenceNumber": number,
            "data": b64encode(json.dumps(change).encode()).decode(),
            "approximateArrivalTimestamp": seconds,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/changes",
        "awsRegion": region,
        "eventSourceARN": f"arn:aws:kinesis:{region}:123456789012:stream/{table}",
    }
