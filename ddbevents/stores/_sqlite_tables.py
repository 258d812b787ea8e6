"""Tables of items in SQLite, which transactions write to: each item as the text of its typed JSON."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Any, Final

from .._attributes import AttributeValue, Image, decode_attribute
from .._transaction import EncodedItem
from ._apply import Written

_NUMBERS: Final = Context(prec=38)


class Tables:
    """The tables in an open file."""

    def __init__(self, connection: sqlite3.Connection, given: Mapping[str, tuple[str, ...]]) -> None:
        self._connection = connection
        self._given = given

    def key_names(self, table: str) -> tuple[str, ...] | None:
        query = "SELECT names FROM key_names WHERE table_name = ?"
        row = self._connection.execute(query, [table]).fetchone()
        return self._given.get(table) or (tuple(json.loads(row[0])) if row else None)

    def read(self, table: str, key: EncodedItem) -> Image | None:
        query = "SELECT image FROM items WHERE table_name = ? AND key = ?"
        row = self._connection.execute(query, [table, _key_text(key)]).fetchone()
        return _image(row[0]) if row else None

    def images(self, table: str) -> list[Image]:
        query = "SELECT image FROM items WHERE table_name = ? ORDER BY rowid"
        return [_image(text) for (text,) in self._connection.execute(query, [table])]

    def write(self, written: Iterable[Written]) -> None:
        for table, key, image in written:
            names = "INSERT OR IGNORE INTO key_names VALUES (?, ?)"
            self._connection.execute(names, [table, json.dumps([*key])])
            if image is None:
                delete = "DELETE FROM items WHERE table_name = ? AND key = ?"
                self._connection.execute(delete, [table, _key_text(key)])
            else:
                put = (
                    "INSERT INTO items VALUES (?, ?, ?)"
                    " ON CONFLICT (table_name, key) DO UPDATE SET image = excluded.image"
                )
                self._connection.execute(put, [table, _key_text(key), json.dumps(image, default=_base64)])


def _key_text(key: EncodedItem) -> str:
    """Return a text that is the same for equal keys: numbers compare by value."""
    return json.dumps([(name, *attribute, _value_text(attribute)) for name, attribute in key.items()])


def _value_text(attribute: AttributeValue) -> str:
    match decode_attribute(attribute):
        case bytes(binary):
            return _base64(binary)
        case int() | Decimal() as number:
            return str(_NUMBERS.normalize(number))
        case text:
            return str(text)


def _base64(binary: bytes) -> str:
    return base64.b64encode(binary).decode()


def _image(text: str) -> dict[str, Any]:
    return json.loads(text, object_hook=_with_bytes)  # type: ignore[no-any-return]  # an image that the store wrote


def _with_bytes(attribute: dict[str, Any]) -> dict[str, Any]:
    match attribute:
        case {"B": str(text)}:  # not a map with a member B: its value would be an object
            return {"B": base64.b64decode(text)}
        case {"BS": list(texts)}:
            return {"BS": [base64.b64decode(text) for text in texts]}
        case _:
            return attribute
