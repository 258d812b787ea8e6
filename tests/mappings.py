"""Records and handlers for tests of the event source mapping."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ddbevents.testing import History, SimulatedContext, Table

START = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def records(count: int, *, items: int | None = None, **attributes: Any) -> list[dict[str, Any]]:
    """Return records of a new table, for one item each, or for this many items in turn."""
    table = Table("Records", "pk")
    return [table.insert({"pk": str(number % (items or count)), **attributes}) for number in range(count)]


def numbers(of: list[dict[str, Any]]) -> list[str]:
    return [record["dynamodb"]["SequenceNumber"] for record in of]


def keys(payload: Mapping[str, Any]) -> list[str]:
    return [record["dynamodb"]["Keys"]["pk"]["S"] for record in payload["Records"]]


def sizes(history: History) -> list[int]:
    return [len(invocation.records) for invocation in history.invocations]


def seconds(history: History) -> list[float]:
    """Return when the invocations began, in seconds from the start of virtual time."""
    return [(invocation.at - START).total_seconds() for invocation in history.invocations]


def succeed(_: Any, __: Any) -> None:
    """Handle every batch without an error."""


def fail(_: Any, __: Any) -> None:
    raise ValueError("always")


def failing_at(*poison: str, error: bool = False) -> Any:
    """Return a handler that names the first record with one of these keys as failed, or raises."""

    def handler(payload: dict[str, Any], _: Any) -> Any:
        places = [place for place, key in enumerate(keys(payload)) if key in poison]
        if not places:
            return None
        if error:
            raise ValueError("poison")
        named = payload["Records"][places[0]]["dynamodb"]["SequenceNumber"]
        return {"batchItemFailures": [{"itemIdentifier": named}]}

    return handler


class Recorder:
    """A handler that keeps its events and contexts."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.contexts: list[SimulatedContext] = []

    def __call__(self, payload: dict[str, Any], context: SimulatedContext) -> None:
        self.keys += keys(payload)
        self.events.append(payload)
        self.contexts.append(context)
