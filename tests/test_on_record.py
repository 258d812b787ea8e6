"""`on_record`: any record of any table, undecoded."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from pydantic import BaseModel

from ddbevents import (
    Attr,
    ConfigurationError,
    Insert,
    InvalidRecordError,
    KeyChange,
    Outcome,
    Router,
    StreamApp,
    StreamRecord,
    Transaction,
    parse_event,
    testing,
    to_json,
)
from ddbevents.stores import MemoryStore
from ddbevents.testing import Table
from tests.stream import Json, batch, insert, modify, record, remove, user

A, B = user("a"), user("a", "grace@example.com")
BATCH = batch(insert(1, A), modify(2, A, B), remove(3, B))
IS_GRACE = Attr("email").eq("grace@example.com")


class User(BaseModel):
    pk: str
    email: str


@pytest.fixture
def app() -> StreamApp:
    return StreamApp()


def ignore(record: object) -> None: ...


def signs(app: StreamApp, event: Json) -> str:
    marks = {Outcome.HANDLED: "+", Outcome.FAILED: "-", Outcome.IGNORED: ".", Outcome.NOT_RUN: " "}
    return "".join(marks[report.outcome] for report in app.process(event).records)


def test_the_handler_gets_the_records(app: StreamApp) -> None:
    records: list[StreamRecord] = []
    app.on_record()(records.append)

    app(BATCH)

    assert records == parse_event(BATCH)


def test_any_table_will_do(app: StreamApp) -> None:
    app.on_record()(ignore)
    of_users = testing.insert({"pk": "a"}, table="Users", keys="pk")
    of_orders = testing.remove({"customer": 1}, table="Orders", keys="customer", view_type="KEYS_ONLY")

    assert signs(app, batch(of_users, of_orders)) == "++"


def test_nothing_is_decoded(app: StreamApp) -> None:
    app.on_record()(ignore)

    assert signs(app, batch(insert(1, {"pk": {"S": "a"}, "broken": {"X": "?"}}))) == "+"


@pytest.mark.parametrize(
    ("kinds", "taken"), [("REMOVE", "..+"), (["INSERT", "MODIFY"], "++."), (("MODIFY",), ".+.")]
)
def test_on_record_takes_these_kinds(app: StreamApp, kinds: Any, taken: str) -> None:
    app.on_record(kinds=kinds)(ignore)

    assert signs(app, BATCH) == taken


def test_where_of_a_record_sees_an_image(app: StreamApp) -> None:
    app.on_record(where=IS_GRACE)(ignore)

    assert signs(app, BATCH) == ".++"


@pytest.mark.parametrize(
    ("view_type", "place", "cure"),
    [
        ("KEYS_ONLY", 0, "NEW_IMAGE or NEW_AND_OLD_IMAGES, or register the handler with on_keys"),
        ("OLD_IMAGE", 1, "NEW_IMAGE or NEW_AND_OLD_IMAGES, or register the handler with on_previous"),
        ("NEW_IMAGE", 2, "OLD_IMAGE or NEW_AND_OLD_IMAGES, or register the handler with on_keys"),
    ],
)
def test_where_needs_its_image(app: StreamApp, view_type: Any, place: int, cure: str) -> None:
    table = Table("Users", "pk", view_type=view_type)
    old, new = {"pk": "a", "n": 1}, {"pk": "a", "n": 2}
    app.on_record(where=Attr("n").gt(1))(ignore)

    [report] = app.process(
        batch([table.insert(new), table.modify(old, new), table.remove(new)][place])
    ).records

    assert isinstance(report.error, InvalidRecordError)
    assert cure in str(report.error)


def test_a_router_limits_its_records(app: StreamApp) -> None:
    router = Router(table="Users", where=IS_GRACE)
    router.on_record(kinds=("INSERT", "MODIFY"))(ignore)
    app.include(router)
    other = Table("Orders", "pk").insert({"pk": "a", "email": "grace@example.com"})

    assert signs(app, batch(*BATCH["Records"], other)) == ".+.."


def test_an_ignored_record_has_a_reason(app: StreamApp) -> None:
    app.on_record(where=IS_GRACE)(ignore)

    [report] = app.process(batch(insert(1, A))).records

    assert report.why_ignored == "tests.test_on_record.ignore: where is false, which looks at email"


def test_records_and_changes_go_together(app: StreamApp) -> None:
    seen: list[Any] = []

    @app.on_record()
    def first(record: StreamRecord) -> None:
        seen.append(record)

    @app.on_insert(User)
    def second(change: Insert[User]) -> None:
        seen.append(change.record)

    @app.on_record()
    async def third(record: StreamRecord) -> None:
        seen.append(record)

    @app.on_keys(dict)
    def fourth(change: KeyChange[dict[str, Any]]) -> None:
        seen.append(change.record)

    app(batch(insert(1, A)))

    assert seen == parse_event(batch(insert(1, A))) * 4
    assert seen[0] is seen[1] is seen[2] is seen[3]


def test_a_transaction_comes_second() -> None:
    store = MemoryStore(tables={"outbox": "pk"})
    app = StreamApp("app", store=store)

    @app.on_record()
    def copy(record: StreamRecord, tx: Transaction) -> None:
        tx.put("outbox", {"pk": record.event_id, "line": to_json(record)})

    app(batch(insert(1, A)))

    line = '{"kind":"INSERT","keys":{"pk":"a"},"new":{"pk":"a","email":"ada@example.com"}}'
    assert store.items("outbox") == [{"pk": f"{1:032x}", "line": line}]


def test_middleware_gets_the_record() -> None:
    seen: list[object] = []

    def note(record: object) -> AbstractContextManager[None]:
        seen.append(record)
        return nullcontext()

    app = StreamApp(middleware=[note])
    app.on_record()(ignore)

    app(batch(insert(1, A)))

    assert seen == parse_event(batch(insert(1, A)))
    assert [each.record for each in parse_event(batch(insert(1, A)))] == seen


def test_a_prepared_app_takes_records(app: StreamApp) -> None:
    app.on_record()(ignore)
    app.prepare()

    assert signs(app, BATCH) == "+++"


def takes_a_change(change: Insert[User]) -> None: ...
def takes_a_dict(record: dict[str, Any]) -> None: ...
def takes_a_text(record: Any) -> None: ...


takes_a_text.__annotations__["record"] = "Insert[Unknown]"  # as of a name for type checkers only


@pytest.mark.parametrize(
    ("handler", "annotation"),
    [
        (takes_a_change, "Insert[User]"),
        (takes_a_dict, "dict[str, Any]"),
        (takes_a_text, "Insert[Unknown]"),
    ],
)
def test_another_annotation_is_refused(app: StreamApp, handler: Any, annotation: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        app.on_record()(handler)

    assert str(refused.value).endswith(
        f"gets StreamRecord, but its parameter is annotated {annotation}: annotate it StreamRecord"
    )


def test_a_change_is_no_record(app: StreamApp) -> None:
    def takes_a_record(record: StreamRecord) -> None: ...

    with pytest.raises(ConfigurationError, match="annotate it Insert"):
        app.on_insert(User)(takes_a_record)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]


def test_a_record_without_an_image_is_taken(app: StreamApp) -> None:
    app.on_record()(ignore)

    assert signs(app, batch(record(1, "REMOVE", A, StreamViewType="KEYS_ONLY"))) == "+"


@pytest.mark.parametrize("given", [User, ignore], ids=["a model", "no parentheses"])
def test_on_record_takes_no_model(app: StreamApp, given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"takes no model: write on_record\(\) above the handler"):
        app.on_record(given)
