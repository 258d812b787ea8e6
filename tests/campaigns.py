"""The length of the long tests: short in a plain run, full in `.ci/run`, and much longer on request."""

from __future__ import annotations

import os


def size(*, short: int, full: int, long: int) -> int:
    """Return the number of tries: the short one, unless `DDBEVENTS_CAMPAIGNS` is `full` or `long`."""
    return {"short": short, "full": full, "long": long}[os.environ.get("DDBEVENTS_CAMPAIGNS", "short")]
