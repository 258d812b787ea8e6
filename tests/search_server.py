"""A search server on this machine that knows OpenSearch's bulk API, with external versions, and its errors.

Contract: https://docs.opensearch.org/latest/api-reference/document-apis/bulk/
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple

Json = dict[str, Any]

_MISSING: Final = -1


class Document(NamedTuple):
    """A document, or the trace of a deleted one, which has no source."""

    version: int
    source: Json | None


class SearchServer(ThreadingHTTPServer):
    """An index in memory.

    Attributes:
        stored: The documents, and the versions of deleted ones.
        requests: The identifiers in each bulk request, in order.
        busy: Identifiers whose next action is rejected, each once.
        unfit: Identifiers of documents that the mapping does not allow.
        status: The status of every answer, if it is not 200.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stored: dict[str, Document] = {}
        self.requests: list[list[str]] = []
        self.busy: set[str] = set()
        self.unfit: set[str] = set()
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def documents(self) -> dict[str, Json]:
        return {
            identifier: document.source
            for identifier, document in self.stored.items()
            if document.source is not None
        }

    def bulk(self, index: str, body: str) -> Json:
        self.requests.append([])
        items = [self._act(index, *action) for action in _actions(body)]
        return {
            "took": 3,
            "errors": any("error" in next(iter(item.values())) for item in items),
            "items": items,
        }

    def _act(self, index: str, action: str, target: Json, source: Json | None) -> Json:
        identifier = target["_id"]
        self.requests[-1].append(identifier)
        result = {"_index": index, "_id": identifier, **self._result(identifier, target, source)}
        return {action: result}

    def _result(self, identifier: str, target: Json, source: Json | None) -> Json:
        version = target["version"]
        before = self.stored.get(identifier, Document(_MISSING, None))
        if identifier in self.busy:
            self.busy.remove(identifier)
            return _error(429, "rejected_execution_exception", "rejected execution of coordinating operation")
        if source is not None and identifier in self.unfit:
            return _error(400, "mapper_parsing_exception", f"failed to parse: Preview of value: {source}")
        if before.version > version:
            reason = f"[{identifier}]: version conflict, current version [{before.version}] is higher than"
            reason += f" the one provided [{version}]"
            return _error(409, "version_conflict_engine_exception", reason)
        self.stored[identifier] = Document(version, source)
        existed = before.source is not None
        if source is None:
            kind, status = ("deleted", 200) if existed else ("not_found", 404)
        else:
            kind, status = ("updated", 200) if existed else ("created", 201)
        return {"_version": version, "result": kind, "status": status}


def _error(status: int, kind: str, reason: str) -> Json:
    return {"status": status, "error": {"type": kind, "reason": reason}}


def _actions(body: str) -> Iterator[tuple[str, Json, Json | None]]:
    """Yield the actions of a request: lines of JSON, each of them with its end."""
    if not body.endswith("\n"):
        raise ValueError("The bulk request must be terminated by a newline [\\n]")
    lines = iter(body.splitlines())
    for line in lines:
        [(action, target)] = json.loads(line).items()
        if target["version_type"] != "external_gte":
            raise ValueError("the server knows only external_gte")
        yield action, target, json.loads(next(lines)) if action == "index" else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SearchServer  # pyright: ignore[reportIncompatibleVariableOverride]  # no other makes a handler

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        _, index, operation = self.path.split("/")
        status, answer = self._answer(index, operation, body)
        raw = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _answer(self, index: str, operation: str, body: str) -> tuple[int, Json]:
        signature = self.headers.get("Authorization", "")
        kind = self.headers["Content-Type"]
        if "/es/aws4_request" not in signature or (operation, kind) != ("_bulk", "application/x-ndjson"):
            return 403, {"message": "the request is not signed, or is no bulk request"}
        if self.server.status != 200:
            return self.server.status, {"message": "no"}
        try:
            return 200, self.server.bulk(index, body)
        except ValueError as error:
            return 400, _error(400, "illegal_argument_exception", str(error))

    def log_message(self, format: str, *_: object) -> None: ...  # noqa: A002  # http.server's name


@contextmanager
def search_server() -> Generator[SearchServer]:
    """Run a server until the end of the block."""
    with SearchServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
