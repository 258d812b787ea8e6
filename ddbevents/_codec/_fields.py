"""Where the fields of an item model stand in an image, and which of them say what the item is.

Read from the model's core schema, which is what validates: aliases, generators of aliases, inheritance and
generics have all gone into it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import cache
from types import FunctionType, UnionType
from typing import Any, Final, NamedTuple, TypeAlias, Union, get_origin

from pydantic import BaseModel
from typing_extensions import is_typeddict

from .._attributes import canonical, encode_attribute
from .._errors import AttributePath, ConfigurationError
from ._adapters import adapter

Schema: TypeAlias = Any  # pydantic's CoreSchema: sixty TypedDicts, told apart by their `type`
Definitions: TypeAlias = Mapping[str, Schema]
Choices: TypeAlias = frozenset[tuple[str, Any]]

RECORDS: Final = frozenset({"model-fields", "dataclass-args", "typed-dict"})
"""The nodes of a core schema that have fields."""
_USER_CODE: Final = frozenset({"function-before", "function-wrap", "function-plain"})


class ItemField(NamedTuple):
    """A field of a model as it stands in an image.

    Attributes:
        paths: Where its attribute may be, the first that is there counts.
        required: Whether an item without it is refused.
        choices: What a `Literal` field may hold, in canonical form; empty for every other field.
    """

    paths: tuple[AttributePath, ...]
    required: bool
    choices: Choices


def check_item_model(model: object) -> None:
    """Refuse what cannot be an item's model.

    Raises:
        ConfigurationError: It is no pydantic model, dataclass, TypedDict or dict, or pydantic cannot read it.
    """
    if not (_is_record_type(model) or (get_origin(model) or model) is dict):
        raise ConfigurationError(_refusal(model))
    adapter(model)


def _refusal(model: object) -> str:
    if isinstance(model, FunctionType):
        return f"{model.__qualname__} is no item model, but a function: pass the model to the decorator"
    if get_origin(model) in {Union, UnionType}:
        return "a union is no item model: register the handler once for each of its models"
    shown = getattr(model, "__qualname__", type(model).__qualname__)
    return f"{shown} is no item model: use a pydantic model, a dataclass or a TypedDict"


def item_fields(model: Any) -> Mapping[str, ItemField]:
    """The fields of a model by their names in Python. A dict has none."""
    return _item_fields(model)


@cache
def discriminators(model: Any) -> tuple[ItemField, ...]:
    """The `Literal` fields of a model, which say what an item is."""
    return tuple(field for field in item_fields(model).values() if field.choices)


@cache
def _item_fields(model: Any) -> Mapping[str, ItemField]:
    record = _find_record(adapter(model).core_schema)
    if record is None:
        return {}
    rows = record.node["fields"]
    named = [(row["name"], row) for row in rows] if isinstance(rows, list) else rows.items()
    return {
        name: ItemField(
            paths=tuple(_paths(name, row, record.config)),
            required=row.get("required", row["schema"]["type"] != "default"),
            # what user code makes of the values before they are validated, an image does not tell
            choices=frozenset()
            if record.is_prepared
            else _choices(row["schema"], record.definitions) or frozenset(),
        )
        for name, row in named
    }


class _Record(NamedTuple):
    """The node of a core schema that has the fields, with what stands around it."""

    node: Schema
    config: Mapping[str, Any]
    definitions: Definitions
    is_prepared: bool


def _find_record(schema: Schema) -> _Record | None:
    definitions: dict[str, Schema] = {}
    config: dict[str, Any] = {}
    is_prepared = False
    while schema is not None:
        definitions.update({definition["ref"]: definition for definition in schema.get("definitions", ())})
        config.update(schema.get("config") or {})
        is_prepared = is_prepared or schema["type"] in _USER_CODE
        if schema["type"] in RECORDS:
            return _Record(schema, config, definitions, is_prepared)
        schema = definitions.get(schema.get("schema_ref", "")) or schema.get("schema")
    return None


def _is_record_type(model: object) -> bool:
    if not isinstance(model, type):
        return get_origin(model) is not None and _is_record_type(get_origin(model))
    return issubclass(model, BaseModel) or dataclasses.is_dataclass(model) or is_typeddict(model)


def _paths(name: str, row: Schema, config: Mapping[str, Any]) -> Iterable[AttributePath]:
    alias = row.get("validation_alias", name)
    if config.get("validate_by_alias") is False:
        return [(name,)]
    paths = [(alias,)] if isinstance(alias, str) else [tuple(p) for p in _choices_of_paths(alias)]
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    return [*paths, (name,)] if by_name and paths != [(name,)] else paths


def _choices_of_paths(alias: list[Any]) -> list[Any]:
    return alias if isinstance(alias[0], list) else [alias]


def _choices(schema: Schema, definitions: Definitions) -> Choices | None:
    match schema["type"]:
        case "literal":
            return frozenset(canonical(encode_attribute(choice)) for choice in schema["expected"])
        case "default" | "function-after":
            return _choices(schema["schema"], definitions)
        case "nullable":
            inner = _choices(schema["schema"], definitions)
            return None if inner is None else inner | {canonical({"NULL": True})}
        case "definition-ref":
            return _choices(definitions[schema["schema_ref"]], definitions)
        case "union":
            members = [choice[0] if isinstance(choice, tuple) else choice for choice in schema["choices"]]
            choices = [_choices(member, definitions) for member in members]
            known = [each for each in choices if each is not None]
            return frozenset().union(*known) if len(known) == len(choices) else None
        case _:
            return None
