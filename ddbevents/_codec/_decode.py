"""From an image to an item.

The compiled decoder goes first. It never explains: on any failure the reference decoder decides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from .._attributes import AttributeValue, Image, Value, decode_attribute
from .._errors import ConfigurationError
from ._model import item_fields

if TYPE_CHECKING:
    from ._compile import Decoder

ItemT = TypeVar("ItemT")

_VALIDATOR: Final = "__pydantic_validator__"
_NO_VALIDATOR: Final[Mapping[str, object]] = {_VALIDATOR: None}

_Compiled: TypeAlias = tuple[
    object, Mapping[str, object], Callable[[Any], Any], int, Callable[[Image], Collection[Any]]
]
"""The validator that a compiled decoder was made for, where the model has its own by now, the decoder, and
its look for second type tags."""

_decoders: Final[dict[tuple[Any, object], Decoder]] = {}
"""Decoders by model and by pydantic's validator of it: a model that is rebuilt has a new validator."""
_compiled: Final[dict[Any, _Compiled]] = {}
"""Compiled decoders by model alone, for a quick look-up."""


def decode(model: type[ItemT], image: Image) -> ItemT:
    """Return the item that an image holds: `model.model_validate` of the image's Python values.

    Unknown attributes follow the model's own `extra`, and are not read where it ignores them.

    Args:
        model: A pydantic model, a dataclass or a TypedDict.
        image: Typed JSON, with binary as base64 text or bytes.

    Raises:
        InvalidItemError: An attribute is malformed, or the model refuses it. Names the first one.
    """
    compiled = None
    try:
        validator, own, compiled, _, _ = _compiled[model]
        if type(image) is dict and validator is own[_VALIDATOR]:
            return compiled(image)  # type: ignore[no-any-return]  # it was made for the model
    except Exception:  # noqa: BLE001, S110  # not compiled yet, or it gives way to the reference decoder
        pass
    if compiled is None and _decoder(model).compiled is not None:
        return decode(model, image)  # its first item
    return _decode_again(model, image)


def decode_exactly(model: type[ItemT], image: Image) -> ItemT:
    """Decode as `decode` does, but refuse a second type tag of an attribute that the model reads."""
    compiled = None
    try:
        validator, own, compiled, most, get_read = _compiled[model]
        read = image.values() if len(image) <= most else get_read(image)
        if sum(map(len, read)) == len(read) and type(image) is dict and validator is own[_VALIDATOR]:
            return compiled(image)  # type: ignore[no-any-return]  # the same
    except Exception:  # noqa: BLE001, S110  # the same, or a required attribute is missing
        pass
    if compiled is None and _decoder(model).compiled is not None:
        return decode_exactly(model, image)  # its first item
    return _decode_again(model, image, of_record=True)


def direct_decoder(model: Any) -> Callable[[Image], Any]:
    """Return `decode_exactly` for one model, which needs no look-up then. It takes images that are dicts."""
    unknown: _Compiled = (None, {}, _not_compiled, 0, _not_compiled)
    validator, own, compiled, most, get_read = unknown

    def decode(image: Image) -> Any:
        nonlocal validator, own, compiled, most, get_read
        try:
            count = len(image)
            if count <= most:
                if sum(map(len, image.values())) == count and validator is own[_VALIDATOR]:
                    return compiled(image)
            elif sum(map(len, read := get_read(image))) == len(read) and validator is own[_VALIDATOR]:
                return compiled(image)
        except Exception:  # noqa: BLE001, S110  # as in decode
            pass
        item = decode_exactly(model, image)
        validator, own, compiled, most, get_read = _compiled.get(model, unknown)
        return item

    return decode


def _not_compiled(_: Image) -> Any:
    raise TypeError


def _decode_again(model: type[ItemT], image: Image, *, of_record: bool = False) -> ItemT:
    """Decode an image that the compiled decoder does not, and let it read seconds if the image is legal.

    Most moments are text. A decoder that expects nothing else is quicker.

    Args:
        model: The model.
        image: The image.
        of_record: Whether it is known to be an image, so that plain values in it are refused at once.
    """
    from ._reference import decode_by_reference, refuse_plain_values  # noqa: PLC0415  # cold start: seldom needed

    if of_record:
        refuse_plain_values(image)
    decoder = _decoder(model)
    item: ItemT = decode_by_reference(model, decoder.validate, image)
    validator = getattr(model, "__pydantic_validator__", None)
    if decoder.compile_with_seconds is not None:
        compiled = decoder.compile_with_seconds() or decoder.compiled
        _keep(model, validator, decoder._replace(compiled=compiled, compile_with_seconds=None))
    return item


def prepare(model: Any) -> None:
    """Compile the decoder of a model now, before its first item.

    Raises:
        ConfigurationError: Pydantic cannot read it, or a type that it names is not defined yet.
    """
    _decoder(model)


def _decoder(model: Any) -> Decoder:
    validator = getattr(model, "__pydantic_validator__", None)
    try:
        decoder = _decoders.get((model, validator))
    except TypeError:
        raise ConfigurationError(f"pydantic cannot read {type(model).__qualname__}: it is no type") from None
    if decoder is None:
        from ._compile import compile_decoder  # noqa: PLC0415  # cold start: needed with the first item

        decoder = compile_decoder(model)
        _keep(model, validator, decoder)
    return decoder


def _keep(model: Any, validator: object, decoder: Decoder) -> None:
    if decoder.compiled is not None:
        # asking a model for an attribute takes five times as long as looking into its dict
        own = _NO_VALIDATOR if validator is None else vars(model)
        compiled = _careful(model, decoder.compiled)
        _compiled[model] = validator, own, compiled, decoder.look[0], decoder.look[1]
    # last, since another thread that finds it looks for the compiled one
    _decoders[model, validator] = decoder


def _careful(model: Any, compiled: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a compiled decoder that looks at what it gets where the model takes an object of any names."""
    if any(field.required for field in item_fields(model).values()):
        return compiled

    from ._reference import refuse_no_image  # noqa: PLC0415  # cold start: such models are rare

    def decode_image(image: Any) -> Any:
        refuse_no_image(image)
        return compiled(image)

    return decode_image


def decode_value(attribute: AttributeValue) -> Value:
    """Return the Python value of one attribute value.

    A number becomes int where its text is `-?digits`, otherwise Decimal; a set becomes a set.

    Raises:
        InvalidItemError: It is not as AWS sends it.
    """
    value: Value = decode_attribute(attribute)
    return value
