"""The manifests of an export to S3: of which table it is, and which data files it has.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from .._errors import SourceError, printable

SUMMARY: Final = "manifest-summary.json"
FILES: Final = "manifest-files.json"

_LONGEST_KEY: Final = 1024


class DataFile(NamedTuple):
    """A data file of an export.

    Attributes:
        key: Its key in the bucket that it was exported to.
        item_count: The number of its lines.
        md5: The MD5 of its content, in base64.
    """

    key: str
    item_count: int
    md5: str

    @property
    def shown(self) -> str:
        """Its key, safe to print."""
        return printable(self.key, longest=_LONGEST_KEY)


class Manifest(NamedTuple):
    """What an export says of itself.

    Attributes:
        export_id: The export's own part of its ARN.
        table_arn: The table.
        table: Its name.
        table_id: The id that a table of the same name would not have.
        is_full: Whether it has items, not changes.
        folder: The prefix of the manifests' keys, in the bucket that it was exported to.
        item_count: The number of all lines.
        files: The data files.
        about: What an event says of the export.
    """

    export_id: str
    table_arn: str
    table: str
    table_id: str
    is_full: bool
    folder: str
    item_count: int
    files: Sequence[DataFile]
    about: dict[str, Any]


def read_manifest(summary_text: bytes, files_text: bytes) -> Manifest:
    """Return what the two manifests say.

    Raises:
        SourceError: They are not as AWS writes them, or do not match.
    """
    summary = _object(summary_text, SUMMARY)
    output_format = _text(summary, "outputFormat", SUMMARY)
    if output_format != "DYNAMODB_JSON":
        raise SourceError(
            f"the export's outputFormat is {printable(output_format)}: export the table as DYNAMODB_JSON",
            place=SUMMARY,
        )
    table_arn, export_arn = _text(summary, "tableArn", SUMMARY), _text(summary, "exportArn", SUMMARY)
    export_id = export_arn.rpartition("/export/")[2]
    table_id, table = _text(summary, "tableId", SUMMARY), table_arn.rpartition(":table/")[2]
    is_full = summary.get("exportType") != "INCREMENTAL_EXPORT"
    files = [*map(_data_file, filter(bytes.strip, files_text.splitlines()))]
    item_count = _count(summary, SUMMARY)
    if item_count != sum(file.item_count for file in files):
        raise SourceError(
            f"{SUMMARY} counts {item_count} items, but the files in {FILES} have"
            f" {sum(file.item_count for file in files)}: one of them is damaged, so copy the export again",
            place=FILES,
        )
    about = {"table": table, "tableId": table_id, "exportId": export_id}
    about |= {"exportType": "FULL" if is_full else "INCREMENTAL"}
    about |= {name: summary[name] for name in ("exportTime", "outputView") if name in summary}
    folder = posixpath.dirname(_text(summary, "manifestFilesS3Key", SUMMARY))
    return Manifest(export_id, table_arn, table, table_id, is_full, folder, item_count, files, about)


def _data_file(line: bytes) -> DataFile:
    content = _object(line, FILES)
    key = _text(content, "dataFileS3Key", FILES)
    return DataFile(key, _count(content, FILES), _text(content, "md5Checksum", FILES))


def _object(text: bytes, name: str) -> Mapping[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"{name} is not JSON as AWS writes it: copy the export again", place=name
        ) from error
    if not isinstance(content, dict):
        raise SourceError(f"{name} has no object where AWS writes one: copy the export again", place=name)
    return content


def _text(content: Mapping[str, Any], field: str, name: str) -> str:
    value = content.get(field)
    if not isinstance(value, str) or not value:
        raise SourceError(f"{name} has no {field}: copy the export again", place=name)
    return value


def _count(content: Mapping[str, Any], name: str) -> int:
    value = content.get("itemCount")
    if not isinstance(value, int) or value < 0:
        raise SourceError(f"{name} has no itemCount: copy the export again", place=name)
    return value
