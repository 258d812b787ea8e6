"""Exports to S3 as AWS writes them: manifests and gzipped lines, in a folder or a bucket."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.stream import Json

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

EXPORT_ID: Final = "01795749310074-eb1c8e2a"
TABLE_ARN: Final = "arn:aws:dynamodb:eu-central-1:123456789012:table/Users"
TABLE_ID: Final = "12345a12-abcd-123a-ab12-1234abc12345"
PREFIX: Final = "exports/AWSDynamoDB"

Edit = Callable[[Json], None]


def unchanged(_: Json) -> None: ...


def user_line(number: int) -> Json:
    """Return the line of an item in a full export."""
    return {"Item": {"pk": {"S": f"u-{number}"}, "n": {"N": str(number)}, "email": {"S": "ada@example.com"}}}


def change_line(number: int, **images: Any) -> Json:
    """Return the line of a change in an incremental export."""
    micros = {"N": str(1795749310074000 + number)}
    keys = {"pk": {"S": f"u-{number}"}}
    return {"Metadata": {"WriteTimestampMicros": micros}, "Keys": keys, **images}


def packed(lines: Sequence[Any]) -> bytes:
    return gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines), 1, mtime=0)


def write_export(
    root: Path,
    *files: Sequence[Any],
    incremental: bool = False,
    summary: Edit = unchanged,
    listed: Edit = unchanged,
    pack: Callable[[Sequence[Any]], bytes] = packed,
) -> Path:
    """Write an export under a folder that stands for a bucket, and return its own folder.

    `summary` edits the summary, `listed` the entry of each data file.
    """
    folder = root / PREFIX / EXPORT_ID
    data = (folder.parent if incremental else folder) / "data"
    data.mkdir(parents=True)
    entries: list[Json] = []
    for number, lines in enumerate(files):
        path = data / f"file{number}.json.gz"
        path.write_bytes(pack(lines))
        entry = {
            "itemCount": len(lines),
            "md5Checksum": b64encode(md5(path.read_bytes(), usedforsecurity=False).digest()).decode(),
            "etag": "af83d6f217c19b8b0fff8023d8ca4716-1",
            "dataFileS3Key": path.relative_to(root).as_posix(),
        }
        listed(entry)
        entries.append(entry)
    folder.mkdir(exist_ok=True)
    manifest = "".join(json.dumps(entry) + "\n" for entry in entries)
    (folder / "manifest-files.json").write_text(manifest, "utf-8")
    (folder / "manifest-summary.json").write_text(
        json.dumps(_summary(entries, summary, incremental)), "utf-8"
    )
    return folder


def _summary(entries: Sequence[Json], edit: Edit, incremental: bool) -> Json:
    content: Json = {
        "version": "2023-08-01" if incremental else "2020-06-30",
        "exportArn": f"{TABLE_ARN}/export/{EXPORT_ID}",
        "startTime": "2026-11-27T07:28:34.028Z",
        "endTime": "2026-11-27T07:33:43.897Z",
        "tableArn": TABLE_ARN,
        "tableId": TABLE_ID,
        "s3Bucket": "users-exports",
        "s3Prefix": "exports",
        "manifestFilesS3Key": f"{PREFIX}/{EXPORT_ID}/manifest-files.json",
        "billedSizeBytes": 0,
        "itemCount": sum(entry["itemCount"] for entry in entries),
        "outputFormat": "DYNAMODB_JSON",
    }
    if incremental:
        content |= {"exportType": "INCREMENTAL_EXPORT", "outputView": "NEW_AND_OLD_IMAGES"}
        content |= {"exportFromTime": "2026-11-27T06:00:00Z", "exportToTime": "2026-11-27T07:00:00Z"}
    else:
        content["exportTime"] = "2026-11-27T07:28:34.028Z"
    edit(content)
    return content


def upload(client: S3Client, root: Path, bucket: str, *, under: str = "") -> None:
    """Copy a folder that stands for a bucket into one."""
    for path in filter(Path.is_file, root.rglob("*")):
        key = f"{under}{path.relative_to(root).as_posix()}"
        client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())


def items_of(events: Any) -> list[Json]:
    """Return the lines of events."""
    return [item for event in events for item in event["Items"]]
