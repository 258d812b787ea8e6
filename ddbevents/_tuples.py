"""Named tuples as `typing.NamedTuple` makes them, at a quarter of its cost.

A cold start makes two dozen. `typing.NamedTuple` compiles code for each class and for each annotation, which
took a third of `import ddbevents`. Nothing is compiled here: a constructor is a copy of one of the functions
below with other names, annotations stay text, and all classes share their methods.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, Self

__all__ = ["NamedTuple"]

_UNEXPECTED: Final = TypeError if sys.version_info >= (3, 13) else ValueError
_Field: Final[Any] = type(inspect.Attribute.name)  # reads a named tuple's field in C; it has no public name


def _constructors(new: Callable[..., Any]) -> tuple[Any, ...]:
    """Return the constructors of classes with one field, with two fields and so on."""
    constructors: tuple[Callable[..., Any], ...] = (
        lambda cls, a: new(cls, (a,)),
        lambda cls, a, b: new(cls, (a, b)),
        lambda cls, a, b, c: new(cls, (a, b, c)),
        lambda cls, a, b, c, d: new(cls, (a, b, c, d)),
        lambda cls, a, b, c, d, e: new(cls, (a, b, c, d, e)),
        lambda cls, a, b, c, d, e, f: new(cls, (a, b, c, d, e, f)),
        lambda cls, a, b, c, d, e, f, g: new(cls, (a, b, c, d, e, f, g)),
        lambda cls, a, b, c, d, e, f, g, h: new(cls, (a, b, c, d, e, f, g, h)),
        lambda cls, a, b, c, d, e, f, g, h, i: new(cls, (a, b, c, d, e, f, g, h, i)),
        lambda cls, a, b, c, d, e, f, g, h, i, j: new(cls, (a, b, c, d, e, f, g, h, i, j)),
        lambda cls, a, b, c, d, e, f, g, h, i, j, k: new(cls, (a, b, c, d, e, f, g, h, i, j, k)),
    )
    return constructors


_CONSTRUCTORS: Final = _constructors(tuple.__new__)


class _Methods(tuple[Any, ...]):
    """The methods of all classes, each of which has them itself: it derives from `tuple` alone."""

    __slots__ = ()

    _fields: tuple[str, ...]

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> Self:
        made = tuple.__new__(cls, iterable)
        if len(made) != len(cls._fields):
            raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
        return made

    def _replace(self, /, **values: Any) -> Self:
        made = self._make(map(values.pop, self._fields, self))
        if values:
            raise _UNEXPECTED(f"Got unexpected field names: {list(values)!r}")
        return made

    __replace__ = _replace

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{type(self).__name__}({shown})"

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)


_METHODS: Final = {
    name: vars(_Methods)[name]
    for name in ("_make", "_replace", "__replace__", "_asdict", "__repr__", "__getnewargs__")
}


class _Definition(type):
    """Turns the body of a class with annotated names into a named tuple."""

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
        if not bases:
            return super().__new__(cls, name, bases, body)
        fields = tuple(body["__annotations__"])
        defaults = {field: body.pop(field) for field in fields if field in body}
        return type(
            name,
            (tuple,),
            {
                **_METHODS,
                **body,
                **{
                    field: _Field(index, f"Alias for field number {index}")
                    for index, field in enumerate(fields)
                },
                "__new__": _constructor(name, fields, tuple(defaults.values()), body),
                "__orig_bases__": (typing.NamedTuple,),
                "__slots__": (),
                "__match_args__": fields,
                "_fields": fields,
                "_field_defaults": defaults,
            },
        )


def _constructor(
    name: str, fields: tuple[str, ...], defaults: tuple[Any, ...], body: dict[str, Any]
) -> FunctionType:
    pattern = _CONSTRUCTORS[len(fields) - 1]
    code = pattern.__code__.replace(
        co_name="__new__", co_qualname=f"{name}.__new__", co_varnames=("_cls", *fields)
    )
    # with the globals of the class's module, where its annotations can be resolved
    module = vars(sys.modules[body["__module__"]])
    made = FunctionType(code, module, "__new__", defaults, pattern.__closure__)
    made.__annotations__ = body["__annotations__"]
    return made


if TYPE_CHECKING:
    from typing import NamedTuple
else:

    class NamedTuple(metaclass=_Definition):
        """The base of a class whose annotated names are the fields; its named tuple derives from `tuple`."""
