"""`scan`: the items of a table, as events that an app takes. Loads boto3.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html
"""

from __future__ import annotations

import re
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import Any, Final
from uuid import uuid4

from .._aws import check_boto3
from .._errors import ConfigurationError, printable
from ._batches import MOST_ITEMS, Batch, event_of
from ._clients import make_client
from ._lambda_records import typed_json
from ._tables import TablesClient

_MOST_SEGMENTS: Final = 100
_DONE: Final = "done"
_TABLE: Final = r"(arn:[a-z0-9-]+:dynamodb:[a-z0-9-]+:\d*:table/)?[a-zA-Z0-9_.-]{3,255}"


def scan(
    table: str,
    *,
    segments: int = 1,
    client: TablesClient | None = None,
    run_id: str | None = None,
    read_units: float | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the items of a table as events that an app takes.

    An event has up to 500 items: `{"Items": [{"Item": ...}, ...], "BatchInput": {...}}`, as an export has
    them. A scan is no moment's picture of the table: each item is read at another time. It needs
    `dynamodb:DescribeTable` and `dynamodb:Scan`.

    Args:
        table: The table's name or ARN.
        segments: How many parts of the table are read at a time, 1 to 100, each by a thread.
        client: A boto3 client for DynamoDB.
        run_id: The name of this run, which idempotency records are made of: with the same name, an app skips
            the items that it handled before. By default each run has a new name, and handles all items.
        read_units: How many read capacity units the scan may use a second, on average. One unit reads 8 KB.

    Raises:
        SourceError: The table is not there, or cannot be read.
        ConfigurationError: An argument is wrong, or boto3 is not installed.
    """
    batches = TableScan(table, segments, client, run_id, read_units).batches()
    return (batch.event for batch in batches if batch.event["Items"])


class TableScan:
    """A scan of a table.

    Attributes:
        run_id: The name of the run.
        table: The table.
    """

    def __init__(
        self,
        table: str,
        segments: int,
        client: TablesClient | None,
        run_id: str | None,
        read_units: float | None,
    ) -> None:
        if not 1 <= segments <= _MOST_SEGMENTS:
            raise ConfigurationError(f"segments has to be 1 to {_MOST_SEGMENTS}, not {segments}")
        if read_units is not None and read_units <= 0:
            raise ConfigurationError(f"read_units has to be more than 0, not {read_units}")
        if not re.fullmatch(_TABLE, table):
            raise ConfigurationError(f"{printable(table)} is neither a table's name nor its ARN")
        if client is None:
            check_boto3("scan")
        from ._tables import describe  # noqa: PLC0415  # it loads boto3

        self._client: TablesClient = client or make_client("dynamodb", table if ":" in table else None)
        self._name = table
        self._segments = segments
        self._pace = _Pace(read_units)
        self.table = describe(self._client, table)
        self.run_id = run_id or f"scan-{uuid4().hex}"
        self._about = {"table": self.table.name, "keys": [*self.table.keys], "exportId": self.run_id}
        self._about |= {"tableId": self.table.table_id} if self.table.table_id else {}
        self._about |= {"exportType": "SCAN"}

    def batches(self, position: Mapping[str, Any] | None = None) -> Iterator[Batch]:
        """Yield the items in batches.

        Args:
            position: Where to go on: the `position` of an earlier batch.

        Raises:
            SourceError: The table cannot be read.
        """
        done: dict[str, Any] = {str(segment): None for segment in range(self._segments)}
        done |= position or {}
        with ThreadPoolExecutor(self._segments) as pool:
            pages: dict[Future[Any], str] = {
                pool.submit(self._page, int(segment), start): segment
                for segment, start in done.items()
                if start != _DONE
            }
            while pages:
                for future in wait(pages, return_when=FIRST_COMPLETED).done:
                    segment = pages.pop(future)
                    page = future.result()
                    last = page.get("LastEvaluatedKey")
                    done[segment] = _DONE if last is None else typed_json(last)
                    if last is not None:  # the next page is read while the app handles this one
                        pages[pool.submit(self._page, int(segment), typed_json(last))] = segment
                    *groups, rest = _groups(page["Items"])
                    yield from (Batch(event_of(lines, self._about), None) for lines in groups)
                    yield Batch(event_of(rest, self._about), {**done})

    def _page(self, segment: int, start: Mapping[str, Any] | None) -> Any:
        from ._requests import ask  # noqa: PLC0415  # it loads boto3
        from ._tables import place_of  # noqa: PLC0415  # as above

        arguments: dict[str, Any] = {"TableName": self._name, "ReturnConsumedCapacity": "TOTAL"}
        if self._segments > 1:
            arguments |= {"Segment": segment, "TotalSegments": self._segments}
        if start is not None:
            arguments["ExclusiveStartKey"] = {name: _boto3_key(value) for name, value in start.items()}
        self._pace.wait()
        page = ask(lambda: self._client.scan(**arguments), place_of(self._name))
        self._pace.spend(page.get("ConsumedCapacity", {}).get("CapacityUnits", 0))
        return page


class _Pace:
    """Keeps the units that are used a second below a rate, on average. Threads can share it."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._free_at = 0.0
        self._lock = Lock()

    def wait(self) -> None:
        time.sleep(max(0.0, self._free_at - time.monotonic()))

    def spend(self, units: float) -> None:
        if self._rate is not None:
            with self._lock:
                self._free_at = max(self._free_at, time.monotonic()) + units / self._rate


def _groups(items: list[Mapping[str, Any]]) -> Iterator[list[Any]]:
    """Yield the items of a page as lines, some at a time; the last group may be empty."""
    lines = [{"Item": typed_json(item)} for item in items]
    while len(lines) > MOST_ITEMS:
        yield lines[:MOST_ITEMS]
        lines = lines[MOST_ITEMS:]
    yield lines


def _boto3_key(value: Mapping[str, str]) -> Mapping[str, Any]:
    return {"B": b64decode(value["B"])} if "B" in value else value
