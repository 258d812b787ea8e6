"""Writes applied without a DynamoDB give what DynamoDB gives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ddbevents import Attr, Condition, Transaction, TransactionError, encode
from ddbevents._attributes._decode import canonical
from ddbevents.stores import DynamoDBStore
from ddbevents.stores._apply import apply_all
from tests.dynamodb_local import clients

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
    client, _ = clients(dynamodb_endpoint)
    marks, items = f"marks-{uuid4()}", f"items-{uuid4()}"
    make_table(client, marks, "id")
    make_table(client, items, "pk")
    return Tables(client, DynamoDBStore(marks, client=client), items)


def make_table(client: DynamoDBClient, table: str, key: str) -> None:
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


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
    """The one write does the same to the old item in DynamoDB and here."""
    before = None if old is None else encode({**key, **old})
    if before is not None:
        tables.client.put_item(TableName=tables.items, Item=before)
    [write] = transaction.writes

    assert committed(tables, transaction, encode(key)) == applied(write, before)


def committed(tables: Tables, transaction: Transaction, key: dict[str, Any]) -> object:
    try:
        tables.store.commit(f"rules#m.h#{uuid4().hex}", transaction, patience=PATIENCE)
    except TransactionError:
        return "refused"
    found = tables.client.get_item(TableName=tables.items, Key=key, ConsistentRead=True)
    return canonical({"M": found["Item"]}) if "Item" in found else None


def applied(write: Any, before: Mapping[str, Any] | None) -> object:
    try:
        [outcome] = apply_all([write], lambda _: ("pk",), lambda _table, _key: before)
    except TransactionError:
        return "refused"
    return None if outcome.image is None else canonical({"M": outcome.image})


like_dynamodb = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


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
def test_an_update_does_what_it_does_in_dynamodb(
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
def test_a_put_does_what_it_does_in_dynamodb(
    tables: Tables, old: dict[str, Any] | None, item: dict[str, Any], when: Condition | None
) -> None:
    key, transaction = {"pk": uuid4().hex}, Transaction()
    transaction.put(tables.items, {**key, **item}, when=when)

    assert_alike(tables, old, transaction, key)


@given(old=st.none() | items, when=conditions)
@settings(like_dynamodb, max_examples=30)
def test_a_delete_does_what_it_does_in_dynamodb(
    tables: Tables, old: dict[str, Any] | None, when: Condition | None
) -> None:
    key, transaction = {"pk": uuid4().hex}, Transaction()
    transaction.delete(tables.items, key, when=when)

    assert_alike(tables, old, transaction, key)


@given(old=st.none() | items, when=conditions)
@settings(like_dynamodb, max_examples=30)
def test_a_check_does_what_it_does_in_dynamodb(
    tables: Tables, old: dict[str, Any] | None, when: Condition | None
) -> None:
    key, transaction = {"pk": uuid4().hex}, Transaction()
    transaction.check(tables.items, key, when=when)

    assert_alike(tables, old, transaction, key)


def test_an_item_is_as_large_as_in_dynamodb(tables: Tables) -> None:
    most = 400 * 1024 - len("pk" + "text") - 32
    fitting, too_large = Transaction(), Transaction()
    key = {"pk": uuid4().hex}
    fitting.put(tables.items, {**key, "text": "x" * most})
    too_large.put(tables.items, {**key, "text": "x" * (most + 1)})

    assert_alike(tables, None, fitting, key)
    assert_alike(tables, None, too_large, key)
    assert applied(too_large.writes[0], None) == "refused"
    assert applied(fitting.writes[0], None) != "refused"
