"""A transaction in memory does to an item what it does in DynamoDB."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ddbevents import Attr, Condition, Transaction, TransactionError, decode_value, encode
from ddbevents.stores import DynamoDBStore, MemoryStore, TransactionalStore
from tests.dynamodb_faults import impatient_client
from tests.dynamodb_tables import make_table

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

PATIENCE = timedelta(seconds=5)
LARGEST = Decimal("9.9999999999999999999999999999999999999E+125")


class Tables(NamedTuple):
    client: DynamoDBClient
    store: DynamoDBStore
    items: str


@pytest.fixture(scope="module")
def tables(dynamodb_endpoint: str) -> Tables:
    client = impatient_client(dynamodb_endpoint)
    store = DynamoDBStore(make_table(client, "id"), client=client)
    return Tables(client, store, make_table(client, "pk"))


names = st.sampled_from(["a", "b", "c", "dotted.name", "size"])
numbers = st.sampled_from(
    [
        0,
        1,
        -1,
        7,
        Decimal("1.0"),
        Decimal("0.4"),
        10**37,
        10**38 - 1,
        Decimal("1E-130"),
        LARGEST,
        LARGEST.copy_negate(),
    ]
)
sets = st.sampled_from([{"x"}, {"x", "y"}, {"z"}, {1}, {Decimal("1.0"), 2}, {b"x"}, {b"x", b""}])
others = st.sampled_from(["", "text", b"", b"bin", None, True, [], [1, "x"], {}, {"in": {"side": 1}}])
values = numbers | sets | others
clauses = st.dictionaries(names, values, max_size=2)
items = st.dictionaries(names, values, max_size=5)
conditions = st.sampled_from(
    [
        None,
        None,
        Attr("pk").exists(),
        Attr("pk").not_exists(),
        Attr("a").eq(1),
        ~Attr("a").eq(1) & Attr("b").exists(),
        Attr("a").gte(1) | Attr("b").contains("x"),
        Attr("c.in.side").eq(1),
    ]
)


class Change(NamedTuple):
    """An update."""

    set: dict[str, Any]
    add: dict[str, Any]
    remove: list[str]
    delete: dict[str, Any]


changes = st.builds(
    Change,
    set=clauses,
    add=st.dictionaries(names, numbers | sets, max_size=2) | clauses,
    remove=st.lists(names, max_size=2, unique=True),
    delete=st.dictionaries(names, sets, max_size=2) | clauses,
).filter(any)
NO_CHANGE = Change({}, {}, [], {})


def assert_alike(
    tables: Tables, old: Mapping[str, Any] | None, transaction: Transaction, key: dict[str, Any]
) -> None:
    """Commit the transaction in DynamoDB and in memory, to the same old item, and compare the items."""
    memory = MemoryStore(tables={tables.items: "pk"})
    if old is not None:
        tables.client.put_item(TableName=tables.items, Item=encode({**old, **key}))
        memory.put(tables.items, {**old, **key})

    is_done = committed(tables.store, transaction)

    assert committed(memory, transaction) is is_done
    found = tables.client.get_item(TableName=tables.items, Key=encode(key), ConsistentRead=True)
    theirs = found.get("Item")
    ours = memory.item(tables.items, key)
    assert ours == (None if theirs is None else decode_value({"M": theirs}))
    assert types_of(encode(ours or {})) == types_of(theirs or {})


def committed(store: TransactionalStore, transaction: Transaction) -> bool:
    try:
        return store.commit(f"rules#m.h#{uuid4().hex}", transaction, patience=PATIENCE)
    except TransactionError:
        return False


def types_of(image: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return the type of each attribute: to Python, true is equal to 1."""
    return {name: {*attribute} for name, attribute in image.items()}


like_dynamodb = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(old=st.none() | items, change=changes, when=conditions)
@example(old={"a": 10**38 - 1}, change=NO_CHANGE._replace(add={"a": 1}), when=None)
@example(old={"a": 10**38 - 1}, change=NO_CHANGE._replace(add={"a": 2}), when=None)
@example(old={"a": LARGEST}, change=NO_CHANGE._replace(add={"a": LARGEST}), when=None)
@example(old={"a": Decimal("1E-130")}, change=NO_CHANGE._replace(add={"a": Decimal("-1.1E-130")}), when=None)
@example(old={"a": Decimal("1E-130")}, change=NO_CHANGE._replace(add={"a": Decimal("-1E-130")}), when=None)
@example(old={"a": {1}}, change=NO_CHANGE._replace(add={"a": {Decimal("1.0"), 2}}), when=None)
@example(old={"a": {1}}, change=NO_CHANGE._replace(delete={"a": {Decimal("1.0")}}), when=None)
@example(old={"a": {1}}, change=NO_CHANGE._replace(add={"a": {"x"}}), when=None)
@example(old={"a": {1}}, change=NO_CHANGE._replace(delete={"a": {"x"}}), when=None)
@example(old={"a": "x"}, change=NO_CHANGE._replace(add={"a": 1}), when=None)
@example(old=None, change=NO_CHANGE._replace(add={"a": "x"}), when=None)
@example(old=None, change=NO_CHANGE._replace(delete={"a": {"x"}}), when=None)
@example(old=None, change=NO_CHANGE._replace(delete={"a": 1}), when=None)
@example(old=None, change=NO_CHANGE._replace(remove=["a"]), when=None)
@example(old={"a": 1}, change=NO_CHANGE._replace(set={"a": 1}, remove=["a"]), when=None)
@example(old={}, change=NO_CHANGE._replace(set={"pk": "other"}), when=None)
@example(old={}, change=NO_CHANGE._replace(remove=["pk"]), when=None)
@like_dynamodb
def test_an_update_is_dynamodbs(
    tables: Tables, old: dict[str, Any] | None, change: Change, when: Condition | None
) -> None:
    key, transaction = {"pk": uuid4().hex}, Transaction()
    transaction.update(
        tables.items,
        key,
        set=change.set,
        add=change.add,
        remove=change.remove,
        delete=change.delete,
        when=when,
    )

    assert_alike(tables, old, transaction, key)


@given(old=st.none() | items, item=items, when=conditions)
@settings(like_dynamodb, max_examples=30)
def test_a_put_is_dynamodbs(
    tables: Tables, old: dict[str, Any] | None, item: dict[str, Any], when: Condition | None
) -> None:
    key, transaction = {"pk": uuid4().hex}, Transaction()
    transaction.put(tables.items, {**key, **item}, when=when)

    assert_alike(tables, old, transaction, key)


@given(old=st.none() | items, when=conditions)
@settings(like_dynamodb, max_examples=30)
def test_a_delete_is_dynamodbs(tables: Tables, old: dict[str, Any] | None, when: Condition | None) -> None:
    key, transaction = {"pk": uuid4().hex}, Transaction()
    transaction.delete(tables.items, key, when=when)

    assert_alike(tables, old, transaction, key)


@given(old=st.none() | items, when=conditions)
@settings(like_dynamodb, max_examples=30)
def test_a_check_is_dynamodbs(tables: Tables, old: dict[str, Any] | None, when: Condition | None) -> None:
    key, transaction = {"pk": uuid4().hex}, Transaction()
    transaction.check(tables.items, key, when=when)

    assert_alike(tables, old, transaction, key)


def test_the_largest_item_is_dynamodbs(tables: Tables) -> None:
    most = 400 * 1024 - len("pk" + "text") - 32
    fitting, too_large = Transaction(), Transaction()
    key = {"pk": uuid4().hex}
    fitting.put(tables.items, {**key, "text": "x" * most})
    too_large.put(tables.items, {**key, "text": "x" * (most + 1)})

    assert_alike(tables, None, too_large, key)
    assert_alike(tables, None, fitting, key)
    assert not committed(MemoryStore(tables={tables.items: "pk"}), too_large)
    assert committed(MemoryStore(tables={tables.items: "pk"}), fitting)
