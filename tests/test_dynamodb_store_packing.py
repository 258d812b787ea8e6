"""Transactions of several records in one request: which fit, and how many requests they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbevents import Attr, Condition, StoreError, Transaction, TransactionError
from ddbevents.stores import Commit, DynamoDBStore, PackingStore
from tests.campaigns import size
from tests.dynamodb_faults import (
    Fault,
    cancels,
    count_requests,
    impatient_client,
    is_unreachable,
    loses_answer,
    plan,
    refuses,
)
from tests.dynamodb_tables import make_table, read_table

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

A_WHILE = timedelta(seconds=5)
Ask = Callable[[Transaction], None]


@pytest.fixture
def client(dynamodb_endpoint: str) -> DynamoDBClient:
    return impatient_client(dynamodb_endpoint)


@pytest.fixture
def table(client: DynamoDBClient) -> str:
    return make_table(client, "pk")


@pytest.fixture
def store(client: DynamoDBClient) -> DynamoDBStore:
    return DynamoDBStore(make_table(client, "id"), client=client, pack=True)


def commits(*asks: Ask, lanes: Iterable[object] | None = None) -> list[Commit]:
    """Return a commit for each, in a lane of its own unless lanes are given."""
    lanes = range(len(asks)) if lanes is None else lanes
    return [
        commit(f"mark-{index}", ask, lane) for index, (ask, lane) in enumerate(zip(asks, lanes, strict=True))
    ]


def commit(mark: str, ask: Ask, lane: Any) -> Commit:
    tx = Transaction()
    ask(tx)
    return Commit(mark, tx, lane)


def add(key: str, amount: object = 1, *, table: str = "totals") -> Ask:
    return lambda tx: tx.update(table, {"pk": key}, add={"count": amount})


def write(key: str, *, table: str = "totals") -> Ask:
    return lambda tx: tx.update(table, {"pk": key}, set={"name": "x"})


def put(key: str, *, table: str = "totals") -> Ask:
    return lambda tx: tx.put(table, {"pk": key})


def both(*asks: Ask) -> Ask:
    def ask_all(tx: Transaction) -> None:
        for ask in asks:
            ask(tx)

    return ask_all


def raw_put(key: str, *, table: str = "totals") -> Ask:
    return lambda tx: tx.raw({"Put": {"TableName": table, "Item": {"pk": {"S": key}}}})


def large(key: str) -> Ask:
    return lambda tx: tx.update("totals", {"pk": key}, set={"text": "x" * 1024 * 1024})


@pytest.mark.parametrize(
    ("asks", "lanes", "packed"),
    [
        ([write("a"), write("b"), write("c")], "abc", [0, 1, 2]),
        ([write("a"), write("a"), write("c")], "abc", [0, 2]),
        ([write("a"), write("a"), write("c"), write("d")], "xyzy", [0, 2]),
        ([write("a"), write("a"), write("c")], ["a", "b", None], [0]),
        ([write("a"), write("c"), write("b")], ["a", None, "b"], [0, 1, 2]),
        ([write("a"), write("a"), write("c")], ["a", None, "c"], [0]),
        ([add("a"), add("a"), add("a")], "aaa", [0, 1, 2]),
        ([add("a"), write("a"), add("a")], "abc", [0, 2]),
        ([write("a"), add("a")], "ab", [0]),
        ([both(add("a"), write("b")), add("a"), both(add("a"), write("b"))], "abc", [0, 1]),
        ([add("a", {"x"}), add("a", {"y"})], "ab", [0]),
        ([both(write("a"), write("a")), write("b")], "ab", [0]),
        ([write("b"), both(write("a"), write("a")), write("c")], "abc", [0, 2]),
        ([large("a"), large("b"), large("c"), large("d"), write("e")], "abcde", [0, 1, 2, 4]),
        ([], "", []),
    ],
    ids=[
        "apart",
        "one item",
        "a lane is closed",
        "any lane, after one is closed",
        "any lane",
        "any lane, closed",
        "sums",
        "another write between sums",
        "a sum after another write",
        "sums beside others",
        "sets",
        "the first is impossible",
        "one is impossible",
        "4 MB",
        "none",
    ],
)
def test_a_pack_writes_each_item_once(
    asks: Sequence[Ask], lanes: Iterable[object], packed: list[int]
) -> None:
    store = DynamoDBStore("marks", pack=True)

    assert store.pack(commits(*asks, lanes=lanes)) == packed


def test_a_request_has_100_actions() -> None:
    store = DynamoDBStore("marks", pack=True)
    one_write = commits(*[write(str(number)) for number in range(60)])
    three_writes = commits(*[both(write(f"a{n}"), write(f"b{n}"), write(f"c{n}")) for n in range(40)])

    assert store.pack(one_write) == list(range(50))
    assert store.pack(three_writes) == list(range(25))


def test_99_sums_fit_a_request() -> None:
    assert DynamoDBStore("marks", pack=True).pack(commits(*[add("a")] * 120)) == list(range(99))


def test_a_small_commit_fills_a_gap() -> None:
    waiting = commits(*[add("a")] * 97, both(write("b"), write("c")), add("a"))

    assert DynamoDBStore("marks", pack=True).pack(waiting) == [*range(97), 98]


def test_a_mark_is_written_once() -> None:
    [first] = commits(write("a"))
    [second] = commits(write("b"))

    assert DynamoDBStore("marks", pack=True).pack([first, second]) == [0]


def test_puts_share_a_known_table(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    asks = [put("a", table=table), put("a", table=table), raw_put("b", table=table), write("c", table=table)]
    sent = count_requests(client)

    assert store.pack(commits(*asks)) == [0, 2, 3]
    assert store.pack(commits(*asks)) == [0, 2, 3]
    assert sent == ["DescribeTable"]


def test_a_put_has_an_unknown_table_alone(client: DynamoDBClient, store: DynamoDBStore) -> None:
    plan(client, refuses("AccessDeniedException"))
    asks = [write("a"), put("b"), put("c", table="others"), write("d"), write("e", table="others")]

    assert store.pack(commits(*asks)) == [0, 2, 3]


def test_a_pack_is_one_request(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    waiting = commits(add("a", table=table), add("a", Decimal("0.5"), table=table), put("b", table=table))
    sent = count_requests(client)

    assert store.commit_together(waiting, patience=A_WHILE) is True

    assert sent == ["DescribeTable", "TransactWriteItems"]
    assert store.handled(["mark-0", "mark-1", "mark-2"]) == {"mark-0", "mark-1", "mark-2"}
    assert read_table(client, table) == {"a": {"count": Decimal("1.5")}, "b": {}}


def refused(table: str) -> list[Commit]:
    return commits(add("a", table=table), lambda tx: tx.check(table, {"pk": "absent"}))


def too_long(table: str) -> list[Commit]:
    long = Condition("or", conditions=(Attr("a").not_exists(),) * 200)
    return commits(add("a", table=table), lambda tx: tx.put(table, {"pk": "b"}, when=long))


def one_item_twice(table: str) -> list[Commit]:
    return commits(write("a", table=table), write("a", table=table))


def invalid(table: str) -> list[Commit]:
    return commits(add("a", table=table), lambda tx: tx.put(table, {"name": "no key"}))


@pytest.mark.parametrize("make", [refused, too_long, one_item_twice, invalid])
def test_a_pack_is_done_whole_or_not(
    client: DynamoDBClient, store: DynamoDBStore, table: str, make: Callable[[str], list[Commit]]
) -> None:
    assert store.commit_together(make(table), patience=A_WHILE) is False

    assert store.handled(["mark-0", "mark-1"]) == set()
    assert read_table(client, table) == {}


def test_a_known_mark_stops_a_pack(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    store.add(["mark-1"])

    done = store.commit_together(commits(add("a", table=table), add("a", table=table)), patience=A_WHILE)

    assert done is False
    assert read_table(client, table) == {}


def test_a_contested_pack_is_given_up(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    plan(client, *[cancels("None", "TransactionConflict")] * 9)
    sent = count_requests(client)

    assert store.commit_together(commits(add("a", table=table)), patience=A_WHILE) is False
    assert sent == ["TransactWriteItems"] * 4


def test_a_pack_is_retried(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    plan(client, cancels("None", "TransactionConflict"))

    assert store.commit_together(commits(add("a", table=table)), patience=A_WHILE) is True


@pytest.mark.parametrize(
    "fault",
    [refuses("ResourceNotFoundException"), refuses("AccessDeniedException")],
    ids=["missing", "denied"],
)
def test_an_unusable_table_splits_a_pack(client: DynamoDBClient, store: DynamoDBStore, fault: Fault) -> None:
    plan(client, fault)

    assert store.commit_together(commits(add("a"), add("b")), patience=A_WHILE) is False


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(is_unreachable, "does not answer"), (refuses("ThrottlingException"), "throttles")],
    ids=["network", "throttled"],
)
def test_an_unreachable_table_is_an_error(
    client: DynamoDBClient, store: DynamoDBStore, fault: Fault, reason: str
) -> None:
    plan(client, *[fault] * 9)

    with pytest.raises(StoreError, match=reason):
        store.commit_together(commits(add("a"), add("b")), patience=A_WHILE)


def test_a_lost_answer_writes_once(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    plan(client, loses_answer)
    waiting = commits(add("a", table=table), add("a", table=table))

    assert store.commit_together(waiting, patience=A_WHILE) is False
    assert [store.commit(c.mark, c.transaction, patience=A_WHILE) for c in waiting] == [False, False]
    assert read_table(client, table) == {"a": {"count": 2}}


@pytest.mark.parametrize("keys", [50, 1, 500], ids=["50 keys", "one hot key", "a key each"])
def test_500_commits_cost_20_requests(
    client: DynamoDBClient, store: DynamoDBStore, table: str, keys: int
) -> None:
    records = commits(*[add(f"k{number % keys}", table=table) for number in range(500)])
    sent = count_requests(client)

    process(store, records)

    assert len(sent) <= 0.04 * len(records)
    assert sum(item["count"] for item in read_table(client, table).values()) == 500


def process(store: PackingStore, records: list[Commit]) -> None:
    """Commit records in batches of 100, as an app does."""
    for start in range(0, len(records), 100):
        waiting = records[start : start + 100]
        assert store.handled([one.mark for one in waiting], patience=A_WHILE) == set()
        while waiting:
            chosen = [waiting[index] for index in store.pack(waiting, patience=A_WHILE)]
            if not store.commit_together(chosen, patience=A_WHILE):
                commit_each(store, chosen)
            waiting = [one for one in waiting if one not in chosen]


def commit_each(store: PackingStore, records: list[Commit]) -> None:
    for one in records:
        with suppress(TransactionError):  # of a condition: its record fails, and others go on
            store.commit(one.mark, one.transaction, patience=A_WHILE)


class World(NamedTuple):
    client: DynamoDBClient
    table: str
    store: DynamoDBStore


@pytest.fixture(scope="module")
def world(dynamodb_endpoint: str) -> World:
    client = impatient_client(dynamodb_endpoint)
    store = DynamoDBStore(make_table(client, "id"), client=client, pack=True)
    return World(client, make_table(client, "pk"), store)


keys = st.sampled_from("abc")
amounts = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9)
effects: dict[str, Callable[[Transaction, str, dict[str, str], Decimal], None]] = {
    "count": lambda tx, table, key, amount: tx.update(table, key, add={"count": amount}),
    "sum": lambda tx, table, key, amount: tx.update(table, key, add={"sum": amount}),
    "set": lambda tx, table, key, amount: tx.update(table, key, set={"last": amount}),
    "put": lambda tx, table, key, amount: tx.put(table, {**key, "count": amount}),
    "delete": lambda tx, table, key, _: tx.delete(table, key),
    "create": lambda tx, table, key, _: tx.put(table, key, when=Attr("pk").not_exists()),
    "create or skip": lambda tx, table, key, _: tx.put(
        table, key, when=Attr("pk").not_exists(), on_conflict="skip"
    ),
}


@settings(max_examples=size(short=15, full=50, long=50))
@given(writes=st.lists(st.tuples(st.sampled_from(list(effects)), keys, amounts), max_size=12))
def test_a_pack_does_what_each_one_does(world: World, writes: list[tuple[str, str, Decimal]]) -> None:
    example = str(uuid4())

    process(world.store, records_of(writes, world.table, f"{example}-packed-"))
    commit_each(world.store, records_of(writes, world.table, f"{example}-alone-"))

    items = read_table(world.client, world.table)
    assert starting(f"{example}-packed-", items) == starting(f"{example}-alone-", items)


def records_of(writes: list[tuple[str, str, Decimal]], table: str, prefix: str) -> list[Commit]:
    def ask(effect: str, key: str, amount: Decimal) -> Ask:
        return lambda tx: effects[effect](tx, table, {"pk": prefix + key}, amount)

    lanes = [key for _, key, _ in writes]
    records = commits(*[ask(*one) for one in writes], lanes=lanes)
    return [one._replace(mark=prefix + one.mark) for one in records]


def starting(prefix: str, items: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {key.removeprefix(prefix): item for key, item in items.items() if key.startswith(prefix)}


@pytest.mark.parametrize(
    ("first", "second", "total"),
    [
        ("1", "2", "3"),
        ("0.1", "0.2", "0.3"),
        ("1", "-1", "0"),
        ("1E+30", "1", "1000000000000000000000000000001"),
        ("9" * 38, "1", "1E+38"),
        ("1E+125", "-1E+125", "0"),
    ],
)
def test_sums_are_exact(
    client: DynamoDBClient, store: DynamoDBStore, table: str, first: str, second: str, total: str
) -> None:
    records = commits(add("a", Decimal(first), table=table), add("a", Decimal(second), table=table))

    assert store.pack(records) == [0, 1]
    assert store.commit_together(records, patience=A_WHILE) is True

    assert read_table(client, table) == {"a": {"count": Decimal(total)}}


@pytest.mark.parametrize(("first", "second"), [("1E+40", "1"), ("9E+125", "9E+125")])
def test_an_inexact_sum_is_not_made(store: DynamoDBStore, first: str, second: str) -> None:
    assert store.pack(commits(add("a", Decimal(first)), add("a", Decimal(second)))) == [0]


def test_a_sum_has_all_attributes(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    records = commits(
        lambda tx: tx.update(table, {"pk": "a"}, add={"count": 1, "sum": 2}),
        lambda tx: tx.update(table, {"pk": "a"}, add={"sum": 3, "items": 4}),
    )
    sent = count_requests(client)

    assert store.commit_together(records, patience=A_WHILE) is True

    assert sent == ["TransactWriteItems"]
    assert read_table(client, table) == {"a": {"count": 1, "sum": 5, "items": 4}}


def test_the_window_is_100_or_1(store: DynamoDBStore) -> None:
    assert isinstance(store, PackingStore)
    assert store.window == 100
    assert DynamoDBStore("marks").window == 1


def test_only_what_was_packed_is_committed(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    first, second, third = commits(add("a", table=table), add("a", table=table), add("b", table=table))

    assert store.pack([first, second], patience=A_WHILE) == [0, 1]
    assert store.commit_together([third], patience=A_WHILE)
    assert store.commit_together([first, second], patience=A_WHILE)
    assert not store.commit_together([first, second], patience=A_WHILE)

    assert read_table(client, table) == {"a": {"count": 2}, "b": {"count": 1}}
    assert store.handled(["mark-0", "mark-1", "mark-2"]) == {"mark-0", "mark-1", "mark-2"}


def test_a_part_of_a_pack_is_committed(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    waiting = commits(*[add("a", table=table)] * 3)

    assert store.pack(waiting, patience=A_WHILE) == [0, 1, 2]
    assert store.commit_together(waiting[:2], patience=A_WHILE)

    assert read_table(client, table) == {"a": {"count": 2}}
    assert store.handled(["mark-0", "mark-1", "mark-2"]) == {"mark-0", "mark-1"}


def test_a_pack_is_committed_as_often_as_asked(
    client: DynamoDBClient, store: DynamoDBStore, table: str
) -> None:
    waiting = commits(*[add("a", table=table)] * 2)
    plan(client, cancels("None", "None", "None"), cancels("None", "None", "None"))

    store.pack(waiting, patience=A_WHILE)
    assert not store.commit_together(waiting, patience=timedelta(0))
    assert store.commit_together(waiting, patience=A_WHILE)

    assert read_table(client, table) == {"a": {"count": 2}}


def test_writes_may_share_a_condition(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    is_new, is_old = Attr("pk").not_exists(), Attr("pk").exists() & Attr("n").lt(5)
    store.commit("first", asked(put("old", table=table)), patience=A_WHILE)
    client.update_item(
        TableName=table, Key={"pk": {"S": "old"}}, AttributeUpdates={"n": {"Value": {"N": "4"}}}
    )

    def ask(tx: Transaction) -> None:
        tx.put(table, {"pk": "a"}, when=is_new)
        tx.update(table, {"pk": "b"}, set={"name": "x", "n": 1}, when=is_new)
        tx.put(table, {"pk": "c"}, when=is_new)
        tx.delete(table, {"pk": "d"}, when=is_new)
        tx.check(table, {"pk": "old"}, when=is_old)

    assert store.commit("second", asked(ask), patience=A_WHILE)
    assert read_table(client, table) == {"a": {}, "b": {"name": "x", "n": 1}, "c": {}, "old": {"n": 4}}
    with pytest.raises(TransactionError, match=r"write 2, to table .*: its condition is false"):
        store.commit(
            "third",
            asked(both(put("x", table=table), put("y", table=table), put_new("c", table))),
            patience=A_WHILE,
        )


def asked(ask: Ask) -> Transaction:
    return commit("mark", ask, None).transaction


def put_new(key: str, table: str) -> Ask:
    return lambda tx: tx.put(table, {"pk": key}, when=Attr("pk").not_exists())


@pytest.mark.parametrize(
    "value", [{}, 5, {"S": 5}, {"N": None}, {"L": 5}, {"M": [5]}, {"BS": [5]}, {"S": "a", "N": "1"}, {"X": 1}]
)
def test_a_malformed_raw_value_is_left_to_dynamodb(value: Any, store: DynamoDBStore, table: str) -> None:
    tx = Transaction()
    tx.raw({"Put": {"TableName": table, "Item": {"pk": {"S": "a"}, "value": value}}})

    with pytest.raises(TransactionError, match=r"write 0, to table|one of"):
        store.commit("mark", tx, patience=A_WHILE)
