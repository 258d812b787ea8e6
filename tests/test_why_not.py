"""`ddbevents invoke` says why a handler does not take a record."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeAlias

import pytest
from pydantic import AliasChoices, BaseModel, Field

from ddbevents import Attr, Router, StreamApp
from tests.command_line import Run, command, current_folder, lines
from tests.letters import letter, message
from tests.stream import CANARY, Json, batch, insert, modify, remove, user

Invoke: TypeAlias = Callable[[Router, Json], Run]
IGNORED = "#1 ignored: "


class User(BaseModel):
    pk: str
    email: str = ""
    city: str = ""


class Admin(BaseModel):
    kind: Literal["admin"] = Field(validation_alias=AliasChoices("type", "kind"))
    level: Literal[1, 2] = 1


def ignore(change: object) -> None: ...


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Invoke]:
    """Return a function that invokes an app with a router's handlers and one record."""
    module = ModuleType("users")
    monkeypatch.setitem(sys.modules, "users", module)  # where the command looks for the app
    event = tmp_path / "event.json"

    def run(router: Router, record: Json) -> Run:
        app = StreamApp("users")
        app.include(router)
        vars(module)["app"] = app
        event.write_text(json.dumps(batch(record)), "utf-8")
        return command("invoke")("users:app", event, "--store", "none")

    with current_folder(tmp_path, monkeypatch):
        yield run


def reasons(run: Run) -> list[str]:
    """Return why the record was ignored, without the handler's name."""
    ignored = [line.removeprefix(IGNORED) for line in lines(run) if line.startswith(IGNORED)]
    return [reason.removeprefix(f"{__name__}.ignore: ") for reason in ignored]


def test_a_handled_record_has_no_reason(invoke: Invoke) -> None:
    router = Router(table="Users", where=Attr("email").exists())
    router.on_modify(User, changed="email")(ignore)

    run = invoke(router, modify(1, user("a", "old"), user("a", "new")))

    assert reasons(run) == []
    assert "1 handled" in run.out


def test_a_missing_kind_is_a_reason(invoke: Invoke) -> None:
    router = Router()
    router.on_upsert(User)(ignore)

    assert reasons(invoke(router, remove(1, user("a")))) == ["no handler for REMOVE is registered"]


def test_the_kind_of_a_letter_is_a_reason(invoke: Invoke) -> None:
    router = Router()
    router.on_upsert(User)(ignore)
    dead_letter = letter(remove(1, user("a")), handler=f"{__name__}.ignore")

    assert reasons(invoke(router, message("m", dead_letter))) == ["it takes no REMOVE"]


def test_the_table_is_a_reason(invoke: Invoke) -> None:
    router = Router(table="users")
    router.on_insert(User)(ignore)

    assert reasons(invoke(router, insert(1, user("a")))) == ["table is Users, not users"]


@pytest.mark.parametrize(
    ("expired", "envelope", "reason"),
    [
        (True, {}, "time to live did not remove it"),
        (
            False,
            {"userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}},
            "time to live removed it",
        ),
    ],
    ids=["not expired", "expired"],
)
def test_expiry_is_a_reason(invoke: Invoke, expired: bool, envelope: Json, reason: str) -> None:
    router = Router()
    router.on_remove(User, expired=expired)(ignore)

    assert reasons(invoke(router, {**remove(1, user("a")), **envelope})) == [reason]


@pytest.mark.parametrize(
    ("where", "looks_at"),
    [
        (Attr("email").eq(CANARY), "email"),
        (
            ~Attr("email").exists() | (Attr("lines[0].price").gt(3) & Attr("email").eq("x")),
            "email, lines[0].price",
        ),
    ],
    ids=["comparison", "junction"],
)
def test_where_is_a_reason(invoke: Invoke, where: Any, looks_at: str) -> None:
    router = Router()
    router.on_insert(User, where=where)(ignore)

    assert reasons(invoke(router, insert(1, user("a")))) == [f"where is false, which looks at {looks_at}"]


def test_where_of_keys_sees_the_key_only(invoke: Invoke) -> None:
    router = Router()
    router.on_keys(User, where=Attr("email").exists())(ignore)

    assert reasons(invoke(router, insert(1, user("a")))) == ["where is false, which looks at email"]


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({}, "type, kind"),
        ({"kind": {"S": CANARY}}, "type, kind"),
        ({"type": {"S": "admin"}, "level": {"N": "3"}}, "level"),
    ],
    ids=["absent", "another", "the second field"],
)
def test_a_literal_field_is_a_reason(invoke: Invoke, attributes: Json, field: str) -> None:
    router = Router()
    router.on_insert(Admin)(ignore)

    run = invoke(router, insert(1, user("a", **attributes)))

    assert reasons(run) == [f"{field} has no value that Admin allows"]


def test_an_unchanged_field_is_a_reason(invoke: Invoke) -> None:
    router = Router()
    router.on_modify(User, changed=["email", "city"])(ignore)

    assert reasons(invoke(router, modify(1, user("a"), user("a")))) == ["unchanged: city, email"]


def test_the_first_false_rule_is_the_reason(invoke: Invoke) -> None:
    router = Router(table="users", where=Attr("email").not_exists())
    router.on_modify(Admin, changed="kind")(ignore)

    assert reasons(invoke(router, modify(1, user("a"), user("a")))) == ["table is Users, not users"]


def test_an_undecidable_record_is_an_error(invoke: Invoke) -> None:
    router = Router(table="Users")
    router.on_insert(User)(ignore)

    run = invoke(router, {**insert(1, user("a")), "eventSourceARN": None})

    assert reasons(run) == []
    assert "#1 InvalidRecordError: eventSourceARN: absent" in run.out


@pytest.mark.parametrize(
    ("options", "register"),
    [
        ({}, lambda router: router.on_insert(Admin)),
        ({}, lambda router: router.on_modify(User, changed="email")),
        ({"table": "users"}, lambda router: router.on_remove(User, expired=True)),
        ({}, lambda router: router.on_keys(User, where=Attr("pk").eq("b"))),
        (
            {"where": Attr("city").exists()},
            lambda router: router.on_change(User, where=Attr("email").exists()),
        ),
    ],
    ids=["insert", "modify", "remove", "keys", "change"],
)
@pytest.mark.parametrize(
    "record",
    [
        insert(1, user("a")),
        insert(1, user("a", type={"S": "admin"}, city={"S": "London"})),
        modify(1, user("a"), user("a")),
        modify(1, user("a", "old"), user("a", city={"S": "London"})),
        remove(1, user("b")),
    ],
    ids=["insert", "insert of an admin", "modify", "modify of the email", "remove"],
)
def test_only_ignored_records_have_a_reason(
    invoke: Invoke, record: Json, options: Any, register: Any
) -> None:
    router = Router(**options)
    register(router)(ignore)

    run = invoke(router, record)

    assert ("1 handled" in run.out) is not ("1 ignored" in run.out)
    assert len(reasons(run)) == ("1 ignored" in run.out)
