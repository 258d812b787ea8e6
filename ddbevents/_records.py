"""The record of a change, and what stands beside the item in it.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar, get_args

from ._attributes import Image
from ._dead_letter import DeadLetter
from ._errors import InvalidRecordError

Kind: TypeAlias = Literal["INSERT", "MODIFY", "REMOVE"]
ViewType: TypeAlias = Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]
KeyValue: TypeAlias = str | int | Decimal | bytes
ValueT = TypeVar("ValueT")

_VIEW_TYPES: Final[Mapping[str, ViewType]] = {name: name for name in get_args(ViewType)}


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
