"""Filters of many handlers: how they share patterns, which arguments are refused, and what is explained."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import reduce
from typing import Any, Final

import pytest
from pydantic import BaseModel

from ddbevents import Attr, Condition, ConfigurationError, Router, StreamApp
from ddbevents.deploy import FilterCriteria, explain_filters, filter_criteria
from ddbevents.testing import insert, matches_pattern, modify
from tests.stream import Json


class Item(BaseModel):
    """An item of any kind."""


def handler(number: int) -> Any:
    """Return a handler with a name of its own."""

    def handle(change: object) -> None:
        """Handle a change."""

    handle.__qualname__ = f"handle_{number}"
    return handle


def app_of(*conditions: Condition) -> StreamApp:
    """Return an app with a handler of new items for each condition."""
    app = StreamApp("shop")
    for number, condition in enumerate(conditions):
        app.on_insert(Item, where=condition)(handler(number))
    return app


def patterns_of(criteria: FilterCriteria) -> list[Json]:
    """Return filters as objects."""
    return [json.loads(each["Pattern"]) for each in criteria["Filters"]]


def passes(criteria: FilterCriteria, item: Json) -> bool:
    """Return whether the filters let the record of a new item through."""
    return any(matches_pattern(each["Pattern"], insert(item)) for each in criteria["Filters"])


def distinct(count: int, name: str = "a") -> list[Condition]:
    """Return conditions on attributes of their own, so that no two make one pattern."""
    return [Attr(f"{name}{number}").eq("x") for number in range(count)]


def test_few_patterns_stay_apart() -> None:
    assert len(patterns_of(filter_criteria(app_of(*distinct(5))))) == 5


def test_more_share_a_pattern() -> None:
    [pattern] = patterns_of(filter_criteria(app_of(*distinct(6))))

    assert [[*each["dynamodb"]["NewImage"]] for each in pattern["$or"]] == [[f"a{n}"] for n in range(6)]


def test_a_larger_quota_keeps_them_apart() -> None:
    assert len(patterns_of(filter_criteria(app_of(*distinct(10)), quota=10))) == 10


def test_what_shares_a_pattern_stays_exact() -> None:
    criteria = filter_criteria(app_of(*distinct(30)))

    assert passes(criteria, {"pk": "1", "a29": "x"})
    assert not passes(criteria, {"pk": "1", "a29": "y"})


RESERVED: Final = ("prefix", "suffix", "numeric", "exists", "cidr", "=", "<=", "wildcard", "anything-but")


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_names_share_no_pattern(name: str) -> None:
    criteria = filter_criteria(app_of(Attr(name).eq("x"), *distinct(6)))

    assert len(criteria["Filters"]) == 2
    assert passes(criteria, {"pk": "1", name: "x"})
    assert not passes(criteria, {"pk": "1", name: "y"})


def test_too_many_become_wider() -> None:
    many = [Attr(f"a{'b' * 200}{number}").eq("x" * 400) for number in range(20)]

    criteria = filter_criteria(app_of(*many), quota=2)

    assert len(criteria["Filters"]) <= 2
    assert all(len(each["Pattern"]) <= 4_096 for each in criteria["Filters"])
    assert [item for item in each_of(many) if criteria["Filters"] and not passes(criteria, item)] == []


def each_of(conditions: Sequence[Condition]) -> list[Json]:
    """Return an item for each comparison of texts."""
    return [{"pk": "1", str(each.path[0]): each.operands[0]["S"]} for each in conditions]


def test_hundreds_of_handlers_fit() -> None:
    many = [Attr(f"attribute_{number}").eq(f"value {number}") for number in range(250)]

    criteria = filter_criteria(app_of(*many))

    assert len(criteria["Filters"]) <= 5
    assert all(len(each["Pattern"]) <= 4_096 for each in criteria["Filters"])
    assert all(passes(criteria, item) for item in each_of(many[::25]))


def test_a_wider_pattern_keeps_what_is_common() -> None:
    names = [f"a{'b' * 200}{number}" for number in range(20)]
    app = app_of(*[Attr("kind").eq("order") & Attr(name).eq("x" * 400) for name in names])

    criteria = filter_criteria(app, quota=1)

    assert passes(criteria, {"pk": "1", "kind": "order", names[0]: "x" * 400})
    assert not passes(criteria, {"pk": "1", "kind": "user", names[0]: "x" * 400})


def test_a_long_pattern_loses_its_longest_part() -> None:
    choices = Attr("a").is_in([f"{number}{'x' * 400}" for number in range(20)])

    assert patterns_of(filter_criteria(app_of(choices & Attr("b").eq("y")))) == [
        {
            "eventName": ["INSERT"],
            "dynamodb": {"NewImage": {"a": {"S": [{"exists": True}]}, "b": {"S": ["y"]}}},
        }
    ]


def test_a_long_exclusion_is_left_out() -> None:
    excluded = ~Attr("a").is_in([f"{number}{'x' * 400}" for number in range(20)])

    assert patterns_of(filter_criteria(app_of(excluded))) == [{"eventName": ["INSERT"]}]


def test_long_names_are_left_out() -> None:
    wide = reduce(lambda one, other: one & other, [Attr(f"{n}{'x' * 900}").lt(5) for n in range(9)])

    [pattern] = patterns_of(filter_criteria(app_of(wide)))

    assert 3 <= len(pattern["dynamodb"]["NewImage"]) < 9


def test_many_alternatives_are_widened() -> None:
    wide = reduce(lambda one, other: one | other, distinct(101))

    assert patterns_of(filter_criteria(app_of(wide))) == [{"eventName": ["INSERT"]}]
    assert explain_filters(app_of(wide))[0].widened == ["a condition: it has more than 100 alternatives"]


def test_many_combinations_are_widened() -> None:
    one, other = (reduce(lambda one, other: one | other, distinct(11, name)) for name in "ab")

    [explained] = explain_filters(app_of(one & other))

    assert explained.widened == ["a condition: together with the others it has more than 100 combinations"]
    assert [name for name in explained.expressed if "NewImage.b" in name] == []


def test_equal_conditions_are_one_pattern() -> None:
    conditions = [Attr("a").eq("x"), Attr("a").eq("y"), Attr("a").eq("x")]

    assert patterns_of(filter_criteria(app_of(*conditions))) == [
        {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"a": {"S": ["x", "y"]}}}}
    ]


def test_a_wider_handler_includes_a_narrower_one() -> None:
    app = app_of(Attr("a").eq("x") & Attr("b").eq("y"), Attr("a").eq("x"))

    assert patterns_of(filter_criteria(app)) == [
        {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"a": {"S": ["x"]}}}}
    ]
    assert explain_filters(app)[0].widened == [
        "dynamodb.NewImage.b.S: its filter serves others too, which need a wider one"
    ]


def test_a_handler_that_never_runs_needs_no_filter() -> None:
    app = app_of(Attr("a").eq("x") & Attr("a").eq("y"), Attr("b").eq("x"))

    assert len(patterns_of(filter_criteria(app))) == 1
    assert explain_filters(app)[0].filters == []
    assert explain_filters(app)[0].widened == [
        "where: no record can satisfy it together with the model's Literal fields"
    ]


def test_the_table_chooses_handlers() -> None:
    app = StreamApp("shop")
    for number, table in enumerate(["shop", "users"]):
        router = Router(table=table, where=Attr("table").eq(table))
        router.on_insert(Item)(handler(number))
        app.include(router)

    [both] = patterns_of(filter_criteria(app))
    [one] = patterns_of(filter_criteria(app, table="users"))

    assert both["dynamodb"]["NewImage"]["table"]["S"] == ["shop", "users"]
    assert one["dynamodb"]["NewImage"]["table"]["S"] == ["users"]
    with pytest.raises(
        ConfigurationError, match="of the table carts: the app's handlers are for shop, users"
    ):
        filter_criteria(app, table="carts")


def test_the_view_of_the_app_counts() -> None:
    app = StreamApp("shop", view_type="NEW_IMAGE")
    app.on_latest(Item, where=Attr("a").eq("x"))(handler(1))

    lost = modify({"pk": "1", "a": "y"}, {"pk": "1", "a": "z"}, view_type="NEW_IMAGE")

    assert any(matches_pattern(each["Pattern"], lost) for each in filter_criteria(app)["Filters"])


@pytest.mark.parametrize(
    ("app", "arguments", "reason"),
    [
        (StreamApp(), {}, "the app has no handlers"),
        (app_of(*distinct(1)), {"view_type": "NEW"}, "view_type must be one of KEYS_ONLY, NEW_IMAGE"),
        (app_of(*distinct(1)), {"view_type": None}, "view_type must be one of"),
        (app_of(*distinct(1)), {"quota": 0}, "quota must be a whole number from 1 to 10"),
        (app_of(*distinct(1)), {"quota": 11}, "quota must be a whole number from 1 to 10"),
        (app_of(*distinct(1)), {"quota": True}, "quota must be a whole number from 1 to 10"),
        (app_of(Attr("a").eq("x") & Attr("a").eq("y")), {}, "no record can satisfy the conditions"),
    ],
)
def test_an_argument_is_refused(app: StreamApp, arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(reason)):
        filter_criteria(app, **arguments)
    with pytest.raises(ConfigurationError, match=re.escape(reason)):
        explain_filters(app, **arguments)
