"""Events and records of other sources are named for what they are, with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import DynamoDBStreamEvent

from ddbevents import (
    BatchFailedError,
    InvalidEventError,
    InvalidRecordError,
    Outcome,
    StreamApp,
    parse_event,
)
from ddbevents.stores import MemoryStore
from ddbevents.testing import queue_event
from tests.letters import letter, message
from tests.stream import ARN, CANARY, Context, Json, batch, insert, user
from tests.test_imports import modules_after

RECORD = insert(1, user("a", CANARY))
BODY = RECORD["dynamodb"]
FAILURE = {
    "requestContext": {"requestId": CANARY, "condition": "RetryAttemptsExhausted"},
    "responseContext": {"statusCode": 200, "functionError": None},
    "version": "1.0",
    "timestamp": "2026-11-23T17:42:05.250Z",
    "DDBStreamBatchInfo": {"shardId": "shardId-1", "startSequenceNumber": "1", "endSequenceNumber": "2"},
}
OF_PIPE = {"context": {"partnerResourceArn": CANARY}, "DDBStreamBatchInfo": {}}
OF_TOPIC = {"Type": "Notification", "TopicArn": "arn", "Message": json.dumps(FAILURE)}
FETCH = "ddbevents.sources.StreamReader().read(...)"
READER = r"Give the app StreamApp\(reader=StreamReader\(streams=\[...\], buckets=\[...\]\)\)"
PAYLOAD = "json.loads of its payload"
TRIGGER = "make the table's DynamoDB stream the function's trigger"
KINESIS = {"eventSource": "aws:kinesis", "kinesis": {"data": CANARY}}
LINE = {"Metadata": {"WriteTimestampMicros": {"N": "1774379199746598"}}, "Keys": {"pk": {"S": CANARY}}}


def of_bucket(key: str) -> Json:
    return {"eventSource": "aws:s3", "s3": {"bucket": {"name": CANARY}, "object": {"key": key}}}


EVENTS: dict[str, tuple[Any, str, str]] = {
    "null": (None, "the event is NoneType", "pass the event that Lambda sends"),
    "text": (json.dumps(batch(RECORD)), "the event is str", "read it with json.loads first"),
    "bytes": (json.dumps(batch(RECORD)).encode(), "the event is bytes", "read it with json.loads first"),
    "Powertools' event": (
        DynamoDBStreamEvent(batch(RECORD)),
        "an object of Powertools",
        "pass .raw_event",
    ),
    "Powertools' record": (
        next(DynamoDBStreamEvent(batch(RECORD)).records),
        "an object of Powertools",
        'pass {"Records": [record.raw_event]}',
    ),
    "Powertools' records": (
        [*DynamoDBStreamEvent(batch(RECORD)).records],
        "of Powertools' records",
        "with the .raw_event of each",
    ),
    "the context": (Context(), "which is Lambda's context", "called with (event, context)"),
    "a mapping": (MappingProxyType(batch(RECORD)), "not a dict", "pass dict(event)"),
    "an empty list": ([], "the event is list", 'a stream\'s event is {"Records": [...]}'),
    "a list of Kinesis": ([KINESIS], "which begins with a Kinesis record", "the function's trigger"),
    "a list of objects": ([{"a": CANARY}], "none of its objects is a record", "input transformer off"),
    "a lone record": (RECORD, "a lone record", 'pass {"Records": [record]}'),
    "the inside of a record": (BODY, "the `dynamodb` part of a record", "pass the whole record"),
    "a record in Records": ({"Records": RECORD}, "dict, not a list", "put the record into one, [record]"),
    "text in Records": ({"Records": CANARY}, "str, not a list", "json.loads"),
    "an object in Records": ({"Records": {}}, "dict, not a list", "as Lambda sends it"),
    "null in Records": ({"Records": None}, "NoneType, not a list", "as Lambda sends it"),
    "failure record": (FAILURE, "Lambda's failure record of a batch", FETCH),
    "failure record of a pipe": (OF_PIPE, "Lambda's failure record of a batch", FETCH),
    "failure record of a bucket": ({**FAILURE, "payload": CANARY}, "as it is in a bucket", PAYLOAD),
    "failure record of Kinesis": ({"KinesisBatchInfo": {}}, "record of a Kinesis batch", "AT_TIMESTAMP"),
    "failed invocation": (
        {"requestContext": {}, "requestPayload": batch(RECORD)},
        "record of an asynchronous invocation",
        "pass its requestPayload",
    ),
    "dead letter": (
        {"version": 1, "app": CANARY, "record": RECORD},
        "a dead letter of ddbevents",
        "`ddbevents redrive`",
    ),
    "incremental export": (LINE, "a line of an incremental export", "read_export of"),
    "full export": ({"Item": {"pk": {"S": CANARY}}}, "a line of a full export", "scan and read_export of"),
    "Distributed Map": ({"Items": [LINE], "BatchInput": {}}, "Distributed Map", "but its BatchInput has no"),
    "a map of nothing": ({"Items": CANARY, "BatchInput": {}}, "Distributed Map", "give the map an Item"),
    "scan": ({"Items": [], "Count": 0}, "boto3's scan or query", "ddbevents.testing.insert"),
    "API Gateway v1": ({"httpMethod": "GET", "requestContext": {}}, "an HTTP request", TRIGGER),
    "API Gateway v2": ({"requestContext": {"http": {}}, "body": CANARY}, "an HTTP request", TRIGGER),
    "load balancer": ({"requestContext": {"elb": {}}}, "an HTTP request", TRIGGER),
    "EventBridge": ({"detail-type": CANARY, "detail": {}}, "an event of EventBridge", "take the rule off"),
    "SNS by itself": (OF_TOPIC, "a message of SNS", TRIGGER),
    "Firehose": ({"deliveryStreamArn": CANARY, "records": []}, "a batch of Data Firehose", TRIGGER),
    "Kafka": ({"eventSource": "aws:kafka", "records": {}}, "a batch of Kafka", TRIGGER),
    "CloudWatch Logs": ({"awslogs": {"data": CANARY}}, "a batch of CloudWatch Logs", TRIGGER),
    "Cognito": ({"triggerSource": CANARY}, "a call of Cognito", TRIGGER),
    "custom resource": ({"RequestType": "Create", "ResponseURL": CANARY}, "CloudFormation", TRIGGER),
    "AppSync": ({"arguments": {}, "info": {}}, "a request of AppSync", TRIGGER),
    "S3's test": ({"Event": "s3:TestEvent"}, "the test message that S3 sends", "nothing is lost"),
    "an answer": ({"batchItemFailures": []}, "an answer to Lambda", "the event that it answers"),
    "small records": ({"records": [RECORD]}, "an object with `records`", "with a capital R"),
    "the console's test": ({"key1": CANARY}, "hello-world test event", "dynamodb-update"),
    "nothing": ({}, "an empty object", "answer it before the app"),
    "an event within": ({"detail": batch(RECORD)}, "but its detail has", "pass event['detail']"),
    "one Kinesis record": (KINESIS, "a Kinesis record", "passes its records in Records"),
    "anything": ({CANARY: CANARY}, "the event has no Records", "is the function's trigger"),
    "SNS": (batch({"EventSource": "aws:sns", "Sns": {"Message": CANARY}}), "a message of SNS", TRIGGER),
    "S3": (batch(of_bucket("photo.jpg")), "each is a notification of S3", TRIGGER),
    "S3 without a key": (batch({"eventSource": "aws:s3", "s3": []}), "each is a notification of S3", TRIGGER),
    "boto3's messages": (batch({"MessageId": "1", "Body": CANARY}), "each is a message of SQS", "letters"),
    "SES": (batch({"eventSource": "aws:ses", "ses": {}}), "each is a record of aws:ses", TRIGGER),
    "lines": (batch(LINE), "each is a line of an incremental export", "read_export of"),
    "insides": (batch(BODY), "each is the `dynamodb` part of a record", "pass the whole record"),
    "events": (batch(batch(RECORD), batch(RECORD)), "each is a whole event", "into one list"),
}  # fmt: skip


class ChaliceEvent:
    """An event as frameworks wrap it."""

    to_dict: Callable[[], Json] = dict


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_named_with_its_cure(name: str) -> None:
    event, named, cure = EVENTS[name]

    with pytest.raises(InvalidEventError) as refused:
        StreamApp()(event)
    with pytest.raises(InvalidEventError):
        parse_event(event)

    assert named in str(refused.value)
    assert cure in str(refused.value)
    assert CANARY not in str(refused.value)


def test_a_wrapped_event_is_unwrapped() -> None:
    with pytest.raises(InvalidEventError, match=r"pass what its to_dict\(\) returns"):
        StreamApp()(ChaliceEvent())


RECORDS: dict[str, tuple[Any, str]] = {
    "Kinesis": (KINESIS, "this is a Kinesis record, among other records"),
    "a queue's": (message("m", CANARY), "this is a message of SQS, among other records"),
    "SNS": ({"EventSource": "aws:sns"}, "this is a message of SNS, among other records"),
    "a line": (LINE, "this is a line of an incremental export to S3, among other records"),
    "failure record": (FAILURE, "this is Lambda's failure record of a batch, among other records"),
    "a service": ({"eventSource": "aws:ses"}, "this is a record of aws:ses, among other records"),
    "a stranger": ({"eventSource": CANARY}, "is the function's trigger"),
    "a list": ([RECORD], "put the records into Records one by one"),
    "text": (json.dumps(RECORD), "read it with json.loads first"),
    "Powertools": (next(DynamoDBStreamEvent(batch(RECORD)).records), "pass its .raw_event"),
    "read already": (parse_event(batch(RECORD))[0], "pass its .raw"),
    "null": (None, "a record is an object, not NoneType"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_named_with_its_cure(name: str) -> None:
    record, named = RECORDS[name]
    app = StreamApp()
    app.on_keys(dict)(lambda change: None)

    report = app.process(batch(insert(1, user("b")), record))

    assert [each.outcome for each in report.records] == [Outcome.HANDLED, Outcome.FAILED]
    assert named in str(report.records[1].error)
    assert CANARY not in str(report.records[1].error)


def test_a_mixed_batch_fails_by_record() -> None:
    with pytest.raises(BatchFailedError, match="this is a message of SNS, among other records") as failed:
        StreamApp(store=MemoryStore())(batch({"EventSource": "aws:sns"}, insert(2, user("b"))))

    assert isinstance(failed.value.error, InvalidRecordError)


MESSAGES: dict[str, tuple[Any, str]] = {
    "failure record": (json.dumps(FAILURE), f"Lambda's failure record of a batch: it names .*{READER}"),
    "failure record of a pipe": (json.dumps(OF_PIPE), READER),
    "failure record of a bucket": (json.dumps({**FAILURE, "payload": {}}), READER),
    "failure by SNS": (json.dumps(OF_TOPIC), READER),
    "failure by S3": (json.dumps(batch(of_bucket("aws/lambda/x"))), READER),
    "failure record of Kinesis": (json.dumps({"KinesisBatchInfo": {}}), "AT_TIMESTAMP"),
    "S3's test": (json.dumps({"Event": "s3:TestEvent"}), "nothing is lost if you delete it"),
    "a pipe's record": (json.dumps(RECORD), f"a record of a stream: .*{TRIGGER}"),
    "an event": (json.dumps(batch(RECORD)), "a record of a stream"),
    "EventBridge": (json.dumps({"detail-type": CANARY}), "an event of EventBridge"),
    "another topic's": (json.dumps({**OF_TOPIC, "Message": CANARY}), "a message of someone else"),
    "another bucket's": (json.dumps(batch()), "a record of a stream"),
    "an object": (json.dumps({"order": CANARY}), "a message of someone else: give other messages a queue"),
    "a list": (json.dumps([CANARY]), "a message of someone else"),
    "text": (CANARY, "a message of someone else"),
    "deep": ("[" * 60_000, "a message of someone else"),
    "no body": (None, "not a dead letter: expected text"),
    "a long text": (CANARY * 10_000, "not a dead letter: expected JSON"),
    "cut off": ('{"version": 1, "app": "', "not a dead letter: expected JSON"),
    "no version": (json.dumps({"record": RECORD}), "not a dead letter: expected an object with a version"),
}


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.usefixtures("no_collection")
def test_a_message_is_named_with_its_cure(name: str) -> None:
    body, named = MESSAGES[name]
    app = StreamApp("users")
    app.on_keys(dict)(lambda change: None)
    good = queue_event(letter(handler=None))["Records"]

    report = app.process(batch({**message("m", ""), "body": body}, *good))

    assert [each.outcome for each in report.records] == [Outcome.FAILED, Outcome.HANDLED]
    with pytest.raises(InvalidRecordError, match=named) as failed:
        raise report.records[0].error or AssertionError
    assert CANARY not in str(failed.value)


WINDOW = {
    "window": {"start": "2026-11-23T17:00:00Z", "end": "2026-11-23T17:05:00Z"},
    "state": {"total": CANARY},
    "shardId": "shardId-1",
    "eventSourceARN": ARN,
    "isFinalInvokeForWindow": False,
    "isWindowTerminatedEarly": False,
}


@pytest.mark.parametrize(
    "event",
    [
        {**batch(RECORD), **WINDOW},
        {**batch(), **WINDOW, "isFinalInvokeForWindow": True},
        {**WINDOW, "isFinalInvokeForWindow": True},
        {**batch(RECORD), "window": None},
        {**batch(RECORD), "state": {}},
        {**batch(message("m", letter())), "isWindowTerminatedEarly": True},
    ],
    ids=["first", "last", "last without records", "window", "state", "terminated"],
)
@pytest.mark.parametrize("way", [StreamApp.__call__, StreamApp.process, StreamApp.preview])
def test_a_window_is_refused_before_a_handler(event: Json, way: Callable[[StreamApp, Json], object]) -> None:
    app = StreamApp("users")
    ran: list[object] = []
    app.on_keys(dict)(ran.append)

    with pytest.raises(InvalidEventError, match="remove TumblingWindowInSeconds from the") as refused:
        way(app, event)

    assert ran == []
    assert CANARY not in str(refused.value)


def test_records_of_a_window_can_be_parsed() -> None:
    assert parse_event({**batch(RECORD), **WINDOW}) == parse_event(batch(RECORD))


def test_other_objects_have_a_state() -> None:
    with pytest.raises(InvalidEventError, match="no Records: is the function's trigger"):
        StreamApp()({"state": CANARY})


EXPLAINED: Mapping[str, bool] = {"{'Records': []}": False, "{'Records': [1]}": True}


@pytest.mark.parametrize("event", EXPLAINED)
def test_names_are_loaded_when_needed(event: str) -> None:
    loaded = modules_after(f"import ddbevents; ddbevents.StreamApp().process({event})")

    assert ("ddbevents._records._foreign" in loaded) is EXPLAINED[event]
