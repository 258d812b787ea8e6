"""What people pass in place of a stream's event or record: the name of each thing, and what to do.

It is loaded only when something cannot be read, for the sake of cold starts. A row that gets a reader of its
own leaves its table.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from .._errors import InvalidEventError

_Object: TypeAlias = Mapping[str, Any]

_LONGEST_BODY: Final = 64 * 1024  # of a message that is looked at: a failure record has 1 KB
_SERVICE: Final = r"aws:[a-z0-9-]{1,40}"
_TRIGGER: Final = "make the table's DynamoDB stream the function's trigger instead"
_FETCH: Final = (
    "it names the records, but does not contain them. Read them with boto3's get_shard_iterator and"
    " get_records within 24 hours of the change, and pass that answer to the app"
)
_PAYLOAD: Final = "it contains the batch: pass json.loads of its payload to the app"
_WRAPPERS: Final = ("event", "Payload", "payload", "body", "detail", "input", "requestPayload")


class _Shape(NamedTuple):
    """Something with a name of its own.

    Attributes:
        name: Its name, with an article.
        cure: What to do, in the imperative.
        fits: Returns whether an object is one.
    """

    name: str
    cure: str
    fits: Callable[[_Object], bool]


def refused(event: object) -> InvalidEventError:
    """Return the error that says what an event is that is no object with a list `Records`."""
    return InvalidEventError(_reason(event))


def refused_batch(records: Iterable[object]) -> InvalidEventError | None:
    """Return the error for an event all of whose records are of one other source; None for any other event.

    Records of several sources fail one by one, each with its reason.
    """
    shapes = [_record_shape(record) for record in records]
    shape = shapes[0]
    if shape is None or any(each is None or each.name != shape.name for each in shapes):
        return None
    return InvalidEventError(f"the records are not of a DynamoDB stream, each is {shape.name}: {shape.cure}")


def reason_for_record(record: object) -> str | None:
    """Return why something in a list of records cannot be read; None if it has no name of its own."""
    if isinstance(record, dict):
        shape = _record_shape(record)
        return shape and (
            f"this is {shape.name}, among other records: Lambda passes those of one source at a time, so look"
            " at what made the event"
        )
    if isinstance(record, list):
        return (
            "a record is an object, not list: put the records into Records one by one, not as a list within"
        )
    if isinstance(record, (str, bytes, bytearray)):
        return f"a record is an object, not {type(record).__name__}: read it with json.loads first"
    if hasattr(type(record), "raw_event"):
        return "this is a record of Powertools' data classes: pass its .raw_event"
    if hasattr(type(record), "sequence_number"):
        return "this is a StreamRecord, which has been read already: pass its .raw"
    return None


def reason_for_body(body: object) -> str | None:
    """Return what a queue's message is that is no dead letter of the library; None if it is a damaged one."""
    if not isinstance(body, str) or len(body) > _LONGEST_BODY:
        return None
    content = _parsed(body)
    if content is None and body.lstrip().startswith('{"version"'):
        return None
    if content is not None and not content.keys().isdisjoint({"record", "compressed"}):
        return None
    shape = _first(_MESSAGES, {} if content is None else content)
    if shape is None:
        return (
            "not a dead letter of ddbevents, but a message of someone else: give other messages a queue and a"
            " function of their own"
        )
    return f"not a dead letter of ddbevents, but {shape.name}: {shape.cure}"


def _reason(event: object) -> str:  # noqa: PLR0911  # one a kind of thing
    kind = type(event).__name__
    if isinstance(event, dict):
        return _reason_for_object(event)
    if isinstance(event, list):
        return _reason_for_list(event)
    if isinstance(event, (str, bytes, bytearray)):
        return f"the event is {kind}, not an object: read it with json.loads first"
    if hasattr(type(event), "raw_event"):
        return f"the event is {kind}, an object of Powertools: pass {_raw_event(event)}"
    if hasattr(type(event), "get_remaining_time_in_millis"):
        return f"the event is {kind}, which is Lambda's context: an app is called with (event, context)"
    if isinstance(event, Mapping):
        return f"the event is {kind}, not a dict: pass dict(event)"
    if hasattr(type(event), "to_dict"):
        return f"the event is {kind}, not an object with Records: pass what its to_dict() returns"
    return f"the event is {kind}, not an object with Records: pass the event that Lambda sends"


def _raw_event(event: object) -> str:
    return ".raw_event" if hasattr(type(event), "records") else '{"Records": [record.raw_event]}'


def _reason_for_list(event: list[Any]) -> str:
    first = event[0] if event else None
    if hasattr(type(first), "raw_event"):
        return (
            'the event is list, of Powertools\' records: pass {"Records": [...]} with the .raw_event of each'
        )
    if not isinstance(first, dict):
        return 'the event is list, not an object with Records: a stream\'s event is {"Records": [...]}'
    if _is_record(first):
        return (
            "the event is list, as EventBridge Pipes passes records, which an app does not read: make the"
            " stream the function's trigger, without the pipe. In a test, pass"
            " ddbevents.testing.event(*records)"
        )
    shape = _record_shape(first)
    what = "an object with Records" if shape is None else f"of a DynamoDB stream: it begins with {shape.name}"
    return f"the event is list, not {what}: {_TRIGGER if shape is None else shape.cure}"


def _reason_for_object(event: dict[str, Any]) -> str:
    if "Records" in event:
        return _reason_for_records(event["Records"])
    shape = _first(_EVENTS, event) or _record_shape(event)
    if shape is not None:
        return f"the event has no Records, since it is {shape.name}: {shape.cure}"
    wrapper = next((name for name in _WRAPPERS if _holds_event(event.get(name))), None)
    if wrapper is not None:
        return f"the event has no Records, but its {wrapper} has: pass event[{wrapper!r}] to the app"
    return "the event has no Records: is the function's trigger a DynamoDB stream?"


def _reason_for_records(records: object) -> str:
    reason = f"Records of the event is {type(records).__name__}, not a list"
    if isinstance(records, dict) and _is_record(records):
        return f"{reason}: put the record into one, [record]"
    if isinstance(records, (str, bytes, bytearray)):
        return f"{reason}: read it with json.loads first"
    return f"{reason}: pass the event as Lambda sends it"


def _holds_event(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("Records"), list)


def _record_shape(record: object) -> _Shape | None:
    if not isinstance(record, dict) or _is_record(record):
        return None
    shape = _first(_RECORDS, record)
    source = record.get("eventSource")
    if shape is None and isinstance(source, str) and re.fullmatch(_SERVICE, source):
        return _Shape(f"a record of {source}", _TRIGGER, _has())
    return shape


def _first(shapes: Iterable[_Shape], content: _Object) -> _Shape | None:
    return next((shape for shape in shapes if shape.fits(content)), None)


def _parsed(text: object) -> dict[str, Any] | None:
    try:
        content = json.loads(text) if isinstance(text, str) and len(text) <= _LONGEST_BODY else None
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _has(*names: str) -> Callable[[_Object], bool]:
    return lambda content: all(name in content for name in names)


def _says(name: str, *values: str) -> Callable[[_Object], bool]:
    return lambda content: content.get(name) in values


def _any(*conditions: Callable[[_Object], bool]) -> Callable[[_Object], bool]:
    return lambda content: any(fits(content) for fits in conditions)


def _is_record(content: _Object) -> bool:
    return isinstance(content.get("dynamodb"), dict) or content.get("eventSource") == "aws:dynamodb"


def _is_part_of_record(content: _Object) -> bool:
    return "Keys" in content and not content.keys().isdisjoint({"SequenceNumber", "NewImage", "OldImage"})


def _is_incremental_line(content: _Object) -> bool:
    metadata = content.get("Metadata")
    return isinstance(metadata, dict) and "WriteTimestampMicros" in metadata


def _is_full_line(content: _Object) -> bool:
    return len(content) == 1 and "Item" in content


def _is_request(content: _Object) -> bool:
    context = content.get("requestContext")
    inside = context if isinstance(context, dict) else {}
    return not (
        content.keys().isdisjoint({"httpMethod", "rawPath", "routeKey"})
        and inside.keys().isdisjoint({"http", "elb", "httpMethod", "connectionId"})
    )


def _is_failure(content: object) -> bool:
    return isinstance(content, dict) and "DDBStreamBatchInfo" in content


def _is_failure_by_topic(content: _Object) -> bool:
    envelope = content.get("Sns", content)
    return isinstance(envelope, dict) and _is_failure(_parsed(envelope.get("Message")))


def _is_failure_in_bucket(content: _Object) -> bool:
    if content.get("eventSource") != "aws:s3":
        return False
    place: object = content.get("s3")
    stored: object = place.get("object") if isinstance(place, dict) else None
    key: object = stored.get("key") if isinstance(stored, dict) else None
    return isinstance(key, str) and key.startswith("aws/lambda/")


def _is_failure_told_by_bucket(content: _Object) -> bool:
    records: object = content.get("Records")
    first: object = records[0] if isinstance(records, list) and records else None
    return isinstance(first, dict) and _is_failure_in_bucket(first)


_FAILURES: Final = (
    _Shape("Lambda's failure record, as it is in a bucket", _PAYLOAD, _has("DDBStreamBatchInfo", "payload")),
    _Shape("Lambda's failure record of a batch", _FETCH, _has("DDBStreamBatchInfo")),
    _Shape(
        "Lambda's failure record of a Kinesis batch",
        f"an app reads DynamoDB streams only: {_TRIGGER}",
        _has("KinesisBatchInfo"),
    ),
)
_LINES: Final = (
    _Shape(
        "a line of an incremental export to S3",
        "an app reads streams, not exports",
        _is_incremental_line,
    ),
    _Shape(
        "a line of a full export to S3, or an item that boto3 read",
        "an app handles changes, not items. In a test, make a record with ddbevents.testing.insert",
        _is_full_line,
    ),
)
_PARTS: Final = (
    *_LINES,
    _Shape(
        "the `dynamodb` part of a record",
        "pass the whole record, with eventID, eventName and eventSource around it",
        _is_part_of_record,
    ),
)
_HTTP: Final = _Shape(
    "an HTTP request of API Gateway, a function URL or a load balancer",
    f"give requests a function of their own, and {_TRIGGER}",
    _is_request,
)
_EVENTBRIDGE: Final = _Shape(
    "an event of EventBridge, from a rule or a schedule",
    f"take the rule off this function, and {_TRIGGER}; or answer a call that keeps it warm before the app",
    _has("detail-type"),
)
_BUCKET_TEST: Final = _Shape(
    "the test message that S3 sends when a notification is set up",
    "nothing is lost if you delete it",
    _says("Event", "s3:TestEvent"),
)
_EVENTS: Final = (
    *_FAILURES,
    _Shape(
        "Lambda's record of an asynchronous invocation",
        "pass its requestPayload to the app",
        _has("requestPayload", "requestContext"),
    ),
    _Shape(
        "a dead letter of ddbevents",
        "handle it again with `ddbevents redrive`, or let the app have the queue that it is in",
        _any(_has("version", "app", "record"), _has("version", "compressed", "letter")),
    ),
    _Shape(
        "a lone record",
        'a stream\'s event holds its records in a list: pass {"Records": [record]}',
        _any(_is_record, _says("eventName", "INSERT", "MODIFY", "REMOVE")),
    ),
    *_PARTS,
    _Shape(
        "a batch of Step Functions' Distributed Map",
        "an app reads streams, not the lines of a map",
        _has("Items", "BatchInput"),
    ),
    _Shape(
        "items that boto3's scan or query returned",
        "an app handles changes, not items. In a test, make records with ddbevents.testing.insert",
        _has("Items"),
    ),
    _HTTP,
    _EVENTBRIDGE,
    _Shape(
        "a message of SNS, without what Lambda puts around it",
        f"give the topic a function of its own, and {_TRIGGER}",
        _has("Type", "TopicArn"),
    ),
    _Shape(
        "a batch of Data Firehose",
        f"give the delivery stream a function of its own, and {_TRIGGER}",
        _has("deliveryStreamArn"),
    ),
    _Shape(
        "a batch of Kafka, MQ or DocumentDB",
        f"give that trigger a function of its own, and {_TRIGGER}",
        _says("eventSource", "aws:kafka", "SelfManagedKafka", "aws:mq", "aws:amq", "aws:rmq", "aws:docdb"),
    ),
    _Shape(
        "a batch of CloudWatch Logs",
        f"give the log group a function of its own, and {_TRIGGER}",
        _has("awslogs"),
    ),
    _Shape(
        "a call of Cognito",
        f"give the user pool a function of its own, and {_TRIGGER}",
        _has("triggerSource"),
    ),
    _Shape(
        "a request of CloudFormation for a custom resource",
        f"give the resource a function of its own, and {_TRIGGER}",
        _has("RequestType", "ResponseURL"),
    ),
    _Shape(
        "a request of AppSync",
        f"give the resolver a function of its own, and {_TRIGGER}",
        _has("arguments", "info"),
    ),
    _BUCKET_TEST,
    _Shape(
        "an answer to Lambda, not an event",
        "pass the event that it answers",
        _has("batchItemFailures"),
    ),
    _Shape(
        "an object with `records`",
        "a stream's event spells it Records, with a capital R",
        _has("records"),
    ),
    _Shape(
        "the hello-world test event of Lambda's console",
        "choose the template dynamodb-update there",
        _has("key1"),
    ),
    _Shape(
        "an empty object",
        "a test in the console or a call that keeps the function warm passes that; answer it before the app",
        lambda content: not content,
    ),
)
_RECORDS: Final = (
    *_FAILURES,
    _Shape(
        "a Kinesis record",
        "an app reads DynamoDB streams. For Kinesis Data Streams for DynamoDB, turn on the table's own stream"
        f" as well, and {_TRIGGER}",
        _any(_says("eventSource", "aws:kinesis"), _has("kinesis"), _has("kinesisPartitionKey")),
    ),
    _Shape("Lambda's failure record of a batch, sent by SNS", _FETCH, _is_failure_by_topic),
    _Shape(
        "a message of SNS",
        f"give the topic a function of its own, and {_TRIGGER}",
        _any(_says("EventSource", "aws:sns"), _has("Sns")),
    ),
    _Shape(
        "S3's notification of a failure record",
        f"read the object that it names; {_PAYLOAD}",
        _is_failure_in_bucket,
    ),
    _Shape(
        "a notification of S3",
        f"give the bucket a function of its own, and {_TRIGGER}",
        _says("eventSource", "aws:s3"),
    ),
    _Shape(
        "a message of SQS",
        "only dead letters of ddbevents are read from a queue, by an event that has nothing else",
        _any(_says("eventSource", "aws:sqs"), _has("MessageId", "Body")),
    ),
    *_PARTS,
    _Shape(
        "a whole event, with Records of its own",
        "pass that event itself, or put the records of all events into one list",
        _has("Records"),
    ),
)
_MESSAGES: Final = (
    *_FAILURES,
    _Shape("Lambda's failure record of a batch, sent by SNS", _FETCH, _is_failure_by_topic),
    _Shape(
        "S3's notification of a failure record",
        f"read the object that it names; {_PAYLOAD}",
        _is_failure_told_by_bucket,
    ),
    _Shape(
        "a record of a stream",
        f"an app reads records from the stream itself, not from a queue: {_TRIGGER}",
        _any(_is_record, _holds_event),
    ),
    _BUCKET_TEST,
    _EVENTBRIDGE,
)
