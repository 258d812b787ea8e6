"""The fields in which two items differ. Loaded by those who ask."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from pydantic import BaseModel


def differing(old: object, new: object) -> frozenset[str]:
    """Return the names of the fields that differ between two items, or that only one of them has."""
    before, after = _values(old), _values(new)
    both = before.keys() & after.keys()
    return frozenset({name for name in both if before[name] != after[name]} | (before.keys() ^ after.keys()))


def _values(item: object) -> Mapping[str, object]:
    if isinstance(item, BaseModel):
        return {**vars(item), **(item.model_extra or {})}
    if dataclasses.is_dataclass(item):
        return {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
    if isinstance(item, Mapping):
        return item
    return {}
