"""Conditions sent as DynamoDB expressions mean there what they mean in the library."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbevents import Attr, Condition, Transaction, TransactionError, encode
from ddbevents.stores import DynamoDBStore
from tests.campaigns import size
from tests.dynamodb_faults import impatient_client
from tests.dynamodb_tables import make_table
from tests.test_conditions import ITEM, NAMES, ORDERED, PATHS, VALUES, ItemStore, every_comparison

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

AT_ONCE = 99  # writes of a transaction, beside its mark


class Items:
    """As many copies of the item as one transaction can check."""

    def __init__(self, endpoint: str) -> None:
        client: DynamoDBClient = impatient_client(endpoint)
        self.table = make_table(client, "pk")
        self.store = DynamoDBStore(make_table(client, "id"), client=client)
        for number in range(AT_ONCE):
            client.put_item(TableName=self.table, Item=encode({**ITEM, "pk": str(number)}))

    def match(self, conditions: list[Condition]) -> list[bool]:
        """Return what DynamoDB says of each condition."""
        starts = range(0, len(conditions), AT_ONCE)
        return [answer for start in starts for answer in self._match(conditions[start : start + AT_ONCE])]

    def _match(self, conditions: list[Condition]) -> list[bool]:
        transaction = Transaction()
        for number, condition in enumerate(conditions):
            transaction.check(self.table, {"pk": str(number)}, when=condition)
        try:
            self.store.commit(str(uuid4()), transaction, patience=timedelta(seconds=5))
        except TransactionError as error:
            if not isinstance(error.__cause__, ClientError):
                raise
            reasons: Any = error.__cause__.response.get("CancellationReasons")
            return [reason["Code"] == "None" for reason in reasons[1:]]
        return [True] * len(conditions)


@pytest.fixture(scope="module")
def items(dynamodb_endpoint: str) -> Items:
    return Items(dynamodb_endpoint)


def test_comparisons_mean_the_same(items: Items) -> None:
    conditions: list[Condition] = list(every_comparison(Attr))

    answers = items.match(conditions)

    ours = ItemStore(ITEM)
    assert [c for c, answer in zip(conditions, answers, strict=True) if answer is not ours.matches(c)] == []


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


@settings(max_examples=size(short=10, full=40, long=40))
@given(conditions=st.lists(conditions, min_size=20, max_size=100))
def test_nested_conditions_mean_the_same(items: Items, conditions: list[Condition]) -> None:
    ours = ItemStore(ITEM)

    assert items.match(conditions) == [ours.matches(condition) for condition in conditions]


def test_dynamodb_takes_300_operators(items: Items) -> None:
    most = ~Condition("or", conditions=(Attr("number").exists(),) * 150)

    assert items.match([most]) == [False]


def test_301_operators_are_refused(items: Items) -> None:
    too_many = Attr("number").exists() & ~Condition("or", conditions=(Attr("number").exists(),) * 150)

    with pytest.raises(TransactionError, match="300 operators"):
        items.match([too_many])
