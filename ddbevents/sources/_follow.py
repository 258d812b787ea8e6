"""Following a stream: its shards in the order of their lineage, each child after its parent. Loads boto3.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from .._errors import SourceError
from ._clients import StreamsClient
from ._failures import KEPT
from ._lambda_records import as_lambda_sends
from ._requests import ClientError, ask
from ._shard import Position, Shard, place_of

PAUSE: Final = 0.25  # a shard may be read five times a second, and Lambda reads it, too
_UNTIL_CHILDREN: Final = 2.0
_UNTIL_OTHERS: Final = 60.0
_LONG_AGO: Final = float("-inf")
_OLDEST: Final = Position("TRIM_HORIZON")


class Page(NamedTuple):
    """Records of a shard.

    Attributes:
        shard_id: The shard.
        parent: The shard that came before it, whose records were all read; None if there is none.
        event: The records, as Lambda passes them.
    """

    shard_id: str
    parent: str | None
    event: dict[str, Any]


class Follower:
    """Reads the shards of a stream as they come and go."""

    def __init__(
        self, client: StreamsClient, stream_arn: str, since: datetime | None, pause: float = PAUSE
    ) -> None:
        """Say what to read.

        Args:
            client: Reads it.
            stream_arn: The stream.
            since: The moment from which on records are read; None for now.
            pause: How many seconds lie between two looks at a shard.
        """
        self._client = client
        self._stream_arn = stream_arn
        self._since = since
        self._pause = pause
        self._parents: dict[str, str | None] = {}
        self._first: dict[str, Position] = {}  # of the shards that were there in the beginning
        self._open: dict[str, Shard] = {}
        self._finished: set[str] = set()
        self._is_enabled = True
        self._described_at = _LONG_AGO

    def pages(self) -> Iterator[Page]:
        """Yield each page of records, until the stream is disabled and all of it is read."""
        while self._open or self._is_enabled:
            began = time.monotonic()
            for shard_id, shard in [*self._open.items()]:
                yield from self._read(shard_id, shard)
            patience = _UNTIL_CHILDREN if self._awaits_children() else _UNTIL_OTHERS
            if began - self._described_at >= patience:
                self._describe()
            self._start_ready()
            time.sleep(max(0.0, self._pause - (time.monotonic() - began)))

    def begin(self) -> None:
        """Find the shards, and mark where reading begins.

        Raises:
            SourceError: The stream cannot be read.
        """
        closed = self._describe()
        if self._since is None:
            self._finished |= closed
            self._first = dict.fromkeys(self._parents, Position("LATEST"))
        elif datetime.now(UTC) - self._since < KEPT:
            self._first = dict.fromkeys(self._parents, Position("AT_TIMESTAMP", self._since))
        self._start_ready()
        if self._since is None:
            for shard in self._open.values():
                with suppress(ClientError):  # it is gone; the first page says so again
                    shard.open()

    def _read(self, shard_id: str, shard: Shard) -> Iterator[Page]:
        try:
            page = shard.page()
        except ClientError as error:
            if shard.last is not None:
                raise SourceError(
                    f"the records after {shard.last} of shard {shard_id} of {self._stream_arn} are lost: a"
                    " stream keeps them for 24 hours, and they were not read in that time",
                    place=shard_id,
                ) from error
            page, shard.is_closed = (), True  # everything in it is older than that
        if shard.is_closed:
            del self._open[shard_id]
            self._finished.add(shard_id)
            self._described_at = _LONG_AGO  # children may be there by now
        if page:
            event = {"Records": [as_lambda_sends(record, self._stream_arn) for record in page]}
            yield Page(shard_id, self._parents.get(shard_id), event)

    def _awaits_children(self) -> bool:
        """Return whether a finished shard has no child yet, though AWS will make or list one."""
        return self._is_enabled and not self._finished <= {*self._parents.values()}

    def _start_ready(self) -> None:
        """Begin to read each shard whose parent is finished, or is not there any more."""
        for shard_id, parent in self._parents.items():
            is_ready = parent not in self._parents or parent in self._finished
            if is_ready and shard_id not in self._finished and shard_id not in self._open:
                position = self._first.get(shard_id, _OLDEST)
                self._open[shard_id] = Shard(self._client, self._stream_arn, shard_id, position)

    def _describe(self) -> set[str]:
        """Look at the shards that there are now, and return the closed ones."""
        parents: dict[str, str | None] = {}
        closed: set[str] = set()
        more: dict[str, str] = {}
        while True:
            answer = ask(self._page_of_shards(more), place_of(self._stream_arn))["StreamDescription"]
            for shard in answer["Shards"]:
                parents[shard["ShardId"]] = shard.get("ParentShardId")
                if "EndingSequenceNumber" in shard.get("SequenceNumberRange", {}):
                    closed.add(shard["ShardId"])
            if "LastEvaluatedShardId" not in answer:
                break
            more = {"ExclusiveStartShardId": answer["LastEvaluatedShardId"]}
        self._is_enabled = answer["StreamStatus"] != "DISABLED"
        self._parents = parents
        self._finished &= parents.keys()
        self._described_at = time.monotonic()
        return closed

    def _page_of_shards(self, more: dict[str, str]) -> Callable[[], Any]:
        return lambda: self._client.describe_stream(StreamArn=self._stream_arn, **more)
