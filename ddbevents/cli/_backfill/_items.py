"""SOURCE: the table or the export that a backfill reads; loads boto3 for tables and buckets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...sources._batches import Batch
from .._errors import CommandError

Event = dict[str, Any]


class ItemOptions(NamedTuple):
    """The options that a run has from its beginning to its end.

    Attributes:
        segments: The value of --segments.
        keys: The value of --keys.
        as_inserts: Whether --as-inserts was given.
    """

    segments: int
    keys: str | None
    as_inserts: bool


class ItemSource(NamedTuple):
    """A table or an export.

    Attributes:
        run_id: The name of the run: the scan's, or the export's.
        total: About how many items it has.
        batches: Yields the items from a position on.
        convert: Returns the event that the app gets for one of `batches`.
    """

    run_id: str
    total: int
    batches: Callable[[Mapping[str, Any] | None], Iterator[Batch]]
    convert: Callable[[Event], Event]


def open_items(argument: str, options: ItemOptions, read_units: int, run_id: str | None) -> ItemSource:
    """Return the table or the export that an argument names.

    Args:
        argument: The table's name or ARN, a folder, or `s3://bucket/prefix/AWSDynamoDB/<export id>`.
        options: The options.
        read_units: The read capacity units that a scan may use a second.
        run_id: The name of the scan to go on with; None for a new one.

    Raises:
        SourceError: It cannot be read.
        ConfigurationError: The argument names neither, or boto3 is not installed.
        CommandError: An option is not for this source.
    """
    is_export = "/" in argument.rpartition(":table/")[2] or Path(argument).is_dir()
    return _export(argument, options) if is_export else _table(argument, options, read_units, run_id)


def _export(argument: str, options: ItemOptions) -> ItemSource:
    from ...sources._export import Export  # noqa: PLC0415  # boto3 may not be installed
    from ...sources._export_places import export_place  # noqa: PLC0415  # as above

    if options.segments > 1:
        raise CommandError("--segments is for tables, not for exports: their files are read one by one")
    export = Export(export_place(argument, None), options.keys.split(",") if options.keys else None)
    if options.as_inserts and not export.manifest.is_full:
        raise CommandError(
            "--as-inserts is for tables and full exports: an incremental export has changes of each kind"
        )
    return ItemSource(
        export.manifest.export_id, export.manifest.item_count, export.batches, _convert(options)
    )


def _table(argument: str, options: ItemOptions, read_units: int, run_id: str | None) -> ItemSource:
    from ..._aws import check_boto3  # noqa: PLC0415  # for an explanation before the import below fails

    check_boto3("a table")
    from ...sources._scan import TableScan  # noqa: PLC0415  # boto3 may not be installed

    if options.keys:
        raise CommandError("--keys is for exports: a table says itself which attributes are its key")
    scan = TableScan(argument, options.segments, None, run_id, read_units)
    return ItemSource(scan.run_id, scan.table.item_count, scan.batches, _convert(options))


def _convert(options: ItemOptions) -> Callable[[Event], Event]:
    return as_inserts if options.as_inserts else lambda event: event


def as_inserts(event: Event) -> Event:
    """Return items as a stream would have them if they were inserted now.

    An item's eventID, of which its idempotency records are made, is the same in each run over the same
    export, and in a scan that goes on.

    Raises:
        CommandError: An item lacks an attribute of the key.
    """
    about = event["BatchInput"]
    records = [_insert(line["Item"], about, number) for number, line in enumerate(event["Items"], 1)]
    return {"Records": records}


def _insert(item: Mapping[str, Any], about: Mapping[str, Any], number: int) -> Event:
    keys = _key(item, about["keys"])
    identity = json.dumps([about["exportId"], about["table"], keys], sort_keys=True)
    return {
        "eventID": hashlib.sha256(identity.encode()).hexdigest(),
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": keys,
            "NewImage": item,
            "SequenceNumber": f"{number:021}",
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": f"arn:aws:dynamodb:local:000000000000:table/{about['table']}/stream/backfill",
    }


def _key(item: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    missing = [name for name in names if name not in item]
    if missing:
        raise CommandError(
            f"an item has no {missing[0]}, though that should be of its key: name the attributes of the"
            " table's key with --keys"
        )
    return {name: item[name] for name in names}
