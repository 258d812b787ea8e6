"""An HTTP server on this machine: it shows what a client sends, and answers as DynamoDB or as a test says."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit


class Seen(NamedTuple):
    """A request as it came."""

    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def operation(self) -> str:
        return self.headers["x-amz-target"].rpartition(".")[2]

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Reply(NamedTuple):
    """An answer, with a pause after each header. Without a status the connection is closed instead."""

    status: int | None
    body: bytes = b""
    headers: Mapping[str, str] = {}
    closes: bool = False
    pause: float = 0


Pass: TypeAlias = Callable[[], Reply]
"""Lets DynamoDB do the request, and returns its answer."""

Plan: TypeAlias = Callable[[Pass], Reply]
"""What happens to one request."""


class Loopback(ThreadingHTTPServer):
    """The server. Each of the next requests meets one of the plans."""

    daemon_threads = True

    def __init__(self, upstream: str, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.scheme: Final = "http" if certificate is None else "https"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.upstream: Final = urlsplit(upstream).netloc
        self.seen: list[Seen] = []
        self.plans: list[Plan] = []
        self.credentials: list[Mapping[str, str]] = []
        self.is_over: Final = threading.Event()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep silent about clients that hang up, as one does that does not trust the certificate."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Loopback  # pyright: ignore[reportIncompatibleVariableOverride]  # no other makes a handler

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append(Seen(headers, body, self.client_address[1]))
        plan = self.server.plans.pop(0) if self.server.plans else passes
        self.answer(plan(lambda: self.forward(body)))

    def do_GET(self) -> None:
        """Answer as the endpoint of a container's credentials."""
        self.answer(Reply(200, json.dumps(self.server.credentials.pop(0)).encode()))

    def forward(self, body: bytes) -> Reply:
        with closing(HTTPConnection(self.server.upstream)) as upstream:
            upstream.request("POST", "/", body, {**self.headers})
            response = upstream.getresponse()
            headers = {
                name: value for name, value in response.headers.items() if name.lower().startswith("x-amz")
            }
            return Reply(response.status, response.read(), headers)

    def answer(self, reply: Reply) -> None:
        self.close_connection = reply.closes or reply.status is None
        if reply.status is not None:
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
                if reply.pause:
                    self.flush_headers()
                    self.server.is_over.wait(reply.pause)
            self.end_headers()
            self.wfile.write(reply.body)

    def log_message(self, format: str, *_: object) -> None: ...  # noqa: A002  # http.server's name


def passes(forward: Pass) -> Reply:
    return forward()


def loses_answer(forward: Pass) -> Reply:
    """DynamoDB does the request, but its answer is lost."""
    forward()
    return Reply(None)


def drops(_: Pass) -> Reply:
    """The connection breaks before DynamoDB gets the request."""
    return Reply(None)


def closes_later(forward: Pass) -> Reply:
    """The connection is closed after the answer, which does not say so."""
    return forward()._replace(closes=True)


def cuts(forward: Pass) -> Reply:
    """The answer arrives without its last byte."""
    reply = forward()
    return reply._replace(body=reply.body[:-1])


def says(body: Any, status: int = 200, **headers: str) -> Plan:
    """Return a plan that answers in DynamoDB's place."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Reply(status, raw, named)


def does_and_says(body: Any, status: int = 200) -> Plan:
    """Return a plan that lets DynamoDB do the request, and answers in its place."""

    def plan(forward: Pass) -> Reply:
        forward()
        return says(body, status)(forward)

    return plan


@contextmanager
def loopback(upstream: str, certificate: Path | None = None) -> Generator[Loopback]:
    """Run a server in front of DynamoDB until the end of the block, by TLS if it has a certificate."""
    with Loopback(upstream, certificate) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.is_over.set()
            server.shutdown()
            thread.join()
