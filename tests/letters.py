"""Dead letters for tests, a queue and a bucket to put them in, and what can go wrong there."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.session import Session

from ddbevents.dead_letters import DeadLetter, to_json
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
    """What Lambda passes of a queue's message."""
    text = to_json(body) if isinstance(body, DeadLetter) else body
    return {"messageId": identifier, "eventSource": "aws:sqs", "body": text, "receiptHandle": "AQEB"}


def queue_client(endpoint: str, **settings: Any) -> SQSClient:
    return cast("SQSClient", _client("sqs", endpoint, settings))


def bucket_client(endpoint: str, **settings: Any) -> S3Client:
    return cast("S3Client", _client("s3", endpoint, settings))


def _client(service: str, endpoint: str, settings: dict[str, Any]) -> object:
    config = Config(
        retries={"total_max_attempts": 1}, proxies={}, s3={"addressing_style": "path"}, **settings
    )
    session = Session()
    session.set_credentials("local", "local")
    return session.create_client(service, region_name="eu-central-1", endpoint_url=endpoint, config=config)


def new_queue(client: SQSClient, suffix: str = "", **attributes: str) -> str:
    """The URL of an empty queue."""
    settings = cast("Any", attributes)  # their names are a Literal
    return client.create_queue(QueueName=f"letters-{uuid4()}{suffix}", Attributes=settings)["QueueUrl"]


def new_bucket(client: S3Client) -> str:
    """The name of an empty bucket."""
    name = f"letters-{uuid4()}"
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return name


def keys_of(client: S3Client, bucket: str) -> list[str]:
    return [each.get("Key", "") for each in client.list_objects_v2(Bucket=bucket).get("Contents", [])]


def refuse(client: SQSClient | S3Client, operation: str, code: str, *, status: int = 400) -> None:
    """Let AWS answer each such request with an error, in the form of the service."""
    bodies = {
        "s3": f"<Error><Code>{code}</Code></Error>",
        "sqs": f'{{"__type": "com.amazonaws.sqs#{code}"}}',
    }
    answer(client, operation, bodies[client.meta.service_model.service_name].encode(), status=status)


def answer(client: SQSClient | S3Client, operation: str, body: bytes, *, status: int = 200) -> None:
    """Let AWS answer each such request with this."""

    def send(request: AWSPreparedRequest, **_: object) -> Any:  # the stubs say that there is no answer
        raw: Any = io.BytesIO(body)
        raw.stream = lambda **_: iter([raw.read()])
        return AWSResponse(request.url, status, HTTPHeaders(), raw)

    service = client.meta.service_model.service_name
    client.meta.events.register(f"before-send.{service}.{operation}", send)


@contextmanager
def silent_server() -> Generator[str]:
    """An endpoint that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


class Sent:
    """A sink that keeps its letters, or fails."""

    def __init__(self, fail: Callable[[], None] | None = None) -> None:
        self.letters: list[DeadLetter] = []
        self.fail = fail

    def send(self, letter: DeadLetter) -> None:
        if self.fail is not None:
            self.fail()
        self.letters.append(letter)
