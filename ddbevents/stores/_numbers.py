"""Sums of DynamoDB's numbers, exact or refused."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final

from .._attributes import AttributeValue, encode_attribute

_EXACT: Final = Context(
    prec=300
)  # for any two numbers that DynamoDB has; whether it has their sum is seen after


def add_numbers(first: AttributeValue, second: AttributeValue) -> AttributeValue:
    """The sum of two attribute values of type N.

    Raises:
        InvalidItemError: DynamoDB has no such number: more than 38 digits, or out of range.
    """
    return encode_attribute(_EXACT.add(Decimal(first["N"]), Decimal(second["N"])))
