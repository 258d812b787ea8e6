"""The rules by which each kind of node in a core schema is rewritten.

Two functions call each other down the schema. `content_of` says which type tag a node reads, and how the
content under it is validated. `attribute_schema` makes of this a schema that reads a whole attribute value,
tag and content.

A node without a rule, or one that its rule gives up, is generic: it decodes its attribute value to a plain
value and validates that as before. So a kind of node that is unknown here makes decoding slower, not wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from operator import itemgetter
from typing import Any, Final

from pydantic_core import core_schema

from .._attributes import decode_binary
from ._leaves import NULL, Content, Getter, before, get_members, get_null, without_ref
from ._model import RECORDS, Config, Schema, alias_paths, named_fields
from ._scope import Scope

# In a union of these types, pydantic's smart mode chooses the member that the type tag names. It need not do
# so with Decimal, which pydantic before 2.9 prefers for text, or with a root model, which has its content's
# tag.
_UNION_MEMBERS: Final = frozenset({"str", "int", "float", "bool", "list", "dict", "model"})


def attribute_schema(scope: Scope, schema: Schema) -> Schema:
    """Return the schema that reads an attribute value where the node reads its plain value."""
    return _attribute(scope.deeper(), schema)


def content_of(scope: Scope, schema: Schema) -> Content | None:
    """Return how to read the content under the node's type tag; None if the node has to be generic."""
    leaf = scope.leaves.get(schema["type"])
    if leaf is not None:
        return leaf(schema)
    rule = _RULES.get(schema["type"])
    return None if rule is None else rule(scope, schema)


def _attribute(scope: Scope, schema: Schema) -> Schema:
    if schema["type"] == "default":
        return _default(scope, schema)
    choices = _choices_by_tag(scope, schema)
    if choices is not None:
        # an attribute value has one key, its type tag, so joining the keys gives the tag
        return core_schema.tagged_union_schema(choices, discriminator="".join)
    content = content_of(scope, schema)
    return scope.generic(schema) if content is None else before(content.get, content.schema)


def _default(scope: Scope, schema: Schema) -> Schema:
    # a default that is validated is a plain value, and on_error would hide the exception of a getter
    if schema.get("on_error", "raise") != "raise" or schema.get("validate_default"):
        return scope.generic(schema)
    return without_ref(schema, schema=_attribute(scope, schema["schema"]))


def _choices_by_tag(scope: Scope, schema: Schema) -> dict[str, Schema] | None:
    """Return what reads a union's attribute value by its tag, if each member has a tag of its own.

    Otherwise the union is generic: an exception of a getter would end its search for the right member.
    """
    is_nullable = schema["type"] == "nullable"
    union = schema["schema"] if is_nullable else schema
    if union["type"] != "union" or union.get("mode", "smart") != "smart":
        return None
    members = [choice[0] if isinstance(choice, tuple) else choice for choice in union["choices"]]
    kinds = {_kind(scope.definitions.resolve(member)) for member in members}
    # a number may become a boolean if there is no int, and text where the model coerces
    if not kinds <= _UNION_MEMBERS or {"bool", "float"} <= kinds or scope.coerces_numbers:
        return None
    contents = [content_of(scope, member) for member in members] + [NULL] * is_nullable
    choices = {each.tag: before(each.get, each.schema) for each in contents if each and each.tag}
    return choices if len(choices) == len(contents) else None


def _kind(schema: Schema) -> str:
    return "root-model" if schema.get("root_model") else str(schema["type"])


def _nullable(scope: Scope, schema: Schema) -> Content | None:
    inner = content_of(scope, schema["schema"])
    if inner is None:
        return None
    return Content(None, _or_null(inner), without_ref(schema, schema=inner.schema))


def _or_null(inner: Content) -> Getter:
    get, tag = inner.get, inner.tag
    if not isinstance(get, itemgetter):
        return lambda value: get_null(value) if "NULL" in value else get(value)

    # few values are NULL: the other tag is tried first, and without calling another function
    def get_or_null(value: Any) -> Any:
        if tag not in value:
            return get_null(value)
        content = value[tag]
        if content is None:
            raise TypeError
        return content

    return get_or_null


def _wrapper(scope: Scope, schema: Schema) -> Content | None:
    """Rewrite the inner node of one that works on its result, such as a validator that runs after it."""
    inner = content_of(scope, schema["schema"])
    return None if inner is None else inner._replace(schema=without_ref(schema, schema=inner.schema))


def _chain(scope: Scope, schema: Schema) -> Content | None:
    # the first step reads the input, and each of the others the result of the one before it
    first, *others = schema["steps"]
    inner = content_of(scope, first)
    if inner is None:
        return None
    return inner._replace(schema=without_ref(schema, steps=[inner.schema, *others]))


def _list(scope: Scope, schema: Schema) -> Content:
    items = attribute_schema(scope, schema.get("items_schema") or core_schema.any_schema())
    return _under("L", without_ref(schema, items_schema=items, strict=True, fail_fast=True))


def _tuple(scope: Scope, schema: Schema) -> Content:
    items = [attribute_schema(scope, item) for item in schema["items_schema"]]
    return _under("L", without_ref(schema, items_schema=items, strict=False, fail_fast=True))


def _dict(scope: Scope, schema: Schema) -> Content:
    values = attribute_schema(scope, schema.get("values_schema") or core_schema.any_schema())
    return _under("M", without_ref(schema, values_schema=values, strict=True, fail_fast=True))


def _set(scope: Scope, schema: Schema) -> Content | None:
    member = content_of(scope, schema.get("items_schema") or core_schema.any_schema())
    if member is None or member.tag not in {"S", "N", "B"}:
        return None
    tag = f"{member.tag}S"
    # the members of a set have no tags of their own
    items = before(decode_binary, member.schema) if member.tag == "B" else member.schema
    return Content(
        tag, get_members(tag), without_ref(schema, items_schema=items, strict=False, fail_fast=True)
    )


def _model(scope: Scope, schema: Schema) -> Content | None:
    # a constructor of the user's would see attribute values
    if schema.get("custom_init"):
        return None
    if not schema.get("root_model"):
        return _class(scope, schema)
    content = _wrapper(scope, schema)
    # with several tags, of which NULL may be one, it is generic
    return None if content is None or content.tag is None else content


def _class(scope: Scope, schema: Schema) -> Content | None:
    fields = _fields(scope, schema["schema"], schema.get("config", {}))
    return None if fields is None else _under("M", without_ref(schema, schema=fields))


def _typed_dict(scope: Scope, schema: Schema) -> Content | None:
    fields = _fields(scope, schema, schema.get("config", {}))
    return None if fields is None else _under("M", fields)


def _fields(scope: Scope, schema: Schema, config: Config) -> Schema | None:
    """Return what reads a map field by field; None if it would show attribute values to user code."""
    # instead of the fields there may be a validator that runs before them; a default is a plain value
    if schema["type"] not in RECORDS or config.get("validate_default"):
        return None
    named = named_fields(schema)
    if not all(_has_plain_alias(field) for _, field in named):
        return None
    inside = scope.within(config)
    typed = {name: {**field, "schema": attribute_schema(inside, field["schema"])} for name, field in named}
    fields = [*typed.values()] if isinstance(schema["fields"], list) else typed
    return _with_extras(inside, without_ref(schema, fields=fields), config)


def _has_plain_alias(field: Schema) -> bool:
    """Return whether a field has only names, and no path, which would have to lead through type tags."""
    return all(len(path) == 1 for path in alias_paths(field.get("validation_alias", "")))


def _with_extras(scope: Scope, schema: Schema, config: Config) -> Schema | None:
    if extra_behavior(schema, config) != "allow":
        return schema
    # only a model validates its extra attributes: the others would keep them undecoded
    if schema["type"] != "model-fields":
        return None
    extras = schema.get("extras_schema") or core_schema.any_schema()
    return {**schema, "extras_schema": attribute_schema(scope, extras)}


def extra_behavior(record: Schema, config: Config) -> str:
    """Return whether attributes that are no fields are ignored, allowed (that is, kept) or forbidden."""
    return record.get("extra_behavior") or config.get("extra_fields_behavior") or "ignore"


def _reference(scope: Scope, schema: Schema) -> Content | None:
    return scope.definitions.content(schema["schema_ref"], partial(content_of, scope))


def _tagged_union(scope: Scope, schema: Schema) -> Content | None:
    discriminator, members = schema["discriminator"], schema["choices"]
    # a function that discriminates must see plain values, and a key that is a number never equals N's text
    if not isinstance(discriminator, str) or not all(type(key) is str for key in members):
        return None
    contents = {key: content_of(scope, member) for key, member in members.items()}
    choices = {key: each.schema for key, each in contents.items() if each and each.tag == "M"}
    if len(choices) < len(contents):
        return None
    return _under("M", without_ref(schema, choices=choices, discriminator=[[discriminator, "S"]]))


def _under(tag: str, schema: Schema) -> Content:
    return Content(tag, itemgetter(tag), schema)


_RULES: Final[Mapping[str, Callable[[Scope, Schema], Content | None]]] = {
    "nullable": _nullable,
    "function-after": _wrapper,
    "chain": _chain,
    "list": _list,
    "tuple": _tuple,
    "dict": _dict,
    "set": _set,
    "frozenset": _set,
    "model": _model,
    "dataclass": _class,
    "typed-dict": _typed_dict,
    "definition-ref": _reference,
    "tagged-union": _tagged_union,
}
