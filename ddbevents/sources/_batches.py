"""Items in batches, as Step Functions' Distributed Map passes the lines of an export to a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

MOST_ITEMS: Final = 500
LARGEST_BATCH: Final = 4 * 2**20
"""The text of a batch's items, in bytes; a Lambda function takes 6 MiB."""


class Batch(NamedTuple):
    """Some items, and where reading goes on behind them.

    Attributes:
        event: What an app takes.
        position: What `batches` takes to go on behind this batch; None if it has to begin before it.
    """

    event: dict[str, Any]
    position: dict[str, Any] | None


def event_of(lines: Sequence[Any], about: dict[str, Any]) -> dict[str, Any]:
    """Return the event for lines of an export."""
    return {"Items": [*lines], "BatchInput": about}
