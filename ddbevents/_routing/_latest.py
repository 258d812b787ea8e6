"""The last states of items. Imported by apps with handlers that take each item once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._changes import Latest, item_of
from .._codec import decode_exactly, discriminators
from .._errors import ConfigurationError
from .._records import StreamRecord
from ._route import Bulk, ReadLatest
from ._selection import Selection


def is_in_view(selection: Selection, record: StreamRecord) -> bool:
    """Return whether the handler sees an item in the new image of a record."""
    fields = discriminators(selection.model)
    return (
        record.kind != "REMOVE"
        and selection.mismatch_in(record, "NewImage", fields, where=selection.where) is None
    )


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

    def read(records: Sequence[StreamRecord]) -> Latest[Any]:
        newest, item = records[-1], None
        if is_in_view(selection, newest):
            item = item_of(newest, "NewImage", selection.model, decode_exactly)
        return Latest(item, tuple(records))

    return read
