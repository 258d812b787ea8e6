"""A DynamoDB client that sends most requests itself, signed by botocore, and leaves the rest to boto3.

boto3 checks, serializes and parses each request by the service's description, and emits twenty events for it.
That takes longer than signing and sending. Loads boto3.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4
from zlib import crc32

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from botocore.session import Session

from .._tuples import NamedTuple
from ._client import Request
from ._instruments import Instruments

# the fields of each operation's answer, which are objects, and what these have for a table
_FIELDS: Final[Mapping[str, Mapping[str, type]]] = {
    "BatchGetItem": {"Responses": list, "UnprocessedKeys": dict},
    "BatchWriteItem": {"UnprocessedItems": list},
    "TransactWriteItems": {},
}
_OK: Final = 200
_SCOPE: Final = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request,")
_SIGNED: Final = frozenset({"Content-Type", "User-Agent", "X-Amz-Target"})  # botocore leaves out the second
_UNSIGNED: Final = frozenset({"amz-sdk-request"})
_REQUEST_ID: Final = "amz-sdk-invocation-id"
_TRACE: Final = "X-Amzn-Trace-Id"
_MADE: Final = frozenset(
    {"Authorization", "Content-Length", "X-Amz-Date", "X-Amz-Security-Token", _REQUEST_ID, _TRACE}
)
_FIRST_TRY: Final = "attempt=1"  # a repetition says more, also when it was sent


class _Pattern(NamedTuple):
    """A request of boto3's, after which others of its operation are made.

    Attributes:
        url: Where it was sent: the endpoint depends on much more than the region.
        signed: Its headers that are the same for each request, and are signed.
        unsigned: Those that are not signed.
        region: The region that it was signed for.
        service: The service that it was signed for.
        account: The account of its credentials, if they say so: the endpoint may depend on it.
        credentials: Where its credentials are from.
    """

    url: str
    signed: Mapping[str, str]
    unsigned: Mapping[str, str]
    region: str
    service: str
    account: str | None
    credentials: Credentials


class DirectClient:
    """Reads and writes marks and commits transactions with a fraction of boto3's work.

    boto3 sends the first request of each operation, which shows the endpoint and the headers. Later ones are
    the same to the byte, signed by botocore, and use the same connections. Anything but a clean success goes
    to boto3, as if nothing had been sent, so errors, retries and pauses are boto3's. Sending a request twice
    is safe: the same marks are read or written, and a transaction keeps its token.

    It is only for a client that nobody else knows: hooks on a client of the user's would miss requests.

    Attributes:
        boto3: The client that it wraps.
    """

    def __init__(self, session: Session, client: Any) -> None:
        """Wrap a client.

        Args:
            session: The session that the client was made by.
            client: The client, of a type that boto3 makes at run time.
        """
        self.boto3: Final = client
        self._session = session
        self._patterns: dict[str, _Pattern] = {}
        self._instruments = Instruments(session, client)
        if self._instruments.are_absent():
            self._http = _http_session(session, client)
            # boto3 sends through the same connections, since each new one costs a handshake
            client.meta.events.register_last("before-send", self._send)

    @property
    def describe_table(self) -> Request:
        """Send a `DescribeTable`, by boto3: it is sent once a table."""
        return self.boto3.describe_table  # type: ignore[no-any-return]  # boto3 makes it at run time

    def batch_get_item(self, **arguments: Any) -> Any:
        """Send a `BatchGetItem`."""
        return self._ask("BatchGetItem", self.boto3.batch_get_item, arguments, arguments["RequestItems"])

    def batch_write_item(self, **arguments: Any) -> Any:
        """Send a `BatchWriteItem`."""
        return self._ask("BatchWriteItem", self.boto3.batch_write_item, arguments, arguments["RequestItems"])

    def transact_write_items(self, **arguments: Any) -> Any:
        """Send a `TransactWriteItems`, whose actions must be ones that botocore would not refuse.

        The token makes sure that boto3's repetition of the request does nothing if the first had an effect,
        but its answer was lost. botocore makes one too, but for each call.
        """
        arguments.setdefault("ClientRequestToken", str(uuid4()))
        actions: list[dict[str, dict[str, Any]]] = arguments["TransactItems"]
        tables = [content["TableName"] for action in actions for content in action.values()]
        return self._ask("TransactWriteItems", self.boto3.transact_write_items, arguments, tables)

    def _ask(
        self, operation: str, by_boto3: Request, arguments: Mapping[str, Any], tables: Collection[str]
    ) -> Any:
        answer = self._directly(operation, arguments, tables)
        return by_boto3(**arguments) if answer is None else answer

    def _directly(
        self, operation: str, arguments: Mapping[str, Any], tables: Collection[str]
    ) -> dict[str, Any] | None:
        """Return DynamoDB's answer, or None if boto3 has to send the request, perhaps again."""
        pattern = self._patterns.get(operation)
        if pattern is None or not self._instruments.are_absent():
            return None
        if any(table.startswith("arn:") for table in tables):
            return None  # the endpoint may be that of the table's account
        try:
            response = self._http.send(_request(pattern, arguments))
            answer = _clean(response, _FIELDS[operation], tables)
        except Exception:  # noqa: BLE001  # botocore's and urllib3's code: boto3 tries again, and explains
            answer = None
        if answer is None:
            self._patterns.pop(operation, None)  # boto3's own request shows what has changed
        return answer

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        """Send a request of boto3's, and learn from it. A handler of the event `before-send`."""
        if not self._instruments.are_absent():
            return None  # boto3 sends it
        operation = _text(request.headers.get("X-Amz-Target", "")).rpartition(".")[2]
        if operation in _FIELDS and operation not in self._patterns:
            try:
                pattern = _pattern_of(request, self._session)
            except Exception:  # noqa: BLE001  # botocore's code: this request of boto3's is ready to be sent
                pattern = None
            if pattern is not None:
                self._patterns[operation] = pattern
        return self._http.send(request)


def _http_session(session: Session, client: Any) -> URLLib3Session:
    """Return an HTTP session with the settings of the client's own, which is private."""
    authorities = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
    config = client.meta.config
    settings: dict[str, Any] = {  # the stubs know them only in part
        "verify": authorities or True,
        "timeout": (config.connect_timeout, config.read_timeout),
        "max_pool_connections": config.max_pool_connections,
        # or the body, which is sent after the headers, waits for the server to confirm them
        "socket_options": [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    }
    return URLLib3Session(**settings)


def _request(pattern: _Pattern, arguments: Mapping[str, Any]) -> AWSPreparedRequest:
    frozen = pattern.credentials.get_frozen_credentials()  # they are refreshed if that is due
    if _account(frozen) != pattern.account:
        raise ValueError
    request = AWSRequest("POST", pattern.url, headers={**pattern.signed}, data=_body(arguments))
    SigV4Auth(frozen, pattern.service, pattern.region).add_auth(request)
    for name, value in {**pattern.unsigned, **_tracing(), _REQUEST_ID: str(uuid4())}.items():
        request.headers[name] = value
    return request.prepare()


def _pattern_of(request: AWSPreparedRequest, session: Session) -> _Pattern | None:
    """Return how boto3 sends an operation, or None if it does so in a way that is not known here."""
    headers = {name: _text(value) for name, value in request.headers.items()}
    body: Any = request.body  # bytes, which the stubs do not know
    scope = _SCOPE.match(headers.get("Authorization", ""))
    credentials = session.get_credentials()
    if scope is None or credentials is None:
        return None
    access_key, region, service = scope.groups()
    frozen = credentials.get_frozen_credentials()
    is_known = (
        request.method == "POST"
        and access_key == frozen.access_key
        and headers.keys() <= _SIGNED | _UNSIGNED | _MADE
        and headers.get("amz-sdk-request", _FIRST_TRY).startswith(_FIRST_TRY)
        and _only(headers, {_TRACE}) == _tracing()
        and _body(json.loads(body)) == body
    )
    if not is_known:
        return None
    signed, unsigned = _only(headers, _SIGNED), _only(headers, _UNSIGNED)
    return _Pattern(request.url, signed, unsigned, region, service, _account(frozen), credentials)


def _only(headers: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in names}


def _body(arguments: Mapping[str, Any]) -> bytes:
    return _encode(arguments).encode()


def _binary(value: bytes) -> str:
    return base64.b64encode(value).decode()


_encode: Final = json.JSONEncoder(default=_binary).encode


def _tracing() -> dict[str, str]:
    """Return the header by which AWS traces an invocation's requests; botocore adds it in a function."""
    trace = os.environ.get("_X_AMZN_TRACE_ID")
    if not trace or "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
        return {}
    return {_TRACE: quote(trace, safe="-=;:+&[]{}\"',")}


def _account(credentials: Any) -> str | None:
    return getattr(credentials, "account_id", None)  # unknown to early versions of botocore


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _clean(
    response: AWSResponse, fields: Mapping[str, type], tables: Collection[str]
) -> dict[str, Any] | None:
    """Return the answer as boto3 returns it, or None unless it is a success, complete and as it was sent."""
    request_id = response.headers.get("x-amzn-requestid")
    content = response.content
    checksum = response.headers.get("x-amz-crc32", crc32(content))
    if response.status_code != _OK or not request_id or int(checksum) != crc32(content):
        return None
    answer = json.loads(content)
    if not isinstance(answer, dict) or not all(
        _has(answer.get(field), kind, tables) for field, kind in fields.items()
    ):
        return None
    return {**answer, "ResponseMetadata": {"RequestId": request_id, "HTTPStatusCode": _OK}}


def _has(field: Any, kind: type, tables: Collection[str]) -> bool:
    """Return whether a field of an answer has the expected kind of value, for tables that were asked."""
    return isinstance(field, dict) and all(
        table in tables and isinstance(value, kind) for table, value in field.items()
    )
