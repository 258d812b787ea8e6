"""A model's core schema, rewritten so that it reads DynamoDB's typed JSON instead of plain values.

Each node looks inside its type tag by a getter, and pydantic's core checks and parses what stands there. A
node that cannot be rewritten decodes its own value generically and validates it as before: a kind of node not
known here makes decoding slower, not wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, Final

from pydantic_core import core_schema

from .._attributes import GLOBAL_TABLES, Image, check_depth, decode_attribute, decode_binary
from .._errors import AttributePath
from ._fields import RECORDS, Schema
from ._leaves import LEAVES, NULL, Split, Take, before, take_members, take_null, without_ref
from ._nodes import is_ambiguous

_COPY: Final = "typed:"  # begins the reference of a rewritten definition; the original keeps its own


class CannotRewriteError(Exception):
    """The model can only be read generically."""


def rewrite(schema: Schema, keep: Callable[[Schema], Schema]) -> Schema:
    """The schema that reads an image, made of the one that reads its plain values.

    Args:
        schema: The model's own.
        keep: What a node becomes that is not rewritten.

    Raises:
        CannotRewriteError: User code would see typed JSON, or one definition stands for several.
    """
    if is_ambiguous(schema):
        raise CannotRewriteError
    has_definitions = schema["type"] == "definitions"
    definitions = schema["definitions"] if has_definitions else []
    rewriter = _Rewriter({definition["ref"]: definition for definition in definitions}, keep)
    return rewriter.rewrite(schema["schema"] if has_definitions else schema)


class _Rewriter:
    """Rewrites one schema.

    An original definition stays, since generic nodes point at it; its rewritten copy stands beside it.
    """

    def __init__(self, originals: Mapping[str, Schema], keep: Callable[[Schema], Schema]) -> None:
        self._originals = originals
        self._keep = keep
        self._copies: dict[str, Split | None] = {}
        self._open: set[str] = set()
        self._recursive: set[str] = set()
        self._configs: list[Mapping[str, Any]] = []
        self._depth = 0
        # a node that is read generically stands in a definition: how deep depends on who refers to it
        self._has_floating_depth = False

    def rewrite(self, schema: Schema) -> Schema:
        split = self.split(schema)
        if split is None or split.tag != "M":
            raise CannotRewriteError
        inside = split.inside
        if self._may_see_global_tables(schema):
            inside = before(_without_global_tables, inside)
        if self._recursive or self._has_floating_depth:
            inside = before(check_depth, inside)
        if not self._originals:
            return inside
        copies: list[Schema] = [
            {**copy.inside, "ref": _COPY + ref} for ref, copy in self._copies.items() if copy is not None
        ]
        return core_schema.definitions_schema(inside, [*map(self._keep, self._originals.values()), *copies])

    def wire(self, schema: Schema) -> Schema:
        """What reads an attribute value that stands in what is being read."""
        self._depth += 1
        try:
            return self._wire(schema)
        finally:
            self._depth -= 1

    def _wire(self, schema: Schema) -> Schema:
        if schema["type"] == "default":
            return self._default(schema)
        choices = self._choices_by_tag(schema)
        if choices is not None:
            # joined, the keys of an attribute value are its one type tag
            return core_schema.tagged_union_schema(choices, discriminator="".join)
        split = self.split(schema)
        return self._generic(schema) if split is None else before(split.take, split.inside)

    def split(self, schema: Schema) -> Split | None:
        """The schema, cut at its tag; None if it has to be read generically."""
        leaf = LEAVES.get(schema["type"])
        if leaf is not None:
            return leaf(schema)
        rule = _RULES.get(schema["type"])
        return None if rule is None else rule(self, schema)

    def fields(self, schema: Schema, config: Mapping[str, Any]) -> Schema | None:
        """What reads the content of a map field by field; None if user code would see typed JSON."""
        if schema["type"] not in RECORDS or config.get("validate_default"):
            return None
        declared, rows = schema["fields"], _rows(schema)
        if not all(_has_plain_alias(row) for row in rows):
            return None
        self._configs.append(config)
        wired = [{**row, "schema": self.wire(row["schema"])} for row in rows]
        self._configs.pop()
        fields = wired if isinstance(declared, list) else dict(zip(declared, wired, strict=True))
        return self._with_extras(without_ref(schema, fields=fields), config)

    def reference(self, ref: str) -> Split | None:
        """A definition's rewritten copy, by reference."""
        if ref in self._open:
            self._recursive.add(ref)
            return Split("M", itemgetter("M"), core_schema.definition_reference_schema(_COPY + ref))
        if ref not in self._copies:
            self._open.add(ref)
            self._copies[ref] = self.split(self._originals[ref])
            self._open.discard(ref)
        copy = self._copies[ref]
        if ref in self._recursive and (copy is None or copy.tag != "M"):
            raise CannotRewriteError
        if copy is None:
            return None
        return copy._replace(inside=core_schema.definition_reference_schema(_COPY + ref))

    def _default(self, schema: Schema) -> Schema:
        # on_error would swallow what a getter raises, and the default itself is no typed JSON
        if schema.get("on_error", "raise") != "raise" or schema.get("validate_default"):
            return self._generic(schema)
        return without_ref(schema, schema=self._wire(schema["schema"]))

    def _with_extras(self, schema: Schema, config: Mapping[str, Any]) -> Schema | None:
        if _extra(schema, config) != "allow":
            return schema
        if schema["type"] != "model-fields":
            return None
        return {**schema, "extras_schema": self.wire(schema.get("extras_schema") or core_schema.any_schema())}

    def _choices_by_tag(self, schema: Schema) -> dict[str, Schema] | None:
        """Of a union whose members each have a tag of their own: what reads the value with that tag."""
        is_nullable = schema["type"] == "nullable"
        union = schema["schema"] if is_nullable else schema
        if union["type"] != "union" or union.get("mode", "smart") != "smart":
            return None
        members = [choice[0] if isinstance(choice, tuple) else choice for choice in union["choices"]]
        kinds = {self._kind(member) for member in members}
        if not kinds <= _UNION_MEMBERS or {"bool", "float"} <= kinds or self._coerces_numbers():
            return None
        splits = [self.split(member) for member in members] + [NULL] * is_nullable
        choices = {split.tag: before(split.take, split.inside) for split in splits if split and split.tag}
        return choices if len(choices) == len(splits) else None

    def _kind(self, schema: Schema) -> str:
        is_reference = schema["type"] == "definition-ref"
        node = self._originals[schema["schema_ref"]] if is_reference else schema
        # a root model has the tag of what it holds, and smart mode its own opinion of that
        return "root-model" if node.get("root_model") else str(node["type"])

    def _generic(self, schema: Schema) -> Schema:
        # a definition may be referred to at several depths
        self._has_floating_depth = self._has_floating_depth or bool(self._open)
        # its depth is counted from the image, as a path of that length would be
        above: AttributePath = ("",) * self._depth
        return before(partial(decode_attribute, path=above), self._keep(schema))

    def _may_see_global_tables(self, schema: Schema) -> bool:
        """Whether an attribute that global tables add could come into the item."""
        while schema["type"] not in RECORDS:
            if schema.get("config", {}).get("extra_fields_behavior") == "allow" or schema.get("root_model"):
                return True
            schema = self._originals.get(schema.get("schema_ref", "")) or schema.get("schema")
            if schema is None:
                return True
        return _extra(schema, {}) == "allow" or any(map(_is_of_global_tables, _rows(schema)))

    def _coerces_numbers(self) -> bool:
        return any(config.get("coerce_numbers_to_str") for config in self._configs)


def _extra(schema: Schema, config: Mapping[str, Any]) -> str:
    return schema.get("extra_behavior") or config.get("extra_fields_behavior") or "ignore"


def _without_global_tables(image: Image) -> Image:
    return {name: value for name, value in image.items() if not name.startswith(GLOBAL_TABLES)}


def _rows(schema: Schema) -> Sequence[Schema]:
    """The fields of a record, which a dataclass keeps in a list and the others by name."""
    fields = schema["fields"]
    return fields if isinstance(fields, list) else list(fields.values())


def _is_of_global_tables(field: Schema) -> bool:
    return GLOBAL_TABLES in str(field.get("validation_alias", ""))


def _has_plain_alias(field: Schema) -> bool:
    alias = field.get("validation_alias", "")
    if isinstance(alias, str):
        return True
    paths = alias if isinstance(alias[0], list) else [alias]
    return all(len(path) == 1 for path in paths)


def _or_null(split: Split) -> Take:
    take, tag = split.take, split.tag
    if not isinstance(take, itemgetter):
        return lambda value: take_null(value) if "NULL" in value else take(value)

    def take_or_null(value: Any) -> Any:
        if tag not in value:
            return take_null(value)
        content = value[tag]
        if content is None:
            raise TypeError
        return content

    return take_or_null


def _nullable(rewriter: _Rewriter, schema: Schema) -> Split | None:
    split = rewriter.split(schema["schema"])
    return None if split is None else Split(None, _or_null(split), without_ref(schema, schema=split.inside))


def _after(rewriter: _Rewriter, schema: Schema) -> Split | None:
    split = rewriter.split(schema["schema"])
    return None if split is None else split._replace(inside=without_ref(schema, schema=split.inside))


def _chain(rewriter: _Rewriter, schema: Schema) -> Split | None:
    first, *rest = schema["steps"]
    split = rewriter.split(first)
    return None if split is None else split._replace(inside=without_ref(schema, steps=[split.inside, *rest]))


def _list(rewriter: _Rewriter, schema: Schema) -> Split:
    items = rewriter.wire(schema.get("items_schema") or core_schema.any_schema())
    return Split("L", itemgetter("L"), without_ref(schema, items_schema=items, strict=True))


def _tuple(rewriter: _Rewriter, schema: Schema) -> Split:
    items = [rewriter.wire(item) for item in schema["items_schema"]]
    return Split("L", itemgetter("L"), without_ref(schema, items_schema=items, strict=False))


def _dict(rewriter: _Rewriter, schema: Schema) -> Split:
    values = rewriter.wire(schema.get("values_schema") or core_schema.any_schema())
    return Split("M", itemgetter("M"), without_ref(schema, values_schema=values, strict=True))


def _set(rewriter: _Rewriter, schema: Schema) -> Split | None:
    split = rewriter.split(schema.get("items_schema") or core_schema.any_schema())
    if split is None or split.tag not in {"S", "N", "B"}:
        return None
    tag = f"{split.tag}S"
    items = before(decode_binary, split.inside) if split.tag == "B" else split.inside
    return Split(tag, take_members(tag), without_ref(schema, items_schema=items, strict=False))


def _model(rewriter: _Rewriter, schema: Schema) -> Split | None:
    if schema.get("custom_init"):
        return None
    if schema.get("root_model"):
        split = rewriter.split(schema["schema"])
        return (
            split and split.tag and split._replace(inside=without_ref(schema, schema=split.inside))
        ) or None
    fields = rewriter.fields(schema["schema"], schema.get("config", {}))
    return None if fields is None else Split("M", itemgetter("M"), without_ref(schema, schema=fields))


def _dataclass(rewriter: _Rewriter, schema: Schema) -> Split | None:
    fields = rewriter.fields(schema["schema"], schema.get("config", {}))
    return None if fields is None else Split("M", itemgetter("M"), without_ref(schema, schema=fields))


def _typed_dict(rewriter: _Rewriter, schema: Schema) -> Split | None:
    fields = rewriter.fields(schema, schema.get("config", {}))
    return None if fields is None else Split("M", itemgetter("M"), fields)


def _reference(rewriter: _Rewriter, schema: Schema) -> Split | None:
    return rewriter.reference(schema["schema_ref"])


def _tagged_union(rewriter: _Rewriter, schema: Schema) -> Split | None:
    discriminator = schema["discriminator"]
    if not isinstance(discriminator, str) or not all(type(key) is str for key in schema["choices"]):
        return None
    splits = {key: rewriter.split(choice) for key, choice in schema["choices"].items()}
    choices = {key: split.inside for key, split in splits.items() if split and split.tag == "M"}
    if len(choices) < len(splits):
        return None
    inside = without_ref(schema, choices=choices, discriminator=[[discriminator, "S"]])
    return Split("M", itemgetter("M"), inside)


_UNION_MEMBERS: Final = frozenset({"str", "int", "float", "bool", "list", "dict", "model"})
_RULES: Final[Mapping[str, Callable[[_Rewriter, Schema], Split | None]]] = {
    "nullable": _nullable,
    "function-after": _after,
    "chain": _chain,
    "list": _list,
    "tuple": _tuple,
    "dict": _dict,
    "set": _set,
    "frozenset": _set,
    "model": _model,
    "dataclass": _dataclass,
    "typed-dict": _typed_dict,
    "definition-ref": _reference,
    "tagged-union": _tagged_union,
}
