"""What can go wrong between a client and DynamoDB, each as something that happens to one request."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from botocore.httpsession import URLLib3Session
from botocore.session import Session

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Fault: TypeAlias = Callable[[AWSPreparedRequest], AWSResponse | None]
"""Answers in DynamoDB's place, raises, or returns None to let the request pass."""


def impatient_client(endpoint: str) -> DynamoDBClient:
    """A client that asks once."""
    config = Config(
        region_name="eu-central-1", connect_timeout=1, retries={"total_max_attempts": 1}, proxies={}
    )
    client = session().create_client("dynamodb", endpoint_url=endpoint, config=config)
    return cast("DynamoDBClient", client)  # botocore's session knows no services


@cache
def session() -> Session:
    """One that looks at nothing of the user's. It reads what the service is only once."""
    no_file = (None, None, os.devnull, None)
    settings = {"profile": (None, None, None, None), "config_file": no_file, "credentials_file": no_file}
    session = Session(session_vars=settings)
    session.set_credentials("local", "local")
    return session


def count_requests(client: DynamoDBClient) -> list[str]:
    """A list to which the name of each operation is added that is sent from now on."""
    sent: list[str] = []

    def note(event_name: str, **_: object) -> None:
        sent.append(event_name.rpartition(".")[2])

    client.meta.events.register_first("before-send.dynamodb", note)
    return sent


def plan(client: DynamoDBClient, *faults: Fault) -> None:
    """Let the next requests meet these faults, one each."""
    left = list(faults)

    def meet(request: AWSPreparedRequest, **_: object) -> Any:  # an answer: the stubs say that there is none
        return left.pop(0)(request) if left else None

    client.meta.events.register_last("before-send.dynamodb", meet)


def answers(body: dict[str, Any], *, status: int = 200) -> Fault:
    def answer(request: AWSPreparedRequest) -> AWSResponse:
        raw = io.BytesIO(json.dumps(body).encode())
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
    """DynamoDB does it, and nobody hears of it."""
    URLLib3Session().send(request)
    raise ReadTimeoutError(endpoint_url=request.url)


def is_unreachable(request: AWSPreparedRequest) -> None:
    raise EndpointConnectionError(endpoint_url=request.url)


class KilledError(BaseException):
    """The function dies: nothing of it goes on."""


def kills_before(_: AWSPreparedRequest) -> None:
    raise KilledError


def kills_after(request: AWSPreparedRequest) -> None:
    URLLib3Session().send(request)
    raise KilledError
