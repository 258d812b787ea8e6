"""`read_export`: the items or changes of an export to S3, as events that an app takes.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from gzip import GzipFile
from pathlib import Path
from typing import IO, Any, Final

from .._errors import ConfigurationError, SourceError
from ._batches import LARGEST_BATCH, MOST_ITEMS, Batch, event_of
from ._clients import S3Client, make_client
from ._export_places import ExportPlace, export_place
from ._manifest import DataFile, Manifest

_LONGEST_LINE: Final = 16 * 2**20  # an item has 400 KB, a line two images, and escapes make text longer


def read_export(
    location: str | Path, *, keys: Sequence[str] | None = None, client: S3Client | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the items of a full export, or the changes of an incremental one, as events that an app takes.

    An event has up to 500 lines of the export, and about 4 MiB of text at most. It is one of Step Functions'
    Distributed Map: `{"Items": [...], "BatchInput": {...}}`. A data file is read only if its MD5 is that in
    the manifest. A file of a bucket is downloaded first, into a temporary file.

    Args:
        location: A folder, or `s3://bucket/prefix/AWSDynamoDB/<export id>`: where manifest-summary.json is.
        keys: The attributes of the table's key, which the lines of a full export do not tell. By default
            `DescribeTable` is asked for the manifest's table.
        client: A boto3 client for S3.

    Raises:
        SourceError: A file of the export is missing or damaged, has not as many lines as the manifest says,
            or cannot be read; or the table's key is not known. `place` is the file.
        ConfigurationError: The location is no place of an export, or boto3 is not installed.
    """
    export = Export(export_place(location, client), keys)
    return (batch.event for batch in export.batches())


class Export:
    """An export whose manifests have been read.

    Attributes:
        manifest: What they say.
    """

    def __init__(self, place: ExportPlace, keys: Sequence[str] | None) -> None:
        self._place = place
        self.manifest: Manifest = place.manifest()
        self._about = {**self.manifest.about, **_key_names(self.manifest, keys)}

    def batches(self, position: Mapping[str, Any] | None = None) -> Iterator[Batch]:
        """Yield the lines in batches.

        Args:
            position: Where to go on: the `position` of an earlier batch.

        Raises:
            SourceError: A file is missing or damaged.
        """
        first, skipped = (position["file"], position["lines"]) if position else (0, 0)
        for number, file in enumerate(self.manifest.files[first:], first):
            read = 0
            with self._place.opened(file) as content:
                for lines in _groups(content, file, skipped):
                    read += len(lines)
                    yield Batch(event_of(lines, self._about), {"file": number, "lines": skipped + read})
            skipped = 0


def _key_names(manifest: Manifest, keys: Sequence[str] | None) -> dict[str, Sequence[str]]:
    if isinstance(keys, str):
        raise ConfigurationError('keys is text, not a list: pass keys=["pk"], or keys=["pk", "sk"]')
    if keys is not None:
        return {"keys": [*keys]}
    return {"keys": _described_keys(manifest)} if manifest.is_full else {}


def _described_keys(manifest: Manifest) -> Sequence[str]:
    from ._tables import describe  # noqa: PLC0415  # it loads boto3

    try:
        return describe(make_client("dynamodb", manifest.table_arn), manifest.table).keys
    except SourceError as error:
        raise SourceError(
            "a full export does not say which attributes are its table's key, and DescribeTable did not: pass"
            f" them as keys. {error}"
        ) from error


def _groups(content: IO[bytes], file: DataFile, skipped: int) -> Iterator[list[Any]]:
    """Yield the lines of a file, some at a time, without the first ones; the last ones when all is right."""
    group: list[Any] = []
    size = count = 0
    for line in _lines(content, file):
        count += 1
        if count <= skipped:
            continue
        group.append(_parsed(line, file, count))
        size += len(line)
        if len(group) == MOST_ITEMS or size >= LARGEST_BATCH:
            yield group
            group, size = [], 0
    if count != file.item_count:
        raise SourceError(
            f"the data file {file.shown} has {count} lines, and the manifest says {file.item_count}: copy the"
            " export again",
            place=file.key,
        )
    if group:
        yield group


def _lines(content: IO[bytes], file: DataFile) -> Iterator[bytes]:
    unpacked = io.BufferedReader(GzipFile(fileobj=content))
    try:
        while line := unpacked.readline(_LONGEST_LINE):
            yield line
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(
            f"the data file {file.shown} is torn, or no gzip file ({type(error).__name__}): copy it again",
            place=file.key,
        ) from error


def _parsed(line: bytes, file: DataFile, number: int) -> Any:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"line {number} of the data file {file.shown} is not JSON: copy the export again", place=file.key
        ) from error
    if not isinstance(content, dict):
        raise SourceError(
            f"line {number} of the data file {file.shown} is no object: copy the export again", place=file.key
        )
    return content
