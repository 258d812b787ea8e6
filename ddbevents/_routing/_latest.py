"""The records that a handler of items' last states takes, and the state that it gets.

Beside what matches, it takes what tells that an item left the view: the handler's `where` and the model's
`Literal` and `Prefix` fields. Imported by apps that have such handlers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .._changes import Latest, item_of, key_image
from .._codec import ItemField, decode_exactly, discriminators
from .._errors import ConfigurationError
from .._records import StreamRecord
from ._route import Bulk, ReadLatest
from ._selection import Part, Selection


def mismatch_of_latest(selection: Selection, record: StreamRecord) -> Part | None:
    """Return why a record says nothing about an item as the handler sees it; None if it does."""
    fields = discriminators(selection.model)
    if record.kind == "REMOVE":
        if record.old_image is not None:
            return selection.mismatch_in(record, "OldImage", fields, where=selection.where)
        return selection.mismatch_in(record, "Keys", _of_key(fields, record), where=None)
    entity = selection.mismatch_in(record, "NewImage", fields, where=None)
    part = entity or selection.mismatch_in(record, "NewImage", (), where=selection.where)
    if part is None or record.kind == "INSERT":
        return part
    if record.old_image is not None:
        return part if selection.mismatch_in(record, "OldImage", fields, where=selection.where) else None
    # nothing says how it was before, so it may have been in the view if it is of this entity
    return entity


def latest_call(name: str, selection: Selection, bulk: Bulk | None, *, transactional: bool) -> Bulk:
    """Return how a handler of last states is called.

    Raises:
        ConfigurationError: It asks for a transaction.
    """
    if transactional:
        raise ConfigurationError(
            f"{name} asks for a transaction, but a last state stands for several records, each with a mark of"
            " its own: leave the transaction out, or use on_upsert and on_remove"
        )
    return (bulk or Bulk())._replace(read_latest=_reader(selection))


def _reader(selection: Selection) -> ReadLatest:
    """Return what reads the last state of an item from its records in a batch."""
    fields = discriminators(selection.model)

    def read(records: Sequence[StreamRecord]) -> Latest[Any]:
        newest, item = records[-1], None
        if (
            newest.kind != "REMOVE"
            and selection.mismatch_in(newest, "NewImage", fields, where=selection.where) is None
        ):
            item = item_of(newest, "NewImage", selection.model, decode_exactly)
        return Latest(item, tuple(records))

    return read


def _of_key(fields: Iterable[ItemField], record: StreamRecord) -> list[ItemField]:
    """Return the fields that read an attribute of the key, which every record has."""
    names = key_image(record).keys()
    return [field for field in fields if any(path[0] in names for path in field.paths)]
