"""A Kinesis on this machine: kinesis-local, fetched by npm once, and run on the loopback interface only."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.config import Config

from tests.downloads import NotFetchedError, cached
from tests.dynamodb_local import free_port, session

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGE: Final = "kinesis-local@0.6.2"
# as npm publishes it, in base64
SHA512: Final = "mFlmksPMQP/A3nT22N2E8WzUbJcbEdxkCnhNCx2lHj20CW4vzuVH8zn5ByRg5LS5es8tvnx2mY1DpbZ5kw9PPQ=="
# it would listen on all interfaces
_ON_LOOPBACK: Final = """
const net = require("net"), listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, port, "127.0.0.1", ...rest);
};
require("./main.js");
"""
_POLL_SECONDS: Final = 0.05
_START_SECONDS: Final = 60


@contextmanager
def kinesis_local(environment: Mapping[str, str] = os.environ, *, sha512: str = SHA512) -> Generator[Any]:
    """Run an empty Kinesis until the end of the block, and yield boto3's client for it.

    Without Node.js the test is skipped, but not in CI.
    """
    path = environment.get("PATH", "")
    npm, node = shutil.which("npm", path=path), shutil.which("node", path=path)
    if npm is None or node is None:
        reason = "Node.js, whose npm fetches kinesis-local, is not on PATH: install it"
        if environment.get("CI"):
            raise NotFetchedError(reason)
        pytest.skip(reason)
    folder = cached(PACKAGE, lambda new: _fetch(npm, new, environment, sha512), environment) / "package"
    port = free_port()
    settings = {
        "KINESIS_MOCK_PLAIN_PORT": str(port),
        "KINESIS_MOCK_TLS_PORT": str(free_port()),
        "CREATE_STREAM_DURATION": "0ms",
        "LOG_LEVEL": "ERROR",
    }
    with (
        NamedTemporaryFile() as output,
        subprocess.Popen(
            [node, "--eval", _ON_LOOPBACK],
            cwd=folder,
            env={**environment, **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _wait_until_listening(process, Path(output.name), port)
            config = Config(region_name="eu-central-1", connect_timeout=2, read_timeout=10, proxies={})
            yield session().create_client("kinesis", endpoint_url=f"http://127.0.0.1:{port}", config=config)
        finally:
            process.kill()  # asked to end, it takes its time


def new_stream(kinesis: Any, name: str) -> str:
    """Return the id of the only shard of a new stream, once it can be used."""
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    return "shardId-000000000000"


def read_shard(kinesis: Any, name: str, shard: str, **position: str) -> Sequence[Any]:
    """Return the records of a shard from a position on, by default all."""
    where = {"ShardIteratorType": "TRIM_HORIZON", **position}
    iterator = kinesis.get_shard_iterator(StreamName=name, ShardId=shard, **where)["ShardIterator"]
    found: Sequence[Any] = kinesis.get_records(ShardIterator=iterator)["Records"]
    return found


def digest_of(packed: Path) -> str:
    """Return the SHA-512 of a file as npm shows it."""
    return base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()


def _fetch(npm: str, folder: Path, environment: Mapping[str, str], sha512: str) -> None:
    command = [npm, "pack", PACKAGE]
    try:
        subprocess.run(command, cwd=folder, env=environment, timeout=100, check=True, capture_output=True)
    except subprocess.SubprocessError as error:
        raise NotFetchedError(f"`npm pack {PACKAGE}` failed: run it to see why") from error
    [packed] = folder.glob("*.tgz")
    digest = digest_of(packed)
    if digest != sha512:
        raise NotFetchedError(f"npm's {PACKAGE} has the wrong SHA-512, {digest}: do not run it")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    packed.unlink()


def _wait_until_listening(process: subprocess.Popen[bytes], output: Path, port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                text = output.read_text(errors="replace")
                raise RuntimeError(f"kinesis-local did not start; its output:\n{text}") from None
        else:
            return
        time.sleep(_POLL_SECONDS)
