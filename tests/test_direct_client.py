"""The store's own client: it sends what boto3 sends, and leaves to boto3 what is not a clean success."""

from __future__ import annotations

import functools
import gc
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.client import BaseClient
from botocore.credentials import ReadOnlyCredentials
from botocore.endpoint import Endpoint
from botocore.httpsession import URLLib3Session
from botocore.serialize import JSONSerializer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbevents import Attr, Insert, StoreError, StreamApp, Transaction, TransactionError
from ddbevents.stores import Commit, DynamoDBStore
from ddbevents.stores._dynamodb_errors import make_client  # a store hides the client that it makes
from ddbevents.testing import VirtualClock
from tests import campaigns
from tests.dynamodb_faults import count_requests, impatient_client
from tests.dynamodb_tables import make_table, read_table
from tests.loopback import (
    Loopback,
    Pass,
    Plan,
    Reply,
    Seen,
    closes_later,
    cuts,
    does_and_says,
    drops,
    loopback,
    loses_answer,
    passes,
    says,
)
from tests.stream import PATIENCE, batch, insert, user

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def server(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A server in front of DynamoDB, configured for boto3 as in a function."""
    for name in [*os.environ]:
        if name.startswith("AWS_") or name == "REQUESTS_CA_BUNDLE" or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with loopback(dynamodb_endpoint) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", running.url)
        yield running


@pytest.fixture
def client(dynamodb_endpoint: str) -> DynamoDBClient:
    return impatient_client(dynamodb_endpoint)


@pytest.fixture
def table(client: DynamoDBClient) -> str:
    return make_table(client, "id")


@pytest.fixture
def totals(client: DynamoDBClient) -> str:
    return make_table(client, "pk")


@pytest.fixture
def by_boto3(monkeypatch: pytest.MonkeyPatch, table: str) -> list[str]:
    """The calls for the table that boto3 serializes; requests of other tests may still be under way."""
    serialized: list[str] = []
    serialize = JSONSerializer.serialize_to_request

    def note(self: Any, parameters: Any, operation_model: Any) -> Any:
        serialized.extend([operation_model.name] * (table in str(parameters)))
        return serialize(self, parameters, operation_model)

    # nothing public shows who sent a request: that is the point
    monkeypatch.setattr(JSONSerializer, "serialize_to_request", note)
    return serialized


def count(totals: str) -> Transaction:
    tx = Transaction()
    tx.update(totals, {"pk": "a"}, add={"total": 1})
    return tx


def everything(totals: str, number: int) -> Transaction:
    tx = Transaction()
    tx.put(
        totals,
        {"pk": f"é{number}", "b": b"\0\xff", "bs": {b"1"}, "m": {"\n": [1.5, None, True, "\U0001f600"]}},
    )
    tx.update(totals, {"pk": "a"}, add={"total": 1}, set={"b": b"x"}, remove="old", delete={"s": {"x"}})
    tx.delete(totals, {"pk": "b"}, when=Attr("b").ne(b"x"))
    tx.check(totals, {"pk": f"new {number}"}, when=Attr("pk").not_exists())
    return tx


NO_ACCOUNTS = "account_id" not in ReadOnlyCredentials._fields
Call: TypeAlias = Callable[[DynamoDBStore, str, int], object]

CALLS: dict[str, Call] = {
    "handled": lambda store, _, number: store.handled([f"é{number}", "b"]),
    "add": lambda store, _, number: store.add([f"é{number}", "b"]),
    "commit": lambda store, totals, number: store.commit(
        f"tx {number}", everything(totals, number), patience=PATIENCE
    ),
    "commit together": lambda store, totals, number: store.commit_together(
        [Commit(f"a {number}", everything(totals, number)), Commit(f"b {number}", Transaction())],
        patience=PATIENCE,
    ),
}
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NEW_EACH_TIME = {"authorization", "x-amz-date", "amz-sdk-invocation-id"}


def same(seen: Seen) -> dict[str, str]:
    return {name: value for name, value in seen.headers.items() if name not in NEW_EACH_TIME}


def signed(seen: Seen) -> list[str]:
    return re.sub("Signature=.*", "", seen.headers["authorization"]).split()


@pytest.mark.parametrize("call", CALLS)
def test_a_request_is_as_boto3s(
    server: Loopback, by_boto3: list[str], table: str, totals: str, call: str
) -> None:
    store = DynamoDBStore(table, clock=VirtualClock())

    CALLS[call](store, totals, 1)
    boto3s = server.seen[-1]
    CALLS[call](store, totals, 2)
    ours = server.seen[-1]

    assert by_boto3.count(boto3s.operation) == 1
    assert same(ours) == same(boto3s)
    assert (signed(ours), ours.connection) == (signed(boto3s), boto3s.connection)
    ours_as_first = re.sub(r"(u00e9|tx |new |a |b )2\b", r"\g<1>1", ours.text)
    assert re.sub(UUID, "", ours_as_first) == re.sub(UUID, "", boto3s.text)


def test_dynamodb_takes_our_requests(
    server: Loopback, client: DynamoDBClient, by_boto3: list[str], table: str, totals: str
) -> None:
    store = DynamoDBStore(table, pack=True)

    results = [call(store, totals, number) for number in range(3) for call in CALLS.values()]

    assert by_boto3 == ["BatchGetItem", "BatchWriteItem", "TransactWriteItems"]
    assert results[2::4] == [True] * 3
    assert results[3::4] == [True] * 3
    assert store.handled(["é0", "é1", "tx 2", "b", "c"]) == {"é0", "é1", "tx 2", "b"}
    assert read_table(client, totals)["a"] == {"total": 6, "b": b"x"}
    assert read_table(client, totals)["é2"]["m"] == {"\n": [1.5, None, True, "\U0001f600"]}


READ: dict[str, Any] = {"Responses": {}, "UnprocessedKeys": {}}
WRITTEN: dict[str, Any] = {"UnprocessedItems": {}}
JUNK: dict[str, Plan] = {
    "an empty body": says(b"", x_amzn_RequestId="A"),
    "HTML": says(b"<html>Log in to the hotel's network</html>", x_amzn_RequestId="A"),
    "a list": says([], x_amzn_RequestId="A"),
    "no fields": says({"Responses": 5, "UnprocessedItems": []}, x_amzn_RequestId="A"),
    "no request id": says(READ | WRITTEN),
    "a wrong checksum": says(READ | WRITTEN, x_amzn_RequestId="A", x_amz_crc32="1"),
    "a checksum that is none": says(READ | WRITTEN, x_amzn_RequestId="A", x_amz_crc32="x"),
    "depth": says(b"[" * 100_000, x_amzn_RequestId="A"),
    "created": says(READ | WRITTEN, 201, x_amzn_RequestId="A"),
    "a redirect": says(b"", 302, Location="http://127.0.0.1:9/"),
    "a refusal": says({"__type": "x#ThrottlingException"}, 400, x_amzn_RequestId="A"),
    "an error": says({"__type": "x#InternalServerError"}, 500, x_amzn_RequestId="A"),
    "a broken connection": drops,
    "a lost answer": loses_answer,
    "a cut answer": cuts,
}


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.usefixtures("no_collection")
def test_after_junk_boto3_asks_again(
    server: Loopback, client: DynamoDBClient, by_boto3: list[str], table: str, totals: str, junk: str
) -> None:
    store = DynamoDBStore(table)
    store.add(["a"])
    store.handled(["a"])
    store.commit("first", Transaction(), patience=PATIENCE)
    sent = len(server.seen)

    server.plans += [JUNK[junk]]
    store.add(["b"])
    server.plans += [JUNK[junk]]
    found = store.handled(["a", "b", "c"])
    server.plans += [JUNK_FOR_COMMIT.get(junk, JUNK[junk])]
    is_new = store.commit("tx", count(totals), patience=PATIENCE)

    assert found == {"a", "b"}
    assert is_new is True
    assert read_table(client, totals) == {"a": {"total": 1}}
    assert by_boto3 == ["BatchWriteItem", "BatchGetItem", "TransactWriteItems"] * 2
    assert [seen.operation for seen in server.seen[sent:]] == [
        *["BatchWriteItem"] * 2,
        *["BatchGetItem"] * 2,
        *["TransactWriteItems"] * 2,
    ]


# the answer to a transaction has no fields
JUNK_FOR_COMMIT: dict[str, Plan] = {"no fields": says([], x_amzn_RequestId="A")}


def test_boto3_is_asked_no_more_than_once(server: Loopback, by_boto3: list[str], table: str) -> None:
    store = DynamoDBStore(table)
    store.add(["a"])
    server.plans += [drops]
    store.add(["b"])

    store.add(["c"])
    store.add(["d"])

    assert by_boto3 == ["BatchWriteItem"] * 2
    assert len(server.seen) == 5


FAULTS: dict[str, list[Plan]] = {
    "lost": [loses_answer],
    "lost twice": [loses_answer, loses_answer],
    "lost, then not sent": [loses_answer, drops],
    "not sent, then lost": [drops, loses_answer],
    "done, but denied": [does_and_says({"__type": "x#AccessDeniedException"}, 400)],
    "done, but in progress": [does_and_says({"__type": "x#TransactionInProgressException"}, 400)],
    "done, but unclear": [does_and_says(b"?", 502)],
    "done, but cut": [cuts],
}


@pytest.mark.parametrize("faults", FAULTS)
@pytest.mark.parametrize("pack", [False, True], ids=["alone", "packed"])
def test_a_repeated_transaction_has_one_effect(
    server: Loopback, client: DynamoDBClient, table: str, totals: str, faults: str, pack: bool
) -> None:
    store = DynamoDBStore(table, pack=pack)
    store.commit("first", count(totals), patience=PATIENCE)
    sent = len(server.seen)
    server.plans += FAULTS[faults]

    assert commit(store, totals, pack=pack) is True

    [first, *repeated] = server.seen[sent:]
    assert {seen.body for seen in repeated} == {first.body}  # the token too
    assert len(repeated) == len(FAULTS[faults])
    assert read_table(client, totals) == {"a": {"total": 2}}
    assert store.handled(["first", "tx"]) == {"first", "tx"}


def commit(store: DynamoDBStore, totals: str, *, pack: bool, patience: timedelta = PATIENCE) -> bool:
    if pack:
        return store.commit_together([Commit("tx", count(totals))], patience=patience)
    return store.commit("tx", count(totals), patience=patience)


DISTURBANCES: dict[str, Plan] = {
    "passes": passes,
    "is dropped": drops,
    "loses its answer": loses_answer,
    "gets half of its answer": cuts,
    "is done, with another status": does_and_says({}, 500),
    "is done, but denied": does_and_says({"__type": "x#AccessDeniedException"}, 400),
    "is done, but answered with junk": does_and_says(b"<html>"),
    "is denied": says({"__type": "x#AccessDeniedException"}, 400),
    "is answered with junk": says(b"<html>"),
}


@pytest.mark.parametrize("pack", [False, True], ids=["alone", "packed"])
def test_whatever_happens_counts_once(
    server: Loopback, client: DynamoDBClient, table: str, totals: str, pack: bool
) -> None:
    store = DynamoDBStore(table, pack=pack)
    records = [insert(number, user(f"user-{number % 3}")) for number in range(1, 7)]

    @settings(max_examples=campaigns.size(short=8, full=100, long=1000))
    @given(happens=st.lists(st.sampled_from([*DISTURBANCES]), max_size=8))
    def check(happens: list[str]) -> None:
        run = uuid4().hex
        app = StreamApp(run, store=store)

        @app.on_insert(dict)
        def tally(change: Insert[dict[str, Any]], tx: Transaction) -> None:
            tx.update(totals, {"pk": run + change.new["pk"]}, add={"total": 1})

        server.plans[:] = [DISTURBANCES[each] for each in happens]
        deliver_until_handled(app, records)

        counted = read_table(client, totals)
        assert [counted[f"{run}user-{number}"] for number in range(3)] == [{"total": 2}] * 3

    check()


def deliver_until_handled(app: StreamApp, records: list[Any]) -> None:
    """Deliver a batch as Lambda does, which begins again with the first unfinished record."""
    while True:
        report = app.process(batch(*records))
        if report.failed + report.not_run == 0:
            return


def test_each_transaction_has_its_own_token(server: Loopback, table: str, totals: str) -> None:
    store = DynamoDBStore(table)
    marks = [f"{number}" for number in range(4)]

    assert [store.commit(mark, count(totals), patience=PATIENCE) for mark in marks] == [True] * 4

    assert len({seen.json["ClientRequestToken"] for seen in server.seen}) == 4


def test_our_own_retry_has_a_new_token(server: Loopback, table: str, totals: str) -> None:
    conflict = says({"__type": "x#TransactionCanceledException", **CONFLICT}, 400, x_amzn_RequestId="A")
    store = DynamoDBStore(table)
    store.commit("first", count(totals), patience=PATIENCE)
    server.plans += [conflict, conflict]

    assert store.commit("tx", count(totals), patience=PATIENCE) is True

    [_, direct, repeated, retried] = [seen.json["ClientRequestToken"] for seen in server.seen]
    assert direct == repeated != retried


CONFLICT = {"CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}]}


def test_a_refused_transaction_is_explained(
    server: Loopback, client: DynamoDBClient, table: str, totals: str
) -> None:
    tx = Transaction()
    tx.put(totals, {"pk": "a", "n": 1}, when=Attr("pk").exists())
    store = DynamoDBStore(table)
    store.commit("first", Transaction(), patience=PATIENCE)

    with pytest.raises(TransactionError, match=r"write 0, to table 'table-.*': its condition is false"):
        store.commit("tx", tx, patience=PATIENCE)

    assert store.commit("first", count(totals), patience=PATIENCE) is False
    assert read_table(client, totals) == {}


@pytest.mark.parametrize("call", ["handled", "add", "commit"])
def test_no_call_outlasts_its_patience(server: Loopback, table: str, totals: str, call: str) -> None:
    def hangs(_: Pass) -> Reply:
        server.is_over.wait(30)
        return Reply(None)

    patience = timedelta(seconds=0.5)
    calls: dict[str, Callable[[], object]] = {
        "handled": lambda: store.handled(["a"], patience=patience),
        "add": lambda: store.add(["a"], patience=patience),
        "commit": lambda: store.commit("a", count(totals), patience=patience),
    }
    store = DynamoDBStore(table)
    CALLS[call](store, totals, 1)
    server.plans += [hangs] * 9
    start = time.monotonic()

    with pytest.raises(StoreError, match=r"did not answer for 'table-.*' within the 0\.5 s"):
        calls[call]()

    assert 0.4 < time.monotonic() - start < 10


def test_a_slow_answer_is_not_waited_for(server: Loopback, table: str) -> None:
    def drips(_: Pass) -> Reply:
        # a byte now and then, so that no read of the socket takes long
        return Reply(200, b"x", {f"X-{number}": "x" for number in range(90)}, pause=0.3)

    store = DynamoDBStore(table)
    store.handled(["a"])
    server.plans += [drips] * 9
    start = time.monotonic()

    with pytest.raises(StoreError, match="did not answer"):
        store.handled(["a"], patience=timedelta(seconds=0.5))

    assert time.monotonic() - start < 10


def test_a_closed_connection_is_opened_again(server: Loopback, by_boto3: list[str], table: str) -> None:
    store = DynamoDBStore(table)
    store.add(["a"])
    server.plans += [closes_later, closes_later]

    store.add(["b"])
    time.sleep(0.1)  # frozen, until after the server has closed the connection
    store.add(["c"])
    time.sleep(0.1)
    store.add(["d"])

    assert by_boto3 == ["BatchWriteItem"]
    assert len({seen.connection for seen in server.seen}) == 3


def test_a_given_client_sees_each_request(client: DynamoDBClient, table: str, totals: str) -> None:
    sent = count_requests(client)
    store = DynamoDBStore(table, client=client)

    results = [CALLS[call](store, totals, 1) for call in ["handled", "add", "commit"] * 3]

    assert len(results) == 9
    assert sorted(sent) == sorted(["BatchGetItem", "BatchWriteItem", "TransactWriteItems"] * 3)


def test_raw_actions_are_checked_by_botocore(
    server: Loopback, client: DynamoDBClient, table: str, totals: str
) -> None:
    misspelt = Transaction()
    misspelt.raw({"Put": {"TableName": totals, "Item": {"pk": {"S": "a"}}, "ConditionExpresion": "#a = :b"}})
    store = DynamoDBStore(table)
    store.commit("first", Transaction(), patience=PATIENCE)
    sent = len(server.seen)

    with pytest.raises(
        TransactionError, match="a raw action is not as boto3's transact_write_items takes it"
    ):
        store.commit("tx", misspelt, patience=PATIENCE)

    assert server.seen[sent:] == []
    assert store.commit("tx", raw_put(totals), patience=PATIENCE) is True
    assert read_table(client, totals) == {"a": {}}


def raw_put(totals: str) -> Transaction:
    tx = Transaction()
    tx.raw({"Put": {"TableName": totals, "Item": {"pk": {"S": "a"}}}})
    return tx


def test_boto3_finds_the_endpoint_of_an_arn(server: Loopback, by_boto3: list[str], table: str) -> None:
    server.plans += [says(READ, x_amzn_RequestId="A")] * 3
    store = DynamoDBStore(f"arn:aws:dynamodb:eu-central-1:123456789012:table/{table}")

    assert [store.handled(["a"]) for _ in range(3)] == [set()] * 3
    assert by_boto3 == ["BatchGetItem"] * 3


def test_each_invocation_is_traced(
    server: Loopback, by_boto3: list[str], table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "users")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1")
    store = DynamoDBStore(table)
    store.handled(["a"])
    store.handled(["a"])
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-2;Lineage=a:é")
    store.handled(["a"])
    monkeypatch.delenv("_X_AMZN_TRACE_ID")
    store.handled(["a"])

    assert [seen.headers.get("x-amzn-trace-id") for seen in server.seen] == [
        *["Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"] * 2,
        "Root=1-2;Lineage=a:%C3%A9",
        None,
    ]
    assert by_boto3 == ["BatchGetItem"]


def credentials(name: str, account: str, expiration: datetime) -> dict[str, str]:
    return {
        "AccessKeyId": name,
        "SecretAccessKey": "secret",
        "Token": f"token of {name}",
        "Expiration": expiration.isoformat(),
        "AccountId": account,
    }


@pytest.fixture
def container(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Loopback:
    """The server, which gives credentials too, as in a function that starts from a snapshot."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/credentials")
    return server


@pytest.mark.parametrize(
    ("account", "most_by_boto3"),
    [
        pytest.param("1", 1, id="the same account"),
        pytest.param(
            "2", 2, id="another account", marks=pytest.mark.skipif(NO_ACCOUNTS, reason="early botocore")
        ),
    ],
)
def test_credentials_are_refreshed(
    container: Loopback, by_boto3: list[str], table: str, account: str, most_by_boto3: int
) -> None:
    container.plans += [says(READ, x_amzn_RequestId="A")] * 4
    lasts = timedelta(minutes=15, seconds=2)  # botocore refreshes credentials 15 minutes before they expire
    container.credentials += [credentials("first", "1", datetime.now(UTC) + lasts)]
    container.credentials += [credentials("second", account, datetime(2099, 1, 1, tzinfo=UTC))]
    store = DynamoDBStore(table)

    store.handled(["a"])
    store.handled(["a"])
    time.sleep(2)
    store.handled(["a"])
    store.handled(["a"])

    assert [access_key(seen) for seen in container.seen] == ["first", "first", "second", "second"]
    tokens = [seen.headers["x-amz-security-token"] for seen in container.seen]
    assert tokens == ["token of first", "token of first", "token of second", "token of second"]
    assert by_boto3 == ["BatchGetItem"] * most_by_boto3


def access_key(seen: Seen) -> str:
    return seen.headers["authorization"].partition("Credential=")[2].partition("/")[0]


def wrap(owner: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Wrap a method as a tracer does, so that it looks like the original."""
    calls: list[str] = []
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapper(*arguments: Any, **settings: Any) -> Any:
        calls.append(name)
        return original(*arguments, **settings)

    monkeypatch.setattr(owner, name, wrapper)  # what a tracer does
    return calls


TRACED = [
    (BaseClient, "_make_api_call"),  # X-Ray, OpenTelemetry, Datadog, and many tests
    (Endpoint, "prepare_request"),  # X-Ray, OpenTelemetry
    (Endpoint, "make_request"),  # New Relic
    (Endpoint, "_send"),
    (URLLib3Session, "send"),
]


@pytest.mark.parametrize(("owner", "method"), TRACED)
@pytest.mark.usefixtures("server")
def test_a_tracer_sees_each_request(
    by_boto3: list[str], table: str, monkeypatch: pytest.MonkeyPatch, owner: Any, method: str
) -> None:
    traced = wrap(owner, method, monkeypatch)
    store = DynamoDBStore(table)

    assert [store.handled(["a"]) for _ in range(3)] == [set()] * 3
    assert len(traced) >= 3  # requests of other tests may still be under way
    assert by_boto3 == ["BatchGetItem"] * 3


@pytest.mark.parametrize(("owner", "method"), TRACED)
@pytest.mark.usefixtures("server")
def test_a_tracer_may_come_late(
    by_boto3: list[str], table: str, monkeypatch: pytest.MonkeyPatch, owner: Any, method: str
) -> None:
    store = DynamoDBStore(table)
    store.handled(["a"])
    store.handled(["a"])
    traced = wrap(owner, method, monkeypatch)

    assert [store.handled(["a"]) for _ in range(3)] == [set()] * 3
    assert len(traced) >= 3  # requests of other tests may still be under way
    assert by_boto3 == ["BatchGetItem"] * 4


@pytest.mark.parametrize("wrapped", ["__init__", "_make_api_call"])
@pytest.mark.usefixtures("server")
def test_a_wrapper_may_be_an_object(
    by_boto3: list[str], table: str, monkeypatch: pytest.MonkeyPatch, wrapped: str
) -> None:
    # `__init__` is where Sentry adds its event handlers
    monkeypatch.setattr(BaseClient, wrapped, Wrapper(getattr(BaseClient, wrapped)))
    store = DynamoDBStore(table)

    assert [store.handled(["a"]) for _ in range(3)] == [set()] * 3
    assert by_boto3 == ["BatchGetItem"] * 3


class Wrapper:
    """A proxy of a function as wrapt's: it says that it is the function."""

    __class__ = FunctionType  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]  # as wrapt does

    def __init__(self, wrapped: FunctionType) -> None:
        self.wrapped = wrapped

    def __get__(self, instance: object, owner: type) -> Any:
        return MethodType(self.wrapped, instance)

    def __call__(self) -> None: ...


def adds_header(request: AWSPreparedRequest, **_: object) -> None:
    request.headers["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def encodes_otherwise(request: AWSPreparedRequest, **_: object) -> None:
    request.body = b"\xa1\x6cRequestItems\xa0"
    request.headers["Content-Length"] = str(len(request.body))


def signs_otherwise(request: AWSPreparedRequest, **_: object) -> None:
    request.headers["Authorization"] = "Bearer token"


@pytest.mark.parametrize("hook", [adds_header, encodes_otherwise, signs_otherwise])
def test_unknown_requests_are_not_copied(
    server: Loopback, by_boto3: list[str], table: str, hook: Any
) -> None:
    server.plans += [says(READ, x_amzn_RequestId="A")] * 3
    client = make_client()
    client.boto3.meta.events.register_first("before-send", hook)  # as a later version of botocore may

    [client.batch_get_item(RequestItems={table: {"Keys": [{"id": {"S": "a"}}]}}) for _ in range(3)]

    assert by_boto3 == ["BatchGetItem"] * 3
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
        ("BOTOCORE_EXPERIMENTAL__PLUGINS", ""),
        ("AWS_CSM_ENABLED", "true"),  # client-side monitoring
    ],
)
@pytest.mark.usefixtures("server")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # botocore leaves the monitoring's socket open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_unusual_settings_are_boto3s(
    by_boto3: list[str], table: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    store = DynamoDBStore(table)

    assert [store.handled(["a"]) for _ in range(3)] == [set()] * 3
    assert by_boto3 == ["BatchGetItem"] * 3
    del store
    gc.collect()


@pytest.mark.usefixtures("server")
def test_keepalive_is_boto3s(
    by_boto3: list[str], table: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\ntcp_keepalive = true\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    store = DynamoDBStore(table)

    assert [store.handled(["a"]) for _ in range(3)] == [set()] * 3
    assert by_boto3 == ["BatchGetItem"] * 3


def test_hosts_without_proxy_need_none(
    server: Loopback, by_boto3: list[str], table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "example.com")
    store = DynamoDBStore(table)

    assert [store.handled(["a"]) for _ in range(3)] == [set()] * 3
    assert by_boto3 == ["BatchGetItem"]
    assert len(server.seen) == 3


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a key and a certificate of 127.0.0.1, which nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "certificate.pem"
    path.write_bytes(private + signed.public_bytes(pem))
    return path


@pytest.fixture
def secure(server: Loopback, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """Another server in front of DynamoDB, by TLS."""
    with loopback(f"http://{server.upstream}", certificate) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", running.url)
        yield running


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_authorities_are_as_configured(
    secure: Loopback,
    by_boto3: list[str],
    table: str,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    monkeypatch.setenv(variable, str(certificate))
    store = DynamoDBStore(table)

    assert [store.handled(["a"]) for _ in range(3)] == [set()] * 3
    assert by_boto3 == ["BatchGetItem"]
    assert len({seen.connection for seen in secure.seen}) == 1


def test_an_unknown_certificate_is_refused(secure: Loopback, table: str) -> None:
    with pytest.raises(StoreError, match="does not answer for"):
        DynamoDBStore(table).handled(["a"])

    assert secure.seen == []


@pytest.mark.usefixtures("server")
def test_the_debug_log_shows_each_request(
    by_boto3: list[str], table: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = DynamoDBStore(table)
    store.handled(["a"])
    store.handled(["a"])

    with caplog.at_level(logging.DEBUG, "botocore"):
        store.handled(["a"])

    assert by_boto3 == ["BatchGetItem"] * 2
    assert "Making request for OperationModel(name=BatchGetItem)" in caplog.text


def test_moto_answers_each_request() -> None:
    code = """if True:
        from moto import mock_aws
        import boto3
        from ddbevents.stores import DynamoDBStore
        with mock_aws():
            boto3.client("dynamodb").create_table(
                TableName="marks",
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
            store = DynamoDBStore("marks")
            store.add(["a"])
            print([store.handled(["a", "b"]) for _ in range(3)])"""
    environment = {
        **os.environ,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_ENDPOINT_URL": "",
    }

    output = subprocess.check_output([sys.executable, "-W", "ignore", "-c", code], text=True, env=environment)

    assert output == "[{'a'}, {'a'}, {'a'}]\n"


def test_no_credentials_are_named(server: Loopback, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store = DynamoDBStore(table)

    for _ in range(2):
        with pytest.raises(StoreError, match="credentials are missing"):
            store.handled(["a"])

    assert server.seen == []


names = st.sampled_from(["Responses", "UnprocessedKeys", "UnprocessedItems", "marks", "Keys", "id", "S", "N"])
scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["a", "1", "ValidationException"])


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4)


answers = st.recursive(scalars, containers, max_leaves=12)


def outcome(store: DynamoDBStore, call: str) -> object:
    try:
        return CALLS[call](store, "totals", 1)
    except StoreError as error:
        return str(error)


@pytest.mark.parametrize("call", ["handled", "add", "commit"])
def test_an_answer_means_what_boto3_says(server: Loopback, call: str) -> None:
    clean = says(READ | WRITTEN, x_amzn_RequestId="A")
    direct, boto3s = DynamoDBStore("marks"), DynamoDBStore("marks", client=impatient_client(server.url))

    @given(body=answers | st.binary(max_size=40), status=st.sampled_from([200, 204, 400]))
    def check(body: Any, status: int) -> None:
        answer = says(body, status, x_amzn_RequestId="A")
        server.plans[:] = [clean, answer, answer]
        assert not isinstance(outcome(direct, call), str)
        found = outcome(direct, call)
        server.plans[:] = [answer]
        assert found == outcome(boto3s, call)

    check()
