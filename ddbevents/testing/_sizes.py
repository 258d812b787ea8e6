"""The size of an item in bytes, as DynamoDB counts it.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
That page is not exact about numbers, which are counted here as Amazon's DynamoDB Local counts them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from .._attributes import AttributeValue

_CONTAINER: Final = 3
_MEMBER: Final = 1


def image_size(image: Mapping[str, AttributeValue]) -> int:
    """Return the bytes of all names and values; binary counts as bytes, not as base64 text."""
    return sum(len(name.encode()) + _size(attribute) for name, attribute in image.items())


def _size(attribute: AttributeValue) -> int:
    [(tag, content)] = attribute.items()
    if tag == "L":
        return _CONTAINER + sum(_MEMBER + _size(member) for member in content)
    if tag == "M":
        return _CONTAINER + _MEMBER * len(content) + image_size(content)
    if tag in {"SS", "NS", "BS"}:
        return sum(_scalar_size(tag[0], member) for member in content)
    return _scalar_size(tag, content)


def _scalar_size(tag: str, content: Any) -> int:
    match tag:
        case "S":
            return len(content.encode())
        case "B":
            return len(content)
        case "N":
            return _number_size(Decimal(content))
        case _:  # NULL and BOOL
            return 1


def _number_size(number: Decimal) -> int:
    """Count a byte for every two digits from the decimal point outwards, one more, and one for a minus sign.

    Pairs of zeros at both ends do not count.
    """
    before, _, after = f"{number.copy_abs():f}".partition(".")
    after += "0" * (len(after) % 2)
    digits = before.rjust(len(before) + len(before) % 2, "0") + after
    pairs = "".join("1" if digits[place : place + 2] != "00" else "0" for place in range(0, len(digits), 2))
    return len(pairs.strip("0")) + 1 + number.is_signed()
