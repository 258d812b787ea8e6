"""What the contenders are called, and what a release has to show against them."""

from __future__ import annotations

from collections.abc import Mapping
from operator import ge, le
from typing import Final, Literal, NamedTuple

LIMIT: Final = "pydantic, of values already plain"
JSON: Final = "json.loads alone"
CORE: Final = "pydantic's core, no model_validate"
DUMP: Final = "pydantic's model_dump"
OURS: Final = "ddbevents"
LAW: Final = "ddbevents, reference decoder"
FROZEN: Final = "ddbevents, garbage collector frozen"
BOTO3: Final = "boto3's TypeDeserializer + pydantic"
BOTO3_OUT: Final = "model_dump + boto3's TypeSerializer"
LOOP: Final = "hand-written loop, boto3 + pydantic"
COMPREHENSION: Final = "hand-written list, boto3 + pydantic"
DATA_CLASS: Final = "Powertools data class + pydantic"
PARSER: Final = "Powertools parser models"
WHOLE_PARSER: Final = "Powertools parser, the whole event"
DYNAMODB_JSON: Final = "dynamodb-json + pydantic"
ONE_BY_ONE: Final = "the parsed JSON, and one item at a time"
ROUTER: Final = "dynamodb-stream-router + pydantic"


class Target(NamedTuple):
    """How many times as much as another contender one may take, or must take.

    Attributes:
        bound: Whether the ratio is the most or the least.
        ratio: The ratio of the two.
        against: The other contender.
    """

    bound: Literal["<=", ">="]
    ratio: float
    against: str = OURS

    def verdict(self, ratio: float) -> str:
        """Say what is asked, and whether a ratio meets it."""
        is_met = (le if self.bound == "<=" else ge)(ratio, self.ratio)
        return f"{self.bound} {self.ratio:g} {'met' if is_met else 'MISSED'}"


def _most(ratio: float, against: str = LIMIT) -> Target:
    return Target("<=", ratio, against)


def _least(ratio: float) -> Target:
    return Target(">=", ratio)


TARGETS: Final[Mapping[str, Mapping[str, Target]]] = {
    "decode-full": {OURS: _most(1.25), BOTO3: _least(3), DATA_CLASS: _least(4), PARSER: _least(12)},
    "decode-narrow": {OURS: _most(1.8), BOTO3: _least(20), DATA_CLASS: _least(25)},
    "decode-flat": {OURS: _most(1.4), BOTO3: _least(4), DATA_CLASS: _least(5)},
    "decode-unions": {OURS: _most(1.6), BOTO3: _least(2), DATA_CLASS: _least(2.5)},
    "decode-nulls": {OURS: _most(1.7), BOTO3: _least(2), DATA_CLASS: _least(2.5)},
    "decode-list": {OURS: _most(0.6), BOTO3: _least(5), DATA_CLASS: _least(5)},
    "encode-full": {OURS: _most(2.6, DUMP)},
    "batch-1": {OURS: _most(2.4)},
    "batch-100": {OURS: _most(1.4), LOOP: _least(3), DATA_CLASS: _least(4)},
    "batch-1000": {OURS: _most(1.6), LOOP: _least(1.7), DATA_CLASS: _least(2.5)},
    "flat-100": {OURS: _most(2)},
    "modify-100": {OURS: _most(1.5)},
    "entities-100": {OURS: _most(1.6)},
    "ignored-100": {OURS: _most(0.6, LOOP)},
    "bulk-1000": {OURS: _most(0.6, COMPREHENSION)},
    "store-first": {OURS: _most(1.9)},
    "store-replay": {OURS: _most(0.45)},
    "invocation": {FROZEN: _most(0.6, OURS)},
    "start": {OURS: _most(1.08)},
    "growth": {"10,000 records": _most(1.1, "10 records")},
    "memory-full": {OURS: _most(1.5, ONE_BY_ONE)},
    "memory-narrow": {OURS: _most(1.5, ONE_BY_ONE)},
}
"""By case and contender."""


def at_most(most: float, ratio: float) -> str:
    """Say whether a ratio is low enough."""
    return Target("<=", most).verdict(ratio)
