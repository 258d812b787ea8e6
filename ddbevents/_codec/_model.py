"""An item model as pydantic sees it: its adapter, and where its fields stand in an image.

Fields are read from the model's core schema, which is what validates: aliases, alias generators, inheritance
and generics have all gone into it.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from types import FunctionType, UnionType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, Union, get_origin

from pydantic import BaseModel, PydanticSchemaGenerationError, PydanticUserError
from typing_extensions import is_typeddict

from .._attributes import canonical, encode_attribute
from .._errors import AttributePath, ConfigurationError
from .._tuples import NamedTuple
from ._prefix import PREFIX

if TYPE_CHECKING:
    from pydantic.plugin._schema_validator import PluggableSchemaValidator
    from pydantic_core import SchemaSerializer, SchemaValidator

Schema: TypeAlias = Any  # pydantic's CoreSchema: sixty TypedDicts, distinguished by their `type`
Config: TypeAlias = Mapping[str, Any]
Choices: TypeAlias = frozenset[tuple[str, Any]]
_Allowed: TypeAlias = tuple[Choices, tuple[str, ...]]  # values of a field, and how its texts may begin

RECORDS: Final = frozenset({"model-fields", "dataclass-args", "typed-dict"})
"""The nodes of a core schema that have fields."""
_USER_CODE: Final = frozenset({"function-before", "function-wrap", "function-plain"})
_UNFINISHED: Final = "class-not-fully-defined"  # pydantic's code of that error


class Adapter(NamedTuple):
    """Pydantic's own reader and writer of a type.

    Attributes:
        core_schema: The schema that both are built of.
        validator: The reader.
        serializer: The writer.
    """

    core_schema: Schema
    validator: SchemaValidator | PluggableSchemaValidator
    serializer: SchemaSerializer


class ItemField(NamedTuple):
    """A field of a model, as an image has it.

    Attributes:
        paths: Where its attribute may be; the first one present counts.
        required: Whether an item without it is refused.
        choices: The values of a `Literal` field, in canonical form; empty for every other field.
        prefixes: How its text may begin otherwise; empty for a field without a `Prefix`.
    """

    paths: tuple[AttributePath, ...]
    required: bool
    choices: Choices
    prefixes: tuple[str, ...] = ()

    @property
    def is_discriminator(self) -> bool:
        """Whether it tells the model's items from others."""
        return bool(self.choices or self.prefixes)

    def allows(self, value: tuple[str, Any]) -> bool:
        """Return whether a discriminator may have a value, given in canonical form."""
        return value in self.choices or (value[0] == "S" and value[1].startswith(self.prefixes))


_NEITHER: Final[_Allowed] = (frozenset(), ())


def check_item_model(model: object, place: str = "") -> None:
    """Refuse a type that cannot be an item's model.

    Args:
        model: The type.
        place: Where it was passed, for the message.

    Raises:
        ConfigurationError: It is no pydantic model, dataclass, TypedDict or dict, or pydantic cannot read it,
            or its own `model_validate` cannot be called with an item's values.
    """
    if not (_is_record_type(model) or (get_origin(model) or model) is dict):
        raise ConfigurationError(f"{place}{_refusal(model)}")
    adapter(model)
    own = own_validate(model)
    if own is not None:
        _check_own_validate(own)


def own_validate(model: Any) -> Callable[[Any], Any] | None:
    """Return a model's `model_validate` if it overrides pydantic's; None if it does not."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return None
    pydantics = inspect.getattr_static(BaseModel, "model_validate")
    return None if inspect.getattr_static(model, "model_validate") is pydantics else model.model_validate


def _check_own_validate(own: Callable[[Any], Any]) -> None:
    name = own.__qualname__
    if inspect.iscoroutinefunction(own):
        raise ConfigurationError(f"{name} is async: an item's values are validated in a plain method")
    try:
        inspect.signature(own).bind({})
    except TypeError:
        reason = f"{name} cannot be called with an item's values alone"
        cure = "make it a classmethod, and give its other parameters defaults"
        raise ConfigurationError(f"{reason}: {cure}") from None


def _is_record_type(model: object) -> bool:
    if not isinstance(model, type):
        return get_origin(model) is not None and _is_record_type(get_origin(model))
    return issubclass(model, BaseModel) or dataclasses.is_dataclass(model) or is_typeddict(model)


def _refusal(model: object) -> str:
    if isinstance(model, FunctionType):
        return f"{model.__qualname__} is no item model, but a function: pass the model to the decorator"
    if get_origin(model) in {Union, UnionType}:
        return "a union is no item model: register the handler once for each of its models"
    shown = getattr(model, "__qualname__", type(model).__qualname__)
    if any(base.__module__.startswith("pydantic.v1") for base in getattr(model, "__mro__", ())):
        return f"{shown} is no item model, but one of pydantic 1: derive it from pydantic.BaseModel"
    if _is_record_type(type(model)):
        return f"an instance of {shown} is no item model: pass the class {shown} itself"
    if isinstance(model, str):
        return "text is no item model: pass the class itself, not its name"
    return f"{shown} is no item model: use a pydantic model, a dataclass or a TypedDict"


def adapter(model: Any) -> Adapter:
    """Return pydantic's own reader and writer of a model, dataclass or TypedDict, made on first use.

    Raises:
        ConfigurationError: Pydantic cannot read the type, or a type that it names is not defined yet.
    """
    try:
        _complete(model)
        # a model that is rebuilt has a new validator
        return _adapter(model, getattr(model, "__pydantic_validator__", None))
    except (PydanticSchemaGenerationError, PydanticUserError, NameError, TypeError) as error:
        name = getattr(model, "__qualname__", model)
        if isinstance(error, NameError) or getattr(error, "code", None) == _UNFINISHED:
            reason = f"{name} names a type that is not defined yet: use it below that type's definition"
        else:
            reason = f"pydantic cannot read {name}: {error}"
        raise ConfigurationError(reason) from error


def _complete(model: Any) -> None:
    """Build a model that is deferred, or that named a type before it was defined."""
    if getattr(model, "__pydantic_complete__", True):
        return
    if issubclass(model, BaseModel):
        model.model_rebuild()
        return
    from pydantic.dataclasses import rebuild_dataclass  # noqa: PLC0415  # cold start: seldom needed

    rebuild_dataclass(model)


@cache
def _adapter(model: Any, _: object) -> Adapter:
    own = vars(model) if isinstance(model, type) and issubclass(model, BaseModel) else {}
    if type(own.get("__pydantic_core_schema__")) is dict:
        # the class has it all, as TypeAdapter finds out too, which is a module and more of a cold start
        return Adapter(*(own[f"__pydantic_{name}__"] for name in Adapter._fields))
    from pydantic import TypeAdapter  # noqa: PLC0415  # cold start: for other types than models

    made: TypeAdapter[Any] = TypeAdapter(model)
    made.core_schema["type"]  # an unfinished schema raises when it is looked at
    return Adapter(made.core_schema, made.validator, made.serializer)


@cache
def discriminators(model: Any) -> tuple[ItemField, ...]:
    """Return the fields with a `Literal` or `Prefix`, which tell a model's items from others in the table."""
    return tuple(field for field in item_fields(model).values() if field.is_discriminator)


def item_fields(model: Any) -> Mapping[str, ItemField]:
    """Return the fields of a model by their names in Python. A dict has none."""
    return _item_fields(model)


@cache
def _item_fields(model: Any) -> Mapping[str, ItemField]:
    nodes = [*nodes_to_record(adapter(model).core_schema)]
    record = nodes[-1]
    if record["type"] not in RECORDS:
        return {}
    definitions = {ref: node for above in nodes for ref, node in definitions_of(above).items()}
    config = {name: value for node in nodes for name, value in (node.get("config") or {}).items()}
    # user code that runs first may change any value: then the image does not tell which choice it will be
    is_prepared = any(node["type"] in _USER_CODE for node in nodes)
    fields: dict[str, ItemField] = {}
    for name, field in named_fields(record):
        allowed = None if is_prepared else _allowed(field["schema"], definitions)
        required = field.get("required", field["schema"]["type"] != "default")
        fields[name] = ItemField(paths_of(name, field, config), required, *(allowed or _NEITHER))
    return fields


def definitions_of(schema: Schema) -> dict[str, Schema]:
    """Return the definitions that a node of a core schema holds, by reference."""
    return {definition["ref"]: definition for definition in schema.get("definitions", ())}


def nodes_to_record(schema: Schema) -> Iterator[Schema]:
    """Yield the nodes from the root of a core schema down to the one with the fields, if it has one."""
    definitions: dict[str, Schema] = {}
    node: Schema | None = schema
    while node is not None:
        yield node
        definitions.update(definitions_of(node))
        if node["type"] in RECORDS:
            return
        # each definition is followed once: a root model may hold itself and nothing else
        node = definitions.pop(node.get("schema_ref", ""), None) or node.get("schema")


def named_fields(record: Schema) -> list[tuple[str, Schema]]:
    """Return the fields of a record node, which a dataclass keeps in a list and the others by name."""
    fields = record["fields"]
    return [(field["name"], field) for field in fields] if isinstance(fields, list) else [*fields.items()]


def alias_paths(alias: str | list[Any]) -> list[AttributePath]:
    """Return the paths that a validation alias of a core schema stands for."""
    if isinstance(alias, str):
        return [(alias,)]
    return [tuple(path) for path in (alias if isinstance(alias[0], list) else [alias])]


def paths_of(name: str, field: Schema, config: Config) -> tuple[AttributePath, ...]:
    """Return where a field's attribute may be; the first one present counts.

    Args:
        name: The field's name in Python.
        field: Its node in the core schema.
        config: The configuration of its class.
    """
    if config.get("validate_by_alias") is False:
        return ((name,),)
    paths = tuple(alias_paths(field.get("validation_alias", name)))
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    return (*paths, (name,)) if by_name and paths != ((name,),) else paths


def _allowed(  # noqa: PLR0911  # one case for each type of node
    schema: Schema, definitions: Mapping[str, Schema]
) -> _Allowed | None:
    """Return the only values that a node can take; None if it is no discriminator."""
    match schema["type"]:
        case "literal":
            return frozenset(canonical(encode_attribute(choice)) for choice in schema["expected"]), ()
        case "str":
            prefix = (schema.get("metadata") or {}).get(PREFIX)
            return None if prefix is None else (frozenset(), (prefix,))
        case "chain":
            return _allowed(schema["steps"][0], definitions)
        case "default" | "function-after":
            return _allowed(schema["schema"], definitions)
        case "nullable":
            inner = _allowed(schema["schema"], definitions)
            return None if inner is None else (inner[0] | {canonical({"NULL": True})}, inner[1])
        case "definition-ref":
            return _allowed(definitions[schema["schema_ref"]], definitions)
        case "union":
            return _allowed_by_one(schema["choices"], definitions)
        case _:
            return None


def _allowed_by_one(members: Iterable[Any], definitions: Mapping[str, Schema]) -> _Allowed | None:
    each = [_allowed(node[0] if isinstance(node, tuple) else node, definitions) for node in members]
    known = [allowed for allowed in each if allowed is not None]
    if len(known) < len(each):
        return None
    choices: Choices = frozenset().union(*(choices for choices, _ in known))
    return choices, tuple(prefix for _, prefixes in known for prefix in prefixes)
