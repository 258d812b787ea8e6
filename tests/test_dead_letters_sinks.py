"""Queues and buckets of dead letters: content, names, errors and clients."""

from __future__ import annotations

import json
import random
import string
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from ddbevents import ConfigurationError, DeadLetterError
from ddbevents.dead_letters import (
    DeadLetter,
    DeadLetterSink,
    S3Bucket,
    SQSQueue,
    letter_from_json,
    letter_to_json,
)
from tests.dynamodb_faults import clients_made
from tests.letters import (
    RECORD,
    bucket_client,
    keys_of,
    letter,
    new_bucket,
    new_queue,
    queue_client,
    refuse,
    silent_server,
)
from tests.stream import CANARY, PATIENCE, Json, insert, user

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

UNREADABLE = {"eventSource": "aws:dynamodb", "dynamodb": {"SequenceNumber": "77"}}


def received(client: SQSClient, url: str) -> list[Any]:
    return list(
        client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
        ).get("Messages", [])
    )


def objects(client: S3Client, bucket: str) -> dict[str, bytes]:
    return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys_of(client, bucket)}


def noise(length: int) -> str:
    """Return text that hardly compresses."""
    return "".join(random.Random(1815).choices(string.printable, k=length))  # noqa: S311  # no secret


def test_a_message_is_a_letter(sqs: SQSClient) -> None:
    url = new_queue(sqs)

    SQSQueue(url, client=sqs).send(letter())

    [message] = received(sqs, url)
    assert message["Body"] == letter_to_json(letter())
    assert "MessageAttributes" not in message


def test_strange_characters_arrive(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    strange = letter(insert(1, user("ada", "\x00\ud800\ufffe\x7f\U0001f600")))

    SQSQueue(url, client=sqs).send(strange)

    assert letter_from_json(received(sqs, url)[0]["Body"]) == strange


def test_a_long_letter_is_compressed(sqs: SQSClient) -> None:
    url = new_queue(sqs, MaximumMessageSize="1048576")
    large = letter(insert(1, user("ada", "x" * 1_100_000)))

    SQSQueue(url, client=sqs).send(large)

    [message] = received(sqs, url)
    assert len(message["Body"]) < 10_000
    assert message["MessageAttributes"]["ContentEncoding"]["StringValue"] == "gzip"
    assert letter_from_json(message["Body"]) == large


def test_a_queue_may_take_less(sqs: SQSClient) -> None:
    url = new_queue(sqs, MaximumMessageSize="4096")
    large = letter(insert(1, user("ada", "x" * 5_000)))

    SQSQueue(url, client=sqs).send(large)

    assert letter_from_json(received(sqs, url)[0]["Body"]) == large


@pytest.mark.parametrize(("limit", "length"), [("4096", 6_000), ("1048576", 1_500_000)])
def test_a_letter_can_be_too_long(sqs: SQSClient, limit: str, length: int) -> None:
    url = new_queue(sqs, MaximumMessageSize=limit)
    large = letter(insert(1, user("ada", noise(length))))

    with pytest.raises(DeadLetterError, match="even compressed: use S3Bucket"):
        SQSQueue(url, client=sqs).send(large)
    assert received(sqs, url) == []


def test_an_item_is_a_fifo_group(sqs: SQSClient) -> None:
    url = new_queue(sqs, ".fifo", FifoQueue="true")
    sink = SQSQueue(url, client=sqs)
    sink.send(letter(insert(1, user("ada"))))
    sink.send(letter(insert(2, user("bob"))))
    [first, other] = received(sqs, url)

    sink.send(letter(insert(3, user("ada"))))
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=other["ReceiptHandle"])

    [second] = received(sqs, url)
    assert second["Attributes"]["MessageGroupId"] == first["Attributes"]["MessageGroupId"]
    assert second["Attributes"]["MessageGroupId"] != other["Attributes"]["MessageGroupId"]


@pytest.mark.parametrize("record", [RECORD, UNREADABLE, None])
def test_a_fifo_queue_drops_repetitions(sqs: SQSClient, record: object) -> None:
    url = new_queue(sqs, ".fifo", FifoQueue="true")
    sink = SQSQueue(url, client=sqs)
    first = letter(record)

    sink.send(first)
    sink.send(first._replace(attempts=6, failed_at=first.failed_at + timedelta(minutes=1)))

    assert [letter_from_json(each["Body"]).attempts for each in received(sqs, url)] == [5]


def test_each_handler_has_a_letter(sqs: SQSClient) -> None:
    url = new_queue(sqs, ".fifo", FifoQueue="true")
    sink = SQSQueue(url, client=sqs)

    sink.send(letter())
    sink.send(letter(handler="users.greet"))

    assert [letter_from_json(each["Body"]).handler for each in received(sqs, url)] == [
        "users.welcome",
        "users.greet",
    ]


def test_an_object_is_a_letter(s3: S3Client) -> None:
    bucket = new_bucket(s3)
    sink = S3Bucket(bucket, prefix="letters/", client=s3)

    sink.send(letter())
    sink.send(letter(insert(2, user("bob"))))

    assert objects(s3, bucket) == {
        f"letters/users/users.welcome/2022-08-21/{number.zfill(64)}-{event_id}.json": letter_to_json(
            each
        ).encode()
        for number, event_id, each in [
            ("26163800000000026199463301", f"{1:032x}", letter()),
            ("26163800000000026199463302", f"{2:032x}", letter(insert(2, user("bob")))),
        ]
    }


@pytest.mark.parametrize("record", [RECORD, UNREADABLE, None])
def test_a_bucket_keeps_the_last_letter(s3: S3Client, record: object) -> None:
    bucket = new_bucket(s3)
    sink = S3Bucket(bucket, client=s3)
    first = letter(record)
    again = first._replace(attempts=6, failed_at=first.failed_at + timedelta(days=1))

    sink.send(first)
    sink.send(again)

    assert [*objects(s3, bucket).values()] == [letter_to_json(again).encode()]


def test_keys_sort_in_stream_order(s3: S3Client) -> None:
    bucket = new_bucket(s3)
    sink = S3Bucket(bucket, client=s3)
    numbers = ["9" * 21, "1" + "0" * 21, "2" * 40, "1" + "0" * 55]

    sink.send(letter(insert(1, user("ada"), SequenceNumber=numbers[0])))
    sink.send(letter(insert(1, user("ada"), SequenceNumber=numbers[1])))
    sink.send(letter(insert(1, user("ada"), SequenceNumber=numbers[2])))
    sink.send(letter(insert(1, user("ada"), SequenceNumber=numbers[3])))

    found = [letter_from_json(each.decode()).record for _, each in sorted(objects(s3, bucket).items())]
    assert [each["dynamodb"]["SequenceNumber"] for each in cast("list[Json]", found)] == numbers


@pytest.mark.parametrize(
    ("sent", "beginning"),
    [
        (letter(UNREADABLE, None), f"users/unreadable/undated/{77:064}-"),
        (letter(None, None), "users/unreadable/undated/unnamed-"),
        (
            letter(insert(1, user("ada"), ApproximateCreationDateTime="?")),
            f"users/users.welcome/undated/{0:038}2616",
        ),
        (letter(app="a/b", handler="c.<locals>.d"), "a%2Fb/c.%3Clocals%3E.d/2022-08-21/0"),
    ],
    ids=["unreadable", "no record", "no day", "strange names"],
)
def test_any_letter_has_a_key(s3: S3Client, sent: DeadLetter, beginning: str) -> None:
    bucket = new_bucket(s3)

    S3Bucket(bucket, client=s3).send(sent)

    [(key, content)] = objects(s3, bucket).items()
    assert key.startswith(beginning)
    assert letter_from_json(content.decode()) == sent


def test_a_bucket_takes_any_length(s3: S3Client) -> None:
    bucket = new_bucket(s3)
    large = letter(insert(1, user("ada", noise(1_500_000))))

    S3Bucket(bucket, client=s3).send(large)

    [content] = objects(s3, bucket).values()
    assert letter_from_json(content.decode()) == large


def failure(sink: DeadLetterSink) -> DeadLetterError:
    with pytest.raises(DeadLetterError) as raised:
        sink.send(letter(insert(1, user("ada", CANARY)), message=CANARY), patience=PATIENCE)
    assert CANARY not in str(raised.value)
    return raised.value


def test_a_missing_queue_is_named(sqs: SQSClient, moto_endpoint: str) -> None:
    url = f"{moto_endpoint}/123456789012/gone"

    error = failure(SQSQueue(url, client=sqs))

    assert str(error).startswith(f"the queue {url} is not there: check its name, the account and the region")
    assert type(error.__cause__).__name__ == "QueueDoesNotExist"


def test_a_missing_bucket_is_named(s3: S3Client) -> None:
    error = failure(S3Bucket("gone", client=s3))

    assert str(error).startswith("the bucket gone is not there: check its name")


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        ("AccessDenied", "allow the role sqs:SendMessage there"),
        ("ExpiredToken", "AWS credentials are missing, expired or wrong"),
        ("RequestThrottled", "SQS throttles the queue"),
        ("InvalidParameterValue", "SQS failed on a request to the queue"),
    ],
)
def test_a_queue_that_refuses_says_why(sqs: SQSClient, code: str, cure: str) -> None:
    url = new_queue(sqs)
    refuse(sqs, "SendMessage", code)

    error = failure(SQSQueue(url, client=sqs))

    assert cure in str(error)
    assert str(error).endswith(f"({code})")


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        ("AccessDenied", "allow the role s3:PutObject there"),
        ("SlowDown", "S3 throttles the bucket"),
        ("InternalError", "S3 failed on a request to the bucket"),
    ],
)
def test_a_bucket_that_refuses_says_why(s3: S3Client, code: str, cure: str) -> None:
    bucket = new_bucket(s3)
    refuse(s3, "PutObject", code, status=403)

    assert cure in str(failure(S3Bucket(bucket, client=s3)))


def test_a_silent_queue_is_an_error() -> None:
    with silent_server() as endpoint:
        sink = SQSQueue(f"{endpoint}/1/letters", client=queue_client(endpoint, read_timeout=0.2))

        error = failure(sink)

    assert "SQS does not answer" in str(error)
    assert str(error).endswith("(ReadTimeoutError)")


def test_a_silent_bucket_is_an_error() -> None:
    with silent_server() as endpoint:
        error = failure(S3Bucket("letters", client=bucket_client(endpoint, read_timeout=0.2)))

    assert "a function in a VPC needs an endpoint for S3" in str(error)


def test_no_connection_is_an_error() -> None:
    with silent_server() as endpoint:
        closed = endpoint

    assert "EndpointConnectionError" in str(failure(SQSQueue(closed, client=queue_client(closed))))


@pytest.fixture
def environment(moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_endpoint)  # boto3 is configured by the environment
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_boto3_finds_the_configuration(sqs: SQSClient, s3: S3Client) -> None:
    url, bucket = new_queue(sqs), new_bucket(s3)

    SQSQueue(url).send(letter())
    S3Bucket(bucket).send(letter())

    assert len(received(sqs, url)) == len(objects(s3, bucket)) == 1


def test_missing_credentials_are_named(moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)

    assert "credentials are missing" in str(failure(SQSQueue(f"{moto_endpoint}/1/letters")))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("AWS_DEFAULT_REGION", "no region!", "boto3 cannot use its configuration"),
        ("AWS_CONFIG_FILE", "none", "no AWS region is configured: set AWS_REGION"),
    ],
)
def test_a_wrong_configuration_is_named(
    name: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    monkeypatch.setenv(name, value)

    with pytest.raises(DeadLetterError, match=reason):
        SQSQueue("https://queue").send(letter())


@pytest.mark.parametrize(
    "make",
    [lambda url: SQSQueue(f"{url}/1/letters"), lambda _: S3Bucket("letters")],
    ids=["queue", "bucket"],
)
def test_the_client_has_short_timeouts(
    make: Callable[[str], DeadLetterSink], moto_endpoint: str, environment: pytest.MonkeyPatch
) -> None:
    made = clients_made(environment)

    failure(make(moto_endpoint))  # there is no such queue or bucket

    [config] = [client.meta.config for client in made]
    assert (config.connect_timeout, config.read_timeout) == (1, 5)
    assert config.retries["total_max_attempts"] == 3


@pytest.mark.parametrize("url", ["letters", "arn:aws:sqs:eu-central-1:123456789012:letters", ""])
def test_a_queue_is_named_by_its_url(url: str) -> None:
    with pytest.raises(ConfigurationError, match="by its URL"):
        SQSQueue(url)


@pytest.mark.parametrize("name", ["", "letters/users", "s3://letters"])
def test_a_bucket_is_named_by_its_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match="by its name alone"):
        S3Bucket(name)


def run_python(program: str) -> Any:
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def test_boto3_is_loaded_late() -> None:
    loaded = run_python(
        "import json, sys\n"
        "from ddbevents.dead_letters import DeadLetters, S3Bucket, SQSQueue\n"
        "DeadLetters(SQSQueue('https://queue')), DeadLetters(S3Bucket('bucket'))\n"
        "print(json.dumps(sorted({'boto3', 'botocore'} & sys.modules.keys())))"
    )

    assert loaded == []


@pytest.mark.parametrize(
    ("make", "name"), [(lambda: SQSQueue("https://queue"), "SQSQueue"), (lambda: S3Bucket("b"), "S3Bucket")]
)
def test_boto3_must_be_installed(
    make: Callable[[], DeadLetterSink], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)  # as if it were not installed

    with pytest.raises(ConfigurationError, match=rf"{name} needs boto3: pip install 'ddbevents\[aws\]'"):
        make()
