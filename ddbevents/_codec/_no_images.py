"""Naming what people decode in place of an image, with what to do. Loaded for mistakes only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_TAGS: Final = frozenset({"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"})
_EXAMPLE: Final = '{"id": {"S": "o-1"}}'
_IMAGES: Final = '["NewImage"] or ["OldImage"]'


def fault_of(image: object) -> str | None:
    """Return why a value is no image, and what to pass instead; None if it may be one."""
    if isinstance(image, Mapping):
        return _fault_of_object(image)
    kind = type(image).__name__
    if image is None:
        return (
            "this is None, not an image: an INSERT has no old one, a REMOVE no new one, and a stream only"
            " those of its StreamViewType"
        )
    if isinstance(image, (str, bytes, bytearray)):
        return f"an image is an object, not {kind}: read it with json.loads first"
    if hasattr(type(image), "new_image"):
        return f"this is a {kind}, not an image: pass its new_image or old_image"
    return f"an image is an object of typed JSON, as {_EXAMPLE}, not {kind}"


def _fault_of_object(content: Mapping[Any, Any]) -> str | None:
    if _has(content, "Records", list):
        return (
            "this is an event, not an image: parse_event reads its records, each with new_image and old_image"
        )
    if _has(content, "dynamodb", dict):
        return f'this is a record, not an image: pass its ["dynamodb"]{_IMAGES}'
    if _has(content, "NewImage", dict) or _has(content, "OldImage", dict) or _has(content, "Keys", dict):
        return f"this is the inside of a record, not an image: pass its {_IMAGES}"
    if _has(content, "Item", dict) or _has(content, "Attributes", dict):
        name = "Item" if "Item" in content else "Attributes"
        return f'this is what boto3 answers, not an image: pass its ["{name}"]'
    if (
        len(content) == 1
        and _has(content, "M", dict)
        and all(map(_is_attribute_value, content["M"].values()))
    ):
        return 'this is an attribute value, not an image: pass its ["M"]'
    return None


def _has(content: Mapping[Any, Any], name: str, kind: type[Any]) -> bool:
    """Return whether there is something of this name that is no attribute of an image."""
    value = content.get(name)
    return isinstance(value, kind) and not (isinstance(value, dict) and _is_attribute_value(value))


def _is_attribute_value(value: object) -> bool:
    return isinstance(value, dict) and len(value) == 1 and not _TAGS.isdisjoint(value)
