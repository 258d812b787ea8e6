"""The writes that a handler asks for, and the limits of one transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias

import pytest
from pydantic import BaseModel

from ddbevents import Attr, InvalidItemError, Transaction, TransactionError
from ddbevents.stores import Commit, DynamoDBStore, MemoryStore, TransactionalStore
from tests.dynamodb_faults import StubClient

Ask: TypeAlias = Callable[[Transaction], None]

MB = 1024 * 1024


class Total(BaseModel):
    pk: str
    count: int


def transaction(*asks: Ask) -> Transaction:
    tx = Transaction()
    for ask in asks:
        ask(tx)
    return tx


def commit(tx: Transaction, store: TransactionalStore | None = None) -> bool:
    """Commit to a DynamoDB that takes everything and tells no keys, unless a store is given."""
    store = store or DynamoDBStore("marks", client=StubClient())
    return store.commit("mark", tx, patience=timedelta(seconds=5))


def are_to_one_item(*asks: Ask) -> bool:
    """Return whether two writes to a table with the key `pk` are refused as writes to one item."""
    store = DynamoDBStore("marks", client=StubClient("pk"))
    try:
        return not commit(transaction(*asks), store)
    except TransactionError as error:
        return "write 1 is to the same item as write 0" in str(error)


def share_a_request(client: StubClient, *asks: Ask) -> bool:
    """Return whether transactions with one write each can be packed into one request."""
    commits = [Commit(f"mark-{index}", transaction(ask), index) for index, ask in enumerate(asks)]
    return len(DynamoDBStore("marks", client=client, pack=True).pack(commits)) == len(commits)


def test_a_transaction_is_data() -> None:
    tx = Transaction()
    fresh = Attr("pk").not_exists()
    action = {"Delete": {"TableName": "totals", "Key": {"pk": {"S": "f"}}}}

    tx.put("totals", Total(pk="a", count=1), when=fresh, on_conflict="skip")
    tx.update(
        "totals", {"pk": "b"}, set={"name": "x"}, add={"count": 1}, remove=["old"], delete={"tags": {"t"}}
    )
    tx.delete("totals", {"pk": "c"}, when=~fresh)
    tx.check("totals", {"pk": "d"}, when=fresh)
    tx.check("totals", {"pk": "e"}, on_conflict="skip")
    tx.raw(action)

    assert [type(write).__name__ for write in tx.writes] == [
        "Put",
        "Update",
        "Delete",
        "Check",
        "Check",
        "Raw",
    ]
    assert [write._asdict() for write in tx.writes] == [
        {
            "table": "totals",
            "item": {"pk": {"S": "a"}, "count": {"N": "1"}},
            "when": fresh,
            "on_conflict": "skip",
        },
        {
            "table": "totals",
            "key": {"pk": {"S": "b"}},
            "set": {"name": {"S": "x"}},
            "add": {"count": {"N": "1"}},
            "remove": ("old",),
            "delete": {"tags": {"SS": ["t"]}},
            "when": None,
            "on_conflict": "fail",
        },
        {"table": "totals", "key": {"pk": {"S": "c"}}, "when": ~fresh, "on_conflict": "fail"},
        {"table": "totals", "key": {"pk": {"S": "d"}}, "when": fresh, "on_conflict": "fail"},
        {"table": "totals", "key": {"pk": {"S": "e"}}, "when": None, "on_conflict": "skip"},
        {"table": "totals", "operation": "Delete", "request": action["Delete"]},
    ]


def test_one_name_to_remove_needs_no_list() -> None:
    tx = Transaction()

    tx.update("totals", {"pk": "a"}, remove="status")

    [write] = tx.writes
    assert write._asdict()["remove"] == ("status",)


def test_an_invalid_item_is_refused() -> None:
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
def test_wrong_arguments_are_refused(ask: Any) -> None:
    transaction = Transaction()
    transaction.delete("orders", {"pk": "a"})

    with pytest.raises(TransactionError, match="table must be the name of a table") as of_table:
        ask(transaction, 5, None)
    with pytest.raises(TransactionError, match="when must be a condition") as of_condition:
        ask(transaction, "orders", True)  # noqa: FBT003  # what people write by mistake

    assert (of_table.value.index, of_table.value.table) == (1, None)
    assert (of_condition.value.index, of_condition.value.table) == (1, "orders")
    assert len(transaction.writes) == 1


CONFLICTING: dict[str, Any] = {
    "put": lambda tx, **more: tx.put("orders", {"pk": "a"}, **more),
    "update": lambda tx, **more: tx.update("orders", {"pk": "a"}, set={"n": 1}, **more),
    "delete": lambda tx, **more: tx.delete("orders", {"pk": "a"}, **more),
    "check": lambda tx, **more: tx.check("orders", {"pk": "a"}, **more),
}


@pytest.mark.parametrize("write", CONFLICTING)
@pytest.mark.parametrize("value", ["SKIP", "ignore", "", None, True, ["skip"]], ids=repr)
def test_a_conflict_fails_or_skips(write: str, value: Any) -> None:
    tx = Transaction()
    tx.delete("orders", {"pk": "b"})

    with pytest.raises(TransactionError) as refused:
        CONFLICTING[write](tx, when=Attr("pk").exists(), on_conflict=value)

    assert str(refused.value) == (
        "on_conflict must be 'fail', which fails the record if the condition is false, or 'skip', which drops"
        " the transaction"
    )
    assert (refused.value.index, refused.value.table) == (1, "orders")
    assert len(tx.writes) == 1


@pytest.mark.parametrize("write", ["put", "update", "delete"])
def test_a_skip_needs_a_condition(write: str) -> None:
    tx = Transaction()

    with pytest.raises(TransactionError) as refused:
        CONFLICTING[write](tx, on_conflict="skip")

    assert str(refused.value) == (
        "on_conflict='skip' needs a condition, since a write without one is always done: add when=, as in"
        " when=Attr('pk').not_exists() for an item that must not exist yet"
    )
    assert (refused.value.index, refused.value.table) == (0, "orders")
    assert tx.writes == ()


def test_an_update_changes_something() -> None:
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
def test_a_raw_action_has_its_shape(action: Any) -> None:
    tx = Transaction()

    with pytest.raises(TransactionError, match="a raw action is") as refused:
        tx.raw(action)
    assert refused.value.index == 0
    assert tx.writes == ()


@pytest.mark.parametrize(
    "same",
    [
        lambda tx: tx.delete("t", {"n": 1.0, "pk": "a"}),
        lambda tx: tx.raw({"Update": {"TableName": "t", "Key": {"pk": {"S": "a"}, "n": {"N": "1.0"}}}}),
        lambda tx: tx.put("t", {"pk": "a", "n": 1, "more": "x"}),
    ],
    ids=["delete", "raw update", "put"],
)
def test_a_key_is_equal_by_value(same: Ask) -> None:
    assert are_to_one_item(lambda tx: tx.update("t", {"pk": "a", "n": 1}, set={"x": 1}), same)


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
def test_another_key_is_another_item(other: Ask) -> None:
    assert not are_to_one_item(lambda tx: tx.delete("t", {"pk": "a"}), other)


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
def test_an_unreadable_key_is_unknown(ask: Ask) -> None:
    client = StubClient("pk")

    assert not share_a_request(client, ask, lambda tx: tx.delete("t", {"pk": "b"}))
    assert share_a_request(client, ask, lambda tx: tx.delete("u", {"pk": "b"}))


def test_99_writes_are_a_transaction() -> None:
    writes: list[Ask] = [partial(Transaction.delete, table="t", key={"pk": n}) for n in range(100)]

    assert commit(transaction(*writes[:99]), MemoryStore())
    with pytest.raises(TransactionError, match="100 writes are too many: a transaction takes 99 at most"):
        commit(transaction(*writes), MemoryStore())


def test_two_writes_to_one_item_are_refused() -> None:
    tx = Transaction()
    tx.delete("t", {"pk": "a"})
    tx.delete("t", {"pk": "b"})
    tx.check("t", {"pk": "a"})

    with pytest.raises(TransactionError, match="write 2 is to the same item as write 0, in") as refused:
        commit(tx)
    assert (refused.value.index, refused.value.table) == (2, "t")


def test_another_write_reveals_the_key() -> None:
    tx = Transaction()
    tx.put("t", {"pk": "a", "sk": "b", "more": "x"})
    tx.delete("t", {"pk": "a", "sk": "b"})

    with pytest.raises(TransactionError, match="write 1 is to the same item as write 0"):
        commit(tx)


def test_a_key_is_looked_up_only_if_needed() -> None:
    client = StubClient("pk")
    tx = Transaction()
    tx.put("alone", {"pk": "a"})
    tx.put("revealed", {"pk": "a"})
    tx.delete("revealed", {"pk": "b"})
    tx.put("twice", {"pk": "a"})
    tx.put("twice", {"pk": "b"})

    commit(tx, DynamoDBStore("marks", client=client))

    assert client.described == ["twice"]


def test_puts_of_unknown_keys_are_sent() -> None:
    tx = Transaction()
    tx.put("t", {"pk": "a"})
    tx.put("t", {"pk": "a"})

    assert commit(tx)


def test_a_transaction_has_at_most_4_mb() -> None:
    quarter = MB - len("pk" + "a" + "text")
    tx = Transaction()
    tx.put("t", {"pk": "a", "text": "x" * quarter})
    tx.put("t", {"pk": "b", "text": "x" * quarter})
    tx.update("t", {"pk": "c"}, set={"text": "x" * quarter})
    tx.put("t", {"pk": "d", "text": "x" * quarter})

    assert commit(tx)
    tx.check("t", {"pk": ""})
    with pytest.raises(TransactionError, match="more than 4 MB"):
        commit(tx)


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
def test_a_value_has_the_size_that_aws_says(value: object, size: int) -> None:
    store = MemoryStore(tables={"t": "pk"})
    left = 400 * 1024 - len("pk" + "a" + "name" + "filler") - size

    store.put("t", {"pk": "a", "name": value, "filler": "x" * left})
    with pytest.raises(TransactionError, match="larger than 400 KB"):
        store.put("t", {"pk": "a", "name": value, "filler": "x" * (left + 1)})


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
def test_a_write_has_the_size_of_its_attributes(ask: Ask, size: int) -> None:
    left = 4 * MB - size - len("pk")

    assert commit(transaction(ask, lambda tx: tx.delete("filler", {"pk": "x" * left})))
    with pytest.raises(TransactionError, match="more than 4 MB"):
        commit(transaction(ask, lambda tx: tx.delete("filler", {"pk": "x" * (left + 1)})))


@pytest.mark.parametrize(
    ("ask", "argument"),
    [
        (lambda tx: tx.update("totals", "all", add={"n": 1}), "key"),
        (lambda tx: tx.update("totals", {"pk": "all"}, add=5), "add"),
        (lambda tx: tx.update("totals", {"pk": "all"}, set=["n"]), "set"),
        (lambda tx: tx.delete("totals", "all"), "key"),
        (lambda tx: tx.check("totals", ("pk", "all")), "key"),
    ],
    ids=["update's key", "add", "set", "delete's key", "check's key"],
)
def test_only_mappings_have_attributes(ask: Callable[[Any], None], argument: str) -> None:
    transaction = Transaction()

    with pytest.raises(
        TransactionError, match=f"^{argument} must be a mapping of attribute names"
    ) as refused:
        ask(transaction)

    assert (refused.value.index, refused.value.table) == (0, "totals")
    assert transaction.writes == ()
