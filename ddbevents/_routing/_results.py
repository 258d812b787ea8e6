"""Results of handlers, which nothing uses: each handler that returns one is named once in the log.

Imported with the first result: handlers return None.
"""

from __future__ import annotations

from typing import Final

from .._logs import logger

_named: Final[dict[str, object]] = {}  # handlers, over all apps of the process


def note_unused(name: str, result: object) -> None:
    """Warn, once for each handler, that its records count as handled whatever it returns."""
    # of several threads only one gets its own value back
    mine = object()
    if _named.setdefault(name, mine) is not mine:
        return
    is_answer = isinstance(result, dict) and "batchItemFailures" in result
    shown = "an answer for Lambda" if is_answer else f"a value of type {type(result).__name__}"
    logger().warning(
        "%s returned %s, which nothing uses: its record counts as handled. Raise an exception to have it"
        " retried, or Reject to dead-letter it, and else return None",
        name,
        shown,
    )
