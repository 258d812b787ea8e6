"""An execution environment of a Lambda function: Amazon's runtime client under a Runtime API of our own.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, Final, Literal, NamedTuple, cast
from uuid import uuid4

from typing_extensions import override

ROOT: Final = Path(__file__).parent.parent
FUNCTIONS: Final = ROOT / "tests" / "lambda_functions"
_ARN: Final = "arn:aws:lambda:eu-central-1:123456789012:function:tested"
_INIT_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.02


class InvocationError(Exception):
    """The function returned no result."""


class RaisedError(InvocationError):
    """The function raised, or could not be imported; the process may live on."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class CrashedError(InvocationError):
    """The process ended before it gave a result."""

    def __init__(self, exit_code: int, output: str) -> None:
        super().__init__(f"the process ended with {exit_code}; its output:\n{output}")
        self.exit_code = exit_code


class TimedOutError(InvocationError):
    """The invocation timed out, and the process was killed."""


class _Invocation(NamedTuple):
    event: bytes
    milliseconds: int


class _Request(NamedTuple):
    """A request of the runtime client: it took the invocation, or reports how that ended."""

    name: Literal["next", "response", "error"]
    body: bytes = b""


class _RuntimeAPI(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Endpoint)
        self.invocations: SimpleQueue[_Invocation | None] = SimpleQueue()
        self.requests: SimpleQueue[_Request] = SimpleQueue()
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a process that was killed in the middle of a request."""


class _Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def _api(self) -> _RuntimeAPI:
        return cast("_RuntimeAPI", self.server)

    def do_GET(self) -> None:
        invocation = self._api.invocations.get()
        if invocation is None:
            self.send_error(410)
            return
        self._api.requests.put(_Request("next"))
        headers = {
            "Lambda-Runtime-Aws-Request-Id": str(uuid4()),
            "Lambda-Runtime-Deadline-Ms": str(round(time.time() * 1000) + invocation.milliseconds),
            "Lambda-Runtime-Invoked-Function-Arn": _ARN,
            "Content-Type": "application/json",
        }
        self._answer(200, headers, invocation.event)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(202, {}, b"{}")
        self._api.requests.put(_Request("response" if self.path.endswith("/response") else "error", body))

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Runtime(NamedTuple):
    """A process of the runtime client, with an API of its own."""

    api: _RuntimeAPI
    process: subprocess.Popen[bytes]
    output: Path

    def wait(self, seconds: float) -> _Request:
        deadline = time.monotonic() + seconds
        while True:
            has_ended = self.process.poll() is not None
            left = deadline - time.monotonic()
            try:
                return self.api.requests.get(timeout=0 if has_ended else max(0.0, min(left, _POLL_SECONDS)))
            except Empty:
                if has_ended:
                    raise CrashedError(self.process.returncode, self.output_text()) from None
                if left <= 0:
                    raise TimedOutError(
                        f"no answer within {seconds} s; the output:\n{self.output_text()}"
                    ) from None

    def output_text(self) -> str:
        return self.output.read_text(errors="replace")

    def close(self, patience: float) -> None:
        """Let the process end; kill it if it does not."""
        self.api.invocations.put(None)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        self.process.kill()  # does nothing to a process that has ended
        self.process.wait()
        self.api.shutdown()
        self.api.server_close()


class Function:
    """A function whose process is started on demand, and again after it ended or was killed."""

    def __init__(self, handler: str, folder: Path, variables: Mapping[str, str]) -> None:
        self.starts = 0
        self._handler = handler
        self._folder = folder
        self._variables = variables
        self._runtime: _Runtime | None = None

    def __call__(self, event: object, _context: object = None) -> Any:
        return self.invoke(event)

    def invoke(
        self,
        event: object,
        *,
        timeout: timedelta = timedelta(seconds=30),
        killed_after: timedelta | None = None,
    ) -> Any:
        """Invoke the function, and return its result.

        Args:
            event: The event.
            timeout: The function's timeout, after which its process is killed.
            killed_after: Kills the process after this time instead, without its knowledge.

        Raises:
            InvocationError: There is no result.
        """
        runtime = self.start()
        runtime.api.invocations.put(
            _Invocation(json.dumps(event).encode(), round(timeout / timedelta(milliseconds=1)))
        )
        try:
            request = runtime.wait(_INIT_SECONDS)
            if request.name == "next":
                request = runtime.wait((killed_after or timeout).total_seconds())
        except TimedOutError:
            runtime.process.kill()
            self.close()
            raise
        if request.name == "response":
            return json.loads(request.body)
        error = json.loads(request.body)
        raise RaisedError(error["errorType"], error["errorMessage"])

    def start(self) -> _Runtime:
        """Return the process, after starting one if none is running."""
        if self._runtime is not None and self._runtime.process.poll() is None:
            return self._runtime
        self.close()
        self.starts += 1
        api = _RuntimeAPI()
        output = self._folder / f"output-{self.starts}.txt"
        environment = lambda_environment({**self._variables, "AWS_LAMBDA_RUNTIME_API": _address(api)})
        with output.open("wb") as file:
            process = subprocess.Popen(
                runtime_command(self._handler), cwd=ROOT, env=environment, stdout=file, stderr=file
            )
        self._runtime = _Runtime(api, process, output)
        return self._runtime

    def output(self) -> str:
        """Return what the process has printed and logged."""
        return self.start().output_text()

    def close(self, *, patience: float = 5.0) -> None:
        if self._runtime is not None:
            self._runtime.close(patience)
            self._runtime = None


@contextmanager
def function(handler: str, **variables: str) -> Generator[Function]:
    """Run a function until the end of the block.

    Args:
        handler: The handler setting; its module is in `tests/lambda_functions` or in the project.
        variables: The environment variables.
    """
    with TemporaryDirectory() as folder:
        made = Function(handler, Path(folder), variables)
        try:
            yield made
        finally:
            made.close()


def runtime_command(handler: str) -> list[str]:
    return [sys.executable, "-m", "awslambdaric", handler]


def lambda_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a function, which has nothing of this process but coverage."""
    return {
        **dict(_coverage_variables()),
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_LAMBDA_FUNCTION_NAME": "tested",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "LANG": "en_US.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": os.pathsep.join(map(str, (FUNCTIONS, ROOT))),
        **variables,
    }


def _coverage_variables() -> Iterator[tuple[str, str]]:
    for name, value in os.environ.items():
        if name.startswith("COVERAGE_"):
            yield name, value


def _address(api: _RuntimeAPI) -> str:
    return f"127.0.0.1:{api.server_port}"
