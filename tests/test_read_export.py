"""Exports: every line once, and nothing of a file that is not as its manifest says."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ddbevents import ConfigurationError, SourceError
from ddbevents.sources import read_export
from ddbevents.sources._export import Export  # positions are for `backfill` alone
from ddbevents.sources._export_places import export_place  # the same
from tests.dynamodb_local import clients
from tests.dynamodb_tables import make_table
from tests.exports import (
    EXPORT_ID,
    PREFIX,
    TABLE_ID,
    change_line,
    items_of,
    packed,
    upload,
    user_line,
    write_export,
)
from tests.letters import new_bucket, refuse
from tests.stream import Json

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

LINES = [user_line(number) for number in range(7)]
CHANGES = [
    change_line(1, NewImage=user_line(1)["Item"]),
    change_line(2, OldImage=user_line(2)["Item"], NewImage=None),
]


def test_a_full_export_is_read(tmp_path: Path) -> None:
    folder = write_export(tmp_path, LINES[:3], [], LINES[3:])

    events = [*read_export(folder, keys=["pk"])]

    assert items_of(events) == LINES
    assert [event["BatchInput"] for event in events] == [
        {
            "table": "Users",
            "tableId": TABLE_ID,
            "exportId": EXPORT_ID,
            "exportType": "FULL",
            "exportTime": "2026-11-27T07:28:34.028Z",
            "keys": ["pk"],
        }
    ] * 2


def test_an_incremental_export_needs_no_keys(tmp_path: Path) -> None:
    folder = write_export(tmp_path, CHANGES, incremental=True)

    [event] = read_export(folder)

    assert event["Items"] == CHANGES
    assert event["BatchInput"] == {
        "table": "Users",
        "tableId": TABLE_ID,
        "exportId": EXPORT_ID,
        "exportType": "INCREMENTAL",
        "outputView": "NEW_AND_OLD_IMAGES",
    }


def test_a_location_may_be_the_summary(tmp_path: Path) -> None:
    folder = write_export(tmp_path, LINES)

    assert items_of(read_export(str(folder / "manifest-summary.json"), keys=["pk"])) == LINES


def test_events_are_of_some_hundred_items(tmp_path: Path) -> None:
    folder = write_export(tmp_path, [user_line(number) for number in range(1_001)])

    assert [len(event["Items"]) for event in read_export(folder, keys=["pk"])] == [500, 500, 1]


def test_events_of_large_items_are_small(tmp_path: Path) -> None:
    large = [{"Item": {"pk": {"S": str(number)}, "text": {"S": "x" * 390_000}}} for number in range(30)]

    events = read_export(write_export(tmp_path, large), keys=["pk"])

    assert [len(event["Items"]) for event in events] == [11, 11, 8]


def test_memory_stays_flat(tmp_path: Path) -> None:
    lines = [user_line(number) for number in range(1_000)]
    small = write_export(tmp_path / "small", *[lines] * 2)
    large = write_export(tmp_path / "large", *[lines] * 12)

    assert peak_of(large) < 1.2 * peak_of(small)


def peak_of(folder: Path) -> int:
    """Return the most memory that reading an export took, in bytes."""
    tracemalloc.start()
    deque(read_export(folder, keys=["pk"]), maxlen=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("under", ["", "copies/2026/"])
@pytest.mark.parametrize("incremental", [False, True])
def test_a_bucket_is_read(tmp_path: Path, s3: S3Client, under: str, *, incremental: bool) -> None:
    folder = write_export(tmp_path, CHANGES[:1], CHANGES[1:], incremental=incremental)
    bucket = new_bucket(s3)
    upload(s3, tmp_path, bucket, under=under)

    place = f"s3://{bucket}/{under}{folder.relative_to(tmp_path)}/"
    assert items_of(read_export(place, keys=["pk"], client=s3)) == CHANGES


def test_the_default_client_reads(tmp_path: Path, s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_export(tmp_path, LINES)
    bucket = new_bucket(s3)
    upload(s3, tmp_path, bucket)
    endpoint = s3.meta.endpoint_url
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)  # where boto3 looks for all of it
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")

    assert items_of(read_export(f"s3://{bucket}/{folder.relative_to(tmp_path)}", keys=["pk"])) == LINES


def test_reading_goes_on_anywhere(tmp_path: Path) -> None:
    lines = [user_line(number) for number in range(1_200)]
    folder = write_export(tmp_path, lines[:700], lines[700:])
    batches = [*Export(export_place(folder, None), ["pk"]).batches()]

    rests = [[*Export(export_place(folder, None), ["pk"]).batches(each.position)] for each in batches]

    assert [len(batch.event["Items"]) for batch in batches] == [500, 200, 500]
    assert rests == [batches[1:], batches[2:], []]


def test_a_bucket_has_to_have_the_export(s3: S3Client) -> None:
    with pytest.raises(
        SourceError, match=r"AWSDynamoDB/x has no manifest-summary.json: name the folder of one"
    ):
        read_export(f"s3://{new_bucket(s3)}/AWSDynamoDB/x/manifest-summary.json", client=s3)


def test_a_bucket_has_to_have_the_files(tmp_path: Path, s3: S3Client) -> None:
    folder = write_export(tmp_path, LINES[:1], LINES[1:])
    (folder / "data" / "file1.json.gz").unlink()
    bucket = new_bucket(s3)
    upload(s3, tmp_path, bucket)
    events = read_export(f"s3://{bucket}/{PREFIX}/{EXPORT_ID}", keys=["pk"], client=s3)
    assert items_of([next(events)]) == LINES[:1]

    with pytest.raises(SourceError, match=r"the object s3://.*/data/file1.json.gz is not there"):
        next(events)


def test_a_denied_bucket_is_explained(s3: S3Client) -> None:
    refuse(s3, "GetObject", "AccessDenied", status=403)

    with pytest.raises(SourceError, match="denies access: allow the role s3:GetObject there"):
        read_export("s3://exports/AWSDynamoDB/x", client=s3)


def shortened(lines: Sequence[Any]) -> bytes:
    return packed(lines)[:-12]


def edit(**parts: object) -> Any:
    return lambda entry: entry.update(parts)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"pack": shortened}, "file0.json.gz is torn, or no gzip file"),
        ({"pack": lambda _: b"no gzip"}, "file0.json.gz is torn, or no gzip file"),
        ({"pack": lambda lines: packed(lines)[:9] + b"\xff" * 40}, "file0.json.gz is torn, or no gzip file"),
        (
            {"pack": lambda _: gzip.compress(b"{}\n{'a': 1}\n")},
            "line 2 of the data file .*file0.json.gz is not",
        ),
        (
            {"pack": lambda _: gzip.compress(b"[" * 10**5)},
            "line 1 of the data file .*file0.json.gz is not JSON",
        ),
        (
            {"pack": lambda _: gzip.compress(b"{}\n7\n")},
            "line 2 of the data file .*file0.json.gz is no object",
        ),
        ({"pack": lambda _: b""}, "file0.json.gz has 0 lines, and the manifest says 7"),
        ({"pack": lambda lines: packed(lines[1:])}, "file0.json.gz has 6 lines, and the manifest says 7"),
        (
            {"listed": edit(md5Checksum="x")},
            "file0.json.gz is damaged: its MD5 is .*, and manifest-files.json says x",
        ),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, options: Json, problem: str) -> None:
    events = read_export(write_export(tmp_path, LINES, **options), keys=["pk"])

    with pytest.raises(SourceError, match=problem) as raised:
        items_of(events)
    assert raised.value.place == f"{PREFIX}/{EXPORT_ID}/data/file0.json.gz"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"summary": edit(outputFormat="ION")}, "outputFormat is ION: export the table as DYNAMODB_JSON"),
        ({"summary": edit(itemCount=6)}, "counts 6 items, but the files in manifest-files.json have 7"),
        ({"summary": edit(itemCount=None)}, "manifest-summary.json has no itemCount"),
        ({"summary": edit(tableArn=7)}, "manifest-summary.json has no tableArn"),
        ({"summary": edit(exportArn="")}, "manifest-summary.json has no exportArn"),
        ({"listed": edit(itemCount=-1)}, "manifest-files.json has no itemCount"),
        ({"listed": edit(md5Checksum=None)}, "manifest-files.json has no md5Checksum"),
        ({"listed": edit(dataFileS3Key=None)}, "manifest-files.json has no dataFileS3Key"),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, options: Json, problem: str) -> None:
    folder = write_export(tmp_path, LINES, **options)

    with pytest.raises(SourceError, match=problem):
        read_export(folder, keys=["pk"])


@pytest.mark.parametrize(
    ("content", "problem"),
    [("{", "manifest-files.json is not JSON as AWS"), ("[]", "manifest-files.json has no object where AWS")],
)
def test_a_broken_manifest_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    folder = write_export(tmp_path, LINES)
    (folder / "manifest-files.json").write_text(content, "utf-8")

    with pytest.raises(SourceError, match=problem):
        read_export(folder, keys=["pk"])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = write_export(tmp_path, LINES)
    (folder / "data" / "file0.json.gz").unlink()

    with pytest.raises(SourceError, match=r"data/file0.json.gz is missing: copy the export again"):
        items_of(read_export(folder, keys=["pk"]))


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    folder = write_export(tmp_path, LINES)
    (folder / "manifest-files.json").unlink()

    with pytest.raises(SourceError, match=r"manifest-files.json cannot be read: No such file"):
        read_export(folder, keys=["pk"])


def test_a_folder_has_to_have_an_export(tmp_path: Path) -> None:
    write_export(tmp_path, LINES)

    with pytest.raises(SourceError, match=r"has no manifest-summary.json: name the folder of one export"):
        read_export(tmp_path)


def test_nothing_outside_of_an_export_is_read(tmp_path: Path) -> None:
    """A manifest may say anything."""
    outside = tmp_path / "secret.json.gz"
    outside.write_bytes(packed(LINES))
    folder = write_export(tmp_path, LINES, listed=edit(dataFileS3Key=f"{PREFIX}/../../../secret.json.gz"))

    with pytest.raises(SourceError, match=r"data/secret.json.gz is missing"):
        items_of(read_export(folder, keys=["pk"]))


@pytest.mark.parametrize(
    "location", ["s3://", "s3://exports", "s3://exports/", "arn:aws:s3:::x", "https://x/y"]
)
def test_a_location_has_to_be_one(location: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"give (a folder, or )?s3://bucket/prefix/AWSDynamoDB/<export id>"
    ):
        read_export(location)


def test_keys_are_a_list(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r'keys is text, not a list: pass keys=\["pk"\]'):
        read_export(write_export(tmp_path, LINES), keys="pk")


@pytest.fixture
def exported(dynamodb_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a table, and return an export of it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", dynamodb_endpoint)  # where boto3 looks for all of it
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    table = make_table(clients(dynamodb_endpoint)[0], "pk", "sk")
    arn = f"arn:aws:dynamodb:eu-central-1:123456789012:table/{table}"
    return write_export(tmp_path, LINES, summary=edit(tableArn=arn))


def test_the_table_tells_its_keys(exported: Path) -> None:
    [event] = read_export(exported)

    assert event["BatchInput"]["keys"] == ["pk", "sk"]


def test_an_unknown_key_is_asked_for(exported: Path) -> None:
    summary = exported / "manifest-summary.json"
    content = json.loads(summary.read_text("utf-8"))
    summary.write_text(json.dumps(content | {"tableArn": content["tableArn"] + "-gone"}), "utf-8")

    with pytest.raises(
        SourceError, match=r"DescribeTable did not: pass them as keys\. the table .*-gone is not there"
    ):
        read_export(exported)
