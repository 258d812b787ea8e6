"""Transactions in DynamoDB: mark and writes in one request, with its retries and errors."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSPreparedRequest

from ddbevents import Attr, StoreError, Transaction, TransactionError
from ddbevents.stores import DynamoDBStore, TransactionalStore
from tests.dynamodb_faults import (
    Fault,
    KilledError,
    cancels,
    clients_made,
    count_requests,
    impatient_client,
    is_unreachable,
    kills_after,
    kills_before,
    loses_answer,
    plan,
    refuses,
)
from tests.dynamodb_tables import make_table, read_table
from tests.stream import CANARY

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

AT_ONCE = timedelta(0)
A_WHILE = timedelta(seconds=5)
CONFLICT = cancels("TransactionConflict", "None")
CONFLICT_OF_MARK = cancels("TransactionConflict")


@pytest.fixture
def client(dynamodb_endpoint: str) -> DynamoDBClient:
    return impatient_client(dynamodb_endpoint)


@pytest.fixture
def marks(client: DynamoDBClient) -> str:
    return make_table(client, "id")


@pytest.fixture
def table(client: DynamoDBClient) -> str:
    return make_table(client, "pk")


@pytest.fixture
def store(client: DynamoDBClient, marks: str) -> DynamoDBStore:
    return DynamoDBStore(marks, client=client)


def count(table: str) -> Transaction:
    """Return the effect of one record, which must happen once."""
    tx = Transaction()
    tx.update(table, {"pk": "total"}, add={"count": 1})
    return tx


def test_mark_and_writes_are_one_request(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    client.put_item(TableName=table, Item={"pk": {"S": "old"}})
    client.put_item(
        TableName=table,
        Item={"pk": {"S": "changed"}, "gone": {"S": "x"}, "tags": {"SS": ["a", "b"]}, "count": {"N": "1"}},
    )
    client.put_item(TableName=table, Item={"pk": {"S": "checked"}, "open": {"BOOL": True}})
    tx = Transaction()
    tx.put(table, {"pk": "new", "price": Decimal("9.90")}, when=Attr("pk").not_exists())
    tx.update(
        table,
        {"pk": "changed"},
        set={"name": "x", "size": 1},
        add={"count": 2, "ids": {7}},
        remove=["gone", "absent"],
        delete={"tags": {"a"}},
        when=Attr("gone").exists(),
    )
    tx.delete(table, {"pk": "old"}, when=Attr("pk").exists())
    tx.check(table, {"pk": "checked"}, when=Attr("open").eq(True))  # noqa: FBT003  # an operand
    sent = count_requests(client)

    assert store.commit("a", tx, patience=A_WHILE) is True

    assert sent == ["TransactWriteItems"]
    assert store.handled(["a"]) == {"a"}
    assert read_table(client, table) == {
        "new": {"price": Decimal("9.90")},
        "changed": {"name": "x", "size": 1, "count": 3, "ids": {7}, "tags": {"b"}},
        "checked": {"open": True},
    }


def test_a_mark_may_have_no_writes(store: DynamoDBStore) -> None:
    assert store.commit("a", Transaction(), patience=A_WHILE) is True
    assert store.handled(["a"]) == {"a"}


def test_a_transaction_is_done_once(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    assert store.commit("a", count(table), patience=A_WHILE) is True
    assert store.commit("a", count(table), patience=A_WHILE) is False
    assert read_table(client, table) == {"total": {"count": 1}}


def test_an_added_mark_stops_a_commit(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    store.add(["a"])

    assert store.commit("a", count(table), patience=A_WHILE) is False
    assert read_table(client, table) == {}


def test_an_expired_mark_is_replaced(client: DynamoDBClient, marks: str, table: str) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    DynamoDBStore(marks, client=client, clock=lambda: now).add(["a"])
    before = DynamoDBStore(marks, client=client, clock=lambda: now + timedelta(hours=47, minutes=59))
    after = DynamoDBStore(marks, client=client, clock=lambda: now + timedelta(hours=48))

    assert before.commit("a", count(table), patience=A_WHILE) is False
    assert after.commit("a", count(table), patience=A_WHILE) is True
    assert after.handled(["a"]) == {"a"}


def test_a_false_condition_names_its_write(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    tx = count(table)
    tx.delete(table, {"pk": CANARY}, when=Attr("name").eq(CANARY))

    with pytest.raises(TransactionError, match=r"write 1, to table .*: its condition is false") as refused:
        store.commit("a", tx, patience=A_WHILE)

    assert (refused.value.index, refused.value.table) == (1, table)
    assert CANARY not in str(refused.value)
    assert store.handled(["a"]) == set()
    assert read_table(client, table) == {}


def test_a_check_demands_that_an_item_exists(client: DynamoDBClient, store: DynamoDBStore) -> None:
    table = make_table(client, "pk", "sk")
    tx = Transaction()
    tx.check(table, {"pk": "a", "sk": "b"})

    with pytest.raises(TransactionError, match=r"write 0, .* the item that it checks does not exist"):
        store.commit("a", tx, patience=A_WHILE)
    client.put_item(TableName=table, Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
    assert store.commit("a", tx, patience=A_WHILE) is True


def test_a_mark_comes_before_conditions(store: DynamoDBStore, table: str) -> None:
    store.add(["a"])
    tx = Transaction()
    tx.check(table, {"pk": "absent"})

    assert store.commit("a", tx, patience=A_WHILE) is False


def count_once(table: str, key: str = "receipt") -> Transaction:
    """Return an effect that is not wanted any more once there is a receipt."""
    tx = count(table)
    tx.put(table, {"pk": key, "name": CANARY}, when=Attr("pk").not_exists(), on_conflict="skip")
    return tx


def test_a_false_skip_writes_the_mark_alone(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    assert store.commit("a", count_once(table), patience=A_WHILE) is True
    sent = count_requests(client)

    assert store.commit("b", count_once(table), patience=A_WHILE) is True

    assert sent == ["TransactWriteItems"] * 2
    assert store.handled(["a", "b"]) == {"a", "b"}
    assert read_table(client, table) == {"total": {"count": 1}, "receipt": {"name": CANARY}}


def test_a_mark_comes_before_skips(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    store.commit("a", count_once(table), patience=A_WHILE)
    sent = count_requests(client)

    assert store.commit("a", count_once(table), patience=A_WHILE) is False
    assert sent == ["TransactWriteItems"]


def test_a_check_may_skip(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    tx = count(table)
    tx.check(table, {"pk": "absent"}, on_conflict="skip")

    assert store.commit("a", tx, patience=A_WHILE) is True
    assert store.handled(["a"]) == {"a"}
    assert read_table(client, table) == {}


def refused_delete(tx: Transaction, table: str) -> None:
    tx.delete(table, {"pk": CANARY}, when=Attr("name").eq(CANARY))


def refused_raw(tx: Transaction, table: str) -> None:
    key, expression = {"pk": {"S": "absent"}}, "attribute_exists(pk)"
    tx.raw({"ConditionCheck": {"TableName": table, "Key": key, "ConditionExpression": expression}})


def skipped(tx: Transaction, table: str) -> None:
    tx.check(table, {"pk": "missing"}, on_conflict="skip")


def too_large_update(tx: Transaction, table: str) -> None:
    tx.update(table, {"pk": "large"}, set={"more": "x" * 20_000})


def too_large_skip(tx: Transaction, table: str) -> None:
    more = {"more": "x" * 20_000}
    tx.update(table, {"pk": "large"}, set=more, when=Attr("pk").exists(), on_conflict="skip")


@pytest.mark.parametrize(
    ("asks", "index", "reason"),
    [
        ([skipped, refused_delete], 1, "its condition is false"),
        ([refused_delete, skipped], 0, "its condition is false"),
        ([skipped, refused_raw], 1, "its condition is false"),
        ([skipped, too_large_update], 1, "400 KB at most"),
        ([too_large_skip, skipped], 0, "400 KB at most"),
    ],
    ids=["skip first", "skip last", "raw", "cannot be done", "skip cannot be done"],
)
def test_a_skip_hides_no_other_refusal(
    client: DynamoDBClient,
    store: DynamoDBStore,
    table: str,
    asks: list[Callable[[Transaction, str], None]],
    index: int,
    reason: str,
) -> None:
    client.put_item(TableName=table, Item={"pk": {"S": "large"}, "name": {"S": "x" * 400_000}})
    tx = Transaction()
    asks[0](tx, table)
    asks[1](tx, table)

    with pytest.raises(TransactionError, match=reason) as refused:
        store.commit("a", tx, patience=A_WHILE)

    assert (refused.value.index, refused.value.table) == (index, table)
    assert CANARY not in str(refused.value)
    assert store.handled(["a"]) == set()
    assert read_table(client, table).keys() == {"large"}


@pytest.mark.parametrize(
    "codes",
    [
        ("None", "TransactionConflict", "ConditionalCheckFailed"),
        ("None", "ConditionalCheckFailed", "TransactionConflict"),
        ("TransactionConflict", "None", "ConditionalCheckFailed"),
        ("ThrottlingError", "ConditionalCheckFailed", "ConditionalCheckFailed"),
    ],
    ids=["before", "after", "mark", "hot mark"],
)
def test_a_skip_waits_for_conflicts(
    client: DynamoDBClient, store: DynamoDBStore, table: str, codes: tuple[str, ...]
) -> None:
    tx = Transaction()
    tx.delete(table, {"pk": "b"}, when=Attr("pk").not_exists(), on_conflict="skip")
    tx.put(table, {"pk": "c"}, when=Attr("pk").not_exists(), on_conflict="skip")
    plan(client, cancels(*codes))
    sent = count_requests(client)

    assert store.commit("a", tx, patience=A_WHILE) is True

    assert sent == ["TransactWriteItems"] * 2
    assert read_table(client, table) == {"c": {}}  # the conflict passed, and both conditions are true


@pytest.mark.parametrize("fault", [CONFLICT_OF_MARK, loses_answer], ids=["conflict", "lost"])
def test_a_mark_alone_is_retried(
    client: DynamoDBClient, store: DynamoDBStore, table: str, fault: Fault
) -> None:
    store.commit("a", count_once(table), patience=A_WHILE)
    plan(client, lambda _: None, fault)
    sent = count_requests(client)

    store.commit("b", count_once(table), patience=A_WHILE)

    assert sent == ["TransactWriteItems"] * 3
    assert store.handled(["b"]) == {"b"}
    assert read_table(client, table)["total"] == {"count": 1}


def test_a_copy_that_skips_first_is_as_good(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    store.commit("a", count_once(table), patience=A_WHILE)
    plan(client, lambda _: None, lambda _: store.add(["b"]))

    assert store.commit("b", count_once(table), patience=A_WHILE) is False


def test_an_unwritten_mark_is_a_store_error(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    store.commit("a", count_once(table), patience=A_WHILE)
    plan(client, lambda _: None, CONFLICT_OF_MARK)

    with pytest.raises(StoreError, match="others kept writing the same items"):
        store.commit("b", count_once(table), patience=AT_ONCE)
    assert store.handled(["b"]) == set()


@pytest.mark.parametrize("fault", [kills_before, kills_after])
def test_a_function_killed_at_a_skip_retries_it(
    client: DynamoDBClient, store: DynamoDBStore, table: str, fault: Fault
) -> None:
    store.commit("a", count_once(table), patience=A_WHILE)
    plan(client, lambda _: None, fault)

    with pytest.raises(KilledError):
        store.commit("b", count_once(table), patience=A_WHILE)
    store.commit("b", count_once(table), patience=A_WHILE)

    assert store.handled(["b"]) == {"b"}
    assert read_table(client, table)["total"] == {"count": 1}


def test_copies_of_a_skip_count_once(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    marks = [f"mark-{number % 10}" for number in range(40)]

    def commit(mark: str) -> bool:
        return store.commit(mark, count_once(table), patience=A_WHILE)

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(commit, marks))

    assert done.count(True) == 10
    assert store.handled(marks) == {*marks}
    assert read_table(client, table)["total"] == {"count": 1}


def test_a_raw_action_is_sent_as_it_is(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    client.put_item(TableName=table, Item={"pk": {"S": "a"}, "lines": {"L": []}})
    tx = Transaction()
    tx.raw(
        {
            "Update": {
                "TableName": table,
                "Key": {"pk": {"S": "a"}},
                "UpdateExpression": "SET #lines = list_append(#lines, :line)",
                "ExpressionAttributeNames": {"#lines": "lines"},
                "ExpressionAttributeValues": {":line": {"L": [{"N": "7"}]}},
            }
        }
    )

    store.commit("a", tx, patience=A_WHILE)

    assert read_table(client, table) == {"a": {"lines": [7]}}


def twice(table: str) -> Transaction:
    tx = count(table)
    tx.delete(table, {"pk": "total"})
    return tx


def too_many(table: str) -> Transaction:
    tx = Transaction()
    for number in range(100):
        tx.delete(table, {"pk": str(number)})
    return tx


def too_long(table: str) -> Transaction:
    tx = Transaction()
    tx.put(table, {"pk": "a"}, when=Attr("name" * 60).is_in(range(100)) & Attr("b").exists())
    tx.check(table, {"pk": "b"}, when=any_of(301))
    return tx


def any_of(terms: int) -> Any:
    condition = Attr("a").exists()
    for _ in range(terms // 2):
        condition = condition | Attr("a").exists()
    return condition


@pytest.mark.parametrize(
    ("make", "reason", "index"),
    [
        (twice, "write 1 is to the same item as write 0", 1),
        (too_many, "100 writes are too many", None),
        (too_long, "write 1, .* is too long: .* 4096 characters and 300 operators", 1),
    ],
    ids=["one item twice", "100 writes", "long condition"],
)
def test_limits_are_checked_before_sending(
    client: DynamoDBClient,
    store: DynamoDBStore,
    table: str,
    make: Callable[[str], Transaction],
    reason: str,
    index: int | None,
) -> None:
    sent = count_requests(client)
    tx = make(table)

    with pytest.raises(TransactionError, match=reason) as refused:
        store.commit("a", tx, patience=A_WHILE)

    assert refused.value.index == index
    assert sent == []


def test_two_puts_of_one_item_are_refused(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    tx = Transaction()
    tx.put(table, {"pk": "a", "n": 1})
    tx.put(table, {"n": 2, "pk": "a"})
    other = Transaction()
    other.put(table, {"pk": "a"})
    other.put(table, {"pk": "b"})
    sent = count_requests(client)

    with pytest.raises(TransactionError, match="write 1 is to the same item as write 0"):
        store.commit("a", tx, patience=A_WHILE)
    store.commit("b", other, patience=A_WHILE)

    assert sent == ["DescribeTable", "TransactWriteItems"]


@pytest.mark.parametrize(
    "fault",
    [refuses("AccessDeniedException"), refuses("ResourceNotFoundException")],
    ids=["denied", "missing"],
)
def test_dynamodb_refuses_unknown_keys(
    client: DynamoDBClient, store: DynamoDBStore, table: str, fault: Fault
) -> None:
    plan(client, fault)
    tx = Transaction()
    tx.put(table, {"pk": "a"})
    tx.put(table, {"pk": "a"})

    with pytest.raises(TransactionError, match=r"one of the transaction's 2 writes: .* one write per item"):
        store.commit("a", tx, patience=A_WHILE)
    assert store.handled(["a"]) == set()


def test_a_throttled_lookup_is_repeated(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    plan(client, refuses("ThrottlingException"))
    tx = Transaction()
    tx.put(table, {"pk": "a"})
    tx.put(table, {"pk": "b"})
    sent = count_requests(client)

    assert store.commit("a", tx, patience=A_WHILE) is True
    assert store.commit("b", tx, patience=A_WHILE) is True
    assert sent == ["DescribeTable", "DescribeTable", "TransactWriteItems", "TransactWriteItems"]


@pytest.mark.parametrize(
    "fault",
    [
        CONFLICT,
        cancels("None", "TransactionConflict"),
        cancels("None", "ThrottlingError"),
        cancels("ProvisionedThroughputExceeded", "None"),
        cancels("TransactionConflict", "ConditionalCheckFailed"),
        refuses("TransactionInProgressException"),
        refuses("ThrottlingException"),
        refuses("ProvisionedThroughputExceededException"),
        refuses("InternalServerError", status=500),
    ],
    ids=["mark", "item", "hot", "capacity", "both", "in progress", "throttled", "provisioned", "server"],
)
def test_a_passing_error_is_retried(
    client: DynamoDBClient, store: DynamoDBStore, table: str, fault: Fault
) -> None:
    plan(client, fault, fault)
    sent = count_requests(client)

    assert store.commit("a", count(table), patience=A_WHILE) is True
    assert sent == ["TransactWriteItems"] * 3
    assert read_table(client, table) == {"total": {"count": 1}}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (CONFLICT, "others kept writing the same items of 'table-.*', 'table-"),
        (refuses("ThrottlingException"), "throttles 'table-.*', 'table-"),
        (loses_answer, "does not answer"),
    ],
    ids=["conflict", "throttled", "lost"],
)
def test_patience_has_an_end(
    client: DynamoDBClient, store: DynamoDBStore, table: str, fault: Fault, reason: str
) -> None:
    plan(client, *[fault] * 100)
    sent = count_requests(client)

    with pytest.raises(StoreError, match=reason):
        store.commit("a", count(table), patience=AT_ONCE)
    assert len(sent) == 1


def test_a_lost_answer_writes_once(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    plan(client, loses_answer)

    assert store.commit("a", count(table), patience=A_WHILE) is False  # done, by the first try
    assert store.handled(["a"]) == {"a"}
    assert read_table(client, table) == {"total": {"count": 1}}


@pytest.fixture
def own_client(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store's own client reach DynamoDB Local: the environment is where boto3 looks."""
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_endpoint)


@pytest.mark.usefixtures("own_client")
@pytest.mark.parametrize("pack", [False, True])
def test_the_own_client_skips(client: DynamoDBClient, marks: str, table: str, *, pack: bool) -> None:
    store = DynamoDBStore(marks, pack=pack)

    done = [store.commit(mark, count_once(table), patience=A_WHILE) for mark in ("a", "b", "b")]

    assert done == [True, True, False]
    assert store.handled(["a", "b"]) == {"a", "b"}
    assert read_table(client, table)["total"] == {"count": 1}


@pytest.mark.usefixtures("own_client")
def test_the_sdk_retries_a_lost_answer(monkeypatch: pytest.MonkeyPatch, marks: str, table: str) -> None:
    made = clients_made(monkeypatch)
    store = DynamoDBStore(marks)
    store.handled(["a"], patience=A_WHILE)  # the client is made now, which takes a while
    sent = count_requests(made[0])
    plan(made[0], loses_answer)

    assert store.commit("a", count(table), patience=A_WHILE) is True
    assert sent == ["TransactWriteItems"] * 2
    assert read_table(made[0], table) == {"total": {"count": 1}}


@pytest.mark.parametrize("fault", [kills_before, kills_after])
def test_a_killed_function_writes_once(
    client: DynamoDBClient, store: DynamoDBStore, table: str, fault: Fault
) -> None:
    plan(client, fault)

    with pytest.raises(KilledError):
        store.commit("a", count(table), patience=A_WHILE)
    store.commit("a", count(table), patience=A_WHILE)

    assert store.handled(["a"]) == {"a"}
    assert read_table(client, table) == {"total": {"count": 1}}


def test_concurrent_copies_write_once(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    records = [f"mark-{number}" for number in range(20)]
    done: list[str] = []

    def process(marks: list[str]) -> None:
        done.extend(mark for mark in marks if store.commit(mark, count(table), patience=A_WHILE))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(process, [records] * 4))

    assert sorted(done) == sorted(records)
    assert read_table(client, table) == {"total": {"count": len(records)}}


def test_no_connection_is_not_retried(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    plan(client, is_unreachable)
    sent = count_requests(client)

    with pytest.raises(StoreError, match=r"does not answer for .*: .* the network"):
        store.commit("a", count(table), patience=A_WHILE)
    assert len(sent) == 1


def test_each_request_has_its_own_token(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    tokens: list[bytes] = []

    def note(request: AWSPreparedRequest) -> None:
        body: Any = request.body  # bytes, of the types that it may have
        tokens.append(body.partition(b'"ClientRequestToken": "')[2][:36])

    def conflicts(request: AWSPreparedRequest) -> Any:
        note(request)
        return CONFLICT(request)

    plan(client, conflicts, note, note)

    store.commit("a", count(table), patience=A_WHILE)
    store.commit("a", count(table), patience=A_WHILE)

    assert [len(token) for token in tokens] == [36] * 3
    assert len(set(tokens)) == 3


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (refuses("ResourceNotFoundException"), "no such table .* 'table-.*', 'table-"),
        (refuses("AccessDeniedException"), "allow its role dynamodb:PutItem, UpdateItem, DeleteItem"),
        (refuses("UnrecognizedClientException"), "credentials are missing, expired or wrong"),
        (
            cancels("ValidationError", "None"),
            "not an idempotency table: 'table-.*; its only key must be .* 'id'",
        ),
    ],
    ids=["missing", "denied", "credentials", "mark"],
)
def test_a_table_fault_is_a_store_error(
    client: DynamoDBClient, store: DynamoDBStore, table: str, fault: Fault, reason: str
) -> None:
    plan(client, fault)

    with pytest.raises(StoreError, match=reason):
        store.commit("a", count(table), patience=A_WHILE)


def wrong_type(tx: Transaction, table: str) -> None:
    tx.update(table, {"pk": "text"}, add={"name": 1})


def key_changed(tx: Transaction, table: str) -> None:
    tx.update(table, {"pk": "a"}, set={"pk": CANARY})


def key_of_another_type(tx: Transaction, table: str) -> None:
    tx.update(table, {"pk": 1}, set={"name": CANARY})


def key_too_long(tx: Transaction, table: str) -> None:
    tx.delete(table, {"pk": CANARY, "sk": CANARY})


def key_missing(tx: Transaction, table: str) -> None:
    tx.put(table, {"name": CANARY})


def key_empty(tx: Transaction, table: str) -> None:
    tx.put(table, {"pk": "", "name": CANARY})


def item_too_large(tx: Transaction, table: str) -> None:
    tx.put(table, {"pk": "a", "name": CANARY * 100_000})


def attribute_twice(tx: Transaction, table: str) -> None:
    tx.update(table, {"pk": "a"}, set={"name": CANARY}, remove=["name"])


def malformed(tx: Transaction, table: str) -> None:
    tx.raw({"Delete": {"TableName": table, "Key": {"pk": {"S": 1}}}})


def expression_malformed(tx: Transaction, table: str) -> None:
    tx.raw({"Delete": {"TableName": table, "Key": {"pk": {"S": "a"}}, "ConditionExpression": CANARY}})


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (wrong_type, "an attribute has another type than the update needs"),
        (key_changed, "an update may not change the item's key"),
        (key_of_another_type, "the key does not fit the table"),
        (key_too_long, "the key does not fit the table"),
        (key_missing, "the key does not fit the table"),
        (key_empty, "the key does not fit the table"),
        (item_too_large, "400 KB at most"),
        (attribute_twice, "names one attribute twice"),
        (malformed, "a raw action is not as boto3's transact_write_items takes it"),
        (expression_malformed, "its own message is in the cause"),
    ],
)
def test_a_refusal_shows_no_values(
    client: DynamoDBClient,
    store: DynamoDBStore,
    table: str,
    ask: Callable[[Transaction, str], None],
    reason: str,
) -> None:
    client.put_item(TableName=table, Item={"pk": {"S": "text"}, "name": {"S": CANARY}})
    tx = Transaction()
    ask(tx, table)

    with pytest.raises(TransactionError, match=f"write 0, to table '{table}': .*{reason}") as refused:
        store.commit("a", tx, patience=A_WHILE)

    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is not None
    assert store.handled(["a"]) == set()


def test_a_validation_error_names_a_write(client: DynamoDBClient, store: DynamoDBStore, table: str) -> None:
    message = f"Type mismatch for key pk expected: S actual: {CANARY}"
    plan(client, cancels("None", "None", "ValidationError", message=message))
    tx = count(table)
    tx.delete(table, {"pk": "a"})

    with pytest.raises(TransactionError, match=r"write 1, .*: the key does not fit the table") as refused:
        store.commit("a", tx, patience=A_WHILE)
    assert refused.value.index == 1
    assert CANARY not in str(refused.value)


def test_the_store_is_transactional(store: DynamoDBStore) -> None:
    assert isinstance(store, TransactionalStore)
    assert store.window == 1
