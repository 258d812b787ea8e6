from __future__ import annotations

import pytest
from pydantic import BaseModel

from ddbevents import Attr, InvalidItemError, Transaction
from ddbevents._transaction import Check, Delete, Put, Update


class Total(BaseModel):
    pk: str
    count: int


def test_a_transaction_is_data() -> None:
    tx = Transaction()
    fresh = Attr("pk").not_exists()

    tx.put("totals", Total(pk="a", count=1), when=fresh)
    tx.update(
        "totals", {"pk": "b"}, set={"name": "x"}, add={"count": 1}, remove=["old"], delete={"tags": {"t"}}
    )
    tx.delete("totals", {"pk": "c"}, when=~fresh)
    tx.check("totals", {"pk": "d"}, when=fresh)

    assert tx.writes == (
        Put("totals", {"pk": {"S": "a"}, "count": {"N": "1"}}, fresh),
        Update(
            "totals",
            {"pk": {"S": "b"}},
            {"name": {"S": "x"}},
            {"count": {"N": "1"}},
            ("old",),
            {"tags": {"SS": ["t"]}},
            None,
        ),
        Delete("totals", {"pk": {"S": "c"}}, ~fresh),
        Check("totals", {"pk": {"S": "d"}}, fresh),
    )


def test_one_attribute_to_remove_needs_no_list() -> None:
    tx = Transaction()

    tx.update("totals", {"pk": "a"}, remove="status")

    [write] = tx.writes
    assert isinstance(write, Update)
    assert write.remove == ("status",)


def test_what_dynamodb_cannot_store_is_refused_at_once() -> None:
    tx = Transaction()

    with pytest.raises(InvalidItemError):
        tx.put("totals", {"pk": "a", "tags": set()})
    assert tx.writes == ()
