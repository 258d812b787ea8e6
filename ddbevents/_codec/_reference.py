"""The reference decoder, which gives an image's Python values to the model, and explains what it refuses."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType, ModuleType
from typing import Any, Final, TypeAlias

from pydantic_core import ValidationError

from .._attributes import GLOBAL_TABLES, Image, decode_map
from .._errors import AttributePath, InvalidItemError

Validate: TypeAlias = Callable[[Any], Any]
"""Validates an item's Python values."""

_OTHERS: Final = frozenset({"Records", "dynamodb", "NewImage", "OldImage", "Keys", "Item", "Attributes", "M"})
"""Names within what people take for an image."""

_SETS: Final[Mapping[str | None, str]] = {
    "SS": "set[str]",
    "NS": "set[int] or set[Decimal]",
    "BS": "set[bytes]",
}
"""The types of fields for DynamoDB's sets, by type tag."""
_SEQUENCES: Final = frozenset({"is_instance_of", "list_type"})
"""The problems of a field that is a list or another sequence."""

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


def decode_by_reference(model: Any, validate: Validate, image: Image) -> Any:
    """Decode as `decode` does, looking at every tag.

    Args:
        model: The model, whose name is part of the explanation.
        validate: Its validation.
        image: The image.
    """
    refuse_no_image(image)
    try:
        return _validated(model, validate, image)
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


def _validated(model: Any, validate: Validate, image: Image) -> Any:
    reading = _Reading(image)
    try:
        item = validate(reading.plain_values())
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    else:
        malformed = reading.error_below() if reading.is_malformed and reading.is_taken_by(item) else None
        if malformed is None:
            return item
        raise malformed
    # outside the except block: pydantic's own error, which shows the values, stays out of every traceback
    raise _explain(model, problem["type"], problem["loc"], reading)


def refuse_no_image(image: object) -> None:
    """Refuse what people take for an image: a record, boto3's answer, and the like."""
    if not isinstance(image, Mapping) or not _OTHERS.isdisjoint(image):
        from ._no_images import fault_of  # noqa: PLC0415  # for mistakes only

        if (fault := fault_of(image)) is not None:
            raise InvalidItemError(fault)


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
