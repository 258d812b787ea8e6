"""A transaction in memory does to an item what it does in DynamoDB."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ddbevents import Attr, Condition, Transaction, TransactionError, decode_value, encode
from ddbevents.stores import DynamoDBStore, MemoryStore, TransactionalStore
from tests.campaigns import size
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
DEMANDS: list[Condition] = [
    Attr("pk").exists(),
    Attr("pk").not_exists(),
    Attr("a").eq(1),
    ~Attr("a").eq(1) & Attr("b").exists(),
    Attr("a").gte(1) | Attr("b").contains("x"),
    Attr("c.in.side").eq(1),
]
demands = st.sampled_from(DEMANDS)
conditions = st.sampled_from([None, None, *DEMANDS])


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
    memory = memory_like(tables, {} if old is None else {key["pk"]: old})

    is_done = committed(tables.store, transaction)

    assert committed(memory, transaction) is is_done
    theirs = item_of(tables, key)
    ours = memory.item(tables.items, key)
    assert ours == theirs
    assert types_of(encode(ours or {})) == types_of(encode(theirs or {}))


def item_of(tables: Tables, key: dict[str, Any]) -> Any:
    """Return an item as DynamoDB has it."""
    found = tables.client.get_item(TableName=tables.items, Key=encode(key), ConsistentRead=True)
    return decode_value({"M": found["Item"]}) if "Item" in found else None


def committed(store: TransactionalStore, transaction: Transaction) -> bool:
    try:
        return store.commit(f"rules#m.h#{uuid4().hex}", transaction, patience=PATIENCE)
    except TransactionError:
        return False


def types_of(image: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return the type of each attribute: to Python, true is equal to 1."""
    return {name: {*attribute} for name, attribute in image.items()}


LONGER: Final = size(short=1, full=5, long=50)
like_dynamodb = settings(
    max_examples=30 * LONGER, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
@settings(like_dynamodb, max_examples=6 * LONGER)
def test_a_put_is_dynamodbs(
    tables: Tables, old: dict[str, Any] | None, item: dict[str, Any], when: Condition | None
) -> None:
    key, transaction = {"pk": uuid4().hex}, Transaction()
    transaction.put(tables.items, {**key, **item}, when=when)

    assert_alike(tables, old, transaction, key)


@given(old=st.none() | items, when=conditions)
@settings(like_dynamodb, max_examples=6 * LONGER)
def test_a_delete_is_dynamodbs(tables: Tables, old: dict[str, Any] | None, when: Condition | None) -> None:
    key, transaction = {"pk": uuid4().hex}, Transaction()
    transaction.delete(tables.items, key, when=when)

    assert_alike(tables, old, transaction, key)


@given(old=st.none() | items, when=conditions)
@settings(like_dynamodb, max_examples=6 * LONGER)
def test_a_check_is_dynamodbs(tables: Tables, old: dict[str, Any] | None, when: Condition | None) -> None:
    key, transaction = {"pk": uuid4().hex}, Transaction()
    transaction.check(tables.items, key, when=when)

    assert_alike(tables, old, transaction, key)


@given(old=st.none() | items, change=changes, when=demands)
@settings(like_dynamodb, max_examples=12 * LONGER)
def test_a_skipped_update_is_dynamodbs(
    tables: Tables, old: dict[str, Any] | None, change: Change, when: Condition
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
        on_conflict="skip",
    )

    assert_alike(tables, old, transaction, key)


class Ask(NamedTuple):
    """A write to the item that it belongs to, which may be there or not."""

    old: dict[str, Any] | None
    write: str
    when: Condition
    on_conflict: Literal["fail", "skip"]


WRITES: dict[str, Callable[..., None]] = {
    "put": lambda tx, table, key, **more: tx.put(table, {**key, "a": 1}, **more),
    "update": lambda tx, table, key, **more: tx.update(table, key, add={"a": 1}, **more),
    "delete": Transaction.delete,
    "check": Transaction.check,
}
asks = st.builds(
    Ask,
    old=st.none() | st.sampled_from([{"a": 1}, {"a": 2, "b": "x"}, {"a": "text"}]),
    write=st.sampled_from([*WRITES]),
    when=demands,
    on_conflict=st.sampled_from(["fail", "skip"]),
)


@given(asked=st.lists(asks, min_size=1, max_size=4))
@settings(like_dynamodb)
def test_a_skip_among_others_is_dynamodbs(tables: Tables, asked: list[Ask]) -> None:
    transaction, keyed = Transaction(), {uuid4().hex: ask for ask in asked}
    memory = memory_like(tables, {pk: ask.old for pk, ask in keyed.items() if ask.old is not None})
    asking_for(transaction, tables.items, keyed)

    assert committed(tables.store, transaction) is committed(memory, transaction)
    assert {pk: item_of(tables, {"pk": pk}) for pk in keyed} == {
        pk: memory.item(tables.items, {"pk": pk}) for pk in keyed
    }


def memory_like(tables: Tables, olds: Mapping[str, Mapping[str, Any]]) -> MemoryStore:
    """Write the old items to DynamoDB, and return a store in memory that has them too."""
    memory = MemoryStore(tables={tables.items: "pk"})
    for pk, old in olds.items():
        tables.client.put_item(TableName=tables.items, Item=encode({**old, "pk": pk}))
        memory.put(tables.items, {**old, "pk": pk})
    return memory


def asking_for(transaction: Transaction, table: str, keyed: Mapping[str, Ask]) -> None:
    for pk, ask in keyed.items():
        write = WRITES[ask.write]
        write(transaction, table, {"pk": pk}, when=ask.when, on_conflict=ask.on_conflict)


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
