"""An app behind a Kinesis stream: the numbers, the order and the checkpoints are those of kinesis-local."""

from __future__ import annotations

import shutil
import stat
import tarfile
from base64 import b64decode, b64encode
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ddbevents import BatchFailedError, StreamApp, StreamRecord
from ddbevents.stores import MemoryStore
from ddbevents.testing import Table, kinesis_event
from tests.campaigns import IN_FULL
from tests.downloads import NotFetchedError
from tests.kinesis_local import digest_of, kinesis_local, new_stream, read_shard
from tests.stream import Json, batch


@pytest.fixture(scope="module")
def kinesis() -> Generator[Any]:
    with kinesis_local() as client:
        yield client


def passed(records: Sequence[Any]) -> Json:
    """Return what boto3 has read as Lambda passes it."""
    return batch(*map(_passed, records))


def _passed(record: Any) -> Json:
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "awsRegion": "eu-central-1",
        "eventSourceARN": "arn:aws:kinesis:eu-central-1:000000000000:stream/changes",
    }


class Ran:
    """An app that fails once for the item that a test names."""

    def __init__(self, poison: str) -> None:
        self.poison = {poison}
        self.done: list[str] = []
        self.app = StreamApp("users", store=MemoryStore())
        self.app.on_record()(self.note)

    def note(self, record: StreamRecord) -> None:
        key = str(record.keys["pk"])
        if key in self.poison:
            self.poison.clear()
            raise ValueError("once")
        self.done.append(key)

    def checkpoint(self, event: Json) -> str | None:
        """Return the number from which Lambda goes on."""
        try:
            [*failures] = self.app(event)["batchItemFailures"]
        except BatchFailedError as error:
            return error.identifier
        return failures[0]["itemIdentifier"]


@IN_FULL
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "middle", "last"])
def test_lambda_goes_on_from_kinesis_numbers(kinesis: Any, place: int) -> None:
    table, name = Table("Users", "pk"), f"changes-{place}"
    carried = kinesis_event(*[table.insert({"pk": f"u-{number}"}) for number in range(3)])["Records"]
    shard = new_stream(kinesis, name)
    for each in [*carried, carried[0]]:  # the first change twice, as Kinesis may have it
        data = b64decode(each["kinesis"]["data"])
        kinesis.put_record(StreamName=name, Data=data, PartitionKey=each["kinesis"]["partitionKey"])
    records = read_shard(kinesis, name, shard)
    ran = Ran(f"u-{place}")

    named = ran.checkpoint(passed(records))
    at = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": str(named)}
    rest = read_shard(kinesis, name, shard, **at)
    answer = ran.app(passed(rest))

    assert [each["SequenceNumber"] for each in rest] == [each["SequenceNumber"] for each in records[place:]]
    assert answer == {"batchItemFailures": []}
    assert sorted(ran.done) == ["u-0", "u-1", "u-2"]


def programs(folder: Path, **scripts: str) -> dict[str, str]:
    """Return an environment whose PATH has these programs, and sh."""
    for name, script in scripts.items():
        program = folder / name
        program.write_text(f"#!{shutil.which('sh')}\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"PATH": str(folder), "DDBEVENTS_CACHE": str(folder / "cache")}


def start(environment: dict[str, str], **expected: str) -> None:
    with ExitStack() as stack:
        stack.enter_context(kinesis_local(environment, **expected))


def test_without_npm_it_is_skipped(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match=r"Node\.js"):
        start(programs(tmp_path, node=""))


def test_without_npm_it_fails_in_ci(tmp_path: Path) -> None:
    with pytest.raises(NotFetchedError, match=r"Node\.js"):
        start({**programs(tmp_path, node=""), "CI": "true"})


@pytest.mark.parametrize(
    ("script", "reason"),
    [("exit 1", "failed: run it to see why"), ("echo other > kinesis.tgz", "has the wrong SHA-512")],
    ids=["fails", "other"],
)
def test_another_package_is_refused(script: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(NotFetchedError, match=reason):
        start(programs(tmp_path, node="", npm=script))


def test_a_server_that_ends_shows_why(tmp_path: Path) -> None:
    packed = tmp_path / "packed.tgz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("package/main.js"))
    environment = programs(tmp_path, node="echo broken", npm=f"{shutil.which('cp')} {packed} .")

    with pytest.raises(RuntimeError, match="broken"):
        start(environment, sha512=digest_of(packed))
