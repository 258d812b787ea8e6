"""What the contenders are called, and what a release has to show against them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LIMIT: Final = "pydantic, of values already plain"
CORE: Final = "pydantic's core, no model_validate"
DUMP: Final = "pydantic's model_dump"
OURS: Final = "ddbevents"
LAW: Final = "ddbevents, explaining decoder"
BOTO3: Final = "boto3's TypeDeserializer + pydantic"
BOTO3_OUT: Final = "model_dump + boto3's TypeSerializer"
LOOP: Final = "hand-written loop, boto3 + pydantic"
DATA_CLASS: Final = "Powertools data class + pydantic"
PARSER: Final = "Powertools parser models"
WHOLE_PARSER: Final = "Powertools parser, the whole event"
DYNAMODB_JSON: Final = "dynamodb-json + pydantic"
ROUTER: Final = "dynamodb-stream-router + pydantic"

TARGETS: Final[Mapping[str, Mapping[str, float]]] = {
    "a": {OURS: 1.25, BOTO3: 3, DATA_CLASS: 4, PARSER: 12},
    "b": {OURS: 1.8, BOTO3: 20, DATA_CLASS: 25},
    "c": {OURS: 1.4, BOTO3: 4, DATA_CLASS: 5},
    "d": {OURS: 1.6, BOTO3: 2, DATA_CLASS: 2.5},
    "d2": {OURS: 1.7, BOTO3: 2, DATA_CLASS: 2.5},
    "l": {OURS: 0.6, BOTO3: 5, DATA_CLASS: 5},
    "e": {OURS: 1.6, LOOP: 1.7, DATA_CLASS: 2.5},
}
"""By case: for ddbevents how often the limit's time it may take, for others how often its time they take."""

GROWTH_TARGET: Final = 1.25
"""A record in the largest batch, against one in the smaller batch where it costs least."""

MEMORY_TARGET: Final = 1.5
"""The peak of a batch of 6 MB, against the parsed JSON and the decoded items held one at a time."""


def verdict(name: str, target: float | None, against_limit: float, against_us: float) -> str:
    """The last column of a row: what is asked, and whether it is met."""
    if target is None:
        return ""
    return at_most(target, against_limit) if name == OURS else at_least(target, against_us)


def at_most(target: float, ratio: float) -> str:
    """Whether a ratio is low enough."""
    return f"<= {target:g} {'met' if ratio <= target else 'MISSED'}"


def at_least(target: float, ratio: float) -> str:
    """Whether a ratio is high enough."""
    return f">= {target:g} {'met' if ratio >= target else 'MISSED'}"
