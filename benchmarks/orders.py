"""The full model, and events with its items, as they are and as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel


class Address(BaseModel):
    """A map of texts."""

    street: str
    city: str
    postcode: str
    country: str


class Line(BaseModel):
    """One of the five of an order."""

    sku: str
    title: str
    quantity: int
    price: Decimal


class Order(BaseModel):
    """Twelve attributes of all common types."""

    order_id: str
    customer_id: str
    status: str
    placed_at: datetime
    total: Decimal
    tax: Decimal
    currency: str
    address: Address
    lines: list[Line]
    tags: set[str]
    is_gift: bool
    version: int


def order(index: int) -> dict[str, Any]:
    """An image of an order; each index has its own."""
    return {
        "order_id": {"S": f"o-{index:08d}"},
        "customer_id": {"S": f"c-{index * 7919 % 100000:06d}"},
        "status": {"S": "OPEN"},
        "placed_at": {"S": f"2026-11-02T08:{index % 60:02d}:17.306000+00:00"},
        "total": {"N": f"{249 + index % 100}.95"},
        "tax": {"N": "39.91"},
        "currency": {"S": "EUR"},
        "address": {
            "M": {
                "street": {"S": f"Lindenstrasse {index % 300}"},
                "city": {"S": "Berlin"},
                "postcode": {"S": "10969"},
                "country": {"S": "DE"},
            }
        },
        "lines": {"L": [{"M": _line(index, number)} for number in range(5)]},
        "tags": {"SS": ["first-order", "newsletter", f"campaign-{index % 20}"]},
        "is_gift": {"BOOL": index % 2 == 0},
        "version": {"N": f"{index % 9 + 1}"},
    }


def orders(size: int) -> Iterator[dict[str, Any]]:
    """Images of orders, each another one."""
    return map(order, range(size))


def _line(index: int, number: int) -> dict[str, Any]:
    return {
        "sku": {"S": f"sku-{index % 500}-{number}"},
        "title": {"S": f"Notebook, {number + 1} pack"},
        "quantity": {"N": f"{number + 1}"},
        "price": {"N": f"{number + 9}.99"},
    }


def plain(attribute: dict[str, Any]) -> Any:
    """The value of an attribute as boto3's deserialiser gives it."""
    [(tag, content)] = attribute.items()
    match tag:
        case "N":
            return Decimal(content)
        case "SS":
            return set(content)
        case "L":
            return [plain(member) for member in content]
        case "M":
            return plain_map(content)
        case "NULL":
            return None
        case _:
            return content


def plain_map(image: dict[str, Any]) -> dict[str, Any]:
    """The values of an image as boto3's deserialiser gives them."""
    return {name: plain(attribute) for name, attribute in image.items()}


_STREAM: Final = "arn:aws:dynamodb:eu-central-1:123456789012:table/Orders/stream/2026-11-02T08:41:17.306"


def insert(image: dict[str, Any], index: int = 0) -> dict[str, Any]:
    """A record of an item that is new."""
    return {
        "eventID": f"7de3041dd709b024af6f29e4{index:08x}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1793608877,
            "Keys": dict([next(iter(image.items()))]),
            "NewImage": image,
            "SequenceNumber": f"{26163800000000026199463306 + index}",
            "SizeBytes": 1180,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": _STREAM,
    }


def modify(image: dict[str, Any], index: int = 0) -> dict[str, Any]:
    """A record of an item whose status is another one."""
    record = insert(image, index)
    record["eventName"] = "MODIFY"
    record["dynamodb"]["OldImage"] = {**image, "status": {"S": "DRAFT"}}
    return record
