"""Conditions as DynamoDB's own expressions: they mean there what they mean here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbevents import Attr, Condition, TransactionError
from ddbevents._conditions import matches
from ddbevents._transaction import Check
from ddbevents.stores._expressions import render
from tests.dynamodb_faults import impatient_client
from tests.dynamodb_tables import make_table
from tests.test_conditions import ITEM, NAMES, ORDERED, PATHS, VALUES, every_comparison

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

AT_ONCE = 100  # actions of a transaction


class Items:
    """As many copies of the item as a transaction can check at once."""

    def __init__(self, endpoint: str) -> None:
        self.client: DynamoDBClient = impatient_client(endpoint)
        self.table = make_table(self.client, "pk")
        for number in range(AT_ONCE):
            self.client.put_item(TableName=self.table, Item={**ITEM, "pk": {"S": str(number)}})

    def match(self, conditions: list[Condition]) -> list[bool]:
        """What DynamoDB says of each."""
        starts = range(0, len(conditions), AT_ONCE)
        return [answer for start in starts for answer in self._match(conditions[start : start + AT_ONCE])]

    def _match(self, conditions: list[Condition]) -> list[bool]:
        checks = [
            Check(self.table, {"pk": {"S": str(n)}}, condition) for n, condition in enumerate(conditions)
        ]
        actions: Any = [render(check, index) for index, check in enumerate(checks)]
        try:
            self.client.transact_write_items(TransactItems=actions)
        except self.client.exceptions.TransactionCanceledException as error:
            reasons: Any = error.response.get("CancellationReasons")
            return [reason["Code"] == "None" for reason in reasons]
        return [True] * len(conditions)


@pytest.fixture(scope="module")
def items(dynamodb_endpoint: str) -> Items:
    return Items(dynamodb_endpoint)


def test_every_comparison_means_to_dynamodb_what_it_means_here(items: Items) -> None:
    conditions: list[Condition] = list(every_comparison(Attr))

    answers = items.match(conditions)

    assert [c for c, answer in zip(conditions, answers, strict=True) if answer is not matches(c, ITEM)] == []


attributes = st.sampled_from([*NAMES, *PATHS, "lines[2]", "address"]).map(Attr)
values = st.sampled_from(VALUES)
ordered = st.sampled_from(ORDERED)
comparisons = st.one_of(
    st.builds(lambda attr, value: attr.eq(value), attributes, values),
    st.builds(lambda attr, some: attr.is_in(some), attributes, st.lists(values, min_size=1, max_size=4)),
    st.builds(lambda attr, value: attr.contains(value), attributes, values),
    st.builds(lambda attr, value: attr.lte(value), attributes, ordered),
    st.builds(
        lambda attr, low, high: attr.between(low, high), attributes, st.integers(1, 9), st.integers(1, 9)
    ),
    st.builds(lambda attr: attr.exists(), attributes),
    st.builds(lambda attr: attr.not_exists(), attributes),
)
conditions = st.recursive(
    comparisons,
    lambda parts: st.one_of(
        st.builds(lambda a, b: a & b, parts, parts),
        st.builds(lambda a, b: a | b, parts, parts),
        st.builds(lambda a: ~a, parts),
    ),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(conditions=st.lists(conditions, min_size=20, max_size=100))
def test_conditions_within_conditions_do_too(items: Items, conditions: list[Condition]) -> None:
    assert items.match(conditions) == [matches(condition, ITEM) for condition in conditions]


def test_dynamodb_takes_300_operators(items: Items) -> None:
    most = ~Condition("or", conditions=(Attr("number").exists(),) * 150)

    assert items.match([most]) == [False]


def test_more_than_300_operators_are_refused_here(items: Items) -> None:
    too_many = Attr("number").exists() & ~Condition("or", conditions=(Attr("number").exists(),) * 150)

    with pytest.raises(TransactionError, match="300 operators"):
        items.match([too_many])
