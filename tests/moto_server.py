"""moto's server in a process of its own: a second engine for the tests."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

import boto3
import pytest

from tests.dynamodb_local import stop

# One thread: moto rolls back a refused transaction by restoring all tables, so it would undo the writes of
# concurrent requests.
_PROGRAM: Final = """
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

run_simple("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
"""
_POLL_SECONDS: Final = 0.05
_START_SECONDS: Final = 60


@contextmanager
def moto_server() -> Generator[str]:
    """Run a server until the end of the block, on a free port, and yield its endpoint."""
    with (
        NamedTemporaryFile() as output,
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM], stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield wait_for_endpoint(process, Path(output.name))
        finally:
            stop(process)


@contextmanager
def aws_environment(endpoint: str) -> Generator[pytest.MonkeyPatch]:
    """Let boto3 call an endpoint until the end of the block, with a Region and credentials as in Lambda."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials that it has found
        environment.setenv("AWS_ENDPOINT_URL", endpoint)
        environment.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        environment.setenv("AWS_ACCESS_KEY_ID", "local")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "local")
        yield environment


def wait_for_endpoint(process: subprocess.Popen[bytes], output: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        ended = process.poll() is not None
        text = output.read_text(errors="replace")
        if found := re.search(r"Running on (http://127\.0\.0\.1:\d+)", text):
            return found[1]
        if ended or time.monotonic() > deadline:
            raise RuntimeError(f"moto's server did not start; its output:\n{text}")
        time.sleep(_POLL_SECONDS)
