"""Names that come from outside: none forges a line of a log, moves a cursor or fills a disk."""

from __future__ import annotations

from typing import Any

import pytest
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from botocore.exceptions import ClientError

from ddbevents import Insert, InvalidRecordError, StoreError, StreamApp, parse_event
from ddbevents.dead_letters import DeadLetter
from ddbevents.powertools import PowertoolsStore
from ddbevents.stores import DynamoDBStore
from ddbevents.testing import queue_event
from tests.letters import letter
from tests.stream import batch, insert, user

NAMES = {
    "a forged line": "a\nERROR root: all is lost",
    "a cursor moved": "a\x1b[2J\x9b2J",
    "text turned around": "a\u202eb\u2066c",
    "half a character": "a\ud83d",
    "another line": "a\u2028b\x85c",
    "5 MB": "a" * 5_000_000,
    "half a MB of controls": "\x00" * 500_000,
}
LONGEST = 4_000

hostile = pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())


def is_safe(text: str) -> bool:
    return text.isprintable() and len(text) < LONGEST


def from_table(name: str) -> dict[str, Any]:
    arn = f"arn:aws:dynamodb:eu-central-1:123456789012:table/{name}/stream/2026-11-23T09:00:00.000"
    return batch({**insert(1, user("ada")), "eventSourceARN": arn})


@hostile
def test_a_record_shows_its_table_safely(name: str) -> None:
    [record] = parse_event(from_table(name))

    assert is_safe(repr(record))
    assert is_safe(repr(Insert({}, record)))
    assert record.table == name  # for programs it stays what it is


@hostile
@pytest.mark.parametrize("field", ["app", "handler", "error"])
def test_a_letter_shows_its_names_safely(name: str, field: str) -> None:
    assert is_safe(repr(renamed(field, name)))


@hostile
def test_a_log_line_names_the_table_safely(name: str, caplog: pytest.LogCaptureFixture) -> None:
    app = StreamApp("users")

    @app.on_insert(dict)
    def fail(change: Insert[dict[str, Any]]) -> None:
        raise ValueError

    app.process(from_table(name))

    assert [is_safe(line.getMessage()) for line in caplog.records] == [True]


def renamed(field: str, name: str) -> DeadLetter:
    """Return a letter of the app in which one name is another."""
    names: dict[str, Any] = {"app": "users", field: name}
    return letter(insert(1, user("ada")))._replace(**names)


def refused(sent: DeadLetter) -> str:
    """Return why an app refuses the record of a letter."""
    app = StreamApp("users")
    app.on_insert(dict)(ignore)
    [report] = app.process(queue_event(sent)).records
    assert isinstance(report.error, InvalidRecordError)
    return str(report.error)


def ignore(change: Insert[dict[str, Any]]) -> None: ...


@hostile
@pytest.mark.parametrize("field", ["app", "handler"])
def test_a_strange_letter_is_refused_safely(name: str, field: str, caplog: pytest.LogCaptureFixture) -> None:
    reason = refused(renamed(field, name))

    assert is_safe(reason)
    assert all(is_safe(line.getMessage()) for line in caplog.records)


def test_usual_names_are_shown_whole() -> None:
    handler = f"shop.{'orders.' * 20}book"
    [record] = parse_event(from_table("t" * 255))

    assert f"no handler '{handler}'" in refused(renamed("handler", handler))
    assert f"for {handler}: " in repr(letter()._replace(handler=handler))
    assert repr(record).endswith(f" of {'t' * 255}>")


@hostile
@pytest.mark.parametrize("code", ["AccessDeniedException", "Strange"])
def test_what_aws_says_is_shown_safely(name: str, code: str) -> None:
    message = f"not authorized to perform: dynamodb:BatchGetItem on resource: {name}"
    said = ClientError({"Error": {"Code": code, "Message": message}}, "BatchGetItem")
    strange = ClientError({"Error": {"Code": f"{code}{name}", "Message": message}}, "BatchGetItem")

    assert is_safe(store_error(said))
    assert is_safe(store_error(strange))


@hostile
def test_what_a_layer_says_is_shown_safely(name: str) -> None:
    class Failing:
        def get_item(self, **_: object) -> Any:
            raise ConnectionError(name)

    client: Any = Failing()

    with pytest.raises(StoreError) as raised:
        PowertoolsStore(DynamoDBPersistenceLayer("marks", boto3_client=client)).handled(["a"])

    assert is_safe(str(raised.value))


def store_error(error: ClientError) -> str:
    """Return what a store says of an SDK's error."""

    class Refusing:
        batch_write_item = transact_write_items = describe_table = dict[str, object]  # never called

        def batch_get_item(self, **_: object) -> Any:
            raise error

    with pytest.raises(StoreError) as raised:
        DynamoDBStore("marks", client=Refusing()).handled(["a"])
    return str(raised.value)
