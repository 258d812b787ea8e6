"""From an image to an item, and the explanation of an image that the model refuses.

The compiled decoder goes first. It never explains: on any failure the reference decoder decides, which gives
the image's Python values to the model.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from pydantic_core import ValidationError

from .._attributes import GLOBAL_TABLES, AttributeValue, Image, Value, decode_attribute, decode_map
from .._errors import AttributePath, ConfigurationError, InvalidItemError
from ._model import item_fields

if TYPE_CHECKING:
    from ._compile import Decoder

ItemT = TypeVar("ItemT")

_OTHERS: Final = frozenset({"Records", "dynamodb", "NewImage", "OldImage", "Keys", "Item", "Attributes", "M"})
"""Names within what people take for an image."""

_VALIDATOR: Final = "__pydantic_validator__"
_NO_VALIDATOR: Final[Mapping[str, object]] = {_VALIDATOR: None}

_Compiled: TypeAlias = tuple[
    object, Mapping[str, object], Callable[[Any], Any], int, Callable[[Image], Collection[Any]]
]
"""The validator that a compiled decoder was made for, where the model has its own by now, the decoder, and
its look for second type tags."""

_SETS: Final[Mapping[str | None, str]] = {
    "SS": "set[str]",
    "NS": "set[int] or set[Decimal]",
    "BS": "set[bytes]",
}
"""The types of fields for DynamoDB's sets, by type tag."""
_SEQUENCES: Final = frozenset({"is_instance_of", "list_type"})
"""The problems of a field that is a list or another sequence."""

_decoders: Final[dict[tuple[Any, object], Decoder]] = {}
"""Decoders by model and by pydantic's validator of it: a model that is rebuilt has a new validator."""
_compiled: Final[dict[Any, _Compiled]] = {}
"""Compiled decoders by model alone, for a quick look-up."""

# the type tags that pydantic's error types ask for, by the word that an error type begins with
_EXPECTED: Final[Mapping[str, tuple[str, ...]]] = {
    "string": ("S",),
    "int": ("N",),
    "float": ("N",),
    "decimal": ("N",),
    "bool": ("BOOL",),
    "bytes": ("B",),
    "list": ("L",),
    "tuple": ("L",),
    "set": ("SS", "NS", "BS"),
    "frozen": ("SS", "NS", "BS"),
    "dict": ("M",),
    "mapping": ("M",),
    "model": ("M",),
    "dataclass": ("M",),
    "datetime": ("S", "N"),
    "date": ("S", "N"),
    "time": ("S", "N"),
    "uuid": ("S",),
    "url": ("S",),
    "none": ("NULL",),
}


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
    refuse_plain_values(image)
    if compiled is None and _decoder(model).compiled is not None:
        return decode_exactly(model, image)  # its first item
    return _decode_again(model, image)


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


def _decode_again(model: type[ItemT], image: Image) -> ItemT:
    """Decode an image that the compiled decoder does not, and let it read seconds if the image is legal.

    Most moments are text. A decoder that expects nothing else is quicker.
    """
    item = decode_by_reference(model, image)
    validator = getattr(model, "__pydantic_validator__", None)
    decoder = _decoder(model)
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


def decode_by_reference(model: type[ItemT], image: Image) -> ItemT:
    """Decode as `decode` does, by the reference decoder alone, which looks at every tag."""
    _refuse_no_image(image)
    try:
        return _validated(model, image)
    except InvalidItemError:
        refuse_plain_values(image)
        raise


def refuse_plain_values(image: Image) -> None:
    """Refuse an image that has no type tag at all, as one made by hand.

    Raises:
        InvalidItemError: It has none.
    """
    if image and not any(isinstance(value, Mapping) for value in image.values()):
        raise InvalidItemError(
            "these are plain values, and those of an image have a type tag each, as"
            ' {"id": {"S": "o-1"}}: ddbevents.encode writes an item so'
        ) from None


def _validated(model: type[ItemT], image: Image) -> ItemT:
    validate = _decoder(model).validate
    reading = _Reading(image)
    try:
        item: ItemT = validate(reading.plain_values())
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    else:
        malformed = reading.error_below() if reading.is_malformed and reading.is_taken_by(item) else None
        if malformed is None:
            return item
        raise malformed
    # outside the except block: pydantic's own error, which shows the values, stays out of every traceback
    raise _explain(model, problem["type"], problem["loc"], reading)


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
    _decoders[model, validator] = decoder
    if decoder.compiled is not None:
        # asking a model for an attribute takes five times as long as looking into its dict
        own = _NO_VALIDATOR if validator is None else vars(model)
        compiled = _careful(model, decoder.compiled)
        _compiled[model] = validator, own, compiled, decoder.look[0], decoder.look[1]


def _careful(model: Any, compiled: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a compiled decoder that looks at what it gets where the model takes an object of any names."""
    if any(field.required for field in item_fields(model).values()):
        return compiled

    def decode_image(image: Any) -> Any:
        _refuse_no_image(image)
        return compiled(image)

    return decode_image


def _refuse_no_image(image: object) -> None:
    """Refuse what people take for an image: a record, boto3's answer, and the like."""
    if not isinstance(image, Mapping) or not _OTHERS.isdisjoint(image):
        from ._no_images import fault_of  # noqa: PLC0415  # for mistakes only

        if (fault := fault_of(image)) is not None:
            raise InvalidItemError(fault)


def decode_value(attribute: AttributeValue) -> Value:
    """Return the Python value of one attribute value.

    A number becomes int where its text is `-?digits`, otherwise Decimal; a set becomes a set.

    Raises:
        InvalidItemError: It is not as AWS sends it.
    """
    value: Value = decode_attribute(attribute)
    return value


class _Placeholder:
    """Stands in for malformed attributes, which do no harm where the model does not look.

    Every type refuses it, except those that take any object, and no text can be made of it unnoticed.
    """

    __slots__ = ("__weakref__", "shown")

    def __init__(self) -> None:
        self.shown = False

    def __repr__(self) -> str:
        # noted, not raised: pydantic's core may ask for the text, and cannot report a failure
        self.shown = True
        return ""


class _Reading:
    """The values of an image, with a placeholder for its malformed attributes.

    Their errors are not kept, since an image may have very many of them.

    Attributes:
        image: The image.
        is_malformed: Whether an attribute is malformed.
    """

    def __init__(self, image: Image) -> None:
        self.image: Final = image
        self.is_malformed = False
        self._placeholder = _Placeholder()

    def plain_values(self) -> dict[str, Any]:
        """Return the image's Python values."""
        values = decode_map(self.image, on_error=self._hold_place)
        return {name: value for name, value in values.items() if not str(name).startswith(GLOBAL_TABLES)}

    def _hold_place(self, _: InvalidItemError) -> object:
        self.is_malformed = True
        return self._placeholder

    def is_taken_by(self, item: object) -> bool:
        """Return whether a field that takes anything (`Any`, an extra attribute) took a placeholder."""
        was_shown = self._placeholder.shown
        kept = weakref.ref(self._placeholder)
        del self._placeholder
        # most of the time nobody kept it, and then the item need not be searched
        return was_shown or (kept() is not None and _refers_to_placeholder(item))

    def error_below(self, path: AttributePath = ()) -> InvalidItemError | None:
        """Return the error of the first malformed attribute at a path or below it."""

        def stop_there(error: InvalidItemError) -> None:
            if error.path[: len(path)] == path:
                raise error

        try:
            decode_map(self.image, on_error=stop_there)
        except InvalidItemError as error:
            return error
        return None


def _refers_to_placeholder(item: object) -> bool:
    seen: set[int] = set()
    rest = [item]
    while rest:
        value = rest.pop()
        if isinstance(value, _Placeholder):
            return True
        if id(value) not in seen and not isinstance(value, (type, ModuleType, FunctionType)):
            seen.add(id(value))
            rest.extend(gc.get_referents(value))
    return False


def _explain(
    model: object, problem: str, location: Iterable[str | int], reading: _Reading
) -> InvalidItemError:
    path, found = _locate(reading.image, location, missing=problem == "missing")
    malformed = reading.error_below(path) if reading.is_malformed else None
    if malformed is not None:
        return malformed
    name = getattr(model, "__name__", "the model")
    if problem == "missing":
        return InvalidItemError(f"{name} requires this attribute", path=path)
    expected = _EXPECTED.get(problem.partition("_")[0], ())
    if found is None or found in expected:
        expected = ()
    reason = f"{name} refuses it ({problem})"
    if expected:
        reason += f": expected {' or '.join(expected)}, found {found}"
    if problem in _SEQUENCES and found in _SETS:
        # a Sequence takes no set, and a strict list neither
        reason += f". It is a set of DynamoDB: a field for it is {_SETS[found]}"
    return InvalidItemError(reason, path=path, expected=expected, found=found)


def _locate(
    image: Image, location: Iterable[str | int], *, missing: bool
) -> tuple[AttributePath, str | None]:
    """Return the path of a location of pydantic's in the image, and the type tag found there.

    A location also names branches of unions, which the image does not have.
    """
    path: list[str | int] = []
    tag: str | None = None
    content: Any = image
    for part in location:
        if _has_member(tag, content, part):
            path.append(part)
            member = content[part]
            tag, content = next(iter(member.items())) if isinstance(member, dict) and member else ("", None)
        elif missing:
            path.append(part)
    return tuple(path), tag


def _has_member(tag: str | None, content: object, part: str | int) -> bool:
    if tag == "L":
        # pydantic's alias paths may count from the end
        return isinstance(content, list) and isinstance(part, int) and -len(content) <= part < len(content)
    return tag in {None, "M"} and isinstance(content, Mapping) and part in content
