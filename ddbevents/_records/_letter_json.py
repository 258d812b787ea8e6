"""A dead letter as JSON, plain or compressed.

Its fields are documented in `docs/reference/dead-letters.md`.
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
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
_LARGEST: Final = 32 * 1024 * 1024  # two images of 400 KB with every byte escaped take a sixth of that
_GZIP: Final = 16 + zlib.MAX_WBITS
# characters that SQS replaces, a terminal obeys, or some program reads as the end of a line
_UNSAFE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def to_json(letter: DeadLetter) -> str:
    """Return a dead letter as one line of JSON.

    Bytes become base64 and datetimes epoch seconds, as in Lambda's events: boto3's `get_records` gives both.

    Raises:
        DeadLetterError: The record holds a value that JSON cannot express.
    """
    content = {
        "version": VERSION,
        **letter._asdict(),
        "failed_at": letter.failed_at.astimezone(UTC).isoformat(),
    }
    try:
        text = json.dumps(content, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise DeadLetterError(f"the record cannot be written as JSON ({type(error).__name__})") from error
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def from_json(text: object) -> DeadLetter:
    """Return the dead letter in a text that `to_json` or a sink wrote, compressed or not.

    Raises:
        DeadLetterError: The text is not a dead letter, or has a version that this release does not know.
    """
    if not isinstance(text, str):
        raise DeadLetterError("not a dead letter: expected text")
    content = _object(text)
    if "compressed" in content:
        content = _object(_decompress(content))
    for name, types in _FIELDS.items():
        if type(content.get(name, ...)) not in types:
            raise DeadLetterError(f"not a dead letter: {name} is missing or malformed")
    if "record" not in content:
        raise DeadLetterError("not a dead letter: it has no record")
    known: dict[str, Any] = {name: content[name] for name in (*_FIELDS, "record")}
    known["failed_at"] = _moment(content)
    return DeadLetter(**known)


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


def _object(text: str) -> Mapping[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DeadLetterError("not a dead letter: expected JSON") from error
    if not isinstance(content, dict) or type(content.get("version")) is not int:
        raise DeadLetterError("not a dead letter: expected an object with a version")
    if content["version"] != VERSION:
        raise DeadLetterError("this release does not know the dead letter's version: update ddbevents")
    return content


def _decompress(content: Mapping[str, Any]) -> str:
    try:
        packed = b64decode(content["letter"], validate=True)
        unpacker = zlib.decompressobj(wbits=_GZIP)
        text = unpacker.decompress(packed, _LARGEST).decode()
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise DeadLetterError("not a dead letter: its compressed content cannot be read") from error
    if not unpacker.eof:
        raise DeadLetterError("not a dead letter: its compressed content is cut off or too large")
    return text


def _moment(content: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(content["failed_at"]).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise DeadLetterError("not a dead letter: failed_at is missing or malformed") from error
