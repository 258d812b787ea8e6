"""A dead letter as JSON, plain or compressed.

Its fields are documented in `docs/reference/dead-letters.md`.
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import NoneType
from typing import Any, Final

from .._errors import DeadLetterError
from ._record import DeadLetter

VERSION: Final = 1

_FIELDS: Final[Mapping[str, tuple[type, ...]]] = {
    "app": (str,),
    "handler": (str, NoneType),
    "attempts": (int,),
    "error": (str,),
    "message": (str,),
    "path": (str, NoneType),
    "failed_at": (str,),
}
LARGEST: Final = 6 * 1024 * 1024
"""The most bytes of a dead letter's text: Lambda's payload, in which the record came, has no more."""
_LONGEST_NUMBER: Final = 4_300  # digits, as in Python itself where its own limit is not lifted
_LONGEST_MESSAGE: Final = 10_000  # characters, in a letter that would be too large
_KEPT: Final = 256 * 1024  # bytes of text, of which JSON makes some 7 MB of objects at the worst
_GZIP: Final = 16 + zlib.MAX_WBITS
# characters that SQS replaces, a terminal obeys, or some program reads as the end of a line
_UNSAFE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def letter_to_json(letter: DeadLetter) -> str:
    """Return a dead letter as one line of JSON.

    Bytes become base64 and datetimes epoch seconds, as in Lambda's events: boto3's `get_records` gives both.

    Raises:
        DeadLetterError: The record holds a value that JSON cannot express, or is longer than 6 MiB.
    """
    content: dict[str, Any] = {
        "version": VERSION,
        **letter._asdict(),
        "failed_at": letter.failed_at.astimezone(UTC).isoformat(),
    }
    text = _dump(content)
    if _is_too_large(text):
        # Lambda's own JSON has no spaces either, and an exception may say anything
        content["message"] = letter.message[:_LONGEST_MESSAGE]
        text = _dump(content, separators=(",", ":"))
    if _is_too_large(text):
        raise DeadLetterError("the record is longer than 6 MiB of JSON, which no record of a stream is")
    return text


def _dump(content: object, separators: tuple[str, str] | None = None) -> str:
    try:
        text = json.dumps(content, ensure_ascii=False, default=_plain, separators=separators)
    except (TypeError, ValueError, RecursionError) as error:
        raise DeadLetterError(f"the record cannot be written as JSON ({type(error).__name__})") from error
    return escape_unsafe(text)


def escape_unsafe(text: str) -> str:
    """Return JSON with escapes for the characters that a queue, a terminal or a reader of lines alters."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def letter_from_json(text: object) -> DeadLetter:
    """Return the dead letter in a text that `letter_to_json` or a sink wrote, compressed or not.

    Raises:
        DeadLetterError: The text is not a dead letter, is longer than 6 MiB, or has a version that this
            release does not know.
    """
    return read(text)[0]


def read(text: object) -> tuple[DeadLetter, bool]:
    """Return what `letter_from_json` returns, and whether it is so small that its record may be kept unread.

    Raises:
        DeadLetterError: As for `letter_from_json`.
    """
    if not isinstance(text, str):
        raise DeadLetterError("not a dead letter: expected text")
    content = _object(text)
    if "compressed" in content:
        text = _decompress(content)
        content = _object(text)
    for name, types in _FIELDS.items():
        if type(content.get(name, ...)) not in types:
            raise DeadLetterError(f"not a dead letter: {name} is missing or malformed")
    if "record" not in content:
        raise DeadLetterError("not a dead letter: it has no record")
    known: dict[str, Any] = {name: content[name] for name in (*_FIELDS, "record")}
    known["failed_at"] = _moment(content)
    return DeadLetter(**known), len(text) <= _KEPT


def compress(text: str) -> str:
    """Return JSON that holds the letter's text compressed."""
    packer = zlib.compressobj(wbits=_GZIP)
    packed = packer.compress(text.encode()) + packer.flush()
    return json.dumps({"version": VERSION, "compressed": "gzip", "letter": b64encode(packed).decode()})


def _plain(value: object) -> object:
    if isinstance(value, (bytes, bytearray)):
        return b64encode(value).decode()
    if isinstance(value, datetime):
        seconds = value.timestamp()
        return int(seconds) if seconds.is_integer() else seconds
    raise TypeError


def _is_too_large(text: str) -> bool:
    # a character takes a byte or more, so a huge text is not copied
    return len(text) > LARGEST or len(text.encode(errors="surrogatepass")) > LARGEST


def _object(text: str) -> Mapping[str, Any]:
    if _is_too_large(text):
        raise DeadLetterError("not a dead letter: its text is longer than 6 MiB, as no letter is")
    content = _parse(text)
    if not isinstance(content, dict) or type(content.get("version")) is not int:
        raise DeadLetterError("not a dead letter: expected an object with a version")
    if content["version"] != VERSION:
        raise DeadLetterError("this release does not know the dead letter's version: update ddbevents")
    return content


def _parse(text: str) -> Any:
    with suppress(ValueError, RecursionError):
        return json.loads(text, parse_int=parse_integer)
    # outside the block: Python's own error holds the whole text
    raise DeadLetterError("not a dead letter: expected JSON")


def parse_integer(digits: str) -> int:
    """Return an integer of JSON. Raises `ValueError` if it is too long for Python to read in time."""
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError
    return int(digits)


def _decompress(content: Mapping[str, Any]) -> str:
    unpacker = zlib.decompressobj(wbits=_GZIP)
    try:
        text = unpacker.decompress(b64decode(content["letter"], validate=True), LARGEST)
        if unpacker.eof:
            return text.decode()
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise DeadLetterError("not a dead letter: its compressed content cannot be read") from error
    raise DeadLetterError("not a dead letter: its compressed content is cut off, or longer than 6 MiB")


def _moment(content: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(content["failed_at"]).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise DeadLetterError("not a dead letter: failed_at is missing or malformed") from error
