"""A DynamoDB without tables, in another process: it answers at once, so that a client alone is measured."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from typing import Final
from zlib import crc32

ANSWERS: Final[Mapping[str, bytes]] = {
    "BatchGetItem": b'{"Responses": {}, "UnprocessedKeys": {}}',
    "BatchWriteItem": b'{"UnprocessedItems": {}}',
    "TransactWriteItems": b"{}",
}


class Handler(BaseHTTPRequestHandler):
    """Answers each request as if it had succeeded."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        """Read the request, and answer by its operation alone."""
        self.rfile.read(int(self.headers["Content-Length"]))
        body = ANSWERS[self.headers["X-Amz-Target"].rpartition(".")[2]]
        self.send_response_only(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("x-amzn-RequestId", "A" * 52)
        self.send_header("x-amz-crc32", str(crc32(body)))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # http.server's name
        """Keep silent."""


@contextmanager
def instant_dynamodb() -> Generator[str]:
    """Run it until the end of the block, and give its endpoint."""
    ports, sender = Pipe(duplex=False)
    process = get_context("spawn").Process(target=serve, args=[sender], daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ports.recv()}"
    finally:
        process.terminate()
        process.join()


def serve(ports: Connection) -> None:
    """Send the port, and serve for ever."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        ports.send(server.server_port)
        server.serve_forever()
