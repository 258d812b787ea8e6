"""The writes that a handler asks for, and what of them can be one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from ddbevents import Attr, InvalidItemError, Transaction, TransactionError
from ddbevents._transaction import Check, Delete, Put, Raw, Update, Write
from ddbevents.stores._limits import check_limits, item_of, size_of


class Total(BaseModel):
    pk: str
    count: int


def nobody_knows(_: str) -> None:
    return None


def written(ask: Callable[[Transaction], None]) -> Write:
    tx = Transaction()
    ask(tx)
    return tx.writes[0]


def test_a_transaction_is_data() -> None:
    tx = Transaction()
    fresh = Attr("pk").not_exists()
    action = {"Delete": {"TableName": "totals", "Key": {"pk": {"S": "f"}}}}

    tx.put("totals", Total(pk="a", count=1), when=fresh)
    tx.update(
        "totals", {"pk": "b"}, set={"name": "x"}, add={"count": 1}, remove=["old"], delete={"tags": {"t"}}
    )
    tx.delete("totals", {"pk": "c"}, when=~fresh)
    tx.check("totals", {"pk": "d"}, when=fresh)
    tx.check("totals", {"pk": "e"})
    tx.raw(action)

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
        Check("totals", {"pk": {"S": "e"}}, None),
        Raw("totals", "Delete", action["Delete"]),
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


@pytest.mark.parametrize(
    "ask",
    [
        lambda tx, table, when: tx.put(table, {"pk": "a"}, when=when),
        lambda tx, table, when: tx.update(table, {"pk": "a"}, set={"n": 1}, when=when),
        lambda tx, table, when: tx.delete(table, {"pk": "a"}, when=when),
        lambda tx, table, when: tx.check(table, {"pk": "a"}, when=when),
    ],
    ids=["put", "update", "delete", "check"],
)
def test_what_is_no_table_or_no_condition_is_refused_at_once(ask: Any) -> None:
    transaction = Transaction()
    transaction.delete("orders", {"pk": "a"})

    with pytest.raises(TransactionError, match="table must be the name of a table") as of_table:
        ask(transaction, 5, None)
    with pytest.raises(TransactionError, match="when must be a condition") as of_condition:
        ask(transaction, "orders", True)  # noqa: FBT003  # what people write by mistake

    assert (of_table.value.index, of_table.value.table) == (1, None)
    assert (of_condition.value.index, of_condition.value.table) == (1, "orders")
    assert len(transaction.writes) == 1


def test_an_update_that_changes_nothing_is_refused_at_once() -> None:
    tx = Transaction()
    tx.delete("totals", {"pk": "a"})

    with pytest.raises(TransactionError, match=r"needs set, add, remove or delete: .* use check") as refused:
        tx.update("totals", {"pk": "b"}, add={})
    assert (refused.value.index, refused.value.table) == (1, "totals")
    assert len(tx.writes) == 1


@pytest.mark.parametrize(
    "action",
    [
        {},
        {"Get": {"TableName": "totals", "Key": {}}},
        {"Put": {"TableName": "totals", "Key": {}}},
        {"Put": {"Item": {}}},
        {"Delete": {"TableName": "totals", "Item": {}}},
        {"Update": {"TableName": 1, "Key": {}}},
        {"ConditionCheck": []},
        {"Put": {"TableName": "t", "Item": {}}, "Delete": {"TableName": "t", "Key": {}}},
    ],
)
def test_a_raw_action_has_the_shape_of_one(action: Any) -> None:
    tx = Transaction()

    with pytest.raises(TransactionError, match="a raw action is") as refused:
        tx.raw(action)
    assert refused.value.index == 0
    assert tx.writes == ()


def test_a_key_is_equal_by_value_in_any_order() -> None:
    write = written(lambda tx: tx.update("t", {"pk": "a", "n": 1}, set={"x": 1}))
    same = written(lambda tx: tx.delete("t", {"n": 1.0, "pk": "a"}))
    raw = written(
        lambda tx: tx.raw({"Update": {"TableName": "t", "Key": {"pk": {"S": "a"}, "n": {"N": "1.0"}}}})
    )
    put = written(lambda tx: tx.put("t", {"pk": "a", "n": 1, "more": "x"}))

    items = {item_of(each, lambda _: ("pk", "n")) for each in (write, same, raw, put)}

    assert len(items) == 1
    assert None not in items


@pytest.mark.parametrize(
    "other",
    [
        lambda tx: tx.delete("t", {"pk": "b"}),
        lambda tx: tx.delete("t", {"pk": b"a"}),
        lambda tx: tx.delete("u", {"pk": "a"}),
        lambda tx: tx.delete("t", {"pk": "a", "sk": "a"}),
    ],
    ids=["value", "type", "table", "sort key"],
)
def test_another_item_is_another(other: Callable[[Transaction], None]) -> None:
    write = written(lambda tx: tx.delete("t", {"pk": "a"}))

    assert item_of(write, nobody_knows) != item_of(written(other), nobody_knows)


@pytest.mark.parametrize(
    "ask",
    [
        lambda tx: tx.put("t", {"sk": "a"}),
        lambda tx: tx.raw({"Put": {"TableName": "t", "Item": {"sk": {"S": "a"}}}}),
        lambda tx: tx.raw({"Delete": {"TableName": "t", "Key": {"pk": {"N": "x"}}}}),
        lambda tx: tx.raw({"Delete": {"TableName": "t", "Key": {}}}),
    ],
    ids=["put", "raw put", "malformed", "empty"],
)
def test_of_a_key_that_is_not_there_nothing_can_be_told(ask: Callable[[Transaction], None]) -> None:
    assert item_of(written(ask), lambda _: ("pk",)) is None


def test_of_a_put_whose_key_nobody_knows_nothing_can_be_told() -> None:
    assert item_of(written(lambda tx: tx.put("t", {"pk": "a"})), nobody_knows) is None


def test_99_writes_are_a_transaction_and_100_are_none() -> None:
    writes = [written(lambda tx: tx.put("t", {"pk": "a"}))] * 99

    check_limits(writes, nobody_knows)
    with pytest.raises(TransactionError, match="100 writes are too many: a transaction takes 99"):
        check_limits([*writes, writes[0]], nobody_knows)


def test_two_writes_to_one_item_are_none() -> None:
    tx = Transaction()
    tx.delete("t", {"pk": "a"})
    tx.delete("t", {"pk": "b"})
    tx.check("t", {"pk": "a"})

    with pytest.raises(TransactionError, match="write 2 is to the item of write 0, in table 't'") as refused:
        check_limits(tx.writes, nobody_knows)
    assert (refused.value.index, refused.value.table) == (2, "t")


def test_another_write_to_the_table_tells_its_key() -> None:
    tx = Transaction()
    tx.put("t", {"pk": "a", "sk": "b", "more": "x"})
    tx.delete("t", {"pk": "a", "sk": "b"})

    with pytest.raises(TransactionError, match="write 1 is to the item of write 0"):
        check_limits(tx.writes, nobody_knows)


def test_a_tables_key_is_asked_for_only_where_it_matters() -> None:
    asked: list[str] = []
    tx = Transaction()
    tx.put("alone", {"pk": "a"})
    tx.put("told", {"pk": "a"})
    tx.delete("told", {"pk": "b"})
    tx.put("twice", {"pk": "a"})
    tx.put("twice", {"pk": "b"})

    def ask(table: str) -> tuple[str, ...]:
        asked.append(table)
        return ("pk",)

    check_limits(tx.writes, ask)

    assert set(asked) == {"twice"}


def test_puts_whose_key_nobody_knows_are_left_to_dynamodb() -> None:
    tx = Transaction()
    tx.put("t", {"pk": "a"})
    tx.put("t", {"pk": "a"})

    check_limits(tx.writes, nobody_knows)


def test_4_mb_are_a_transaction_and_more_are_none() -> None:
    quarter = 1024 * 1024 - len("pk" + "a" + "text")
    tx = Transaction()
    tx.put("t", {"pk": "a", "text": "x" * quarter})
    tx.put("t", {"pk": "b", "text": "x" * quarter})
    tx.update("t", {"pk": "c"}, set={"text": "x" * quarter})
    tx.put("t", {"pk": "d", "text": "x" * quarter})

    check_limits(tx.writes, nobody_knows)
    tx.check("t", {"pk": ""})
    with pytest.raises(TransactionError, match="more than 4 MB"):
        check_limits(tx.writes, nobody_knows)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("abc", 3),
        ("äb", 3),
        (b"abc", 3),
        (True, 1),
        (None, 1),
        (0, 2),
        (12345, 4),
        (int("9" * 38), 21),
        ([], 3),
        (["a", "b"], 3 + 2 + 2),
        ({"k": "v"}, 3 + 1 + 2),
        pytest.param({"a", "b"}, 2, id="two texts"),
        ({b"a"}, 1),
        ({1}, 2),
    ],
    ids=str,
)
def test_a_value_counts_as_aws_counts_it(value: object, size: int) -> None:
    assert size_of(written(lambda tx: tx.put("t", {"name": value}))) == len("name") + size


@pytest.mark.parametrize(
    ("ask", "size"),
    [
        (lambda tx: tx.delete("t", {"pk": "a"}), 3),
        (lambda tx: tx.check("t", {"pk": "a"}), 3),
        (
            lambda tx: tx.update("t", {"pk": "a"}, set={"s": "x"}, remove=["xyz"], delete={"d": {"q"}}),
            3 + 2 + 3 + 2,
        ),
        (lambda tx: tx.raw({"Put": {"TableName": "t", "Item": {"pk": {"S": "a"}}}}), 3),
        (
            lambda tx: tx.raw(
                {
                    "Update": {
                        "TableName": "t",
                        "Key": {"pk": {"S": "a"}},
                        "ExpressionAttributeValues": {":x": {"S": "abc"}},
                    }
                }
            ),
            3 + 5,
        ),
        (lambda tx: tx.raw({"Put": {"TableName": "t", "Item": {"pk": {"X": "malformed"}}}}), 3),
    ],
    ids=["delete", "check", "update", "raw put", "raw update", "malformed"],
)
def test_a_write_counts_with_what_it_names(ask: Callable[[Transaction], None], size: int) -> None:
    assert size_of(written(ask)) == size
