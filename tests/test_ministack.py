"""Events that MiniStack passes to functions, compared with those of our builders and filters.

`DDBEVENTS_SEED` chooses other writes and other filters.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import pytest

from ddbevents import encode, parse_event
from ddbevents.testing import Table, event, matches_pattern
from examples.projection.app import Order
from tests.downloads import NotFetchedError
from tests.dynamodb_tables import read_table
from tests.ministack import MiniStack, ministack, ministack_python

Json = dict[str, Any]
Item = dict[str, Any]

SEED: Final = int(os.environ.get("DDBEVENTS_SEED", "1"))
WRITES: Final = 200
FUNCTIONS: Final = 10
VIEW_TYPES: Final = ("NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY")
LAST: Final = "the last"
LAST_ONE: Final = {"dynamodb": {"Keys": {"pk": {"S": [LAST]}}}}
"""All functions receive this record, which is written last."""
PACKAGES: Final = os.pathsep.join(sys.path)


class Deployed(NamedTuple):
    """The records that our builders predict, and the events that functions received.

    Attributes:
        built: The predicted records, by the table's view type.
        received: The events that each function got.
    """

    built: Mapping[str, Sequence[Json]]
    received: Mapping[int, Sequence[Json]]

    def arrived(self, number: int, view_type: str) -> list[Json]:
        return [
            record
            for each in self.received[number]
            for record in each["Records"]
            if record["dynamodb"]["StreamViewType"] == view_type
        ]


class Writer:
    """Writes to a table of MiniStack, and builds the expected record."""

    def __init__(self, stack: MiniStack, view_type: Any) -> None:
        self.built: list[Json] = []
        self._stack = stack
        self._name = view_type.lower()
        self._table = Table(self._name, view_type=view_type)
        self._items: dict[str, Item] = {}
        self.stream_arn = stack.create_table(self._name, "pk", view_type)

    def put(self, item: Item) -> None:
        old = self._items.get(item["pk"])
        self._items[item["pk"]] = item
        self._stack.dynamodb.put_item(TableName=self._name, Item=encode(item))
        if old is None:
            self.built.append(self._table.insert(item))
        elif old != item:
            self.built.append(self._table.modify(old, item))

    def delete(self, pk: str) -> None:
        old = self._items.pop(pk, None)
        self._stack.dynamodb.delete_item(TableName=self._name, Key={"pk": {"S": pk}})
        if old is not None:
            self.built.append(self._table.remove(old))


@pytest.fixture(scope="module")
def stack() -> Generator[MiniStack]:
    with ministack() as started:
        yield started


@pytest.fixture(scope="module")
def deployed(stack: MiniStack) -> Deployed:
    random = Random(SEED)  # noqa: S311  # repeatable, not secret
    writers = {view_type: Writer(stack, view_type) for view_type in VIEW_TYPES}
    for _ in range(WRITES):
        write_something(random, writers[random.choice(VIEW_TYPES)])
    for writer in writers.values():
        writer.put({"pk": LAST})
        writer.put({"pk": LAST})  # no change
    for number in range(FUNCTIONS):
        received = str(received_by(stack, number))
        stack.create_function(f"receiver-{number}", "receiver.lambda_handler", RECEIVED=received)
        for writer in writers.values():
            stack.connect(writer.stream_arn, f"receiver-{number}", PATTERNS[number])
    return Deployed(
        {view_type: writer.built for view_type, writer in writers.items()},
        {number: wait_for_all(received_by(stack, number)) for number in range(FUNCTIONS)},
    )


def received_by(stack: MiniStack, number: int) -> Path:
    return stack.folder / f"received-{number}.jsonl"


def wait_for_all(path: Path) -> list[Json]:
    """Return the events in a file, once it has the last record of each table, or after a minute."""
    deadline = time.monotonic() + 60
    events: list[Json] = []
    while last_ones(events) < len(VIEW_TYPES) and time.monotonic() < deadline:
        time.sleep(0.05)
        text = path.read_text() if path.exists() else ""
        events = [json.loads(line) for line in text.splitlines()] if text.endswith("\n") else []
    return events


def last_ones(events: Sequence[Json]) -> int:
    return sum(record["dynamodb"]["Keys"]["pk"]["S"] == LAST for each in events for record in each["Records"])


def write_something(random: Random, writer: Writer) -> None:
    pk = f"item-{random.randint(1, 8)}"
    if random.random() < 0.2:
        writer.delete(pk)
    else:
        writer.put(dict(some_attributes(random, pk)))


def some_attributes(random: Random, pk: str) -> Iterator[tuple[str, Any]]:
    yield "pk", pk
    yield "status", random.choice(["OPEN", "PAID", "PAID BACK", "", "open"])
    for name, values in OPTIONAL.items():
        if random.random() < 0.6:
            yield name, random.choice(values)


OPTIONAL: Final[Mapping[str, Sequence[Any]]] = {
    "total": [0, -7, 300, Decimal("12.5"), Decimal("0.001"), 10**20 + 1],
    "active": [True, False],
    "note": [None, "", "über 🚲", 'quote " and \\ and \u0000'],
    "photo": [b"", b"\xff\x00", b"foobar"],
    "tags": [{"a"}, {"b", "a"}, {1, 2}, {b"x", b"y"}],
    "address": [{}, {"city": "Köln", "lines": ["1", 2, None, [True]]}, {"city": "Bonn"}],
}
LEAVES: Final[Sequence[tuple[tuple[str, ...], Sequence[Any]]]] = [
    # Only rules that MiniStack applies as AWS does: it has no $or and no equals-ignore-case, lets `numeric`
    # match text and `anything-but` match absent fields, and ignores arrays.
    (("eventName",), ["INSERT", "MODIFY", "REMOVE", {"anything-but": ["INSERT"]}, {"prefix": "RE"}]),
    (("dynamodb", "Keys", "pk", "S"), [f"item-{number}" for number in range(1, 9)]),
    (("dynamodb", "Keys", "pk", "S"), [{"suffix": "3"}, {"prefix": "item"}, {"anything-but": "item-1"}]),
    (("dynamodb", "NewImage", "status", "S"), ["OPEN", "PAID", "", {"prefix": "PAID"}, {"suffix": "CK"}]),
    (("dynamodb", "OldImage", "status", "S"), ["open", "PAID", {"prefix": "O"}, {"exists": True}]),
    (("dynamodb", "NewImage", "total", "N"), ["300", "12.5", "-7", {"exists": True}, {"prefix": "1"}, 300]),
    (("dynamodb", "NewImage", "active", "BOOL"), [True, False]),
    (("dynamodb", "NewImage", "note", "NULL"), [True]),
    (("dynamodb", "OldImage", "note", "S"), ["", "über 🚲", {"suffix": "🚲"}]),
    (("dynamodb", "NewImage", "photo", "B"), ["", "/wA=", {"prefix": "Zm9v"}]),
    (("dynamodb", "NewImage", "address", "M", "city", "S"), ["Köln", {"prefix": "B"}, {"exists": True}]),
    (("dynamodb", "StreamViewType"), ["NEW_IMAGE", {"suffix": "IMAGES"}, {"anything-but": "KEYS_ONLY"}]),
    (("userIdentity",), [{"exists": False}]),
]


def some_patterns(random: Random) -> list[Json]:
    return [some_pattern(random) for _ in range(random.randint(1, 3))] + [LAST_ONE]


def some_pattern(random: Random) -> Json:
    pattern: Json = {}
    for path, alternatives in random.sample(LEAVES, random.randint(1, 2)):
        *parents, leaf = path
        place = pattern
        for name in parents:
            place = place.setdefault(name, {})
        place[leaf] = random.sample(alternatives, random.randint(1, len(alternatives)))
    return pattern


PATTERNS: Final[Sequence[Sequence[Json]]] = [
    [],  # no filter at all
    *(some_patterns(Random(f"{SEED} {number}")) for number in range(1, FUNCTIONS)),  # noqa: S311  # the same
]


@pytest.mark.parametrize("view_type", VIEW_TYPES)
@pytest.mark.parametrize("number", range(FUNCTIONS))
def test_functions_get_the_built_records(deployed: Deployed, number: int, view_type: str) -> None:
    expected = [record for record in deployed.built[view_type] if is_let_through(number, record)]

    arrived = deployed.arrived(number, view_type)

    assert [*map(comparable, arrived)] == [*map(comparable, expected)]


def test_filters_pass_some_records(deployed: Deployed) -> None:
    """The test above depends on it."""
    built = deployed.built["NEW_AND_OLD_IMAGES"]
    shares = [sum(is_let_through(number, record) for record in built) for number in range(FUNCTIONS)]

    assert sum(1 < share < len(built) for share in shares) > 2


def test_numbers_rise_as_they_arrive(deployed: Deployed) -> None:
    arrived = deployed.arrived(0, "KEYS_ONLY")
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in arrived]

    assert numbers == sorted(set(numbers))


def test_our_app_counts_orders(stack: MiniStack) -> None:
    stream_arn = stack.create_table("orders", "order_id", "NEW_AND_OLD_IMAGES")
    stack.create_table("handled-events", "id", "KEYS_ONLY")
    stack.create_table("customers", "customer_id", "KEYS_ONLY")
    stack.create_table("revenue", "day", "KEYS_ONLY")
    stack.create_function("singly", "singly.lambda_handler", PYTHONPATH=PACKAGES)
    stack.connect(stream_arn, "singly")

    for number in range(10):
        stack.dynamodb.put_item(TableName="orders", Item=encode(an_order(number)))

    assert wait_for_revenue(stack) == {"2026-11-23": {"orders": 10, "amount": 45}}


def test_missing_packages_are_an_error(tmp_path: Path) -> None:
    nothing = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
        "DDBEVENTS_CACHE": str(tmp_path / "cache"),
    }

    with pytest.raises(NotFetchedError, match="No matching distribution"):
        ministack_python({**os.environ, **nothing})


def is_let_through(number: int, record: Json) -> bool:
    patterns = PATTERNS[number]
    return not patterns or any(matches_pattern(pattern, record) for pattern in patterns)


def comparable(record: Json) -> Json:
    """Reduce the values that differ from stream to stream to their types."""
    body = {**record["dynamodb"]}
    for name in ("ApproximateCreationDateTime", "SequenceNumber", "SizeBytes"):
        body[name] = type(body[name]).__name__
    for name in ("NewImage", "OldImage"):
        if name in body:
            body[name] = {attribute: in_order(value) for attribute, value in body[name].items()}
    [parsed] = parse_event(event(record))
    return {**record, "eventID": "", "eventSourceARN": parsed.table, "dynamodb": body}


def in_order(value: Json) -> Json:
    """Sort a set, which has no order."""
    [(tag, content)] = value.items()
    return {tag: sorted(content)} if tag in {"SS", "NS", "BS"} else value


def an_order(number: int) -> Order:
    return Order(
        order_id=f"order-{number}",
        customer_id=f"customer-{number % 3}",
        placed_at=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
        amount=Decimal(number),
    )


def wait_for_revenue(stack: MiniStack, *, seconds: float = 30) -> dict[str, dict[str, Any]]:
    """Return the table of revenue, once it counts ten orders."""
    deadline = time.monotonic() + seconds
    revenue: dict[str, dict[str, Any]] = {}
    while sum(day["orders"] for day in revenue.values()) < 10 and time.monotonic() < deadline:
        time.sleep(0.05)
        revenue = read_table(stack.dynamodb, "revenue", "day")
    return revenue
