"""The decoder of a model, built on first use by pydantic's own core."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from functools import cache
from operator import itemgetter, methodcaller
from typing import Any, Final, TypeAlias

from pydantic import BaseModel
from pydantic_core import SchemaError, SchemaValidator
from pydantic_core import __version__ as _core_version

from .._attributes import Image
from .._tuples import NamedTuple
from ._leaves import LEAVES, LEAVES_WITH_SECONDS, MOMENTS, Leaves
from ._model import Config, Schema, adapter, item_fields, own_validate
from ._nodes import is_ambiguous, is_strict, nodes, outer_config
from ._rewrite import CannotRewriteError, keeps_others, rewrite

Validate: TypeAlias = Callable[[Any], Any]

Look: TypeAlias = tuple[int, Callable[[Image], Collection[Any]]]
"""The look at an image for second type tags, of which compiled decoders take no notice.

In an image of at most so many attributes it is quickest to look at all of them. In any other the function
gets those that the model reads. It raises `KeyError` if a required one is missing.
"""
_LOOK_AT_ALL: Final[Look] = (sys.maxsize, methodcaller("values"))


CORE: Final = _core_version
"""The installed release of pydantic-core."""

PROVEN: Final = frozenset(
    {
        *("2.18.1", "2.27.2"),
        *("2.46.0", "2.46.1", "2.46.2", "2.46.3", "2.46.4", "2.46.5"),
        *("2.50.0", "2.50.1", "2.50.2", "2.50.4", "2.50.5"),
    }
)
"""The releases of pydantic-core that `is_proven` has been run with, so a cold start need not run it."""


class Decoder(NamedTuple):
    """The two ways to read a model.

    Attributes:
        compiled: Makes an item of an image, or raises anything. None if the model cannot be read this way.
        validate: Makes an item of an image's plain values, or raises pydantic's `ValidationError`. The
            reference decoder calls it.
        look: Where to look for second type tags before `compiled` reads an image.
        compile_with_seconds: Compiles the decoder again, so that it reads moments in seconds too. Returns
            None if the model has no moments. None if it was called.
    """

    compiled: Validate | None
    validate: Validate
    look: Look = _LOOK_AT_ALL
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
    is_pluggable = type(validator) is not SchemaValidator

    def as_plain(node: Schema) -> Schema:
        from ._bounded import bounded  # noqa: PLC0415  # cold start: for nodes that are generic, and for refusals

        return bounded(_relaxed(node) if strict else node)

    @cache
    def plain_validator() -> Validate:
        # a plugin of pydantic sees each call of the model's own validator, and would see none of another's;
        # for an ambiguous schema one validator without those of the classes would not do
        if not strict and (is_pluggable or is_ambiguous(schema)):
            return validator.validate_python
        return build(as_plain(schema), config).validate_python

    def validate(values: Any) -> Any:
        return plain_validator()(values)

    def compile_by(leaves: Leaves) -> Validate | None:
        try:
            return build(rewrite(schema, as_plain, leaves), config).validate_python
        except (CannotRewriteError, SchemaError):
            return None

    def compile_with_seconds() -> Validate | None:
        has_moments = any(node["type"] in MOMENTS for node in nodes(schema))
        return compile_by(LEAVES_WITH_SECONDS) if has_moments else None

    compiled = None if is_pluggable or not works() else compile_by(LEAVES)
    if compiled is None:
        return Decoder(None, validate)
    return Decoder(compiled, validate, _look_for(model, schema), compile_with_seconds)


def _relaxed(schema: Schema) -> Schema:
    from ._strict import relax  # noqa: PLC0415  # cold start: few models are strict

    return relax(schema)


def _look_for(model: Any, schema: Schema) -> Look:
    """Return the look at images of a model whose compiled decoder reads attributes by plain names."""
    fields = item_fields(model).values()
    if not fields or keeps_others(schema):
        return _LOOK_AT_ALL
    names = tuple(dict.fromkeys(str(path[0]) for field in fields for path in field.paths))
    most = 2 * len(names)  # getting an attribute by its name costs about as much as looking at one
    if len(names) > 1 and all(field.required and len(field.paths) == 1 for field in fields):
        return most, itemgetter(*names)
    return most, lambda image: [image[name] for name in names if name in image]


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


def works() -> bool:
    """Return whether the installed pydantic builds a rewritten schema as it stands.

    Where it does not (2.11 and 2.12 use ready-made validators and have no switch), the reference decoder
    reads every model.
    """
    return CORE in PROVEN or is_proven()


@cache
def is_proven() -> bool:
    """Try it with two small models, which takes a good part of a first record."""

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
