"""The fast decoder of each model, made on first use by pydantic's own core."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from pydantic import BaseModel
from pydantic_core import SchemaError, SchemaValidator

from ._adapters import adapter
from ._fields import Schema
from ._nodes import Config, outer_config
from ._rewrite import CannotRewriteError, rewrite
from ._strict import is_strict, relax

Validate: TypeAlias = Callable[[Any], Any]


class Decoder(NamedTuple):
    """How a model is read.

    Attributes:
        fast: From an image to an item; raises anything if it cannot tell. None if there is no such way.
        explain: From plain values to an item, or pydantic's `ValidationError`: the law.
    """

    fast: Validate | None
    explain: Validate


def compile_decoder(model: Any) -> Decoder:
    """Make the decoder of a model.

    Raises:
        ConfigurationError: Pydantic cannot read the model.
    """
    reader = adapter(model)
    schema, validator = reader.core_schema, reader.validator
    strict = is_strict(schema)
    config = outer_config(schema) if hasattr(model, "__pydantic_validator__") else {}
    explain = build(relax(schema), config).validate_python if strict else validator.validate_python
    # a plugin of pydantic sees every validation of the law, and would see none of these
    if type(validator) is not SchemaValidator or not works():
        return Decoder(None, explain)
    try:
        fast = build(rewrite(schema, relax if strict else _as_it_is), config).validate_python
    except (CannotRewriteError, SchemaError):
        return Decoder(None, explain)
    return Decoder(fast, explain)


def build(schema: Schema, config: Config) -> SchemaValidator:
    """A validator of a schema, without the validators that pydantic keeps ready for its classes.

    Those read plain values, and would be taken for nested models. The switch is private to pydantic-core
    2.46 and newer; older ones refuse it, and either have no such thing or cannot be told.

    Args:
        schema: What to validate.
        config: For the definitions that have none of their own, as pydantic builds a class's validator.
    """
    given: Any = dict(config)
    try:
        return SchemaValidator(schema, given, _use_prebuilt=False)
    except TypeError:
        return SchemaValidator(schema, given)


@cache
def works() -> bool:
    """Whether this pydantic builds what it is told: if not, every model is read by the law alone."""

    class Inner(BaseModel):
        value: Any

    class Outer(BaseModel):
        inner: Inner

    image = {"inner": {"M": {"value": {"S": "x"}}}}
    decode = build(rewrite(adapter(Outer).core_schema, _as_it_is), {}).validate_python
    try:
        return bool(decode(image) == Outer(inner=Inner(value="x")))
    except Exception:  # noqa: BLE001  # whatever it is, it does not work
        return False


def _as_it_is(schema: Schema) -> Schema:
    return schema
