"""Marks in DynamoDB: what is particular to this store."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import NoCredentialsError

from ddbevents import ConfigurationError, StoreError
from ddbevents._aws import ClientOfProcess
from ddbevents.stores import DynamoDBStore, _backoff, _dynamodb
from ddbevents.stores._client import DynamoDBClient
from ddbevents.stores._sdk import make_client
from ddbevents.testing import VirtualClock
from tests.dynamodb_faults import (
    Fault,
    answers,
    count_requests,
    impatient_client,
    is_unreachable,
    loses_answer,
    plan,
    refuses,
)
from tests.dynamodb_tables import make_table, read_table

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient as Boto3Client

MARK = "app#users.welcome#" + "0" * 32


@pytest.fixture
def client(dynamodb_endpoint: str) -> Boto3Client:
    return impatient_client(dynamodb_endpoint)


@pytest.fixture
def table(client: Boto3Client) -> str:
    return make_table(client, "id")


def test_marks_are_read_by_100_and_written_by_25(client: Boto3Client, table: str) -> None:
    store = DynamoDBStore(table, client=client)
    marks = [f"mark-{number}" for number in range(250)]
    sent = count_requests(client)

    store.add(marks * 2)
    found = store.handled(marks * 2 + ["new"])

    assert found == set(marks)
    assert sent == ["BatchWriteItem"] * 10 + ["BatchGetItem"] * 3


def test_500_new_records_cost_a_twentieth_of_a_request_each(client: Boto3Client, table: str) -> None:
    store = DynamoDBStore(table, client=client)
    marks = [f"{MARK}-{number}" for number in range(500)]
    sent = count_requests(client)

    assert store.handled(marks) == set()
    store.add(marks)
    assert len(sent) <= 0.06 * len(marks)
    sent.clear()
    assert store.handled(marks) == set(marks)
    assert len(sent) <= 0.012 * len(marks)


def test_a_mark_that_dynamodb_has_not_deleted_yet_expires_all_the_same(
    client: Boto3Client, table: str
) -> None:
    clock = VirtualClock()
    store = DynamoDBStore(table, client=client, clock=clock)
    store.add([MARK])

    clock.advance(timedelta(hours=48) - timedelta(seconds=1))
    assert store.handled([MARK]) == {MARK}
    clock.advance(timedelta(seconds=1))
    assert store.handled([MARK]) == set()


def test_a_mark_without_expiry_never_expires(client: Boto3Client, table: str) -> None:
    client.put_item(TableName=table, Item={"id": {"S": MARK}})

    assert DynamoDBStore(table, client=client).handled([MARK]) == {MARK}


def test_the_layout_is_the_documented_one(client: Boto3Client, table: str) -> None:
    clock = VirtualClock()
    clock.advance(timedelta(milliseconds=1))

    DynamoDBStore(table, client=client, clock=clock).add([MARK])

    expiration = datetime(2026, 1, 3, 0, 0, 1, tzinfo=UTC).timestamp()
    assert read_table(client, table, "id") == {MARK: {"expiration": expiration, "status": "COMPLETED"}}


def test_powertools_reads_a_mark_as_completed(client: Boto3Client, table: str) -> None:
    DynamoDBStore(table, client=client).add([MARK])
    layer = DynamoDBPersistenceLayer(table, boto3_client=client)

    record = layer._get_record(MARK)  # noqa: SLF001  # get_record without the hash it makes of a payload

    assert (record.idempotency_key, record.status, record.is_expired) == (MARK, "COMPLETED", False)
    assert record.response_json_as_dict() is None


def test_powertools_reads_a_mark_as_expired_when_it_is(client: Boto3Client, table: str) -> None:
    clock = VirtualClock(datetime.now(UTC) - timedelta(days=3))
    DynamoDBStore(table, client=client, clock=clock).add([MARK])

    layer = DynamoDBPersistenceLayer(table, boto3_client=client)
    assert layer._get_record(MARK).is_expired  # noqa: SLF001  # get_record without the hash


def test_a_record_of_powertools_is_a_mark(client: Boto3Client, table: str) -> None:
    layer = DynamoDBPersistenceLayer(table, boto3_client=client)
    expiry = int((datetime.now(UTC) + timedelta(hours=1)).timestamp())
    record = DataRecord(idempotency_key=MARK, status="COMPLETED", expiry_timestamp=expiry)

    layer._put_record(record)  # noqa: SLF001  # what save_success does, without the hash

    assert DynamoDBStore(table, client=client).handled([MARK]) == {MARK}


def test_keys_that_come_back_unprocessed_are_read_again(client: Boto3Client, table: str) -> None:
    store = DynamoDBStore(table, client=client)
    store.add(["a", "b"])
    left = {table: {"Keys": [{"id": {"S": "b"}}]}}
    plan(client, answers({"Responses": {table: [{"id": {"S": "a"}}]}, "UnprocessedKeys": left}))
    sent = count_requests(client)

    assert store.handled(["a", "b", "c"]) == {"a", "b"}
    assert len(sent) == 2


def test_items_that_come_back_unprocessed_are_written_again(client: Boto3Client, table: str) -> None:
    store = DynamoDBStore(table, client=client)
    left = {table: [{"PutRequest": {"Item": {"id": {"S": "b"}}}}]}
    plan(client, answers({"UnprocessedItems": left}))

    store.add(["a", "b"])

    assert store.handled(["a", "b"]) == {"b"}  # the answer about "a" was a lie


def test_what_comes_back_again_and_again_is_a_store_error(
    client: Boto3Client, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_dynamodb, "_PATIENCE", timedelta(milliseconds=20))  # nobody waits 5 seconds
    monkeypatch.setattr(_backoff, "_FIRST_SECONDS", 1)
    left = {table: [{"PutRequest": {"Item": {"id": {"S": "a"}}}}]}
    plan(client, *[answers({"UnprocessedItems": left})] * 200)

    with pytest.raises(StoreError, match=r"throttles .* more capacity"):
        DynamoDBStore(table, client=client).add(["a"])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (refuses("ResourceNotFoundException"), "no such table .*'table-.*'; .* partition key 'id' of type S"),
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
        (refuses("ValidationException", MARK), "takes no marks: its only key must be .* 'id'"),
        (refuses("InternalServerError", status=500), r"failed with a request .*\(InternalServerError\)"),
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
def test_what_goes_wrong_is_a_store_error_with_cause_and_cure(
    client: Boto3Client, table: str, fault: Fault, reason: str
) -> None:
    plan(client, fault)

    with pytest.raises(StoreError, match=reason) as failed:
        DynamoDBStore(table, client=client).handled([MARK])

    assert MARK not in str(failed.value)
    assert failed.value.__cause__ is not None


def test_missing_credentials_are_a_store_error(client: Boto3Client, table: str) -> None:
    def has_none(_: AWSPreparedRequest) -> None:
        raise NoCredentialsError

    plan(client, has_none)

    with pytest.raises(StoreError, match="credentials are missing"):
        DynamoDBStore(table, client=client).add([MARK])


def test_a_table_of_another_key_is_a_store_error(client: Boto3Client) -> None:
    store = DynamoDBStore(make_table(client, "pk"), client=client)

    with pytest.raises(StoreError, match="its only key must be the partition key 'id' of type S"):
        store.handled([MARK])
    with pytest.raises(StoreError, match="its only key must be the partition key 'id' of type S"):
        store.add([MARK])


def test_marks_are_kept_for_two_days_at_least() -> None:
    with pytest.raises(ConfigurationError, match="of 48 hours"):
        DynamoDBStore("marks", keep=timedelta(hours=1))


def test_without_boto3_the_store_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)  # as if it were not installed

    with pytest.raises(ConfigurationError, match=r"pip install 'ddbevents\[aws\]'"):
        DynamoDBStore("marks")


def test_boto3_is_loaded_by_the_first_request() -> None:
    code = """if True:
        import sys
        from ddbevents.stores import DynamoDBStore
        DynamoDBStore("marks", pack=True).handled([])
        print({"boto3", "botocore"} & set(sys.modules))"""

    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, dynamodb_endpoint: str) -> pytest.MonkeyPatch:
    """What boto3 finds in a function; it reads nothing of the user's."""
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_endpoint)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_the_store_finds_region_endpoint_and_credentials_as_boto3_does(table: str) -> None:
    store = DynamoDBStore(table)

    store.add([MARK])

    assert store.handled([MARK]) == {MARK}


@pytest.mark.usefixtures("environment")
def test_the_client_has_little_patience() -> None:
    config = make_client().meta.config  # type: ignore[attr-defined]  # of boto3's client

    assert (config.connect_timeout, config.read_timeout) == (1, 3)
    assert (config.retries["mode"], config.retries["total_max_attempts"]) == ("standard", 3)


def test_threads_share_one_client() -> None:
    client_of_process = ClientOfProcess(None, FakeClient)
    start = threading.Barrier(8)
    made: list[DynamoDBClient] = []

    def work() -> None:
        start.wait()
        made.append(client_of_process())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert made == [made[0]] * 8


@pytest.mark.usefixtures("environment")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_makes_a_client_of_its_own(table: str) -> None:
    store = DynamoDBStore(table)
    store.add(["parent"])
    child = multiprocessing.get_context("fork").Process(target=store.add, args=[["child"]])

    child.start()
    child.join()

    assert store.handled(["parent", "child"]) == {"parent", "child"}


def test_another_process_makes_a_client_of_its_own() -> None:
    client_of_process = ClientOfProcess(None, FakeClient)
    parents = client_of_process()

    client_of_process._process = 0  # noqa: SLF001  # as after a fork, whose child measures no coverage

    assert client_of_process() is not parents


class FakeClient:
    """Never asked anything."""

    batch_get_item = batch_write_item = transact_write_items = describe_table = dict[str, object]


def test_a_missing_region_is_a_store_error_that_says_so(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("AWS_REGION")
    environment.delenv("AWS_DEFAULT_REGION")

    with pytest.raises(StoreError, match="no AWS region is configured: set AWS_REGION, or hand a client"):
        DynamoDBStore("marks").handled([MARK])


def test_an_endpoint_that_is_none_is_a_store_error(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", "no endpoint")

    with pytest.raises(StoreError, match="boto3 makes no client of what is configured"):
        DynamoDBStore("marks").handled([MARK])
