"""Exports to S3 in a folder, as AWS writes them: manifests, and data files of gzipped lines.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import md5, sha256
from pathlib import Path
from typing import Any, Final

from .._codec import encode
from .._errors import ConfigurationError
from .._records import StreamRecord, ViewType, parse_event
from ._builders import event
from ._clock import START
from ._raw_records import Json, image_json, source_of

_PREFIX: Final = "AWSDynamoDB"
_BOTH: Final = "NEW_AND_OLD_IMAGES"
_VIEWS: Final = ("NEW_IMAGE", _BOTH)


def export_files(
    folder: str | Path,
    *content: object,
    table: str = "Table",
    files: int = 1,
    view_type: ViewType = "NEW_AND_OLD_IMAGES",
) -> Path:
    """Write an export of a table as DynamoDB writes it to a bucket, and return the export's own folder.

    Items make a full export. Records, as `insert`, `modify` and `remove` return them, make an incremental
    one: one change for each item and window, so give each item's once. `ddbevents.sources.read_export` and
    `ddbevents backfill` read the folder that is returned; `aws s3 sync` would copy the other to a bucket.

    Args:
        folder: The folder that stands for the bucket. Each call writes another export into it.
        content: Items as `insert` takes them, or records.
        table: The table's name.
        files: The number of data files that the lines are spread over.
        view_type: The images of an incremental export: both, or `"NEW_IMAGE"`.

    Raises:
        ConfigurationError: There are items and records, or another argument is not what an export can have.
        InvalidItemError: DynamoDB cannot store an item.
    """
    arn = source_of(table, (), view_type, "eu-central-1").arn.partition("/stream/")[0]
    if view_type not in _VIEWS:
        raise ConfigurationError(f"an export has the view type {' or '.join(_VIEWS)}")
    if files < 1:
        raise ConfigurationError("an export has at least one data file: files=1")
    are_records = [isinstance(each, Mapping) and "dynamodb" in each for each in content]
    if any(are_records) and not all(are_records):
        raise ConfigurationError("an export has items, or records of changes, but not both")
    is_full = not any(are_records)
    lines = [*(map(_item_line, content) if is_full else _change_lines(content, view_type))]
    root = Path(folder)
    number = len([*root.glob(f"{_PREFIX}/*/manifest-summary.json")])
    export_id = f"{int(START.timestamp() * 1000) + number:014d}-{sha256(arn.encode()).hexdigest()[:8]}"
    own = root / _PREFIX / export_id
    # those of several incremental exports share a folder
    data = (own if is_full else own.parent) / "data"
    own.mkdir(parents=True, exist_ok=True)
    data.mkdir(exist_ok=True)
    entries = [
        _write(root, data / f"{export_id}-{file}.json.gz", lines[file::files]) for file in range(files)
    ]
    _write_manifests(own, entries, _summary(arn, export_id, view_type, len(lines), is_full=is_full))
    return own


def _item_line(item: object) -> Json:
    return {"Item": image_json(encode(item))}


def _change_lines(records: Sequence[Any], view_type: ViewType) -> Iterator[Json]:
    for record in parse_event(event(*records)):
        old = record.old_image if view_type == _BOTH else None
        images = {"OldImage": old, "NewImage": record.new_image}
        yield {
            "Metadata": {"WriteTimestampMicros": {"N": str(_micros(record))}},
            "Keys": record.raw["dynamodb"]["Keys"],
            **{name: image for name, image in images.items() if image is not None},
        }


def _micros(record: StreamRecord) -> int:
    return int((record.created_at or START).timestamp() * 1_000_000)


def _write(root: Path, path: Path, lines: Sequence[Json]) -> Json:
    """Write a data file, and return its line in the manifest."""
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    digest = md5(path.read_bytes(), usedforsecurity=False)
    return {
        "itemCount": len(lines),
        "md5Checksum": b64encode(digest.digest()).decode(),
        "etag": f"{digest.hexdigest()}-1",
        "dataFileS3Key": path.relative_to(root).as_posix(),
    }


def _write_manifests(folder: Path, entries: Sequence[Json], summary: Json) -> None:
    files = "".join(f"{json.dumps(entry)}\n" for entry in entries)
    folder.joinpath("manifest-files.json").write_text(files, "utf-8")
    folder.joinpath("manifest-summary.json").write_text(json.dumps(summary), "utf-8")


def _summary(arn: str, export_id: str, view_type: ViewType, count: int, *, is_full: bool) -> Json:
    common: Json = {
        "version": "2020-06-30" if is_full else "2023-08-01",
        "exportArn": f"{arn}/export/{export_id}",
        "startTime": _moment(START),
        "endTime": _moment(START),
        "tableArn": arn,
        "tableId": "00000000-0000-4000-8000-000000000001",
        "s3Bucket": "exports",
        "s3Prefix": None,
        "manifestFilesS3Key": f"{_PREFIX}/{export_id}/manifest-files.json",
        "billedSizeBytes": 0,
        "itemCount": count,
        "outputFormat": "DYNAMODB_JSON",
    }
    if is_full:
        return {**common, "exportTime": _moment(START)}
    window = {"exportFromTime": _moment(START), "exportToTime": _moment(START)}
    return {**common, **window, "outputView": view_type, "exportType": "INCREMENTAL_EXPORT"}


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
