"""The record of a change, and what stands beside the item in it.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar, get_args

from .._attributes import Image
from .._errors import InvalidRecordError

Kind: TypeAlias = Literal["INSERT", "MODIFY", "REMOVE"]
ViewType: TypeAlias = Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]
KeyValue: TypeAlias = str | int | Decimal | bytes
ValueT = TypeVar("ValueT")

_VIEW_TYPES: Final[Mapping[str, ViewType]] = {name: name for name in get_args(ViewType)}


class DeadLetter(NamedTuple):
    """A record that failed for good, with all that is needed to look into it and to handle it again.

    Attributes:
        app: The app's name, which begins its marks.
        handler: The name of the handler that failed, or None if the record itself could not be read.
        attempts: How often it failed, this time included.
        error: The type of the last error.
        message: Its message, which may hold values of the item, as the record itself does.
        path: Where in the record, if the error knows.
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
        """Without the record and the message: a letter may end up in logs."""
        return f"<DeadLetter of {self.app} for {self.handler}: {self.error}, attempt {self.attempts}>"


class StreamRecord(NamedTuple):
    """One change of one item, as the stream tells it.

    What stands beside the item is read when it is asked for, and raises `InvalidRecordError` if it is not as
    AWS sends it.

    Attributes:
        event_id: The same in every delivery of the record.
        kind: INSERT, MODIFY or REMOVE.
        keys: The item's primary key, as Python values.
        new_image: The item after the change in typed JSON, as it came; None if the stream does not carry it.
        old_image: The item before the change, likewise.
        sequence_number: 1 to 40 decimal digits. Rises along a shard; compare as int.
        identifier: What a partial batch response names the record by.
        raw: The record as it came. Not to be changed.
        letter: The dead letter that it was taken from; None if the stream delivers it.
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

    @property
    def source_arn(self) -> str | None:
        """The stream's ARN; None in what boto3's `get_records` gives."""
        return self._optional(self.raw, ("eventSourceARN",), str)

    @property
    def table(self) -> str | None:
        """The table's name, from the ARN; None if there is no ARN."""
        return table_of(self.source_arn)

    @property
    def region(self) -> str | None:
        """The Region of the table."""
        return self._optional(self.raw, ("awsRegion",), str)

    @property
    def created_at(self) -> datetime | None:
        """When the change was made, to the second, in UTC; None if AWS left it out."""
        moment = self.raw["dynamodb"].get("ApproximateCreationDateTime")
        if moment is None:
            return None
        if isinstance(moment, datetime):
            return moment.astimezone(UTC)
        if isinstance(moment, (int, float)) and not isinstance(moment, bool):
            try:
                return datetime.fromtimestamp(moment, UTC)
            except (ValueError, OverflowError, OSError):
                pass
        raise self._invalid("expected seconds since 1970", ("dynamodb", "ApproximateCreationDateTime"))

    @property
    def size_bytes(self) -> int | None:
        """The size of keys and images."""
        return self._optional(self.raw["dynamodb"], ("dynamodb", "SizeBytes"), int)

    @property
    def view_type(self) -> ViewType | None:
        """What the stream carries of each item; None if it is a kind not known here."""
        return view_type_of(self.raw["dynamodb"])

    @property
    def expired(self) -> bool:
        """Whether time to live removed the item."""
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
        """Without keys and images: a record ends up in logs."""
        return (
            f"<StreamRecord {self.kind} {self.sequence_number} of {table_of(self.raw.get('eventSourceARN'))}>"
        )


class UnreadableRecord(NamedTuple):
    """A record that failed before anything could run.

    Attributes:
        error: Why.
        identifier: What the answer names it by; None if that cannot be read either.
        keys: Its item's key; None if that cannot be read, so that it may be any item's.
        raw: What came in the record's place.
    """

    error: InvalidRecordError
    identifier: str | None
    keys: Mapping[str, KeyValue] | None
    raw: object

    def __repr__(self) -> str:
        """Without keys, as a record's."""
        return f"<UnreadableRecord {self.identifier}>"


def lane_of(record: StreamRecord | UnreadableRecord) -> Hashable | None:
    """What the records of one item have in common; None if it may be any item's."""
    keys = record.keys
    return None if keys is None else frozenset([(name, _text(value)) for name, value in keys.items()])


def view_type_of(body: Mapping[str, Any]) -> ViewType | None:
    """What the stream carries of each item, by the record's object `dynamodb`."""
    name = body.get("StreamViewType")
    return _VIEW_TYPES.get(name) if isinstance(name, str) else None


def table_of(arn: object) -> str | None:
    """The table's name in a stream's ARN; None if it is not one."""
    _, _, rest = arn.partition(":table/") if isinstance(arn, str) else ("", "", "")
    return rest.partition("/")[0] or None


def _expired(envelope: Mapping[str, Any]) -> bool:
    """Time to live removes as a service; Lambda and boto3 spell the fields differently."""
    identity = envelope.get("userIdentity")
    if not isinstance(identity, dict):
        return False
    principal = identity.get("principalId", identity.get("PrincipalId"))
    return principal == "dynamodb.amazonaws.com" and identity.get("type", identity.get("Type")) == "Service"


def _text(value: KeyValue) -> str | bytes:
    """Text, the same for equal numbers: Python seeds its hashes, so nobody can make keys collide."""
    if isinstance(value, Decimal):
        # exact: arithmetic would round as the handlers' own decimal context says, or raise
        return str(int(value)) if value == int(value) else format(value, "f").rstrip("0")
    return str(value) if isinstance(value, int) else value
