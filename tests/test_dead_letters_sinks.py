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
from ddbevents.dead_letters import DeadLetter, DeadLetterSink, S3Bucket, SQSQueue, from_json, to_json
from ddbevents.dead_letters._sdk import make_client
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
from tests.stream import CANARY, Json, insert, user

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
    """Text that hardly compresses."""
    return "".join(random.Random(1815).choices(string.printable, k=length))  # noqa: S311  # no secret


def test_a_queue_gets_the_letter_as_its_message(sqs: SQSClient) -> None:
    url = new_queue(sqs)

    SQSQueue(url, client=sqs).send(letter())

    [message] = received(sqs, url)
    assert message["Body"] == to_json(letter())
    assert "MessageAttributes" not in message


def test_characters_that_sqs_would_replace_arrive(sqs: SQSClient) -> None:
    url = new_queue(sqs)
    strange = letter(insert(1, user("ada", "\x00\ud800\ufffe\x7f\U0001f600")))

    SQSQueue(url, client=sqs).send(strange)

    assert from_json(received(sqs, url)[0]["Body"]) == strange


def test_a_letter_that_no_queue_takes_is_compressed(sqs: SQSClient) -> None:
    url = new_queue(sqs, MaximumMessageSize="1048576")
    large = letter(insert(1, user("ada", "x" * 1_100_000)))

    SQSQueue(url, client=sqs).send(large)

    [message] = received(sqs, url)
    assert len(message["Body"]) < 10_000
    assert message["MessageAttributes"]["ContentEncoding"]["StringValue"] == "gzip"
    assert from_json(message["Body"]) == large


def test_a_letter_is_compressed_for_a_queue_that_is_set_to_less(sqs: SQSClient) -> None:
    url = new_queue(sqs, MaximumMessageSize="4096")
    large = letter(insert(1, user("ada", "x" * 5_000)))

    SQSQueue(url, client=sqs).send(large)

    assert from_json(received(sqs, url)[0]["Body"]) == large


@pytest.mark.parametrize(("limit", "length"), [("4096", 6_000), ("1048576", 1_500_000)])
def test_a_letter_that_is_too_long_all_the_same_names_the_cure(
    sqs: SQSClient, limit: str, length: int
) -> None:
    url = new_queue(sqs, MaximumMessageSize=limit)
    large = letter(insert(1, user("ada", noise(length))))

    with pytest.raises(DeadLetterError, match="compressed as well: use S3Bucket"):
        SQSQueue(url, client=sqs).send(large)
    assert received(sqs, url) == []


def test_the_letters_of_an_item_are_one_group_of_a_fifo_queue(sqs: SQSClient) -> None:
    url = new_queue(sqs, ".fifo", FifoQueue="true")
    sink = SQSQueue(url, client=sqs)
    sink.send(letter(insert(1, user("ada"))))
    sink.send(letter(insert(2, user("bob"))))
    [first, other] = received(sqs, url)

    sink.send(letter(insert(3, user("ada"))))
    for each in (first, other):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])

    [second] = received(sqs, url)
    assert second["Attributes"]["MessageGroupId"] == first["Attributes"]["MessageGroupId"]
    assert second["Attributes"]["MessageGroupId"] != other["Attributes"]["MessageGroupId"]


@pytest.mark.parametrize("record", [RECORD, UNREADABLE, None])
def test_a_fifo_queue_drops_a_letter_that_is_sent_again(sqs: SQSClient, record: object) -> None:
    url = new_queue(sqs, ".fifo", FifoQueue="true")
    sink = SQSQueue(url, client=sqs)
    first = letter(record)

    sink.send(first)
    sink.send(first._replace(attempts=6, failed_at=first.failed_at + timedelta(minutes=1)))

    assert [from_json(each["Body"]).attempts for each in received(sqs, url)] == [5]


def test_letters_of_two_handlers_about_one_record_are_two(sqs: SQSClient) -> None:
    url = new_queue(sqs, ".fifo", FifoQueue="true")
    sink = SQSQueue(url, client=sqs)

    sink.send(letter())
    sink.send(letter(handler="users.greet"))

    assert [from_json(each["Body"]).handler for each in received(sqs, url)] == [
        "users.welcome",
        "users.greet",
    ]


def test_a_bucket_gets_an_object_for_each_letter(s3: S3Client) -> None:
    bucket = new_bucket(s3)
    sink = S3Bucket(bucket, prefix="letters/", client=s3)

    sink.send(letter())
    sink.send(letter(insert(2, user("bob"))))

    assert objects(s3, bucket) == {
        f"letters/users/users.welcome/2022-08-21/{number.zfill(40)}-{event_id}.json": to_json(each).encode()
        for number, event_id, each in [
            ("26163800000000026199463301", f"{1:032x}", letter()),
            ("26163800000000026199463302", f"{2:032x}", letter(insert(2, user("bob")))),
        ]
    }


@pytest.mark.parametrize("record", [RECORD, UNREADABLE, None])
def test_a_letter_that_is_sent_again_replaces_the_first(s3: S3Client, record: object) -> None:
    bucket = new_bucket(s3)
    sink = S3Bucket(bucket, client=s3)
    first = letter(record)
    again = first._replace(attempts=6, failed_at=first.failed_at + timedelta(days=1))

    sink.send(first)
    sink.send(again)

    assert [*objects(s3, bucket).values()] == [to_json(again).encode()]


def test_the_keys_of_a_day_are_in_the_order_of_the_stream(s3: S3Client) -> None:
    bucket = new_bucket(s3)
    numbers = ["9" * 21, "1" + "0" * 21, "2" * 40]

    for number in numbers:
        S3Bucket(bucket, client=s3).send(letter(insert(1, user("ada"), SequenceNumber=number)))

    found = [from_json(each.decode()).record for _, each in sorted(objects(s3, bucket).items())]
    assert [each["dynamodb"]["SequenceNumber"] for each in cast("list[Json]", found)] == numbers


@pytest.mark.parametrize(
    ("sent", "beginning"),
    [
        (letter(UNREADABLE, None), f"users/unreadable/undated/{77:040}-"),
        (letter(None, None), "users/unreadable/undated/unnamed-"),
        (
            letter(insert(1, user("ada"), ApproximateCreationDateTime="?")),
            "users/users.welcome/undated/000000000000002616",
        ),
        (letter(app="a/b", handler="c.<locals>.d"), "a%2Fb/c.%3Clocals%3E.d/2022-08-21/00000000000000261638"),
    ],
    ids=["unreadable", "no record", "no day", "strange names"],
)
def test_any_letter_has_a_key(s3: S3Client, sent: DeadLetter, beginning: str) -> None:
    bucket = new_bucket(s3)

    S3Bucket(bucket, client=s3).send(sent)

    [(key, content)] = objects(s3, bucket).items()
    assert key.startswith(beginning)
    assert from_json(content.decode()) == sent


def test_a_bucket_takes_what_is_too_long_for_a_queue(s3: S3Client) -> None:
    bucket = new_bucket(s3)
    large = letter(insert(1, user("ada", noise(1_500_000))))

    S3Bucket(bucket, client=s3).send(large)

    [content] = objects(s3, bucket).values()
    assert from_json(content.decode()) == large


def failure(sink: DeadLetterSink) -> DeadLetterError:
    with pytest.raises(DeadLetterError) as raised:
        sink.send(letter(insert(1, user("ada", CANARY)), message=CANARY))
    assert CANARY not in str(raised.value)
    return raised.value


def test_a_missing_queue_is_named(sqs: SQSClient, moto_endpoint: str) -> None:
    url = f"{moto_endpoint}/123456789012/gone"

    error = failure(SQSQueue(url, client=sqs))

    assert str(error).startswith(
        f"the queue {url} is not there: look at the name, the account and the region"
    )
    assert type(error.__cause__).__name__ == "QueueDoesNotExist"


def test_a_missing_bucket_is_named(s3: S3Client) -> None:
    error = failure(S3Bucket("gone", client=s3))

    assert str(error).startswith("the bucket gone is not there: look at the name")


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        ("AccessDenied", "allow the role sqs:SendMessage there"),
        ("ExpiredToken", "AWS credentials are missing, expired or wrong"),
        ("RequestThrottled", "SQS throttles the queue"),
        ("InvalidParameterValue", "SQS failed with a request to the queue"),
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
        ("InternalError", "S3 failed with a request to the bucket"),
    ],
)
def test_a_bucket_that_refuses_says_why(s3: S3Client, code: str, cure: str) -> None:
    bucket = new_bucket(s3)
    refuse(s3, "PutObject", code, status=403)

    assert cure in str(failure(S3Bucket(bucket, client=s3)))


def test_a_queue_that_does_not_answer_in_time_is_an_error() -> None:
    with silent_server() as endpoint:
        sink = SQSQueue(f"{endpoint}/1/letters", client=queue_client(endpoint, read_timeout=0.2))

        error = failure(sink)

    assert "SQS does not answer" in str(error)
    assert str(error).endswith("(ReadTimeoutError)")


def test_a_bucket_that_does_not_answer_in_time_is_an_error() -> None:
    with silent_server() as endpoint:
        error = failure(S3Bucket("letters", client=bucket_client(endpoint, read_timeout=0.2)))

    assert "a function in a VPC needs an endpoint for S3" in str(error)


def test_a_service_that_cannot_be_reached_is_an_error() -> None:
    with silent_server() as endpoint:
        closed = endpoint

    assert "EndpointConnectionError" in str(failure(SQSQueue(closed, client=queue_client(closed))))


def test_without_a_client_one_is_made_of_what_boto3_finds(
    sqs: SQSClient, s3: S3Client, moto_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_endpoint)  # boto3 is configured by the environment
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    url, bucket = new_queue(sqs), new_bucket(s3)

    SQSQueue(url).send(letter())
    S3Bucket(bucket).send(letter())

    assert len(received(sqs, url)) == len(objects(s3, bucket)) == 1


def test_without_credentials_the_error_says_so(moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)

    assert "credentials are missing" in str(failure(SQSQueue(f"{moto_endpoint}/1/letters")))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("AWS_DEFAULT_REGION", "no region!", "boto3 makes no client of what is configured"),
        ("AWS_CONFIG_FILE", "none", "no AWS region is configured: set AWS_REGION"),
    ],
)
def test_a_client_that_cannot_be_made_is_an_error(
    name: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    monkeypatch.setenv(name, value)

    with pytest.raises(DeadLetterError, match=reason):
        make_client("sqs")


def test_a_client_that_is_made_has_little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")

    config = make_client("s3").meta.config

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


def test_a_sink_loads_boto3_with_the_first_letter_only() -> None:
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
def test_without_boto3_a_sink_says_what_to_install(
    make: Callable[[], DeadLetterSink], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)  # as if it were not installed

    with pytest.raises(ConfigurationError, match=rf"{name} needs boto3: pip install 'ddbevents\[aws\]'"):
        make()
