"""The names by which sinks tell dead letters apart and keep those of one item in order."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Final

from .._errors import InvalidRecordError
from .._records import DeadLetter, StreamRecord, UnreadableRecord
from .._records._letter_json import letter_to_json
from .._records._letters import read_letter_record
from .._records._record import MOST_DIGITS
from .._tuples import NamedTuple

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Identity(NamedTuple):
    """The names of a letter, which are the same after every attempt.

    Attributes:
        record: The record's own name, of letters, digits and hyphens; names sort in the order of the stream.
        day: The day of the change, as in 2026-11-23, or "undated".
        letter: A digest shared by all letters about one record and handler.
        item: A digest shared by all letters about one item, or the letter's own if the key cannot be read.
    """

    record: str
    day: str
    letter: str
    item: str


def identify(letter: DeadLetter) -> Identity:
    """Return the names of a letter.

    Raises:
        DeadLetterError: The record can be neither read nor written as JSON.
    """
    record = read_letter_record(letter.record, 0)
    name = _name(letter, record)
    keys = record.keys
    item = [name] if keys is None else [f"{part}={value!r}" for part, value in sorted(keys.items())]
    return Identity(name, _day(record), _digest(letter.app, str(letter.handler), name), _digest(*item))


def _name(letter: DeadLetter, record: StreamRecord | UnreadableRecord) -> str:
    if isinstance(record, StreamRecord):
        # padded to one length, sequence numbers sort as numbers
        return f"{record.sequence_number.zfill(MOST_DIGITS)}-{record.event_id}"
    # attempts and time differ from letter to letter about the same record
    content = letter_to_json(letter._replace(attempts=0, failed_at=_EPOCH))
    number = "unnamed" if record.identifier is None else record.identifier.zfill(MOST_DIGITS)
    return f"{number}-{_digest(content)[:32]}"


def _day(record: StreamRecord | UnreadableRecord) -> str:
    try:
        created_at = record.created_at if isinstance(record, StreamRecord) else None
    except InvalidRecordError:
        created_at = None
    return "undated" if created_at is None else created_at.date().isoformat()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
