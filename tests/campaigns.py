"""The length of the long tests: short in a plain run, full in `.ci/run`, and much longer on request."""

from __future__ import annotations

import os
from typing import Final

import pytest


def size(*, short: int, full: int, long: int) -> int:
    """Return the number of tries: the short one, unless `DDBEVENTS_CAMPAIGNS` is `full` or `long`."""
    return {"short": short, "full": full, "long": long}[os.environ.get("DDBEVENTS_CAMPAIGNS", "short")]


IN_FULL: Final = pytest.mark.skipif(
    os.environ.get("DDBEVENTS_CAMPAIGNS", "short") == "short",
    reason="it takes some seconds: DDBEVENTS_CAMPAIGNS=full runs it, as .ci/run does",
)
