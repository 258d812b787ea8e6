"""The shapes of what people pass in place of a stream's event or record, each with its name and a cure.

A row that gets a reader of its own leaves its table.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from .._tuples import NamedTuple

Object: TypeAlias = Mapping[str, Any]

LONGEST_BODY: Final = 64 * 1024  # of a message that is looked at: a failure record has 1 KB
TRIGGER: Final = "make the table's DynamoDB stream the function's trigger instead"
_FETCH: Final = (
    "it names the records, but does not contain them. Pass what ddbevents.sources.StreamReader().read(...)"
    " returns for it, within 24 hours of the change; or let the app have its queue, with a reader"
)
_PAYLOAD: Final = "it contains the batch: pass json.loads of its payload to the app"
_READ_OBJECT: Final = f"read the object that it names; {_PAYLOAD}"


class Shape(NamedTuple):
    """Something with a name of its own.

    Attributes:
        name: Its name, with an article.
        cure: What to do, in the imperative.
        fits: Returns whether an object is one.
    """

    name: str
    cure: str
    fits: Callable[[Object], bool]


def holds_event(value: object) -> bool:
    """Return whether a value is an event with a list of records."""
    return isinstance(value, dict) and isinstance(value.get("Records"), list)


def parsed(text: object) -> dict[str, Any] | None:
    """Return the JSON object in a text that is not too long; None for anything else."""
    try:
        content = json.loads(text) if isinstance(text, str) and len(text) <= LONGEST_BODY else None
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def has(*names: str) -> Callable[[Object], bool]:
    """Return a test for objects that have all of these names."""
    return lambda content: all(name in content for name in names)


def _says(name: str, *values: str) -> Callable[[Object], bool]:
    return lambda content: content.get(name) in values


def _any(*conditions: Callable[[Object], bool]) -> Callable[[Object], bool]:
    return lambda content: any(fits(content) for fits in conditions)


def is_record(content: Object) -> bool:
    """Return whether an object is a stream record."""
    return isinstance(content.get("dynamodb"), dict) or content.get("eventSource") == "aws:dynamodb"


def _is_part_of_record(content: Object) -> bool:
    return "Keys" in content and not content.keys().isdisjoint({"SequenceNumber", "NewImage", "OldImage"})


def _is_incremental_line(content: Object) -> bool:
    metadata = content.get("Metadata")
    return isinstance(metadata, dict) and "WriteTimestampMicros" in metadata


def _is_full_line(content: Object) -> bool:
    return len(content) == 1 and "Item" in content


def _is_request(content: Object) -> bool:
    context = content.get("requestContext")
    inside = context if isinstance(context, dict) else {}
    return not (
        content.keys().isdisjoint({"httpMethod", "rawPath", "routeKey"})
        and inside.keys().isdisjoint({"http", "elb", "httpMethod", "connectionId"})
    )


def _is_failure(content: object) -> bool:
    return isinstance(content, dict) and "DDBStreamBatchInfo" in content


def _is_failure_by_topic(content: Object) -> bool:
    envelope = content.get("Sns", content)
    return isinstance(envelope, dict) and _is_failure(parsed(envelope.get("Message")))


def _is_failure_in_bucket(content: Object) -> bool:
    if content.get("eventSource") != "aws:s3":
        return False
    place: object = content.get("s3")
    stored: object = place.get("object") if isinstance(place, dict) else None
    key: object = stored.get("key") if isinstance(stored, dict) else None
    return isinstance(key, str) and key.startswith("aws/lambda/")


_OF_KINESIS: Final = Shape(
    "Lambda's failure record of a Kinesis batch",
    "its records are in the Kinesis stream, for 24 hours or longer: let a second mapping of that stream"
    " read it again from that time on, with StartingPosition AT_TIMESTAMP",
    has("KinesisBatchInfo"),
)
_FAILURES: Final = (
    Shape("Lambda's failure record, as it is in a bucket", _PAYLOAD, has("DDBStreamBatchInfo", "payload")),
    Shape("Lambda's failure record of a batch", _FETCH, has("DDBStreamBatchInfo")),
    _OF_KINESIS,
)
_LINES: Final = (
    Shape(
        "a line of an incremental export to S3",
        "an app takes lines in batches of Step Functions' Distributed Map, or as read_export of"
        " ddbevents.sources gives them",
        _is_incremental_line,
    ),
    Shape(
        "a line of a full export to S3, or an item that boto3 read",
        "an app takes items as scan and read_export of ddbevents.sources give them. In a test, make a record"
        " with ddbevents.testing.insert",
        _is_full_line,
    ),
)
_PARTS: Final = (
    *_LINES,
    Shape(
        "the `dynamodb` part of a record",
        "pass the whole record, with eventID, eventName and eventSource around it",
        _is_part_of_record,
    ),
)
_HTTP: Final = Shape(
    "an HTTP request of API Gateway, a function URL or a load balancer",
    f"give requests a function of their own, and {TRIGGER}",
    _is_request,
)
_EVENTBRIDGE: Final = Shape(
    "an event of EventBridge, from a rule or a schedule",
    f"take the rule off this function, and {TRIGGER}; or answer a call that keeps it warm before the app",
    has("detail-type"),
)
_BUCKET_TEST: Final = Shape(
    "the test message that S3 sends when a notification is set up",
    "nothing is lost if you delete it",
    _says("Event", "s3:TestEvent"),
)
EVENTS: Final = (
    *_FAILURES,
    Shape(
        "Lambda's record of an asynchronous invocation",
        "pass its requestPayload to the app",
        has("requestPayload", "requestContext"),
    ),
    Shape(
        "a dead letter of ddbevents",
        "handle it again with `ddbevents redrive`, or let the app have the queue that it is in",
        _any(has("version", "app", "record"), has("version", "compressed", "letter")),
    ),
    Shape(
        "a lone record",
        'a stream\'s event holds its records in a list: pass {"Records": [record]}',
        _any(is_record, _says("eventName", "INSERT", "MODIFY", "REMOVE")),
    ),
    *_PARTS,
    Shape(
        "a batch of Step Functions' Distributed Map, but without a list in Items",
        "give the map an ItemBatcher, which passes several lines",
        has("Items", "BatchInput"),
    ),
    Shape(
        "items that boto3's scan or query returned",
        "an app takes items as scan of ddbevents.sources gives them, or a Distributed Map with BatchInput. In"
        " a test, make records with ddbevents.testing.insert",
        has("Items"),
    ),
    _HTTP,
    _EVENTBRIDGE,
    Shape(
        "a message of SNS, without what Lambda puts around it",
        f"give the topic a function of its own, and {TRIGGER}",
        has("Type", "TopicArn"),
    ),
    Shape(
        "a batch of Data Firehose",
        f"give the delivery stream a function of its own, and {TRIGGER}",
        has("deliveryStreamArn"),
    ),
    Shape(
        "a batch of Kafka, MQ or DocumentDB",
        f"give that trigger a function of its own, and {TRIGGER}",
        _says("eventSource", "aws:kafka", "SelfManagedKafka", "aws:mq", "aws:amq", "aws:rmq", "aws:docdb"),
    ),
    Shape(
        "a batch of CloudWatch Logs",
        f"give the log group a function of its own, and {TRIGGER}",
        has("awslogs"),
    ),
    Shape(
        "a call of Cognito",
        f"give the user pool a function of its own, and {TRIGGER}",
        has("triggerSource"),
    ),
    Shape(
        "a request of CloudFormation for a custom resource",
        f"give the resource a function of its own, and {TRIGGER}",
        has("RequestType", "ResponseURL"),
    ),
    Shape(
        "a request of AppSync",
        f"give the resolver a function of its own, and {TRIGGER}",
        has("arguments", "info"),
    ),
    _BUCKET_TEST,
    Shape(
        "an answer to Lambda, not an event",
        "pass the event that it answers",
        has("batchItemFailures"),
    ),
    Shape(
        "an object with `records`",
        "a stream's event spells it Records, with a capital R",
        has("records"),
    ),
    Shape(
        "the hello-world test event of Lambda's console",
        "choose the template dynamodb-update there",
        has("key1"),
    ),
    Shape(
        "an empty object",
        "a test in the console or a call that keeps the function warm passes that; answer it before the app",
        lambda content: not content,
    ),
)
RECORDS: Final = (
    *_FAILURES,
    Shape(
        "a Kinesis record",
        "for Kinesis Data Streams for DynamoDB, make the Kinesis stream the function's trigger, which passes"
        " its records in Records and no others",
        _any(_says("eventSource", "aws:kinesis"), has("kinesis"), has("kinesisPartitionKey")),
    ),
    Shape("Lambda's failure record of a batch, sent by SNS", _FETCH, _is_failure_by_topic),
    Shape(
        "a message of SNS",
        f"give the topic a function of its own, and {TRIGGER}",
        _any(_says("EventSource", "aws:sns"), has("Sns")),
    ),
    Shape(
        "S3's notification of a failure record",
        _READ_OBJECT,
        _is_failure_in_bucket,
    ),
    Shape(
        "a notification of S3",
        f"give the bucket a function of its own, and {TRIGGER}",
        _says("eventSource", "aws:s3"),
    ),
    Shape(
        "a message of SQS",
        "only dead letters and Lambda's failure records are read from a queue, by an event that has nothing"
        " else",
        _any(_says("eventSource", "aws:sqs"), has("MessageId", "Body")),
    ),
    *_PARTS,
    Shape(
        "a whole event, with Records of its own",
        "pass that event itself, or put the records of all events into one list",
        has("Records"),
    ),
)
MESSAGES: Final = (
    _OF_KINESIS,
    Shape(
        "a record of a stream",
        f"an app reads records from the stream itself, not from a queue: {TRIGGER}",
        _any(is_record, holds_event),
    ),
    _BUCKET_TEST,
    _EVENTBRIDGE,
)
