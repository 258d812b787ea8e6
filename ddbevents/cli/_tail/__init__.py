"""What `tail` makes of a record: which fields changed, whether it is wanted, its line and its file."""

from ._differences import Difference, differences
from ._save import EventFiles
from ._show import json_line, show_change
from ._wanted import Wanted
from ._where import read_condition

__all__ = [
    "Difference",
    "EventFiles",
    "Wanted",
    "differences",
    "json_line",
    "read_condition",
    "show_change",
]
