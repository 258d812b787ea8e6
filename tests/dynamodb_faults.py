"""Faults between a client and DynamoDB, each of which happens to one request; and clients to watch."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from tests.dynamodb_local import session

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Fault: TypeAlias = Callable[[AWSPreparedRequest], AWSResponse | None]
"""Answers in DynamoDB's place, raises, or returns None to let the request pass."""


def impatient_client(endpoint: str) -> DynamoDBClient:
    """Return a client that never retries."""
    config = Config(
        region_name="eu-central-1", connect_timeout=1, retries={"total_max_attempts": 1}, proxies={}
    )
    client = session().create_client("dynamodb", endpoint_url=endpoint, config=config)
    return cast("DynamoDBClient", client)  # botocore's session knows no services


def count_requests(client: DynamoDBClient) -> list[str]:
    """Return a list that the name of each operation is added to when it is sent."""
    sent: list[str] = []

    def note(event_name: str, **_: object) -> None:
        sent.append(event_name.rpartition(".")[2])

    client.meta.events.register_first("before-send.dynamodb", note)
    return sent


def plan(client: DynamoDBClient, *faults: Fault) -> None:
    """Let one fault happen to each of the next requests."""
    left = list(faults)

    def meet(request: AWSPreparedRequest, **_: object) -> Any:  # an answer, which the stubs do not know
        return left.pop(0)(request) if left else None

    client.meta.events.register_last("before-send.dynamodb", meet)


def answers(body: Any, *, status: int = 200) -> Fault:
    def answer(request: AWSPreparedRequest) -> AWSResponse:
        raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        raw.stream = lambda **_: iter([raw.read()])  # type: ignore[attr-defined]  # as urllib3's responses have
        return AWSResponse(request.url, status, HTTPHeaders(), raw)

    return answer


def refuses(code: str, message: str = "", *, status: int = 400, **more: Any) -> Fault:
    """DynamoDB answers with an error."""
    return answers(
        {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message, **more}, status=status
    )


def cancels(*codes: str, message: str = "") -> Fault:
    """DynamoDB cancels the transaction, with a reason for each action."""
    reasons = [{"Code": code, "Message": message} for code in codes]
    text = "Transaction cancelled, please refer cancellation reasons for specific reasons"
    return refuses("TransactionCanceledException", text, CancellationReasons=reasons)


def loses_answer(request: AWSPreparedRequest) -> None:
    """DynamoDB does the request, but its answer is lost."""
    URLLib3Session().send(request)
    raise ReadTimeoutError(endpoint_url=request.url)


def is_unreachable(request: AWSPreparedRequest) -> None:
    raise EndpointConnectionError(endpoint_url=request.url)


class KilledError(BaseException):
    """The function dies, and nothing in it goes on."""


def kills_before(_: AWSPreparedRequest) -> None:
    raise KilledError


def kills_after(request: AWSPreparedRequest) -> None:
    URLLib3Session().send(request)
    raise KilledError


def clients_made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that each client is added to which boto3 makes by itself."""
    made: list[Any] = []
    make: Any = boto3.Session.client

    def note(*arguments: Any, **settings: Any) -> Any:
        made.append(make(*arguments, **settings))
        return made[-1]

    monkeypatch.setattr(boto3.Session, "client", note)  # stores and sinks take no session
    return made


class StubClient:
    """A DynamoDB client that does nothing; it knows the key of every table, or of none."""

    batch_get_item = batch_write_item = dict[str, object]  # never called

    def __init__(self, *key: str) -> None:
        self.key = key
        self.described: list[str] = []

    def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803  # boto3's name
        self.described.append(TableName)
        if not self.key:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeTable")
        return {"Table": {"KeySchema": [{"AttributeName": name} for name in self.key]}}

    def transact_write_items(self, **_: object) -> dict[str, Any]:
        return {"ResponseMetadata": {"RequestId": "A1B2"}}
