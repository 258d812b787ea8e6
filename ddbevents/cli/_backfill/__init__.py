"""A backfill: the items of a table or an export, run through an app in batches, and its cursor."""

from ._cursor import Cursor, begin, cursor_file
from ._items import ItemOptions, ItemSource, open_items
from ._run import Backfill, Settings

__all__ = [
    "Backfill",
    "Cursor",
    "ItemOptions",
    "ItemSource",
    "Settings",
    "begin",
    "cursor_file",
    "open_items",
]
