"""A record: one change of one item, as AWS sends it.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar, get_args

from .._attributes import Image
from .._errors import LONGEST_LABEL, InvalidRecordError, SourceError, printable
from .._tuples import NamedTuple

Kind: TypeAlias = Literal["INSERT", "MODIFY", "REMOVE", "SNAPSHOT"]
ViewType: TypeAlias = Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]
Source: TypeAlias = Literal["stream", "kinesis", "pipe", "dead letter", "failure record", "export", "scan"]
"""Where a record comes from."""
Delivery: TypeAlias = Literal["stream", "kinesis", "pipe", "queue", "topic", "bucket", "map"]
"""What delivers a batch: it decides how the batch is answered."""

KeyValue: TypeAlias = str | int | Decimal | bytes
ValueT = TypeVar("ValueT")

MOST_DIGITS: Final = 64
"""The longest sequence number that is read: AWS sends up to 40 digits, an emulator 56."""

# since 1970, in the unit that puts a moment between 1973 and 5138; DynamoDB has been there since 2012
_MILLISECONDS: Final = 10**11
_MICROSECONDS: Final = 10**14
_TOO_LATE: Final = 10**17
_PER_SECOND: Final = {"MILLISECOND": 1_000, "MICROSECOND": 1_000_000}
_VIEW_TYPES: Final[Mapping[str, ViewType]] = {name: name for name in get_args(ViewType)}


class DeadLetter(NamedTuple):
    """A record that failed for good, with everything needed to look into it and to handle it again.

    Attributes:
        app: The app's name, which its marks begin with.
        handler: The name of the handler that failed; None if the record itself could not be read.
        attempts: The number of failed attempts, this one included.
        error: The type of the last error.
        message: Its message, which may contain values of the item, as the record itself does.
        path: Where in the record, if the error has a path.
        failed_at: When, in UTC.
        record: The whole record as AWS sent it.
    """

    app: str
    handler: str | None
    attempts: int
    error: str
    message: str
    path: str | None
    failed_at: datetime
    record: object

    def __repr__(self) -> str:
        """Leave out the record and the message, since a letter may end up in logs."""
        labels = (self.app, self.handler, self.error)
        app, handler, error = [printable(str(label), longest=LONGEST_LABEL) for label in labels]
        return f"<DeadLetter of {app} for {handler}: {error}, attempt {self.attempts}>"


class StreamRecord(NamedTuple):
    """One change of one item.

    Properties are read when they are asked for, and raise `InvalidRecordError` if AWS would not send such a
    value.

    Attributes:
        event_id: The same in every delivery of the record. Idempotency records are made from it.
        kind: INSERT, MODIFY, REMOVE, or SNAPSHOT for an item that an export or a scan has.
        keys: The item's primary key, as Python values.
        new_image: The item after the change in DynamoDB's typed JSON; None if the stream does not carry it.
        old_image: The item before the change, likewise.
        sequence_number: 1 to 64 decimal digits; AWS sends up to 40. Rises along a shard; compare as int. For
            Kinesis, that of the Kinesis record; `""` for an export or a scan.
        identifier: The name of the record in a partial batch response.
        raw: The record as AWS sent it. Do not change it. For Kinesis, the change in its `data`, with the rest
            of the Kinesis record under `kinesis`; for an export or a scan, its line in the form of a record.
        letter: The dead letter that it was taken from, if its source is one.
        source: Where it comes from: a `"stream"`, which boto3's `get_records` reads too; `"kinesis"`, a copy
            of the table's changes; a `"pipe"` of EventBridge; a `"dead letter"` of this library;
            a `"failure record"` of Lambda; an `"export"` to S3; or a `"scan"` of the table.
    """

    event_id: str
    kind: Kind
    keys: Mapping[str, KeyValue]
    new_image: Image | None
    old_image: Image | None
    sequence_number: str
    identifier: str
    raw: Mapping[str, Any]
    letter: DeadLetter | None = None
    source: Source = "stream"

    @property
    def record(self) -> StreamRecord:
        """The record itself, so that a middleware can ask for the record of whatever its handler gets."""
        return self

    @property
    def _record(self) -> StreamRecord:
        return self  # as a change has it

    @property
    def source_arn(self) -> str | None:
        """The ARN of the table's stream or the Kinesis stream; None in what boto3's `get_records` gives."""
        return self._optional(self.raw, ("eventSourceARN",), str)

    @property
    def table(self) -> str | None:
        """The table's name, from the ARN or as Kinesis has it; None if neither is there."""
        return table_of(self.source_arn) or self._optional(self.raw, ("tableName",), str)

    @property
    def region(self) -> str | None:
        """The Region of the table."""
        return self._optional(self.raw, ("awsRegion",), str)

    @property
    def created_at(self) -> datetime | None:
        """When the change was made, in UTC; None if the record does not say.

        AWS sends seconds since 1970, and for Kinesis milliseconds or microseconds, with their name beside
        them. Without a name, a number from 10**11 on is read as milliseconds, one from 10**14 on as
        microseconds, as some emulators send them.
        """
        body = self.raw["dynamodb"]
        moment = body.get("ApproximateCreationDateTime")
        if moment is None:
            return None
        if isinstance(moment, datetime):
            return moment.astimezone(UTC)
        if isinstance(moment, (int, float, Decimal)) and not isinstance(moment, bool):
            try:
                return datetime.fromtimestamp(_seconds(moment, body), UTC)
            except (ArithmeticError, ValueError, OSError):
                pass
        reason = "expected seconds, milliseconds or microseconds since 1970"
        raise self._invalid(reason, ("dynamodb", "ApproximateCreationDateTime"))

    @property
    def size_bytes(self) -> int | None:
        """The size of the keys and images, in bytes."""
        return self._optional(self.raw["dynamodb"], ("dynamodb", "SizeBytes"), int)

    @property
    def view_type(self) -> ViewType | None:
        """Which images the stream carries; None if the view type is unknown to this version."""
        return view_type_of(self.raw["dynamodb"])

    @property
    def expired(self) -> bool:
        """Whether DynamoDB's time to live removed the item."""
        return _expired(self.raw)

    def _optional(
        self, parent: Mapping[str, Any], path: tuple[str, ...], expected: type[ValueT]
    ) -> ValueT | None:
        value = parent.get(path[-1])
        if value is None or type(value) is expected:
            return value
        raise self._invalid(f"expected {'text' if expected is str else 'a number'}", path)

    def _invalid(self, reason: str, path: tuple[str, ...]) -> InvalidRecordError:
        return InvalidRecordError(reason, path=path, sequence_number=self.sequence_number)

    def __repr__(self) -> str:
        """Leave out keys and images, since a record may end up in logs."""
        name = self.sequence_number or self.event_id
        return f"<StreamRecord {self.kind} {name} of {shown_table(self.raw)}>"


class UnreadableRecord(NamedTuple):
    """A record that cannot be read, or a message whose records cannot be fetched.

    Attributes:
        error: Why.
        identifier: The name of the record in a partial batch response; None if it cannot be read either.
        keys: The item's key; None if it cannot be read, so the record may be of any item.
        raw: What AWS sent.
    """

    error: InvalidRecordError | SourceError
    identifier: str | None
    keys: Mapping[str, KeyValue] | None
    raw: object

    def __repr__(self) -> str:
        """Leave out keys, since a record may end up in logs."""
        return f"<UnreadableRecord {self.identifier}>"


AnyRecord: TypeAlias = StreamRecord | UnreadableRecord


class FailureReader(Protocol):
    """Fetches the records of batches that Lambda gave up, for an app that gets Lambda's failure records."""

    @property
    def streams(self) -> Collection[str]:
        """The ARNs of the streams whose records may be fetched."""
        ...

    @property
    def buckets(self) -> Collection[str]:
        """The names of the buckets that failure records may be read from."""
        ...

    def read(self, failure: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the records of a batch as an event, `{"Records": [...]}`.

        Args:
            failure: Lambda's failure record, an object with `DDBStreamBatchInfo`; or where it is in S3,
                `{"bucket": ..., "key": ...}`.

        Raises:
            SourceError: They cannot be fetched. The message fails, and its queue keeps it.
        """
        ...


def lane_of(record: AnyRecord) -> Hashable | None:
    """Return a value that is equal for records of the same item; None if the record may be of any item."""
    keys = record.keys
    if keys is None:
        return None
    item = frozenset([(name, key_text(value)) for name, value in keys.items()])
    if isinstance(record, UnreadableRecord) or record.source != "kinesis":
        return item
    # one Kinesis stream may carry several tables
    return record.table, item


def view_type_of(body: Mapping[str, Any]) -> ViewType | None:
    """Return which images a stream carries, from a record's `dynamodb` object."""
    name = body.get("StreamViewType")
    return _VIEW_TYPES.get(name) if isinstance(name, str) else None


def table_of(arn: object) -> str | None:
    """Return the table's name from a stream's ARN; None if it is no such ARN."""
    _, _, rest = arn.partition(":table/") if isinstance(arn, str) else ("", "", "")
    return rest.partition("/")[0] or None


def _seconds(moment: float | Decimal, body: Mapping[str, Any]) -> float:
    """Return the seconds since 1970 of a number whose unit stands beside it, or is told by its magnitude."""
    unit = body.get("ApproximateCreationDateTimePrecision")
    if isinstance(unit, str) and unit in _PER_SECOND:
        return float(moment) / _PER_SECOND[unit]
    if moment < _MILLISECONDS:
        return float(moment)
    if moment < _MICROSECONDS:
        return float(moment) / 1_000
    if moment < _TOO_LATE:
        return float(moment) / 1_000_000
    raise ValueError


def shown_table(raw: Mapping[str, Any]) -> str | None:
    """Return the name of a record's table for people, safe to print and to log; None if it has none."""
    table = table_of(raw.get("eventSourceARN")) or raw.get("tableName")
    return printable(table, longest=LONGEST_LABEL) if isinstance(table, str) else None


def _expired(envelope: Mapping[str, Any]) -> bool:
    """Return whether a service removed the item. Lambda and boto3 spell the fields differently."""
    identity = envelope.get("userIdentity")
    if not isinstance(identity, dict):
        return False
    principal = identity.get("principalId", identity.get("PrincipalId"))
    return principal == "dynamodb.amazonaws.com" and identity.get("type", identity.get("Type")) == "Service"


def key_text(value: KeyValue) -> str | bytes:
    """Return text, equal for equal numbers. Python seeds its hash, so nobody can make keys collide."""
    if isinstance(value, Decimal):
        # arithmetic would round by the caller's decimal context, or raise
        return str(int(value)) if value == int(value) else format(value, "f").rstrip("0")
    return str(value) if isinstance(value, int) else value
