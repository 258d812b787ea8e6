"""The nodes of a core schema, and which configuration holds for those that have none of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from ._fields import Schema

Config: TypeAlias = Mapping[str, Any]

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
"""Where a node has others."""

_CLASSES: Final = frozenset({"model", "dataclass", "typed-dict"})
_OF_VALUES: Final = (
    "str_",
    "strict",
    "coerce_",
    "allow_inf_nan",
    "regex_engine",
)  # what such settings begin with


def nodes(schema: Any) -> Iterator[Schema]:
    """The node itself, and all below it."""
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
    """Whether it is fields or choices by name, not a node."""
    return isinstance(part, dict) and not isinstance(part.get("type"), str)


def outer_config(schema: Schema) -> Config:
    """The configuration of the class that a core schema is of."""
    definitions = {definition["ref"]: definition for definition in schema.get("definitions", ())}
    node: Schema | None = schema
    while node is not None and node["type"] not in _CLASSES:
        node = definitions.get(node.get("schema_ref", "")) or node.get("schema")
    return (node or {}).get("config") or {}


def is_ambiguous(schema: Schema) -> bool:
    """Whether a shared definition without a configuration is used by classes whose configurations differ.

    Pydantic builds it anew for each class, with that class's; one rewritten copy cannot serve them all.
    """
    if all(definition["type"] in _CLASSES for definition in schema.get("definitions", ())):
        return False
    classes = [node for node in nodes(schema) if node["type"] in _CLASSES]
    return len({_of_values(node.get("config") or {}) for node in classes}) > 1


def _of_values(config: Config) -> frozenset[tuple[str, Any]]:
    return frozenset((name, value) for name, value in config.items() if name.startswith(_OF_VALUES))
