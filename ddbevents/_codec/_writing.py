"""The serializer of a model, changed where pydantic would write what the model does not read again.

It is changed in three ways, in nested models too. A field is written under a name by which it is read. `Json`
and `Base64Bytes` are written as the text that they are read from. A computed field is left out if the model
would refuse it, or keep it beside the fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from pydantic import BaseModel, Field
from pydantic.types import Base64Encoder, Base64UrlEncoder, EncodedBytes
from pydantic_core import SchemaSerializer, core_schema, to_json

from .._errors import ConfigurationError, format_path
from .._tuples import NamedTuple
from ._generate import generate_writer
from ._model import RECORDS, Config, Schema, adapter, named_fields, paths_of
from ._nodes import CHILDREN, is_table, nodes, outer_config
from ._rules import extra_behavior
from ._writers import Write


class Writing(NamedTuple):
    """The two ways to write an item.

    Attributes:
        serializer: Makes plain values of any item of the model. It is pydantic's own, if that writes what the
            model reads.
        generated: Makes an attribute value of an item, or raises anything. None if the model cannot be
            written this way.
    """

    serializer: SchemaSerializer
    generated: Write | None


def make_writing(model: Any) -> Writing:
    """Return the two ways to write items of a model.

    Raises:
        ConfigurationError: A field can be read, but not written.
    """
    own = adapter(model)
    schema = own.core_schema
    written = _written(schema, {}, getattr(model, "__name__", "the model"))
    is_class = isinstance(model, type) and issubclass(model, BaseModel)
    generated = generate_writer(model, written) if is_class else None
    if written == schema:
        return Writing(own.serializer, generated)
    _check_works(model, schema)
    return Writing(build(written), generated)


def make_json_serializer(model: Any) -> SchemaSerializer:
    """Return pydantic's own serializer of a model, changed only to write `Base64Bytes` as text.

    Pydantic makes bytes of such a field, which would be encoded once more.

    Raises:
        ConfigurationError: The installed pydantic cannot build the changed one.
    """
    own = adapter(model)
    schema = _with_base64_as_text(own.core_schema)
    if schema == own.core_schema:
        return own.serializer
    _check_works(model, schema)
    return build(schema)


def _with_base64_as_text(schema: Any) -> Any:
    if isinstance(schema, (list, tuple)):
        return type(schema)(map(_with_base64_as_text, schema))
    if is_table(schema):
        return {name: _with_base64_as_text(part) for name, part in schema.items()}
    if not isinstance(schema, dict):
        return schema
    node = {name: _with_base64_as_text(part) if name in CHILDREN else part for name, part in schema.items()}
    serialization = node.get("serialization")
    return {**node, "serialization": _base64_text(serialization)} if _gives_base64(serialization) else node


def _check_works(model: Any, schema: Schema) -> None:
    if not works(nested=_has_nested_classes(schema)):
        raise ConfigurationError(
            f"{getattr(model, '__name__', 'the model')} is not read as the installed pydantic writes it:"
            " update pydantic to 2.13 or newer, which can write it otherwise"
        )


def _has_nested_classes(schema: Schema) -> bool:
    # 2.12 uses the ready-made serializer of a dataclass even if it is not nested
    kinds = [node["type"] for node in nodes(schema)]
    return kinds.count("model") > 1 or not {"dataclass", "definitions"}.isdisjoint(kinds)


@cache
def works(*, nested: bool) -> bool:
    """Return whether the installed pydantic builds a changed serializer of a model, or of nested ones.

    2.11 and 2.12 do not build those of nested models: they use the ready-made serializer of each class, and
    have no switch against it.
    """

    class Inner(BaseModel):
        value: int = Field(default=1, validation_alias="a")

    class Outer(BaseModel):
        inner: Inner = Inner()

    model, image = (Outer, {"inner": {"a": 1}}) if nested else (Inner, {"a": 1})
    serializer = build(_written(adapter(model).core_schema, {}, ""))
    return bool(serializer.to_python(model(), by_alias=True) == image)


def build(schema: Schema) -> SchemaSerializer:
    """Build a serializer of a schema, without the ready-made ones that pydantic keeps in its classes."""
    config: Any = dict(outer_config(schema))
    try:
        return SchemaSerializer(schema, config, _use_prebuilt=False)
    except TypeError:
        return SchemaSerializer(schema, config)


def _written(schema: Any, config: Config, owner: str) -> Any:
    """Return a copy of a core schema that is written as it is read.

    Args:
        schema: A node, or nodes in a list or by name.
        config: The configuration of the class around the node.
        owner: The name of that class, for errors.
    """
    if isinstance(schema, (list, tuple)):
        return type(schema)(_written(part, config, owner) for part in schema)
    if is_table(schema):
        return {name: _written(part, config, owner) for name, part in schema.items()}
    if not isinstance(schema, dict):
        return schema
    if "cls" in schema:
        config, owner = schema.get("config") or {}, getattr(schema["cls"], "__name__", owner)
    node = {
        name: _written(part, config, owner) if name in CHILDREN else part for name, part in schema.items()
    }
    if node["type"] in RECORDS:
        return _written_record(node, node.get("config") or config, owner)
    return _written_as_text(node, config)


def _written_as_text(node: Schema, config: Config) -> Schema:
    serialization = node.get("serialization")
    if node["type"] == "json" and serialization is None:
        return {**node, "serialization": _AS_JSON}
    # with other settings bytes are not read from the same text
    if _gives_base64(serialization) and config.get("val_json_bytes", "utf8") == "utf8":
        return {**node, "serialization": _base64_text(serialization)}
    return node


def _written_record(record: Schema, config: Config, owner: str) -> Schema:
    ignores_others = extra_behavior(record, config) == "ignore"
    fields: dict[str, Schema] = {
        name: _written_field(name, field, config, owner, ignores_others=ignores_others)
        for name, field in named_fields(record)
    }
    changed = {**record, "fields": [*fields.values()] if isinstance(record["fields"], list) else fields}
    if not ignores_others and record.get("computed_fields"):
        changed["computed_fields"] = []
    return changed


def _written_field(name: str, field: Schema, config: Config, owner: str, *, ignores_others: bool) -> Schema:
    if field.get("serialization_exclude"):
        return field
    if field.get("init") is False:
        return field if ignores_others else {**field, "serialization_exclude": True}
    paths = paths_of(name, field, config)
    names = [path[0] for path in paths if len(path) == 1]
    if not names:
        raise ConfigurationError(
            f"{owner}.{name} is read from the path {format_path(paths[0])}, where it cannot be written: give"
            " it a plain name too, with AliasChoices, or exclude=True if another field writes the attribute"
        )
    if field.get("serialization_alias", name) in names:
        return field
    return {**field, "serialization_alias": names[0]}


def _base64_text(serialization: Schema) -> Any:
    return core_schema.plain_serializer_function_ser_schema(_as_text(serialization["function"]))


def _gives_base64(serialization: Schema | None) -> bool:
    kind = getattr((serialization or {}).get("function"), "__self__", None)
    # not a subclass: in pydantic 2.7 the encoder of text is one
    return type(kind) is EncodedBytes and kind.encoder in {Base64Encoder, Base64UrlEncoder}


def _as_text(encode: Callable[[bytes], bytes]) -> Callable[[bytes], str]:
    def encode_as_text(value: bytes) -> str:
        # pydantic 2.7 ends each line of 76 characters, and the last
        return encode(value).decode().replace("\n", "")

    return encode_as_text


def _write_json(value: Any, write: Callable[[Any], Any]) -> str:
    return to_json(write(value)).decode()


_AS_JSON: Final[Mapping[str, Any]] = dict(core_schema.wrap_serializer_function_ser_schema(_write_json))
