"""The other models and images that are decoded, and batches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import cycle
from typing import Annotated, Any, Final, Literal, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator, model_validator
from pydantic.alias_generators import to_camel

from benchmarks.orders import Order, insert, order


class Contact(BaseModel):
    """Three fields of a wide item."""

    user_id: str
    email: str
    logins: int


class Flat(BaseModel):
    """Ten texts, by the names that JSON likes."""

    model_config = ConfigDict(alias_generator=to_camel)

    first_name: str
    last_name: str
    email: str
    phone: str
    street: str
    city: str
    postcode: str
    country: str
    language: str
    time_zone: str


class Card(BaseModel):
    """One of the ways to pay."""

    kind: Literal["card"]
    last_digits: str
    year: int


class Invoice(BaseModel):
    """Another one."""

    kind: Literal["invoice"]
    days: int
    reference: str | None = None


class Payment(BaseModel):
    """Unions, a discriminated one among them, constraints and validators."""

    payment_id: UUID
    amount: Annotated[Decimal, Field(ge=0, max_digits=12)]
    method: Annotated[Card | Invoice, Field(discriminator="kind")]
    fallbacks: list[Annotated[Card | Invoice, Field(discriminator="kind")]]
    external_id: int | str
    note: str | int
    fee: Decimal | None
    settled: float | bool | None = None
    currency: str
    country: str

    @field_validator("currency")
    @classmethod
    def three_letters(cls, currency: str) -> str:
        """ISO 4217."""
        if len(currency) != len("EUR"):
            raise ValueError("not a currency")
        return currency

    @field_validator("country", mode="before")
    @classmethod
    def upper(cls, country: object) -> object:
        """ISO 3166."""
        return country.upper() if isinstance(country, str) else country

    @model_validator(mode="after")
    def fee_below_amount(self) -> Payment:
        """Two fields at once."""
        if self.fee is not None and self.fee > self.amount:
            raise ValueError("the fee is more than the amount")
        return self


class Profile(BaseModel):
    """Ten fields that may be null."""

    nickname: str | None
    website: str | None
    born: datetime | None
    followers: int | None
    rating: Decimal | None
    verified: bool | None
    language: str | None = None
    city: str | None = None
    score: float | None = None
    about: str | None = None


class Samples(BaseModel):
    """A long list of numbers."""

    samples: list[int]


def _entity(kind: str) -> type[BaseModel]:
    literal: Any = Literal
    return create_model(kind.title(), __base__=Order, kind=(literal[kind], ...))


ENTITIES: Final[Mapping[str, type[BaseModel]]] = {
    kind: _entity(kind)
    for kind in ("sale", "rental", "gift", "sample", "refund", "swap", "lease", "offer", "quote", "loan")
}
"""Ten models of one table, by the text that tells them apart: an order each, and its kind."""


class Case(NamedTuple):
    """A model and an image of it."""

    title: str
    model: type[BaseModel]
    image: dict[str, Any]


def _wide() -> dict[str, Any]:
    image: dict[str, Any] = {"user_id": {"S": "u-1815"}, "email": {"S": "ada@example.com"}}
    image["logins"] = {"N": "311"}
    image |= {f"text_{n}": {"S": f"the value of attribute {n}"} for n in range(19)}
    image |= {f"number_{n}": {"N": f"{n * 17}.5"} for n in range(9)}
    image |= {f"flag_{n}": {"BOOL": n % 2 == 0} for n in range(4)}
    image |= {f"list_{n}": {"L": [{"S": "x"}, {"N": "1"}, {"BOOL": True}]} for n in range(2)}
    image |= {f"map_{n}": {"M": {"a": {"S": "x"}, "b": {"N": "2"}, "c": {"S": "y"}}} for n in range(3)}
    image |= {"groups": {"SS": ["admin", "staff"]}, "left_at": {"NULL": True}}
    return image


_FLAT: Final = {
    to_camel(name): {"S": f"the {name} of somebody"}
    for name in Flat.model_fields
}  # fmt: skip
_CARD: Final = {"M": {"kind": {"S": "card"}, "last_digits": {"S": "4242"}, "year": {"N": "2029"}}}
_INVOICE: Final = {"M": {"kind": {"S": "invoice"}, "days": {"N": "30"}, "reference": {"S": "A-17"}}}
_PAYMENT: Final = {
    "payment_id": {"S": "0b7cb0e6-6c5e-4d0f-8f0a-6b7d0e4c9f11"},
    "amount": {"N": "249.95"},
    "method": _CARD,
    "fallbacks": {"L": [_INVOICE, _CARD]},
    "external_id": {"N": "8837261"},
    "note": {"S": "leave at the door"},
    "fee": {"N": "2.5"},
    "settled": {"N": "0.25"},
    "currency": {"S": "EUR"},
    "country": {"S": "de"},
}
_PROFILE: Final = {name: {"NULL": True} for name in Profile.model_fields} | {
    "nickname": {"S": "ada"},
    "followers": {"N": "1843"},
}

CASES: Final = {
    "full": Case("full model: 12 attributes, a nested model, a list of five, a set", Order, order(1)),
    "narrow": Case("narrow model: 3 fields of an item of 42 attributes", Contact, _wide()),
    "flat": Case("flat model: 10 texts", Flat, _FLAT),
    "unions": Case("unions and validators", Payment, _PAYMENT),
    "nulls": Case("10 optional fields, 8 of them NULL", Profile, _PROFILE),
    "list": Case("a list of 200 ints", Samples, {"samples": {"L": [{"N": str(n)} for n in range(200)]}}),
}


def batch_text(images: Iterable[dict[str, Any]], make: Callable[..., dict[str, Any]] = insert) -> str:
    """The JSON of a batch with a record for each image."""
    return json.dumps({"Records": [make(image, index) for index, image in enumerate(images)]})


def entity_images(size: int) -> Iterator[dict[str, Any]]:
    """Images of the entities in turn."""
    for index, kind in zip(range(size), cycle(ENTITIES)):
        yield {**order(index), "kind": {"S": kind}}
