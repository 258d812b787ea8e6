"""The decoder of a model, built on first use by pydantic's own core."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple, TypeAlias

from pydantic import BaseModel
from pydantic_core import SchemaError, SchemaValidator

from ._leaves import LEAVES, LEAVES_WITH_SECONDS, MOMENTS, Leaves
from ._model import Config, Schema, adapter, own_validate
from ._nodes import nodes, outer_config
from ._rewrite import CannotRewriteError, rewrite
from ._strict import is_strict, relax
from ._tags import LOOK_AT_ALL, Look, look_for

Validate: TypeAlias = Callable[[Any], Any]


class Decoder(NamedTuple):
    """The two ways to read a model.

    Attributes:
        compiled: Makes an item of an image, or raises anything. None if the model cannot be read this way.
        validate: Makes an item of an image's plain values, or raises pydantic's `ValidationError`. The
            reference decoder calls it.
        look: Looks for second type tags, which `compiled` takes no notice of.
        compile_with_seconds: Compiles the decoder again, so that it reads moments in seconds too. None if it
            does, or if the model has no moments.
    """

    compiled: Validate | None
    validate: Validate
    look: Look = LOOK_AT_ALL
    compile_with_seconds: Callable[[], Validate | None] | None = None


def compile_decoder(model: Any) -> Decoder:
    """Build the decoder of a model.

    Raises:
        ConfigurationError: Pydantic cannot read the model.
    """
    pydantics = adapter(model)
    # only an override knows what it does: a table of SQLModel is not validated by its core
    own = own_validate(model)
    if own is not None:
        return Decoder(None, own)
    schema, validator = pydantics.core_schema, pydantics.validator
    strict = is_strict(schema)
    config = outer_config(schema) if hasattr(model, "__pydantic_validator__") else {}
    validate = build(relax(schema), config).validate_python if strict else validator.validate_python
    # a plugin of pydantic sees each call of the model's own validator, and would see none of the compiled
    # one's
    if type(validator) is not SchemaValidator or not works():
        return Decoder(None, validate)

    def compiled_by(leaves: Leaves) -> Validate | None:
        try:
            return build(rewrite(schema, relax if strict else _unchanged, leaves), config).validate_python
        except (CannotRewriteError, SchemaError):
            return None

    compiled = compiled_by(LEAVES)
    if compiled is None:
        return Decoder(None, validate)
    has_moments = any(node["type"] in MOMENTS for node in nodes(schema))
    again = partial(compiled_by, LEAVES_WITH_SECONDS) if has_moments else None
    return Decoder(compiled, validate, look_for(model, schema), again)


def build(schema: Schema, config: Config) -> SchemaValidator:
    """Build a validator of a schema, without the ready-made validators that pydantic keeps in its classes.

    A ready-made validator reads plain values, and pydantic-core would use it for each nested model. The
    switch against this is private to pydantic-core 2.46 and newer. Older releases refuse it: most have no
    ready-made validators, and for the others see `works`.

    Args:
        schema: The schema to build.
        config: The configuration of the class, which holds for definitions without one of their own.
    """
    given: Any = dict(config)
    try:
        return SchemaValidator(schema, given, _use_prebuilt=False)
    except TypeError:
        return SchemaValidator(schema, given)


@cache
def works() -> bool:
    """Return whether the installed pydantic builds a rewritten schema as it stands.

    Where it does not (2.11 and 2.12 use ready-made validators and have no switch), the reference decoder
    reads every model.
    """

    class Inner(BaseModel):
        value: Any

    class Outer(BaseModel):
        inner: Inner

    image = {"inner": {"M": {"value": {"S": "x"}}}}
    decode = build(rewrite(adapter(Outer).core_schema, _unchanged), {}).validate_python
    try:
        return bool(decode(image) == Outer(inner=Inner(value="x")))
    except Exception:  # noqa: BLE001  # any failure of the compiled decoder means that it does not work
        return False


def _unchanged(schema: Schema) -> Schema:
    return schema
