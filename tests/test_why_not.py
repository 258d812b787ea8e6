"""Why a handler does not take a record. That it says so whenever it does not is held in test_routing."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, Field

from ddbevents import Attr, InvalidRecordError, Router, parse_event
from ddbevents._routing._selection import Selection
from tests.stream import CANARY, Json, batch, insert, modify, remove, user


class User(BaseModel):
    pk: str
    email: str = ""
    city: str = ""


class Admin(BaseModel):
    kind: Literal["admin"] = Field(validation_alias=AliasChoices("type", "kind"))
    level: Literal[1, 2] = 1


def ignore(change: object) -> None: ...


def only_selection(router: Router) -> Selection:
    selection: Selection = vars(router)["_routes"][0].selection
    return selection


def why_not(router: Router, record: Json) -> str | None:
    [read] = parse_event(batch(record))
    return only_selection(router).why_not(read)


def test_a_handler_that_takes_a_record_has_no_reason_not_to() -> None:
    router = Router(table="Users", where=Attr("email").exists())
    router.on_modify(User, changed="email")(ignore)

    assert why_not(router, modify(1, user("a", "old"), user("a", "new"))) is None


def test_the_kind_is_a_reason() -> None:
    router = Router()
    router.on_upsert(User)(ignore)

    assert why_not(router, remove(1, user("a"))) == "it takes no REMOVE"


def test_the_table_is_a_reason() -> None:
    router = Router(table="users")
    router.on_insert(User)(ignore)

    assert why_not(router, insert(1, user("a"))) == "table is Users, not users"


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
def test_expiry_is_a_reason(expired: bool, envelope: Json, reason: str) -> None:
    router = Router()
    router.on_remove(User, expired=expired)(ignore)

    assert why_not(router, {**remove(1, user("a")), **envelope}) == reason


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
def test_where_is_a_reason_and_says_what_it_looks_at(where: Any, looks_at: str) -> None:
    router = Router()
    router.on_insert(User, where=where)(ignore)

    assert why_not(router, insert(1, user("a"))) == f"where is false, which looks at {looks_at}"


def test_where_of_keys_sees_the_key_only() -> None:
    router = Router()
    router.on_keys(User, where=Attr("email").exists())(ignore)

    assert why_not(router, insert(1, user("a"))) == "where is false, which looks at email"


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({}, "type, kind"),
        ({"kind": {"S": CANARY}}, "type, kind"),
        ({"type": {"S": "admin"}, "level": {"N": "3"}}, "level"),
    ],
    ids=["absent", "another", "the second field"],
)
def test_a_literal_field_is_a_reason(attributes: Json, field: str) -> None:
    router = Router()
    router.on_insert(Admin)(ignore)

    assert why_not(router, insert(1, user("a", **attributes))) == f"{field} has no value that Admin allows"


def test_that_nothing_of_it_changed_is_a_reason() -> None:
    router = Router()
    router.on_modify(User, changed=["email", "city"])(ignore)

    assert why_not(router, modify(1, user("a"), user("a"))) == "unchanged: city, email"


def test_the_first_rule_that_says_no_is_the_reason() -> None:
    router = Router(table="users", where=Attr("email").not_exists())
    router.on_modify(Admin, changed="kind")(ignore)

    assert why_not(router, modify(1, user("a"), user("a"))) == "table is Users, not users"


def test_a_record_of_which_it_cannot_be_said_is_an_error() -> None:
    router = Router(table="Users")
    router.on_insert(User)(ignore)

    with pytest.raises(InvalidRecordError):
        why_not(router, {**insert(1, user("a")), "eventSourceARN": None})
