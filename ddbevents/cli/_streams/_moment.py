"""--since: how long ago reading begins."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from .._errors import CommandError

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours"}
_KEPT: Final = timedelta(hours=24)


def moment_before(since: str | None) -> datetime | None:
    """Return the moment that was so long ago; None if nothing was given.

    Raises:
        CommandError: It is no length of time, or longer than a stream keeps records.
    """
    if since is None:
        return None
    parts = re.fullmatch(r"(\d{1,6})([smh])", since)
    if parts is None:
        raise CommandError(f"--since has to be a number with s, m or h, as 90s, 10m or 2h, not {since!r}")
    ago = timedelta(**{_UNITS[parts[2]]: int(parts[1])})
    if ago > _KEPT:
        raise CommandError(f"--since {since} is longer than the 24h for which a stream keeps records")
    return datetime.now(UTC) - ago
