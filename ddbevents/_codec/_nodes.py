"""The nodes of a core schema, and the configuration that holds for nodes without one of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ._model import Config, Schema, nodes_to_record

CHILDREN: Final = frozenset(
    {
        "schema",
        "items_schema",
        "keys_schema",
        "values_schema",
        "extras_schema",
        "lax_schema",
        "strict_schema",
        "json_schema",
        "python_schema",
        "choices",
        "steps",
        "fields",
        "definitions",
    }
)
"""The keys under which a node holds other nodes."""

_CLASSES: Final = frozenset({"model", "dataclass", "typed-dict"})
_ABOUT_VALUES: Final = ("str_", "strict", "coerce_", "allow_inf_nan", "regex_engine")
"""The settings that change how a value is validated begin with one of these."""


def nodes(schema: Any) -> Iterator[Schema]:
    """Yield the node itself and all nodes below it."""
    if isinstance(schema, (list, tuple)):
        for part in schema:
            yield from nodes(part)
    elif is_table(schema):
        yield from nodes([*schema.values()])
    elif isinstance(schema, dict):
        yield schema
        for name in CHILDREN & schema.keys():
            yield from nodes(schema[name])


def is_table(part: Any) -> bool:
    """Return whether a part is not a node, but holds fields or choices by name."""
    return isinstance(part, dict) and not isinstance(part.get("type"), str)


def is_strict(schema: Schema) -> bool:
    """Return whether a core schema asks for strictness anywhere."""
    asked = ((node.get("strict"), (node.get("config") or {}).get("strict")) for node in nodes(schema))
    return any(True in flags for flags in asked)


def outer_config(schema: Schema) -> Config:
    """Return the configuration of the class that a core schema belongs to."""
    classes = (node for node in nodes_to_record(schema) if node["type"] in _CLASSES)
    outer: Schema | None = next(classes, None)
    return {} if outer is None else outer.get("config") or {}


def is_ambiguous(schema: Schema) -> bool:
    """Return whether classes with different configurations may share a definition that has none of its own.

    Pydantic builds such a definition once for each class, under that class's configuration. One rewritten
    copy cannot serve them all.
    """
    if all(definition["type"] in _CLASSES for definition in schema.get("definitions", ())):
        return False
    classes = [node for node in nodes(schema) if node["type"] in _CLASSES]
    return len({_settings_of_values(node.get("config") or {}) for node in classes}) > 1


def _settings_of_values(config: Config) -> frozenset[tuple[str, Any]]:
    return frozenset((name, value) for name, value in config.items() if name.startswith(_ABOUT_VALUES))


def is_serialized(schema: Schema) -> bool:
    """Return whether a node says how it is serialized, but for the name of a field."""
    return any(key.startswith("serialization") for key in schema.keys() - {"serialization_alias"})
