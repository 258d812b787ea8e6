"""Core schemas that end at the first problem, so that an item with very many costs little memory.

Pydantic collects every problem of every member, which for an item of 400 KB may take a gigabyte. One is all
that an error names. Pydantic before 2.8 ignores the setting, and before 2.12 that of maps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ._leaves import before
from ._model import RECORDS, Config, Schema, alias_paths, named_fields
from ._nodes import CHILDREN, is_table
from ._rules import extra_behavior

_COLLECTIONS: Final = frozenset(
    {
        "list",
        "tuple",
        "set",
        "frozenset",
        "dict",
        # of newer releases of pydantic
        "counter",
        "deque",
        "frozendict",
        "ordered-dict",
    }
)


def bounded(schema: Any, config: Config | None = None) -> Any:
    """Return a copy of a core schema that ends at the first problem of a collection.

    Args:
        schema: A node, or nodes in a list or by name.
        config: The configuration of the class around it.
    """
    if isinstance(schema, (list, tuple)):
        return type(schema)(bounded(part, config) for part in schema)
    if not isinstance(schema, dict):
        return schema
    if is_table(schema):
        return {name: bounded(part, config) for name, part in schema.items()}
    config = schema.get("config") or config
    node = {name: bounded(part, config) if name in CHILDREN else part for name, part in schema.items()}
    if node["type"] in _COLLECTIONS:
        node["fail_fast"] = True
    if not _forbids(node, config or {}):
        return node
    # the outermost node carries the reference
    ref = node.pop("ref", None)
    guarded = before(_without_many(node), node)
    return {**guarded, "ref": ref} if ref else guarded


def _forbids(node: Schema, config: Config) -> bool:
    return node["type"] in RECORDS and extra_behavior(node, node.get("config") or config) == "forbid"


def _without_many(record: Schema) -> Callable[[Any], Any]:
    """Return a function that leaves one of the attributes that are no fields, since each is a problem."""
    fields = named_fields(record)
    paths = [path for name, field in fields for path in alias_paths(field.get("validation_alias", name))]
    names = {name for name, _ in fields} | {path[0] for path in paths}

    def leave_one(values: Any) -> Any:
        if type(values) is not dict or len(values) <= len(names) + 1:
            return values
        others = [name for name in values if name not in names]
        return {name: value for name, value in values.items() if name in names or name is others[0]}

    return leave_one
