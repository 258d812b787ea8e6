"""Idempotency records in DynamoDB: requests, layout, errors and clients."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import NoCredentialsError

from ddbevents import ConfigurationError, StoreError
from ddbevents.stores import DynamoDBStore
from ddbevents.testing import VirtualClock
from tests.dynamodb_faults import (
    Fault,
    answers,
    clients_made,
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

MARK = "app#users.welcome#" + "0" * 32


@pytest.fixture
def client(dynamodb_endpoint: str) -> DynamoDBClient:
    return impatient_client(dynamodb_endpoint)


@pytest.fixture
def table(client: DynamoDBClient) -> str:
    return make_table(client, "id")


def test_marks_share_requests(client: DynamoDBClient, table: str) -> None:
    store = DynamoDBStore(table, client=client)
    marks = [f"mark-{number}" for number in range(250)]
    sent = count_requests(client)

    store.add(marks * 2)
    found = store.handled(marks * 2 + ["new"])

    assert found == set(marks)
    assert sent == ["BatchWriteItem"] * 10 + ["BatchGetItem"] * 3


def test_500_records_cost_30_requests(client: DynamoDBClient, table: str) -> None:
    store = DynamoDBStore(table, client=client)
    marks = [f"{MARK}-{number}" for number in range(500)]
    sent = count_requests(client)

    assert store.handled(marks) == set()
    store.add(marks)
    assert len(sent) <= 0.06 * len(marks)
    sent.clear()
    assert store.handled(marks) == set(marks)
    assert len(sent) <= 0.012 * len(marks)


def test_a_mark_expires_before_deletion(client: DynamoDBClient, table: str) -> None:
    clock = VirtualClock()
    store = DynamoDBStore(table, client=client, clock=clock)
    store.add([MARK])

    clock.advance(timedelta(hours=48) - timedelta(seconds=1))
    assert store.handled([MARK]) == {MARK}
    clock.advance(timedelta(seconds=1))
    assert store.handled([MARK]) == set()


def test_a_mark_may_have_no_expiry(client: DynamoDBClient, table: str) -> None:
    client.put_item(TableName=table, Item={"id": {"S": MARK}})

    assert DynamoDBStore(table, client=client).handled([MARK]) == {MARK}


def test_the_layout_is_as_documented(client: DynamoDBClient, table: str) -> None:
    clock = VirtualClock()
    clock.advance(timedelta(milliseconds=1))

    DynamoDBStore(table, client=client, clock=clock).add([MARK])

    expiration = datetime(2026, 1, 3, 0, 0, 1, tzinfo=UTC).timestamp()
    assert read_table(client, table, "id") == {MARK: {"expiration": expiration, "status": "COMPLETED"}}


def test_a_mark_counts_from_now_on(client: DynamoDBClient, table: str) -> None:
    before = datetime.now(UTC).timestamp()

    DynamoDBStore(table, client=client).add([MARK])

    expiration = read_table(client, table, "id")[MARK]["expiration"]
    assert expiration - before == pytest.approx(48 * 3600, abs=30)


def test_powertools_reads_a_mark(client: DynamoDBClient, table: str) -> None:
    DynamoDBStore(table, client=client).add([MARK])
    layer = DynamoDBPersistenceLayer(table, boto3_client=client)

    record = layer._get_record(MARK)  # noqa: SLF001  # get_record without the hash it makes of a payload

    assert (record.idempotency_key, record.status, record.is_expired) == (MARK, "COMPLETED", False)
    assert record.response_json_as_dict() is None


def test_powertools_reads_an_expired_mark(client: DynamoDBClient, table: str) -> None:
    clock = VirtualClock(datetime.now(UTC) - timedelta(days=3))
    DynamoDBStore(table, client=client, clock=clock).add([MARK])

    layer = DynamoDBPersistenceLayer(table, boto3_client=client)
    assert layer._get_record(MARK).is_expired  # noqa: SLF001  # get_record without the hash


def test_a_powertools_record_is_a_mark(client: DynamoDBClient, table: str) -> None:
    layer = DynamoDBPersistenceLayer(table, boto3_client=client)
    expiry = int((datetime.now(UTC) + timedelta(hours=1)).timestamp())
    record = DataRecord(idempotency_key=MARK, status="COMPLETED", expiry_timestamp=expiry)

    layer._put_record(record)  # noqa: SLF001  # what save_success does, without the hash

    assert DynamoDBStore(table, client=client).handled([MARK]) == {MARK}


def test_unprocessed_keys_are_read_again(client: DynamoDBClient, table: str) -> None:
    store = DynamoDBStore(table, client=client)
    store.add(["a", "b"])
    left = {table: {"Keys": [{"id": {"S": "b"}}]}}
    plan(client, answers({"Responses": {table: [{"id": {"S": "a"}}]}, "UnprocessedKeys": left}))
    sent = count_requests(client)

    assert store.handled(["a", "b", "c"]) == {"a", "b"}
    assert len(sent) == 2


def test_unprocessed_items_are_resent(client: DynamoDBClient, table: str) -> None:
    store = DynamoDBStore(table, client=client)
    left = {table: [{"PutRequest": {"Item": {"id": {"S": "b"}}}}]}
    plan(client, answers({"UnprocessedItems": left}))

    store.add(["a", "b"])

    assert store.handled(["a", "b"]) == {"b"}  # the answer about "a" was a lie


def test_resending_ends_with_patience(client: DynamoDBClient, table: str) -> None:
    start = time.monotonic()
    left = {table: [{"PutRequest": {"Item": {"id": {"S": "a"}}}}]}
    plan(client, *[answers({"UnprocessedItems": left})] * 1000)

    with pytest.raises(StoreError, match=r"throttles .* more capacity"):
        DynamoDBStore(table, client=client).add(["a"], patience=timedelta(seconds=0.5))

    assert 0.4 < time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (
            refuses("ResourceNotFoundException"),
            "no such table .*'table-.*'; an idempotency table .* partition key 'id' of type S",
        ),
        (
            refuses(
                "AccessDeniedException",
                "User: arn:aws:sts::1:assumed-role/f is not authorized to perform: dynamodb:BatchGetItem on"
                " resource: arn:aws:dynamodb:eu-central-1:1:table/marks because no policy allows it",
            ),
            "may not use arn:aws:dynamodb:eu-central-1:1:table/marks: allow its role dynamodb:BatchGetItem",
        ),
        (refuses("AccessDeniedException"), "may not use 'table-.*': allow its role dynamodb:BatchGetItem"),
        (refuses("ThrottlingException"), "throttles 'table-.*more capacity"),
        (refuses("ExpiredTokenException"), "credentials are missing, expired or wrong"),
        (
            refuses("ValidationException", MARK),
            "not an idempotency table: 'table-.*; its only key must be .* 'id'",
        ),
        (refuses("InternalServerError", status=500), r"failed on a request .*\(InternalServerError\)"),
        (is_unreachable, "does not answer for 'table-.*: .* the network"),
        (loses_answer, "does not answer for 'table-.*: .* the network"),
    ],
    ids=[
        "missing",
        "denied by name",
        "denied",
        "throttled",
        "expired",
        "key",
        "server",
        "network",
        "timeout",
    ],
)
def test_an_error_has_cause_and_cure(client: DynamoDBClient, table: str, fault: Fault, reason: str) -> None:
    plan(client, fault)

    with pytest.raises(StoreError, match=reason) as failed:
        DynamoDBStore(table, client=client).handled([MARK])

    assert MARK not in str(failed.value)
    assert failed.value.__cause__ is not None


def test_missing_credentials_are_named(client: DynamoDBClient, table: str) -> None:
    def has_none(_: AWSPreparedRequest) -> None:
        raise NoCredentialsError

    plan(client, has_none)

    with pytest.raises(StoreError, match="credentials are missing"):
        DynamoDBStore(table, client=client).add([MARK])


def test_the_table_must_have_its_key(client: DynamoDBClient) -> None:
    store = DynamoDBStore(make_table(client, "pk"), client=client)

    with pytest.raises(StoreError, match="its only key must be the partition key 'id' of type S"):
        store.handled([MARK])
    with pytest.raises(StoreError, match="its only key must be the partition key 'id' of type S"):
        store.add([MARK])


def test_marks_are_kept_two_days() -> None:
    with pytest.raises(ConfigurationError, match="of 48 hours"):
        DynamoDBStore("marks", keep=timedelta(hours=1))


def test_boto3_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)  # as if it were not installed

    with pytest.raises(ConfigurationError, match=r"pip install 'ddbevents\[aws\]'"):
        DynamoDBStore("marks")


def test_boto3_is_loaded_late() -> None:
    code = """if True:
        import sys
        from ddbevents.stores import DynamoDBStore
        DynamoDBStore("marks", pack=True).handled([])
        print({"boto3", "botocore"} & set(sys.modules))"""

    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, dynamodb_endpoint: str) -> pytest.MonkeyPatch:
    """Configure boto3 as in a function, and keep it from the user's files."""
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_endpoint)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_boto3_finds_the_configuration(table: str) -> None:
    store = DynamoDBStore(table)

    store.add([MARK])

    assert store.handled([MARK]) == {MARK}


@pytest.fixture
def made(environment: pytest.MonkeyPatch) -> list[Any]:
    """The clients that boto3 makes by itself."""
    return clients_made(environment)


def test_the_client_has_short_timeouts(made: list[Any], table: str) -> None:
    DynamoDBStore(table).add([MARK])

    [config] = [client.meta.config for client in made]
    assert (config.connect_timeout, config.read_timeout) == (1, 3)
    assert (config.retries["mode"], config.retries["total_max_attempts"]) == ("standard", 3)


def test_threads_share_one_client(made: list[Any], table: str) -> None:
    store = DynamoDBStore(table)
    start = threading.Barrier(8)

    def work(mark: str) -> None:
        start.wait()
        store.add([mark])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, "abcdefgh"))

    assert len(made) == 1
    assert store.handled("abcdefgh") == set("abcdefgh")


@pytest.mark.usefixtures("environment")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_can_write(table: str) -> None:
    store = DynamoDBStore(table)
    store.add(["parent"])
    child = multiprocessing.get_context("fork").Process(target=store.add, args=[["child"]])

    child.start()
    child.join()

    assert store.handled(["parent", "child"]) == {"parent", "child"}


def test_each_process_makes_a_client(made: list[Any], table: str, environment: pytest.MonkeyPatch) -> None:
    store = DynamoDBStore(table)
    store.add(["a"])

    environment.setattr(os, "getpid", lambda: 0)  # as in a forked process, where no coverage is measured
    store.add(["b"])
    store.add(["c"])

    assert len(made) == 2


def test_a_missing_region_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("AWS_REGION")
    environment.delenv("AWS_DEFAULT_REGION")

    with pytest.raises(StoreError, match="no AWS region is configured: set AWS_REGION, or pass a client"):
        DynamoDBStore("marks").handled([MARK])


def test_an_endpoint_must_be_a_url(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", "no endpoint")

    with pytest.raises(StoreError, match="boto3 cannot use its configuration"):
        DynamoDBStore("marks").handled([MARK])


@pytest.mark.parametrize("name", [None, "", 1], ids=["unset", "empty", "a number"])
def test_the_table_needs_a_name(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="is its environment variable set"):
        DynamoDBStore(name)
