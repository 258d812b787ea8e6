"""Dead letters for tests, queues and buckets for them, and faults of both."""

from __future__ import annotations

import gzip
import io
import json
import socket
from base64 import b64encode
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError

from ddbevents.dead_letters import DeadLetter, SQSQueue, letter_to_json
from tests.dynamodb_local import session
from tests.stream import Json, insert, user

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

RECORD = insert(1, user("ada"))


def letter(record: object = RECORD, handler: str | None = "users.welcome", **parts: Any) -> DeadLetter:
    made = DeadLetter(
        app="users",
        handler=handler,
        attempts=5,
        error="ValueError",
        message="no such address",
        path=None,
        failed_at=datetime(2026, 11, 23, 17, 42, 5, tzinfo=UTC),
        record=record,
    )
    return made._replace(**parts)


def message(identifier: str, body: DeadLetter | str) -> Json:
    """Return a queue's message as Lambda passes it."""
    text = letter_to_json(body) if isinstance(body, DeadLetter) else body
    return {"messageId": identifier, "eventSource": "aws:sqs", "body": text, "receiptHandle": "AQEB"}


class SmallQueue:
    """An SQS client whose queue is too small for any letter that is not compressed."""

    def __init__(self) -> None:
        self.bodies: list[str] = []

    def send_message(self, **message: Any) -> None:
        if "MessageAttributes" not in message:
            reason = "Reason: Message must be shorter than 1024 bytes."
            raise ClientError({"Error": {"Code": "InvalidParameterValue", "Message": reason}}, "SendMessage")
        self.bodies.append(message["MessageBody"])


def compressed(letter: DeadLetter) -> str:
    """Return the message that holds a letter compressed."""
    queue = SmallQueue()
    SQSQueue("https://queue", client=queue).send(letter)
    return queue.bodies[0]


def packed(text: str) -> str:
    """Return the message that holds any text compressed."""
    content = b64encode(gzip.compress(text.encode())).decode()
    return json.dumps({"version": 1, "compressed": "gzip", "letter": content})


def queue_client(endpoint: str, **settings: Any) -> SQSClient:
    return cast("SQSClient", _client("sqs", endpoint, settings))


def bucket_client(endpoint: str, **settings: Any) -> S3Client:
    return cast("S3Client", _client("s3", endpoint, settings))


def _client(service: str, endpoint: str, settings: dict[str, Any]) -> object:
    config = Config(
        retries={"total_max_attempts": 1}, proxies={}, s3={"addressing_style": "path"}, **settings
    )
    return session().create_client(service, region_name="eu-central-1", endpoint_url=endpoint, config=config)


def new_queue(client: SQSClient, suffix: str = "", **attributes: str) -> str:
    """Create a queue and return its URL."""
    settings = cast("Any", attributes)  # the stubs want Literals
    return client.create_queue(QueueName=f"letters-{uuid4()}{suffix}", Attributes=settings)["QueueUrl"]


def new_bucket(client: S3Client) -> str:
    """Create a bucket and return its name."""
    name = f"letters-{uuid4()}"
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return name


def keys_of(client: S3Client, bucket: str) -> list[str]:
    return [each.get("Key", "") for each in client.list_objects_v2(Bucket=bucket).get("Contents", [])]


def refuse(client: SQSClient | S3Client, operation: str, code: str, *, status: int = 400) -> None:
    """Let AWS answer each request of this operation with an error, in the service's format."""
    bodies = {
        "s3": f"<Error><Code>{code}</Code></Error>",
        "sqs": f'{{"__type": "com.amazonaws.sqs#{code}"}}',
    }
    answer(client, operation, bodies[client.meta.service_model.service_name].encode(), status=status)


def answer(client: SQSClient | S3Client, operation: str, body: bytes, *, status: int = 200) -> None:
    """Let AWS answer each request of this operation with this body."""

    def send(request: AWSPreparedRequest, **_: object) -> Any:  # an answer, which the stubs do not know
        raw: Any = io.BytesIO(body)
        raw.stream = lambda **_: iter([raw.read()])
        return AWSResponse(request.url, status, HTTPHeaders(), raw)

    service = client.meta.service_model.service_name
    client.meta.events.register(f"before-send.{service}.{operation}", send)


@contextmanager
def silent_server() -> Generator[str]:
    """Run an endpoint that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


class Sent:
    """A sink that keeps its letters, or fails."""

    def __init__(self, fail: Callable[[], None] | None = None) -> None:
        self.letters: list[DeadLetter] = []
        self.fail = fail

    def send(self, letter: DeadLetter, *, patience: timedelta) -> None:  # noqa: ARG002  # the Protocol's
        if self.fail is not None:
            self.fail()
        self.letters.append(letter)
