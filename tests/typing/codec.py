"""The codec on its own: the model decides what `decode` gives."""

from __future__ import annotations

from typing import Annotated, Any, assert_type

from pydantic import BaseModel

from ddbevents import (
    AttributeValue,
    Image,
    Insert,
    Prefix,
    Value,
    decode,
    decode_value,
    encode,
    encode_value,
    to_json,
)
from tests.typing.models import Address, Invoice, Order, Session, User


class Cart(BaseModel):
    pk: Annotated[str, Prefix("CART#")]


def prefixes(cart: Cart) -> None:
    assert_type(cart.pk, str)
    assert_type(Prefix("CART#").text, str)
    Prefix(b"CART#")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Prefix()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def items(image: Image) -> None:
    assert_type(decode(User, image), User)
    assert_type(decode(Invoice, image), Invoice)
    assert_type(decode(Address, image), Address)
    assert_type(decode(Session, image), Session)
    assert_type(decode(dict[str, Any], image), dict[str, Any])


def images(user: User, session: Session) -> None:
    assert_type(encode(user), dict[str, AttributeValue])
    assert_type(encode(session), dict[str, AttributeValue])
    assert_type(encode({"userId": "ada"}), dict[str, AttributeValue])
    assert_type(decode(User, encode(user)), User)


def values(attribute: AttributeValue) -> None:
    assert_type(decode_value(attribute), Value)
    assert_type(encode_value(b"ada"), AttributeValue)


def texts(user: User, session: Session, image: Image, change: Insert[User]) -> None:
    assert_type(to_json(user), str)
    assert_type(to_json(session), str)
    assert_type(to_json(image), str)
    assert_type(to_json([change]), str)


def a_value_is_narrowed_before_use(attribute: AttributeValue) -> int:
    value = decode_value(attribute)
    value + 1  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]
    return value if isinstance(value, int) else 0


def what_is_refused(user: User, image: Image) -> None:
    order: Order = decode(User, image)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    decode(user, image)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    decode(User, [order])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    decode(User)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    to_json()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    decode_value("ada")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
