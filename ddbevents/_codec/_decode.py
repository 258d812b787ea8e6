"""From an image to an item: decode what DynamoDB wrote, let the model validate, explain what it refuses."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic_core import ValidationError

from .._attributes import GLOBAL_TABLES, AttributeValue, Image, Value, decode_attribute, decode_map
from .._errors import AttributePath, ConfigurationError, InvalidItemError

if TYPE_CHECKING:
    from ._compile import Decoder

ItemT = TypeVar("ItemT")

_decoders: Final[dict[Any, Decoder]] = {}
_fast: Final[
    dict[Any, tuple[object, Callable[[Any], Any]]]
] = {}  # by model, with the validator it was made from

# the type tags that a kind of pydantic's error types asks for
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
    """The item that an image holds: `model.model_validate` of the image's Python values.

    Unknown attributes follow the model's own `extra`, and are not looked at where it ignores them.

    Args:
        model: A pydantic model, a dataclass or a TypedDict.
        image: Typed JSON, with binary as base64 text or bytes.

    Raises:
        InvalidItemError: An attribute is malformed, or the model refuses it. Names the first one.
    """
    try:
        validator, fast = _fast[model]
        if type(image) is dict and validator is getattr(model, "__pydantic_validator__", None):
            return fast(image)  # type: ignore[no-any-return]  # it was made from the model
    except Exception:  # noqa: BLE001, S110  # not made yet, or it does not fit: the fast decoder never explains
        pass
    return decode_by_law(model, image)


def prepare(model: Any) -> None:
    """Compile the decoder of a model now, not with its first item.

    Raises:
        ConfigurationError: Pydantic cannot read it, or a type that it names is not defined yet.
    """
    _decoder(model)


def decode_by_law(model: type[ItemT], image: Image) -> ItemT:
    """As `decode`, by the explaining decoder alone, which looks at every tag."""
    return _decode_by_law(model, image, _decoder(model).explain)


def _decoder(model: Any) -> Decoder:
    # a model that is rebuilt has a new validator
    validator = getattr(model, "__pydantic_validator__", None)
    try:
        decoder = _decoders.get((model, validator))
    except TypeError:
        raise ConfigurationError(f"pydantic cannot read {type(model).__qualname__}: it is no type") from None
    if decoder is None:
        from ._compile import compile_decoder  # noqa: PLC0415  # cold start: needed with the first item

        decoder = _decoders[model, validator] = compile_decoder(model)
        if decoder.fast is not None:
            _fast[model] = validator, decoder.fast
    return decoder


def _decode_by_law(model: type[ItemT], image: Image, explain: Callable[[Any], ItemT]) -> ItemT:
    """`model.model_validate` of the image's Python values, and why not.

    A malformed attribute is kept a place for, since it does no harm where the model does not look.
    """
    unreadable: list[_Unreadable] = []

    def keep_a_place(error: InvalidItemError) -> _Unreadable:
        unreadable.append(_Unreadable(error))
        return unreadable[-1]

    values = decode_map(image, refuse=keep_a_place)
    plain = {name: value for name, value in values.items() if not str(name).startswith(GLOBAL_TABLES)}
    try:
        item = explain(plain)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    else:
        if unreadable and (any(place.written for place in unreadable) or _holds_unreadable(item)):
            raise unreadable[0].error
        return item
    # outside the except block: pydantic's own error, which shows the values, stays out of every traceback
    raise _explain(model, problem["type"], problem["loc"], image, unreadable)


def decode_value(attribute: AttributeValue) -> Value:
    """The Python value of one attribute value.

    A number becomes int where its text is `-?digits`, otherwise Decimal; a set becomes a set.

    Raises:
        InvalidItemError: It is not as AWS sends it.
    """
    value: Value = decode_attribute(attribute)
    return value


class _Unreadable:
    """Stands where a malformed attribute stood: every type refuses it, and it cannot become text."""

    __slots__ = ("error", "written")

    def __init__(self, error: InvalidItemError) -> None:
        self.error = error
        self.written = False

    def __repr__(self) -> str:
        # noted rather than raised: pydantic's core may ask, and cannot say that it failed
        self.written = True
        return ""


def _holds_unreadable(item: object) -> bool:
    """Whether a place for anything (`Any`, an extra attribute) took a malformed attribute in."""
    seen: set[int] = set()
    rest = [item]
    while rest:
        value = rest.pop()
        if isinstance(value, _Unreadable):
            return True
        if id(value) not in seen and not isinstance(value, (type, ModuleType, FunctionType)):
            seen.add(id(value))
            rest.extend(gc.get_referents(value))
    return False


def _explain(
    model: object, problem: str, location: Iterable[str | int], image: Image, unreadable: list[_Unreadable]
) -> InvalidItemError:
    path, found = _locate(image, location, missing=problem == "missing")
    for place in unreadable:
        if place.error.path[: len(path)] == path:
            return place.error
    name = getattr(model, "__name__", "the model")
    if problem == "missing":
        return InvalidItemError(f"{name} requires this attribute", path=path)
    expected = _EXPECTED.get(problem.partition("_")[0], ())
    if found is None or found in expected:
        expected = ()
    reason = f"{name} refuses it ({problem})"
    if expected:
        reason += f": expected {' or '.join(expected)}, found {found}"
    return InvalidItemError(reason, path=path, expected=expected, found=found)


def _locate(
    image: Image, location: Iterable[str | int], *, missing: bool
) -> tuple[AttributePath, str | None]:
    """Where in the image a location of pydantic's points, which also names branches of unions."""
    path: list[str | int] = []
    tag: str | None = None
    content: Any = image
    for part in location:
        member: Any
        if tag in {None, "M"} and isinstance(content, Mapping) and part in content:  # noqa: SIM114  # each narrows
            member = content[part]
        elif tag == "L" and isinstance(content, list) and isinstance(part, int) and part < len(content):
            member = content[part]
        else:
            if missing:
                path.append(part)
            continue
        path.append(part)
        tag, content = next(iter(member.items())) if isinstance(member, dict) and member else ("", None)
    return tuple(path), tag
