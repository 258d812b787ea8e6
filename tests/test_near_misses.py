"""Warnings of records that a handler would take if its `Literal` were written otherwise, and of no others."""

from __future__ import annotations

import logging
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasPath, BaseModel, Field, create_model

from ddbevents import Attr, Condition, Router, StreamApp
from tests.letters import letter, message
from tests.stream import CANARY, Json, batch, insert, modify, remove, user

MANY = 50


class Order(BaseModel):
    type: Literal["order"]


def handle(change: object) -> None: ...


def take_order(change: object) -> None: ...


MISSES = f"{__name__}.handle seems to miss records of Item: "
SPELLING = (
    f"{MISSES}items have a value of kind that its Literal field has in another spelling, and capitals,"
    " spaces, - and _ count: write it as the items have it"
)
TYPO = (
    f"{MISSES}none came to it, but in 50 records that no handler takes, kind is one letter away from a value"
    " of its Literal field: look for a typo"
)
LACKING = (
    f"{MISSES}none came to it, and 50 records that no handler takes lack kind, which its Literal field reads:"
    " if items have it under another name, give the field that name as its alias"
)


def item_model(*choices: object, **parts: Any) -> type[BaseModel]:
    literal: Any = Literal
    return create_model("Item", kind=(literal[choices], Field(**parts)))


def app_of(*models: type[BaseModel], **parts: Any) -> StreamApp:
    """Return an app with a handler for each model, and another one that takes orders."""
    app = StreamApp("shop")
    for model in models:
        app.on_change(model, **parts)(handle)
    app.on_insert(Order)(take_order)
    return app


def image(number: int = 1, **attributes: Any) -> Json:
    return user(f"i-{number}", CANARY, **attributes)


def items(count: int, **attributes: Any) -> Json:
    return batch(*[insert(number, image(number, **attributes)) for number in range(1, count + 1)])


def with_order(event: Json) -> Json:
    return batch(*event["Records"], insert(999, image(999, type={"S": "order"})))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert CANARY not in caplog.text
    return [line.getMessage() for line in caplog.records if line.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("choice", "arriving"),
    [
        ("customer", "Customer"),
        ("CUSTOMER", "customer"),
        ("customer", "customer "),
        ("order_line", "order-line"),
        ("orderLine", "ORDER_LINE"),
        ("order line", "order\tline"),
        ("größe", "GRÖSSE"),
    ],
)
def test_another_spelling_warns_once(choice: str, arriving: str, caplog: pytest.LogCaptureFixture) -> None:
    app = app_of(item_model("other", choice))

    app(items(2, kind={"S": arriving}))
    app(items(2, kind={"S": arriving}))

    assert warnings(caplog) == [SPELLING]


@pytest.mark.parametrize(
    ("choice", "arriving", "shown"),
    [
        (1, {"S": "1"}, "S, and its Literal field the same value as N"),
        ("1", {"N": "1"}, "N, and its Literal field the same value as S"),
        (True, {"S": "true"}, "S, and its Literal field the same value as BOOL"),
        ("True", {"BOOL": True}, "BOOL, and its Literal field the same value as S"),
    ],
)
def test_another_type_warns(
    choice: object, arriving: Json, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    app_of(item_model(choice))(items(1, kind=arriving))

    assert warnings(caplog) == [
        f"{MISSES}items have kind as {shown}: in a Literal, text is S, a number is N, and True is BOOL"
    ]


@pytest.mark.parametrize(
    ("alias", "arriving"),
    [("entity_type", "entityType"), ("kind", "Kind"), ("entityType", "entity-type")],
)
def test_another_name_warns(alias: str, arriving: str, caplog: pytest.LogCaptureFixture) -> None:
    app_of(item_model("customer", alias=alias))(items(1, **{arriving: {"S": "customer"}}))

    assert warnings(caplog) == [
        f"{MISSES}items have {arriving}, but its Literal field reads {alias}: give it the alias {arriving!r}"
    ]


def test_names_from_outside_are_escaped(caplog: pytest.LogCaptureFixture) -> None:
    app_of(item_model("customer", alias="a\nb"))(items(1, **{"A\nB": {"S": "customer"}}))
    app_of(item_model("customer", alias="a" * 9999))(items(1, **{"A" * 9999: {"S": "customer"}}))

    assert all(map(str.isprintable, warnings(caplog)))
    assert len(warnings(caplog)[1]) < 400


@pytest.mark.parametrize(
    ("choice", "arriving"),
    [
        ("custommer", "customer"),
        ("custmer", "customer"),
        ("cutsomer", "customer"),
        ("custumer", "customer"),
        ("customers", "customer"),
        ("invoices", "invoice"),
        ("Invoce", "invoice"),
    ],
)
def test_many_near_values_warn_once(choice: str, arriving: str, caplog: pytest.LogCaptureFixture) -> None:
    app = app_of(item_model(choice))

    app(with_order(items(MANY - 1, kind={"S": arriving})))
    few = warnings(caplog)
    app(items(9, kind={"S": arriving}))

    assert few == []
    assert warnings(caplog) == [TYPO]


@pytest.mark.parametrize(
    ("choice", "arriving"),
    [
        ("customer", {"S": "tenant"}),
        ("card", {"S": "cart"}),
        ("seller", {"S": "teller"}),
        ("unpaid", {"S": "paid"}),
        ("event.v1", {"S": "event.v2"}),
        ("order1", {"S": "order12"}),
        ("user", {"S": "users"}),
        ("", {"S": "-"}),
        ("customer", {"S": "x" * 400_000}),
        ("customer", {"SS": ["customer"]}),
        (1, {"N": "11"}),
        (15, {"S": "1.5"}),
        (None, {"S": "order"}),
    ],
)
def test_other_values_are_of_others(choice: object, arriving: Json, caplog: pytest.LogCaptureFixture) -> None:
    app_of(item_model(choice))(with_order(items(99, kind=arriving)))

    assert warnings(caplog) == []


def test_near_values_beside_true_ones_are_of_others(caplog: pytest.LogCaptureFixture) -> None:
    app = app_of(item_model("orders"))

    app(with_order(items(1, kind={"S": "orders"})))
    app(with_order(items(99, kind={"S": "order"})))

    assert warnings(caplog) == []


def test_an_attribute_that_never_comes_warns(caplog: pytest.LogCaptureFixture) -> None:
    app = app_of(item_model("customer"))

    app(with_order(items(MANY - 1)))
    few = warnings(caplog)
    app(items(9))

    assert few == []
    assert warnings(caplog) == [LACKING]


def test_a_nested_attribute_may_never_come(caplog: pytest.LogCaptureFixture) -> None:
    model = item_model("customer", validation_alias=AliasPath("meta", "kind"))

    app_of(model)(with_order(items(99, meta={"M": {}})))

    assert warnings(caplog) == [LACKING.replace("lack kind", "lack meta.kind")]


def test_an_attribute_of_others_does_come(caplog: pytest.LogCaptureFixture) -> None:
    app_of(item_model("customer"))(
        with_order(batch(insert(998, image(kind={"S": "tenant"})), *items(99)["Records"]))
    )

    assert warnings(caplog) == []


def test_an_attribute_that_takers_read_does_come(caplog: pytest.LogCaptureFixture) -> None:
    app = app_of(item_model("customer"))
    app.on_insert(item_model("tenant"))(take_order)

    app(batch(insert(999, image(kind={"S": "tenant"})), *items(99)["Records"]))

    assert warnings(caplog) == []


def test_an_optional_attribute_may_be_absent(caplog: pytest.LogCaptureFixture) -> None:
    app_of(item_model("customer", default="customer"), where=Attr("no").exists())(with_order(items(99)))

    assert warnings(caplog) == []


def test_the_rest_of_the_selection_has_to_hold(caplog: pytest.LogCaptureFixture) -> None:
    app_of(item_model("customer"), where=Attr("no").exists())(items(9, kind={"S": "Customer"}))

    assert warnings(caplog) == []


def test_all_literals_have_to_be_near(caplog: pytest.LogCaptureFixture) -> None:
    class Item(BaseModel):
        kind: Literal["customer"]
        version: Literal[1]

    app = app_of(Item)

    app(items(1, kind={"S": "Customer"}, version={"N": "2"}))
    far = warnings(caplog)
    app(items(1, kind={"S": "Customer"}, version={"S": "1"}))

    assert far == []
    assert warnings(caplog) == [SPELLING]


def test_taken_records_warn_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    app = app_of(item_model("customer"), item_model("Customer"))

    app(items(99, kind={"S": "Customer"}))

    assert warnings(caplog) == []


@pytest.mark.parametrize(
    "record",
    [modify(1, image(), image(kind={"S": "Customer"})), remove(1, image(kind={"S": "Customer"}))],
    ids=["modify", "remove"],
)
def test_the_image_is_that_of_routing(record: Json, caplog: pytest.LogCaptureFixture) -> None:
    app_of(item_model("customer"))(batch(record))

    assert warnings(caplog) == [SPELLING]


def test_the_old_image_is_that_of_previous(caplog: pytest.LogCaptureFixture) -> None:
    app = StreamApp()
    app.on_previous(item_model("customer"))(handle)
    other, near = image(kind={"S": "zebra"}), image(kind={"S": "Customer"})

    app(batch(modify(1, other, other), modify(2, near, other)))

    assert warnings(caplog) == [SPELLING]


def test_keys_are_looked_at_for_keys(caplog: pytest.LogCaptureFixture) -> None:
    app = StreamApp()
    app.on_keys(item_model("user", alias="pk"))(handle)

    app(batch(insert(1, {"pk": {"S": "USER"}})))

    assert warnings(caplog) == [SPELLING.replace("of kind", "of pk")]


def test_other_kinds_are_not_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    app = StreamApp()
    app.on_remove(item_model("customer"))(handle)

    app(items(9, kind={"S": "Customer"}))

    assert warnings(caplog) == []


def test_malformed_attributes_warn_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    router = Router(where=Attr("no").exists())
    router.on_insert(item_model("customer"))(handle)
    app = StreamApp()
    app.include(router)

    app(items(9, kind={"S": 1}))

    assert warnings(caplog) == []


def test_letters_warn_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    record = insert(1, image(kind={"S": "Customer"}))

    app_of(item_model("customer"))(
        batch(message("m", letter(record, handler=f"{__name__}.handle", app="shop")))
    )

    assert warnings(caplog) == []


@pytest.mark.parametrize("records", [200, 1000], ids=["ignored", "seen"])
def test_only_the_first_records_are_looked_at(records: int, caplog: pytest.LogCaptureFixture) -> None:
    taken = {"type": {"S": "order"}} if records == 1000 else {"kind": {"S": "tenant"}}
    app = app_of(item_model("customer"))

    app(with_order(batch(insert(998, image(998, type={"S": "order"})), *items(records, **taken)["Records"])))
    app(items(9, kind={"S": "Customer"}))

    assert warnings(caplog) == []


@given(choice=st.text(max_size=9), arriving=st.text(max_size=9), attribute=st.text(min_size=1, max_size=9))
def test_any_words_can_be_compared(choice: str, arriving: str, attribute: str) -> None:
    app = app_of(item_model(choice))

    report = app.process(with_order(items(60, **{attribute: {"S": arriving}, "kind": {"S": arriving}})))

    assert report.ignored + report.handled == 61


# conditions


class Aliased(BaseModel):
    order_id: str = Field(alias="orderId")
    total: int = Field(validation_alias=AliasPath("sums", "total"))
    state: str = ""


def where_is(condition: Condition) -> str:
    return (
        f"{__name__}.handle seems to miss records of Aliased: its where looks at {condition.path[0]}, which"
        " items lack, since that field is read from "
    )


@pytest.mark.parametrize(
    ("condition", "attribute"),
    [
        (Attr("order_id").eq("o-1"), "orderId"),
        (Attr("order_id").exists(), "orderId"),
        (Attr("total").gt(5), "sums"),
    ],
)
def test_a_field_in_where_warns_once(
    condition: Condition, attribute: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of(Aliased, where=condition & Attr("email").exists())
    arriving = {"orderId": {"S": CANARY}, "sums": {"M": {"total": {"N": "7"}}}}

    app(items(2, **arriving))
    app(items(2, **arriving))

    assert warnings(caplog) == [f"{where_is(condition)}{attribute}: write Attr({attribute!r})"]


@pytest.mark.parametrize(
    ("condition", "arriving"),
    [
        (Attr("orderId").eq("o-2"), {"orderId": {"S": "o-1"}}),
        (Attr("order_id").eq("o-2"), {"orderId": {"S": "o-1"}, "order_id": {"S": "o-1"}}),
        (Attr("order_id").eq("o-2"), {"state": {"S": "new"}}),
        (Attr("state").eq("old"), {"orderId": {"S": "o-1"}}),
        (Attr("other").eq("old"), {"orderId": {"S": "o-1"}}),
        (Attr("email.order_id").exists(), {"orderId": {"S": "o-1"}}),
        (Attr("order_id").eq("x") | Attr("state").eq("x"), {"orderId": {"S": "x"}, "state": {"X": "x"}}),
    ],
)
def test_an_attribute_in_where_warns_of_nothing(
    condition: Condition, arriving: Json, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of(Aliased, where=condition)

    app.process(items(2, **arriving))

    assert [line for line in warnings(caplog) if "seems to miss" in line] == []


def test_a_where_that_holds_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    app = StreamApp()
    app.on_modify(Aliased, where=~Attr("order_id").exists(), changed="state")(handle)
    same = image(orderId={"S": "o-1"}, sums={"M": {"total": {"N": "7"}}})

    app(batch(modify(1, same, same), insert(2, same)))

    assert warnings(caplog) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("SNBML") | st.text(), inner, max_size=3)
    ),
)


@given(attribute=JSON)
def test_any_attribute_can_be_looked_at(attribute: object) -> None:
    """Routing does not look at it, since another condition is false before."""
    app = app_of(item_model("customer"), where=Attr("no").exists())

    report = app.process(items(2, kind=attribute, other={"S": "x"}))

    assert report.ignored == 2


# tables


def routed(*tables: str | None) -> StreamApp:
    """Return an app with a router for each of these tables, and for removals of any table if one is None."""
    app = StreamApp()
    for table in tables:
        router = Router(table=table)
        register = router.on_remove if table is None else router.on_insert
        register(Order)(take_order)
        app.include(router)
    return app


def of_table(table: str, number: int = 1) -> Json:
    arn = f"arn:aws:dynamodb:eu-central-1:123456789012:table/{table}/stream/x"
    return {**insert(number, image(number, type={"S": "order"})), "eventSourceARN": arn}


def test_a_table_without_handlers_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    app = routed("order", "Users")

    app(batch(of_table("orders"), of_table("orders", 2)))
    app(batch(of_table("invoices")))

    [warning] = warnings(caplog)
    assert warning == (
        "no handler takes records of the table orders: there are routers for order, Users. Correct"
        " Router(table=...), or let no event source mapping deliver orders"
    )


@pytest.mark.parametrize(
    ("meant", "found"),
    [
        ("Orders", "orders"),
        ("order_items", "order-items"),
        ("ordres", "orders"),
        ("orders", "orders-prod"),
        ("OrdersTable", "shop-prod-OrdersTable-1HX2K9QZ"),
        ("orders-dev", "orders"),
    ],
)
def test_a_table_of_like_name_warns(meant: str, found: str, caplog: pytest.LogCaptureFixture) -> None:
    routed(meant, None)(batch(of_table(found)))

    [warning] = warnings(caplog)
    assert warning.startswith(
        f"no handler takes records of the table {found}: there are routers for {meant}. "
    )


@pytest.mark.parametrize(
    ("tables", "found"),
    [
        (["orders", None], "users"),
        ([None], "orders"),
        (["orders", None], "orders"),
        (["logs", None], "catalogs"),
    ],
    ids=["another", "any", "the same", "within"],
)
def test_other_tables_warn_of_nothing(
    tables: list[str | None], found: str, caplog: pytest.LogCaptureFixture
) -> None:
    routed(*tables)(batch(of_table(found)))

    assert warnings(caplog) == []


def test_a_table_with_handlers_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    removal = {**remove(1, image()), "eventSourceARN": of_table("orders")["eventSourceARN"]}

    routed("orders")(batch(removal))

    assert warnings(caplog) == []


def test_a_table_that_does_come_is_not_meant(caplog: pytest.LogCaptureFixture) -> None:
    routed("orders", None)(batch(of_table("orders", 2), of_table("orders-archive")))

    assert warnings(caplog) == []


def test_names_of_tables_are_escaped_and_cut(caplog: pytest.LogCaptureFixture) -> None:
    routed(*[f"table{number}" for number in range(20)])(batch(of_table("a\x1b[31m\n" + "x" * 9999)))

    [warning] = warnings(caplog)
    assert warning.isprintable()
    assert len(warning) < 800
