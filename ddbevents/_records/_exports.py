"""Lines of an export to S3, or a table's items in their form: what a batch of Distributed Map holds.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html and
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from .._attributes import Image
from .._errors import InvalidEventError, InvalidRecordError
from .._tuples import NamedTuple
from ._reading import SOURCE, are_equal, read_image, read_keys
from ._record import AnyRecord, KeyValue, Kind, Source, StreamRecord, UnreadableRecord, key_text

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,255}")
_MOST_KEYS: Final = 2
_MOST_DIGITS: Final = 20
_BOTH_IMAGES: Final = "NEW_AND_OLD_IMAGES"
_NO_LINE: Final = (
    'this is no line of an export, which is {"Item": ...}, or {"Metadata": ..., "Keys": ...} with images: let'
    " the map read the data files that manifest-files.json names, and pass their lines unchanged"
)


class Export(NamedTuple):
    """An export or a scan, as `BatchInput` says it.

    Attributes:
        source: Which of the two it is.
        table: The table's name.
        table_id: The table's id, or its name.
        export_id: The id of the export, or of the run of a scan.
        keys: The attributes of the table's key; empty if they are not known.
        has_old_images: Whether a change without an old image is an insert.
    """

    source: Source
    table: str
    table_id: str
    export_id: str
    keys: tuple[str, ...]
    has_old_images: bool


def read_export(about: object) -> Export:
    """Return the export that a batch is of, from its `BatchInput`.

    Raises:
        InvalidEventError: It does not say which.
    """
    if not isinstance(about, dict):
        raise _unknown("is no object")
    for name in ("table", "exportId"):
        if not _is_name(about.get(name)):
            raise _unknown(f"has no {name}, text of letters, digits, '.', '-' and '_'")
    if about.get("tableId") is not None and not _is_name(about["tableId"]):
        raise _unknown("has a tableId that is none")
    keys = about.get("keys", [])
    if not isinstance(keys, list) or len(keys) > _MOST_KEYS or not all(isinstance(key, str) for key in keys):
        raise _unknown("has keys that are no list of the one or two attributes of the table's key")
    return Export(
        source="scan" if about.get("exportType") == "SCAN" else "export",
        table=about["table"],
        table_id=about.get("tableId") or about["table"],
        export_id=about["exportId"],
        keys=tuple(keys),
        has_old_images=about.get("outputView") == _BOTH_IMAGES,
    )


def read_lines(lines: Iterable[object], export: Export) -> Iterator[AnyRecord]:
    """Return the record of each line, in order, the unreadable ones among them."""
    first: dict[str, object] = {}
    for index, line in enumerate(lines):
        record = _read_line(line, export, index)
        # its marks would be those of the other line, so it would be skipped
        if isinstance(record, StreamRecord) and not are_equal(
            first.setdefault(record.event_id, record.raw), record.raw
        ):
            error = InvalidRecordError(
                "an earlier line of the batch has the same key and time but different content: pass the lines"
                " of one export only",
                index=index,
            )
            yield UnreadableRecord(error, None, record.keys, line)
        else:
            yield record


def _unknown(reason: str) -> InvalidEventError:
    return InvalidEventError(
        f"the event is a batch of Step Functions' Distributed Map, but its BatchInput {reason}: let the map's"
        ' ItemBatcher pass {"table": ..., "keys": [...], "exportId": ...}, for an incremental export also'
        ' "tableId" and "outputView" of manifest-summary.json'
    )


def _is_name(text: object) -> bool:
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def _read_line(line: object, export: Export, index: int) -> AnyRecord:
    keys: Mapping[str, KeyValue] | None = None
    try:
        if not isinstance(line, dict) or ("Item" not in line and "Metadata" not in line):
            raise InvalidRecordError(_NO_LINE)  # noqa: TRY301  # with what is known so far, as the others
        body = _item(line, export) if "Item" in line else _change(line)
        keys = read_keys(body)
        return _record(body, keys, export)
    except InvalidRecordError as error:
        error.index = index
        return UnreadableRecord(error, None, keys, line)


def _item(line: Mapping[str, Any], export: Export) -> dict[str, Any]:
    """Return the body of a record for an item of a full export or a scan."""
    item = line["Item"]
    if not isinstance(item, dict):
        raise InvalidRecordError("expected an object of attributes", path=("Item",))
    missing = [name for name in export.keys if name not in item]
    if missing or not export.keys:
        raise InvalidRecordError(
            "the attributes of the table's key are not there: name them in keys of BatchInput, as the table"
            " has them",
            path=("Item", *missing[:1]),
        )
    return {"Keys": {name: item[name] for name in export.keys}, "NewImage": item}


def _change(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a record for a line of an incremental export."""
    metadata = line["Metadata"]
    time = metadata.get("WriteTimestampMicros") if isinstance(metadata, dict) else None
    text = str(time.get("N")) if isinstance(time, dict) else str(time)
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise InvalidRecordError(
            "expected microseconds since 1970", path=("Metadata", "WriteTimestampMicros")
        )
    images = {name: line[name] for name in ("NewImage", "OldImage") if line.get(name) is not None}
    return {
        "ApproximateCreationDateTime": int(text),
        "ApproximateCreationDateTimePrecision": "MICROSECOND",
        "Keys": line.get("Keys"),
        **images,
    }


def _record(body: dict[str, Any], keys: Mapping[str, KeyValue], export: Export) -> StreamRecord:
    new, old = read_image(body, "NewImage"), read_image(body, "OldImage")
    micros = body.get("ApproximateCreationDateTime")
    if micros is None:
        kind: Kind = "SNAPSHOT"
        event_id = f"{export.source}:{export.export_id}:{_digest(keys)}"
    else:
        kind = _kind(new, old, export)
        event_id = f"export:{export.table_id}:{_digest(keys)}:{micros}"
    raw = {
        "eventID": event_id,
        "eventName": kind,
        "eventSource": SOURCE,
        "tableName": export.table,
        "dynamodb": body,
    }
    return StreamRecord(event_id, kind, keys, new, old, "", event_id, raw, None, export.source)


def _kind(new: Image | None, old: Image | None, export: Export) -> Kind:
    """Return what an incremental export says of an item.

    With the new image alone an insert and a change look alike: it only says what the item is.
    """
    if new is None:
        return "REMOVE"
    if old is not None:
        return "MODIFY"
    return "INSERT" if export.has_old_images else "SNAPSHOT"


def _digest(keys: Mapping[str, KeyValue]) -> str:
    parts = [(name, type(value) is str, _readable(value)) for name, value in sorted(keys.items())]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _readable(value: KeyValue) -> str:
    text = key_text(value)
    return text if isinstance(text, str) else text.hex()
