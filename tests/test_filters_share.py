"""How much of what an app would ignore its filter keeps away, and what a mirror sees behind its filter."""

from __future__ import annotations

from random import Random
from typing import Any, Final

import pytest
from pydantic import BaseModel

from ddbevents import Attr, Condition, Latest, StreamApp, ViewType
from ddbevents.deploy import filter_criteria
from ddbevents.testing import EventSourceMapping, Table
from examples.orders.app import app as orders
from tests.campaigns import size
from tests.filters_random import is_ignored
from tests.stream import Json

MIRRORS: Final = size(short=5, full=200, long=2_000)
VIEW_TYPES: Final[list[ViewType]] = ["NEW_AND_OLD_IMAGES", "NEW_IMAGE"]


def shop_item(random: Random, number: int) -> Json:
    """Return an item of the table that the orders example shares with others."""
    kind = random.choice(["customer", "order", "cart", "line", "review", "session"])
    return {
        "pk": f"item#{number}",
        "kind": kind,
        "name": random.choice(["Ada", "Grace"]),
        "email": random.choice(["ada@example.com", "grace@example.com"]),
        "status": random.choice(["NEW", "PAID", "PACKED", "SHIPPED", "RETURNED"]),
        "number": number,
        "amount": random.randint(1, 9),
    }


def shop_records(random: Random, count: int) -> list[Json]:
    """Return records of that table: its items are put, changed and removed."""
    table = Table("shop", "pk")
    records: list[Json] = []
    for number in range(count):
        item = shop_item(random, number)
        changed = {**shop_item(random, number), "kind": item["kind"], "amount": 10}
        records += [
            table.insert(item),
            table.modify(item, changed),
            table.remove(changed, expired=random.choice([True, False])),
        ]
    return records


def test_nearly_all_of_what_is_ignored_is_filtered() -> None:
    records = shop_records(Random(1815), 500)  # noqa: S311  # a test's choices
    patterns = [each["Pattern"] for each in filter_criteria(orders)["Filters"]]
    mapping = EventSourceMapping(orders, batch_size=1_000, filters=patterns)

    mapping.put(*records)
    filtered = mapping.run().filtered
    ignored = [record for record in records if is_ignored(orders, record)]

    assert 0.95 * len(ignored) <= len(filtered) < len(records)
    assert [record for record in filtered if record not in ignored] == []


class Product(BaseModel):
    """A product of a mirror."""

    pk: str
    kind: str


def mirrored(seed: int, view_type: ViewType, *, is_filtered: bool) -> dict[str, Any]:
    """Return what a mirror has after random changes of few items."""
    random, mirror = Random(seed), dict[str, Any]()  # noqa: S311  # a test's choices
    app = StreamApp("mirror")
    listed: Condition = Attr("listed").eq("y")

    @app.on_latest(Product, where=listed & Attr("kind").eq("a"))
    def copy(change: Latest[Product]) -> None:
        key = str(change.keys["pk"])
        mirror.pop(key, None)
        mirror.update({key: change.item} if change.item is not None else {})

    patterns = [each["Pattern"] for each in filter_criteria(app, view_type=view_type)["Filters"]]
    mapping = EventSourceMapping(app, batch_size=4, filters=patterns if is_filtered else ())
    mapping.put(*changes(random, Table("shop", "pk", view_type=view_type)))
    mapping.run()
    return mirror


def changes(random: Random, table: Table) -> list[Json]:
    """Return the records of random writes to three items."""
    items: dict[str, Json] = {}
    records: list[Json] = []
    for number in range(40):
        key = random.choice("abc")
        old = items.get(key)
        new: Json = {"pk": key, "listed": random.choice("yyyn"), "kind": random.choice("aaab"), "n": number}
        if old is None:
            records.append(table.insert(new))
        elif random.choice([True, True, True, False]):
            records.append(table.modify(old, new))
        else:
            records.append(table.remove(old))
            del items[key]
            continue
        items[key] = new
    return records


@pytest.mark.parametrize("view_type", VIEW_TYPES)
def test_a_mirror_is_the_same_behind_its_filter(view_type: ViewType) -> None:
    behind = [mirrored(seed, view_type, is_filtered=True) for seed in range(MIRRORS)]
    whole = [mirrored(seed, view_type, is_filtered=False) for seed in range(MIRRORS)]

    assert behind == whole
    assert any(whole)
