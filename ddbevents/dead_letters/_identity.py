"""What tells one dead letter from another, and which of them are of one item; the same in every attempt."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Final, NamedTuple

from .._errors import InvalidRecordError
from .._records import DeadLetter, StreamRecord, UnreadableRecord, read_record
from .._records._letter_json import to_json

_MOST_DIGITS: Final = 40  # of a sequence number: names of one length are in the order of the numbers
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Identity(NamedTuple):
    """The names of a letter.

    Attributes:
        record: The record's own: letters, digits and hyphens, rising along the stream.
        day: When the change was made, as in 2026-11-23, or "undated".
        letter: A digest that letters about one record and handler have in common.
        item: A digest that letters of one item have in common; the letter's own if its key cannot be read.
    """

    record: str
    day: str
    letter: str
    item: str


def identify(letter: DeadLetter) -> Identity:
    """The names of a letter.

    Raises:
        DeadLetterError: The record cannot be read, and cannot be written as JSON either.
    """
    record = read_record(letter.record, 0)
    name = _name(letter, record)
    keys = record.keys
    item = [name] if keys is None else [f"{part}={value!r}" for part, value in sorted(keys.items())]
    return Identity(name, _day(record), _digest(letter.app, str(letter.handler), name), _digest(*item))


def _name(letter: DeadLetter, record: StreamRecord | UnreadableRecord) -> str:
    if isinstance(record, StreamRecord):
        return f"{record.sequence_number.zfill(_MOST_DIGITS)}-{record.event_id}"
    content = to_json(letter._replace(attempts=0, failed_at=_BEGINNING))
    number = "unnamed" if record.identifier is None else record.identifier.zfill(_MOST_DIGITS)
    return f"{number}-{_digest(content)[:32]}"


def _day(record: StreamRecord | UnreadableRecord) -> str:
    try:
        created_at = record.created_at if isinstance(record, StreamRecord) else None
    except InvalidRecordError:
        created_at = None
    return "undated" if created_at is None else created_at.date().isoformat()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
