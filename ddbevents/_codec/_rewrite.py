"""A model's core schema, rewritten so that it reads DynamoDB's typed JSON instead of plain values.

A getter goes before each node. It takes the content out from under the type tag, and pydantic's core checks
and parses that:

    str                   before(itemgetter("S"), str)
    list of bool          before(itemgetter("L"), list of before(itemgetter("BOOL"), bool))
    any                   before(decode_attribute, any), a generic node

The rules by kind of node are in `_rules`, and the things that concern a whole image are here.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic_core import core_schema

from .._attributes import GLOBAL_TABLES, Image, check_depth
from ._leaves import LEAVES, Leaves, before
from ._model import RECORDS, Schema, definitions_of, named_fields, nodes_to_record
from ._nodes import is_ambiguous
from ._rules import content_of, extra_behavior
from ._scope import CannotRewriteError, Definitions, Scope

__all__ = ["CannotRewriteError", "rewrite"]


def rewrite(schema: Schema, as_plain: Callable[[Schema], Schema], leaves: Leaves = LEAVES) -> Schema:
    """Return the schema that reads an image, made from the one that reads its plain values.

    Args:
        schema: The model's own schema.
        as_plain: Applied to each node that goes on reading plain values.
        leaves: The rules of nodes without children.

    Raises:
        CannotRewriteError: User code would see typed JSON, or one copy of a definition would not do.
    """
    if is_ambiguous(schema):
        raise CannotRewriteError
    originals = definitions_of(schema)
    root = schema["schema"] if schema["type"] == "definitions" else schema
    definitions = Definitions(originals)
    content = content_of(Scope(definitions, as_plain, leaves), root)
    # an image is the content of an M: it has no tag itself
    if content is None or content.tag != "M":
        raise CannotRewriteError
    inside = content.schema
    if keeps_others(schema) or _names_global_tables(schema):
        inside = before(_without_global_tables, inside)
    # neither a recursive definition nor a generic node in a definition knows its depth in the image
    if definitions.are_recursive or definitions.have_generic_nodes:
        inside = before(check_depth, inside)
    if not originals:
        return inside
    return core_schema.definitions_schema(inside, [*map(as_plain, originals.values()), *definitions.copies()])


def keeps_others(schema: Schema) -> bool:
    """Return whether an item could take in attributes that the model does not name."""
    for node in nodes_to_record(schema):
        if node["type"] in RECORDS:
            return extra_behavior(node, {}) == "allow"
        if node.get("config", {}).get("extra_fields_behavior") == "allow" or node.get("root_model"):
            return True
    return True


def _names_global_tables(schema: Schema) -> bool:
    """Return whether a field has the name of an attribute that global tables add."""
    *_, record = nodes_to_record(schema)
    return any(GLOBAL_TABLES in str(field.get("validation_alias", "")) for _, field in named_fields(record))


def _without_global_tables(image: Image) -> Image:
    return {name: value for name, value in image.items() if not name.startswith(GLOBAL_TABLES)}
