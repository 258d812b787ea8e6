"""The errors for a `changed` that names no field, each with its own cure. Loaded for mistakes only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from .._codec import ItemField
from .._errors import ConfigurationError, printable


def unknown_fields(
    model: type[Any], unknown: Iterable[str], fields: Mapping[str, ItemField]
) -> ConfigurationError:
    """Return the error for names that are no fields of a model.

    Args:
        model: The model.
        unknown: The names.
        fields: The model's fields.
    """
    names = sorted(unknown)
    reason = f"{model.__name__} has no field {', '.join(map(printable, names))}"
    if not fields:
        cure = "a dict names none, so use a model, or compare change.old and change.new in the handler"
        return ConfigurationError(f"{reason}: {cure}")
    cures = dict.fromkeys(filter(None, (_cure(name, fields) for name in names)))
    if cures:
        return ConfigurationError(f"{reason}: {'; '.join(cures)}")
    near = [match for name in names for match in get_close_matches(name, fields, n=1)]
    hint = f"did you mean {', '.join(near)}? " if near else ""
    return ConfigurationError(f"{reason}: {hint}changed takes the names of fields, not of attributes")


def _cure(name: str, fields: Mapping[str, ItemField]) -> str | None:
    known = {**_aliases(fields), **{field: field for field in fields}}
    if name in known and name not in fields:
        return f"that is an alias, and changed takes the names of fields, so write changed={known[name]!r}"
    parts = [part for part in re.split(r"[\s,;|]+", name) if part]
    if parts != [name] and parts and all(part in known for part in parts):
        fitting = [known[part] for part in parts]
        return f"write changed={fitting if len(fitting) > 1 else fitting[0]!r}"
    whole = re.split(r"[.\[]", name)[0]
    if whole != name and whole in known:
        return f"changed compares whole fields, so write changed={known[whole]!r}"
    return None


def _aliases(fields: Mapping[str, ItemField]) -> dict[str, str]:
    """Return the field of each attribute that one reads."""
    return {str(path[0]): name for name, field in fields.items() for path in field.paths}
