"""Answers that DynamoDB does not give: from a proxy, an emulator or a test double in its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbevents import StoreError, Transaction, TransactionError
from ddbevents.stores import Commit, DynamoDBStore
from tests.dynamodb_faults import answers, impatient_client, plan
from tests.stream import CANARY, PATIENCE

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

NOWHERE = "http://127.0.0.1:9"
FOUND = {"Responses": {"marks": [{"id": {"S": "a"}}]}, "UnprocessedKeys": {}}


@pytest.fixture(scope="module")
def client() -> DynamoDBClient:
    return impatient_client(NOWHERE)


def puts() -> Transaction:
    tx = Transaction()
    tx.put("orders", {"pk": "a"})
    tx.put("orders", {"pk": "b"})
    return tx


CALLS: dict[str, Callable[[DynamoDBStore], object]] = {
    "handled": lambda store: store.handled(["a"]),
    "add": lambda store: store.add(["a"]),
    "commit": lambda store: store.commit("a", Transaction(), patience=PATIENCE),
    "commit_together": lambda store: store.commit_together([Commit("a", Transaction())], patience=PATIENCE),
    "pack": lambda store: store.pack([Commit("a", puts())]),
}


def mark(**attributes: Any) -> dict[str, Any]:
    return {**FOUND, "Responses": {"marks": [{"id": {"S": "a"}, **attributes}]}}


def unread(*keys: Any) -> dict[str, Any]:
    return {**FOUND, "UnprocessedKeys": {"marks": {"Keys": [*keys]}}}


def unwritten(*items: Any) -> dict[str, Any]:
    return {"UnprocessedItems": {"marks": [*items]}}


JUNK = [
    ("handled", {}),
    ("handled", {"Responses": {}}),
    ("handled", {"UnprocessedKeys": {}}),
    ("handled", {"Responses": 5, "UnprocessedKeys": {}}),
    ("handled", {"Responses": {"marks": "a"}, "UnprocessedKeys": {}}),
    ("handled", {"Responses": {"marks": [{}]}, "UnprocessedKeys": {}}),
    ("handled", {"Responses": {"marks": [{"id": {"N": "1"}}]}, "UnprocessedKeys": {}}),
    ("handled", {"Responses": {"marks": [{"id": {"S": 1}}]}, "UnprocessedKeys": {}}),
    ("handled", mark(expiration={"S": CANARY})),
    ("handled", mark(expiration={"N": CANARY})),
    ("handled", mark(expiration={"N": "NaN"})),
    ("handled", mark(expiration={"NULL": True})),
    ("handled", mark(expiration={})),
    ("handled", unread({"id": {"S": CANARY}})),
    ("handled", unread({"id": {}})),
    ("handled", unread({})),
    ("add", {}),
    ("add", {"UnprocessedItems": []}),
    ("add", unwritten({})),
    ("add", unwritten({"DeleteRequest": {"Key": {"id": {"S": "a"}}}})),
    ("add", unwritten({"PutRequest": {"Item": {"id": {"S": CANARY}}}})),
    ("commit", {}),
    ("commit", {"ResponseMetadata": {"HTTPStatusCode": 200, "RequestId": "made up"}}),
    ("commit", []),
    ("commit_together", {}),
    ("pack", {}),
    ("pack", {"Table": {}}),
    ("pack", {"Table": {"KeySchema": []}}),
    ("pack", {"Table": {"KeySchema": [{"KeyType": "HASH"}]}}),
    ("pack", {"Table": {"KeySchema": [{"AttributeName": 5}]}}),
    ("handled", b"<html>Log in to the hotel's network</html>"),
    ("commit", b"<html>Log in to the hotel's network</html>"),
]


@pytest.mark.parametrize(("call", "body"), JUNK, ids=str)
def test_junk_is_a_store_error(client: DynamoDBClient, call: str, body: Any) -> None:
    plan(client, answers(body))

    with pytest.raises(StoreError) as raised:
        CALLS[call](DynamoDBStore("marks", client=client, pack=True))

    assert CANARY not in str(raised.value)


def test_the_error_says_what_to_check(client: DynamoDBClient) -> None:
    plan(client, answers({}))

    with pytest.raises(StoreError, match="for 'marks' is not one that DynamoDB gives: check the endpoint"):
        DynamoDBStore("marks", client=client).handled(["a"])


def test_marks_that_nobody_asked_for_do_not_count(client: DynamoDBClient) -> None:
    plan(client, answers({**FOUND, "Responses": {"marks": [{"id": {"S": "b"}}]}}))

    assert DynamoDBStore("marks", client=client).handled(["a"]) == set()


def double(answer: Any) -> DynamoDBStore:
    """Return a store whose client answers every transaction like this."""

    class Double:
        batch_get_item = batch_write_item = describe_table = dict[str, object]  # never called

        def transact_write_items(self, **_: object) -> Any:
            return answer

    return DynamoDBStore("marks", client=Double())


def test_a_double_says_that_it_committed() -> None:
    store = double({"ResponseMetadata": {"RequestId": "7"}})

    assert store.commit("a", Transaction(), patience=PATIENCE) is True


@pytest.mark.parametrize(
    "answer", [None, {}, {"ResponseMetadata": {}}, {"ResponseMetadata": {"RequestId": ""}}], ids=str
)
def test_without_a_request_id_nothing_counts(answer: Any) -> None:
    with pytest.raises(StoreError, match="for 'marks' is not one that DynamoDB gives"):
        double(answer).commit("a", Transaction(), patience=PATIENCE)


NAMES = """
Responses UnprocessedKeys UnprocessedItems Keys marks id S N expiration Table KeySchema AttributeName
PutRequest Item __type CancellationReasons Code Message
"""
names = st.sampled_from(NAMES.split())
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["a", "b", "1", "TransactionCanceledException", "ValidationException"])
)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4)


bodies = st.recursive(scalars, containers, max_leaves=12)


@given(call=st.sampled_from([*CALLS]), body=bodies, status=st.sampled_from([200, 400, 500]))
def test_no_answer_is_another_error(client: DynamoDBClient, call: str, body: Any, status: int) -> None:
    plan(client, answers(json.loads(json.dumps(body)), status=status))

    with suppress(StoreError, TransactionError):
        assert CALLS[call](DynamoDBStore("marks", client=client, pack=True)) is not True
