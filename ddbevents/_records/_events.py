"""An event as Lambda passes it: a stream's records, or those of another source, told apart by their shape.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from .._errors import InvalidEventError
from .._tuples import NamedTuple
from ._reading import SOURCE, read_records
from ._record import AnyRecord, Delivery, FailureReader, StreamRecord, UnreadableRecord

_OF_WINDOW: Final = frozenset({"window", "state", "isFinalInvokeForWindow", "isWindowTerminatedEarly"})


class Event(NamedTuple):
    """The records of an event, and what delivers them.

    Attributes:
        raws: The records as the event has them; a queue's messages.
        delivery: What delivers them.
        read_raws: Returns the records, given how the event has them.
    """

    raws: list[Any]
    delivery: Delivery = "stream"
    read_raws: Callable[[list[Any]], Iterator[AnyRecord]] = read_records

    def read(self) -> Iterator[AnyRecord]:
        """Return the records, in order, read one by one, the unreadable ones among them."""
        return self.read_raws(self.raws)


def parse_event(event: object) -> list[StreamRecord]:
    """Return the records of an event, in order.

    Args:
        event: What Lambda passes for a DynamoDB stream, for Kinesis Data Streams for DynamoDB or for a queue
            of dead letters; what EventBridge Pipes passes; a batch of Step Functions' Distributed Map over an
            export; or what boto3's `get_records`, or `read_export` or `scan` of this library return.

    Raises:
        InvalidEventError: It is no batch of records.
        InvalidRecordError: A record is not as AWS sends it.
    """
    records: list[StreamRecord] = []
    for record in _read(event).read():
        if isinstance(record, UnreadableRecord):
            raise record.error
        records.append(record)
    return records


def read_event(
    event: object, reader: FailureReader | None = None, is_late: Callable[[], bool] = bool
) -> Event:
    """Return an event that is answered by naming records.

    Args:
        event: The event.
        reader: The app's reader of failure records.
        is_late: Returns whether no time is left to fetch more of them.

    Raises:
        InvalidEventError: It is no batch of records, or one of a tumbling window. Lambda takes an answer
            without `state` for a failure then, so all effects would be repeated until the retries end.
    """
    # the last event of a window may have no Records
    if (
        isinstance(event, dict)
        and not _OF_WINDOW.isdisjoint(event)
        and ("Records" in event or "isFinalInvokeForWindow" in event)
    ):
        raise InvalidEventError(
            "the event is of a tumbling window, which needs an answer with a state: remove"
            " TumblingWindowInSeconds from the event source mapping. No handler ran"
        )
    return _read(event, reader, is_late)


def _read(event: object, reader: FailureReader | None = None, is_late: Callable[[], bool] = bool) -> Event:
    records = event.get("Records") if isinstance(event, dict) else None
    if isinstance(records, list):
        first = records[0] if records else {"eventSource": SOURCE}
        if isinstance(first, dict) and first.get("eventSource") == SOURCE:
            return Event(records)
    from ._deliveries import delivered  # noqa: PLC0415  # cold start: most events are a stream's

    return Event(*delivered(event, reader, is_late))
