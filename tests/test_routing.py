"""Which handlers run for a record: by kind, table, condition, literal fields and changed fields."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, NotRequired, Required, TypeVar

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    model_validator,
)
from pydantic.alias_generators import to_camel
from typing_extensions import TypeAliasType, TypedDict

from ddbevents import (
    Attr,
    Change,
    Insert,
    InvalidRecordError,
    KeyChange,
    Modify,
    Outcome,
    Remove,
    Router,
    StreamApp,
    Upsert,
    decode,
)
from tests.stream import Json, batch, insert, modify, record, remove, user

T = TypeVar("T")


class User(BaseModel):
    pk: str
    email: str = ""
    tags: set[str] = set()


class Key(BaseModel):
    pk: str


@pytest.fixture
def app() -> StreamApp:
    return StreamApp("app")


A, B = user("a"), user("a", "new@example.com")


def test_each_decorator_takes_its_kinds(app: StreamApp) -> None:
    seen: list[tuple[str, str]] = []

    @app.on_insert(User)
    def inserted(change: Insert[User]) -> None:
        seen.append(("insert", change.new.email))

    @app.on_modify(User)
    def modified(change: Modify[User]) -> None:
        seen.append(("modify", f"{change.old.email} {change.new.email}"))

    @app.on_remove(User)
    def removed(change: Remove[User]) -> None:
        seen.append(("remove", change.old.email))

    @app.on_upsert(User)
    def upserted(change: Upsert[User]) -> None:
        seen.append(("upsert", change.new.email))

    @app.on_change(User)
    def changed(change: Change[User]) -> None:
        seen.append(("change", type(change).__name__))

    @app.on_keys(Key)
    def keyed(change: KeyChange[Key]) -> None:
        seen.append(("keys", f"{change.kind} {change.keys.pk}"))

    app(batch(insert(1, A), modify(2, A, B), remove(3, B)))

    assert seen == [
        ("insert", "ada@example.com"),
        ("upsert", "ada@example.com"),
        ("change", "Insert"),
        ("keys", "INSERT a"),
        ("modify", "ada@example.com new@example.com"),
        ("upsert", "new@example.com"),
        ("change", "Modify"),
        ("keys", "MODIFY a"),
        ("remove", "new@example.com"),
        ("change", "Remove"),
        ("keys", "REMOVE a"),
    ]


def test_decorators_return_the_function(app: StreamApp) -> None:
    def handler(change: object) -> None: ...

    decorators: list[Any] = [
        app.on_insert(User),
        app.on_modify(User),
        app.on_remove(User),
        app.on_upsert(User),
        app.on_change(User),
        app.on_keys(Key),
    ]

    assert [decorator(handler) for decorator in decorators] == [handler] * 6


def taken(app: StreamApp, *records: Json) -> list[bool]:
    """Return for each record whether some handler takes it."""
    return [report.outcome is Outcome.HANDLED for report in app.process(batch(*records)).records]


def ignore(change: object) -> None:
    pass


def test_where_reads_the_latest_image(app: StreamApp) -> None:
    app.on_change(User, where=Attr("email").eq("new@example.com"))(ignore)

    assert taken(app, insert(1, A), modify(2, A, B), modify(3, B, A), remove(4, B), remove(5, A)) == [
        False,
        True,
        False,
        True,
        False,
    ]


def test_where_of_keys_reads_the_key(app: StreamApp) -> None:
    app.on_keys(Key, where=Attr("pk").begins_with("user#"))(ignore)

    keys_only = {"StreamViewType": "KEYS_ONLY"}
    assert taken(
        app, record(1, "INSERT", user("user#1"), **keys_only), record(2, "REMOVE", A, **keys_only)
    ) == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("expired", "answers"), [(None, [True, True]), (True, [False, True]), (False, [True, False])]
)
def test_expired_selects_removals(app: StreamApp, expired: bool | None, answers: list[bool]) -> None:
    app.on_remove(User, expired=expired)(ignore)
    ttl = {"userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}}

    assert taken(app, remove(1, A), {**remove(2, A), **ttl}) == answers


def test_a_removal_knows_if_it_expired(app: StreamApp) -> None:
    seen: list[bool] = []

    @app.on_remove(User)
    def note(change: Remove[User]) -> None:
        seen.append(change.expired)

    boto3_style = {"userIdentity": {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}}
    app(batch(remove(1, A), {**remove(2, A), **boto3_style}))

    assert seen == [False, True]


class Aliased(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    pk: str
    email: Any = Field(default="", alias="eMail")
    note: str | None = None
    city: str = Field(default="", validation_alias=AliasPath("address", "city"))
    first: str = Field(default="", validation_alias=AliasChoices("one", AliasPath("list", 0)))


@pytest.mark.parametrize(
    ("changed", "old", "new", "runs"),
    [
        ("email", {"eMail": {"S": "a"}}, {"eMail": {"S": "b"}}, True),
        ("email", {"email": {"S": "a"}}, {"email": {"S": "b"}}, True),
        ("email", {"eMail": {"S": "a"}}, {"eMail": {"S": "a"}, "x": {"S": "y"}}, False),
        ("email", {}, {"eMail": {"S": "b"}}, True),
        ("email", {"eMail": {"S": "b"}}, {}, True),
        ("email", {"eMail": {"N": "1"}}, {"eMail": {"N": "1.0"}}, False),
        ("email", {"eMail": {"SS": ["a", "b"]}}, {"eMail": {"SS": ["b", "a"]}}, False),
        ("note", {"note": {"NULL": True}}, {}, True),
        ("city", {"address": {"M": {"city": {"S": "a"}}}}, {"address": {"M": {"city": {"S": "b"}}}}, True),
        (
            "city",
            {"address": {"M": {"city": {"S": "a"}, "zip": {"S": "1"}}}},
            {"address": {"M": {"city": {"S": "a"}, "zip": {"S": "2"}}}},
            False,
        ),
        ("first", {"list": {"L": [{"S": "a"}]}}, {"list": {"L": [{"S": "b"}]}}, True),
        ("first", {"one": {"S": "a"}}, {"one": {"S": "b"}}, True),
        ("first", {"one": {"S": "a"}}, {"list": {"L": [{"S": "a"}]}}, False),
        ("first", {"one": {"S": "a"}}, {"list": {"L": [{"S": "b"}]}}, True),
        ("first", {"one": {"S": "a"}, "list": {"L": [{"S": "b"}]}}, {"one": {"S": "a"}}, False),
        ("first", {"one": {"S": "a"}}, {"one": {"S": "a"}, "list": {"L": [{"S": "b"}]}}, False),
        ("email", {"email": {"S": "a"}}, {"eMail": {"S": "a"}}, False),
        ("email", {"email": {"S": "a"}}, {"eMail": {"S": "b"}}, True),
        ("email", {"eMail": {"S": "a"}, "email": {"S": "b"}}, {"eMail": {"S": "a"}}, False),
        (["email", "city"], {"eMail": {"S": "a"}}, {"eMail": {"S": "b"}}, True),
        (["email", "city"], {"first": {"S": "a"}}, {"first": {"S": "b"}}, False),
        ((), {}, {"eMail": {"S": "b"}}, True),
    ],
    ids=str,
)
def test_changed_compares_values(
    app: StreamApp, changed: str | Iterable[str], old: Json, new: Json, *, runs: bool
) -> None:
    app.on_modify(Aliased, changed=changed)(ignore)

    assert taken(app, modify(1, {"pk": {"S": "a"}, **old}, {"pk": {"S": "a"}, **new})) == [runs]


ATTRIBUTES = st.sampled_from([{"S": "a"}, {"S": "b"}])
IMAGES = st.fixed_dictionaries(
    {"pk": st.just({"S": "a"})},
    optional={
        "eMail": ATTRIBUTES,
        "email": ATTRIBUTES,
        "one": ATTRIBUTES,
        "list": st.builds(lambda first: {"L": [first]}, ATTRIBUTES),
    },
)


@given(st.sampled_from(["email", "first"]), IMAGES, IMAGES)
def test_changed_compares_what_is_read(changed: str, old: Json, new: Json) -> None:
    app = StreamApp("users")
    app.on_modify(Aliased, changed=changed)(ignore)

    differs = getattr(decode(Aliased, old), changed) != getattr(decode(Aliased, new), changed)

    assert taken(app, modify(1, old, new)) == [differs]


class Kind(StrEnum):
    ADMIN = "admin"


class Admin(BaseModel):
    kind: Literal["admin", "root"]
    level: Literal[1, 2] = Field(default=1, alias="Level")


@dataclass
class AdminDataclass:
    kind: Literal["admin", "root"]
    level: Annotated[Literal[1, 2], Field(alias="Level")] = 1


@dataclass
class AdminWithFields(Generic[T]):
    kind: Literal["admin", "root"] = Field()
    level: Literal[1, 2] = Field(default=1, alias="Level")
    rest: T | None = None


class AdminDict(TypedDict):
    kind: Required[Literal["admin", "root"]]
    level: NotRequired[Annotated[Literal[1, 2], Field(alias="Level")]]


class AdminEnum(BaseModel):
    kind: Literal[Kind.ADMIN, "root"]
    level: Literal[1, 2] = Field(default=1, alias="Level")


@pytest.mark.parametrize("model", [Admin, AdminDataclass, AdminWithFields[int], AdminDict, AdminEnum])
@pytest.mark.parametrize(
    ("attributes", "runs"),
    [
        ({"kind": {"S": "admin"}}, True),
        ({"kind": {"S": "root"}, "Level": {"N": "2"}}, True),
        ({"kind": {"S": "admin"}, "Level": {"N": "3"}}, False),
        ({"kind": {"S": "admin"}, "Level": {"S": "1"}}, False),
        ({"kind": {"S": "guest"}}, False),
        ({"kind": {"NULL": True}}, False),
        ({}, False),
    ],
    ids=str,
)
def test_literal_fields_select_items(
    app: StreamApp, model: type[Any], attributes: Json, *, runs: bool
) -> None:
    app.on_insert(model)(ignore)

    assert taken(app, insert(1, {"pk": {"S": "a"}, **attributes})) == [runs]


@dataclass
class Camel:
    __pydantic_config__ = ConfigDict(alias_generator=to_camel)
    item_kind: Literal["a"]


@pydantic.dataclasses.dataclass(config=ConfigDict(alias_generator=to_camel, populate_by_name=True))
class CamelByName:
    item_kind: Literal["a"]


@dataclass
class Inherited(CamelByName):
    other: int = 0


class Nullable(BaseModel):
    kind: Literal["a"] | None = None


class Several(BaseModel):
    kind: Annotated[Literal["a"], "first"] | Literal["c"]


class Partial(BaseModel):
    kind: Literal["a"] | int | None = None


Kinds = TypeAliasType("Kinds", Literal["a", "x"])


class Shared(BaseModel):
    kind: Kinds
    others: list[Kinds] = []


class Checked(BaseModel):
    kind: Annotated[Literal["a"], AfterValidator(lambda value: value)]


@dataclass
class Generics(Generic[T]):
    kind: T


@pytest.mark.parametrize(
    "model", [Camel, CamelByName, Inherited, Nullable, Several, Shared, Checked, Generics[Literal["a"]]]
)
def test_literals_are_read_as_pydantic(app: StreamApp, model: type[Any]) -> None:
    app.on_insert(model)(ignore)

    assert taken(app, insert(1, {"pk": {"S": "x"}, "itemKind": {"S": "a"}, "kind": {"S": "a"}})) == [True]
    assert taken(app, insert(1, {"pk": {"S": "x"}, "itemKind": {"S": "b"}, "kind": {"S": "b"}})) == [False]


def test_a_wider_field_takes_everything(app: StreamApp) -> None:
    app.on_insert(Partial)(ignore)

    assert taken(app, insert(1, {"pk": {"S": "x"}, "kind": {"N": "7"}})) == [True]


class Renaming(BaseModel):
    kind: Literal["a"]

    @model_validator(mode="before")
    @classmethod
    def rename(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {"kind": values["type"]}


def test_before_validators_see_every_item(app: StreamApp) -> None:
    app.on_insert(Renaming)(ignore)

    assert taken(app, insert(1, {"pk": {"S": "x"}, "type": {"S": "a"}})) == [True]


class ByNameOnly(BaseModel):
    model_config = ConfigDict(validate_by_alias=False, validate_by_name=True)
    kind: Literal["a"] = Field(alias="k")


@pytest.mark.skipif(
    "validate_by_alias" not in ConfigDict.__annotations__, reason="this pydantic has no such setting"
)
def test_a_model_by_name_routes_by_name(app: StreamApp) -> None:
    app.on_insert(ByNameOnly)(ignore)

    assert taken(app, insert(1, {"pk": {"S": "x"}, "kind": {"S": "a"}, "k": {"S": "b"}})) == [True]


class FromTheEnd(BaseModel):
    kind: Literal["a"] = Field(default="a", validation_alias=AliasPath("tags", -3))


def test_alias_paths_count_from_the_end(app: StreamApp) -> None:
    app.on_insert(FromTheEnd)(ignore)
    tags = [{"S": "b"}, {"S": "x"}, {"S": "y"}]

    assert taken(app, insert(1, {"pk": {"S": "x"}, "tags": {"L": tags[:1]}})) == [True]
    assert taken(app, insert(1, {"pk": {"S": "x"}, "tags": {"L": tags}})) == [False]


def test_recursive_models_have_fields(app: StreamApp) -> None:
    app.on_insert(Tree)(ignore)

    assert taken(app, insert(1, {"pk": {"S": "x"}, "kind": {"S": "a"}})) == [True]
    assert taken(app, insert(1, {"pk": {"S": "x"}, "kind": {"S": "b"}})) == [False]


class Tree(BaseModel):
    kind: Literal["a"]
    children: list[Tree] = []


class Names(RootModel[dict[str, Any]]):
    pass


def test_a_root_model_has_no_fields(app: StreamApp) -> None:
    app.on_insert(Names)(ignore)

    assert taken(app, insert(1, {"pk": {"S": "x"}})) == [True]


class Iterating(BaseModel):
    model_config = ConfigDict(extra="allow")
    pk: str

    def __iter__(self) -> Any: ...


def test_changed_names_extra_attributes(app: StreamApp) -> None:
    seen: list[frozenset[str]] = []

    @app.on_modify(Iterating)
    def note(change: Modify[Iterating]) -> None:
        seen.append(change.changed)

    app(batch(modify(1, {"pk": {"S": "a"}, "x": {"N": "1"}}, {"pk": {"S": "a"}, "x": {"N": "2"}})))

    assert seen == [{"x"}]


def test_ignored_records_are_not_decoded(app: StreamApp) -> None:
    app.on_insert(Admin)(ignore)

    report = app.process(batch(insert(1, {"pk": {"S": "a"}, "bad": {"N": "x"}}), remove(2, A)))

    assert (report.ignored, report.handled, report.response) == (2, 0, {"batchItemFailures": []})


def test_a_router_adds_its_conditions(app: StreamApp) -> None:
    router = Router(table="Users", where=Attr("email").exists())
    other = Router(table="Orders")
    router.on_insert(User, where=Attr("tags").exists())(ignore)

    @other.on_insert(User)
    def never(change: Insert[User]) -> None: ...

    app.include(router)
    app.include(other)

    tagged = {**A, "tags": {"SS": ["x"]}}
    assert taken(
        app, insert(1, tagged), insert(2, A), insert(3, {"pk": {"S": "a"}, "tags": {"SS": ["x"]}})
    ) == [
        True,
        False,
        False,
    ]


def test_included_handlers_keep_the_order(app: StreamApp) -> None:
    seen: list[str] = []
    router = Router()

    @router.on_insert(User)
    def second(change: Insert[User]) -> None:
        seen.append("second")

    @app.on_insert(User)
    def first(change: Insert[User]) -> None:
        seen.append("first")

    app.include(router)

    @app.on_insert(User)
    def third(change: Insert[User]) -> None:
        seen.append("third")

    app(batch(insert(1, A)))

    assert seen == ["first", "second", "third"]


def test_a_table_handler_needs_an_arn(app: StreamApp) -> None:
    router = Router(table="Users")
    router.on_insert(User)(ignore)
    app.include(router)

    report = app.process(batch({**insert(1, A), "eventSourceARN": None}))

    error = report.records[0].error
    assert isinstance(error, InvalidRecordError)
    assert error.path == ("eventSourceARN",)
    assert "handler takes only records of the table Users" in str(error)


def test_a_double_registration_runs_once(app: StreamApp) -> None:
    seen: list[object] = []

    @app.on_insert(User)
    @app.on_change(User)
    def note(change: object) -> None:
        seen.append(change)

    app(batch(insert(1, A), remove(2, A)))

    assert [type(change) for change in seen] == [Insert, Remove]


def test_a_double_registration_keeps_place(app: StreamApp) -> None:
    ran: list[str] = []

    def first(change: object) -> None:
        ran.append("first")

    def second(change: object) -> None:
        ran.append("second")

    app.on_insert(User)(first)
    app.on_insert(User)(second)
    app.on_upsert(Key)(first)
    report = app.process(batch(insert(1, A)))

    assert ran == ["first", "second"]
    assert len(report.records[0].handlers) == 2


class OldUser(BaseModel):
    pk: str
    email: str
    phone: str = ""


def test_old_images_may_have_their_model(app: StreamApp) -> None:
    seen: list[tuple[object, object, frozenset[str]]] = []

    @app.on_modify(User, old=OldUser)
    def migrate(change: Modify[User, OldUser]) -> None:
        seen.append((change.old, change.new, change.changed))

    app(batch(modify(1, A, B)))

    assert seen == [
        (
            OldUser(pk="a", email="ada@example.com"),
            User(pk="a", email="new@example.com"),
            frozenset({"email", "phone", "tags"}),
        )
    ]


@dataclass
class Point:
    pk: str
    x: int


class PointDict(TypedDict):
    pk: str
    x: NotRequired[int]


@pytest.mark.parametrize("model", [Point, PointDict, dict])
def test_changed_works_for_every_model(app: StreamApp, model: type[Any]) -> None:
    seen: list[frozenset[str]] = []

    def note(change: Modify[Any]) -> None:
        seen.append(change.changed)

    app.on_modify(model)(note)
    one, two = ({"pk": {"S": "a"}, "x": {"N": number}} for number in "12")
    app(batch(modify(1, one, two), modify(2, two, two)))

    assert seen == [{"x"}, frozenset()]


def test_a_plain_value_has_no_fields() -> None:
    change = Modify(old=1, new=2, record=None)  # type: ignore[arg-type]  # not looked at

    assert change.changed == frozenset()


def test_where_needs_an_image(app: StreamApp) -> None:
    app.on_insert(User, where=Attr("email").exists())(lambda change: None)

    [report] = app.process(batch(record(1, "INSERT", A, StreamViewType="KEYS_ONLY"))).records

    assert isinstance(report.error, InvalidRecordError)
    assert "set the table's StreamViewType to NEW_IMAGE or NEW_AND_OLD_IMAGES" in str(report.error)
