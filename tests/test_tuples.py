"""The library's named tuples behave as those of `typing`, which take several times as long to make."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any, Final, NamedTuple, TypeAlias, get_type_hints

import pytest
from pydantic import TypeAdapter

from ddbevents import _tuples  # the public ones do not have every form


class Ours:
    """Named tuples of the library."""

    class Point(_tuples.NamedTuple):
        """A place."""

        x: int
        y: int = 2
        label: str | None = None

        @property
        def total(self) -> int:
            """The sum of its numbers."""
            return self.x + self.y

    class Shown(_tuples.NamedTuple):
        """Has a text of its own."""

        only: object

        def __repr__(self) -> str:
            return "shown"


class Typings:
    """The same by `typing`."""

    class Point(NamedTuple):
        """A place."""

        x: int
        y: int = 2
        label: str | None = None

        @property
        def total(self) -> int:
            """The sum of its numbers."""
            return self.x + self.y

    class Shown(NamedTuple):
        """Has a text of its own."""

        only: object

        def __repr__(self) -> str:
            return "shown"


Use: TypeAlias = Callable[[Any], object]


def outcome(use: Use, kinds: type) -> object:
    """Return the result of a use, or the type and text of its exception."""
    try:
        return use(kinds)
    except Exception as error:  # noqa: BLE001  # to be compared
        return type(error), re.sub("Ours|Typings", "", str(error))


def without_annotations(named: type) -> list[Parameter]:
    """Return the parameters of a class."""
    return [each.replace(annotation=None) for each in signature(named).parameters.values()]


USES: Final[dict[str, Use]] = {
    "by position": lambda kinds: [*kinds.Point(1)],
    "by name": lambda kinds: [*kinds.Point(label="a", x=1)],
    "too few": lambda kinds: kinds.Point(),
    "too many": lambda kinds: kinds.Point(1, 2, "a", 4),
    "unknown name": lambda kinds: kinds.Point(1, z=2),
    "one field": lambda kinds: [*kinds.Shown(1)],
    "fields": lambda kinds: (kinds.Point(1).x, kinds.Point(1).y, kinds.Point(1).label),
    "a field is read-only": lambda kinds: setattr(kinds.Point(1), "x", 2),
    "no other attributes": lambda kinds: setattr(kinds.Point(1), "z", 2),
    "property": lambda kinds: kinds.Point(1).total,
    "text": lambda kinds: repr(kinds.Point(1, label="a")),
    "own text": lambda kinds: repr(kinds.Shown(1)),
    "text of a subclass": lambda kinds: repr(type("Sub", (kinds.Point,), {})(1)),
    "equal to a tuple": lambda kinds: kinds.Point(1) == (1, 2, None),
    "hash": lambda kinds: hash(kinds.Point(1)),
    "match": lambda kinds: kinds.Point.__match_args__,
    "_fields": lambda kinds: kinds.Point._fields,
    "_field_defaults": lambda kinds: kinds.Point._field_defaults,
    "_asdict": lambda kinds: kinds.Point(1)._asdict(),
    "_make": lambda kinds: repr(kinds.Point._make([1, 2, 3])),
    "_make of too few": lambda kinds: kinds.Point._make([1, 2]),
    "_replace": lambda kinds: repr(kinds.Point(1)._replace(label="b", x=5)),
    "_replace of an unknown name": lambda kinds: kinds.Point(1)._replace(z=5, q=6),
    "signature": lambda kinds: without_annotations(kinds.Point),
    "annotations": lambda kinds: get_type_hints(kinds.Point),
    "annotations by name": lambda kinds: [*kinds.Point.__annotations__],
    "names": lambda kinds: (kinds.Point.__name__, kinds.Point.__module__, kinds.Point.__doc__),
    "constructor": lambda kinds: (kinds.Point.__new__.__name__, kinds.Point.__new__.__qualname__),
    "bases": lambda kinds: (kinds.Point.__bases__, kinds.Point.__orig_bases__, type(kinds.Point)),
    "help on a field": lambda kinds: kinds.Point.y.__doc__,
    "copy": lambda kinds: repr(copy.copy(kinds.Point(1))),
    "deep copy": lambda kinds: repr(copy.deepcopy(kinds.Point(1, label="a"))),
    "pickle": lambda kinds: repr(pickle.loads(pickle.dumps(kinds.Point(1)))),  # noqa: S301  # its own
    "pydantic": lambda kinds: repr(TypeAdapter(kinds.Point).validate_python({"x": "1", "label": "a"})),
    "pydantic's refusal": lambda kinds: TypeAdapter(kinds.Point).validate_python(["a"]),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_use_is_as_with_typing(use: Use) -> None:
    assert outcome(use, Ours) == outcome(use, Typings)


def test_annotations_can_be_resolved() -> None:
    hints = [each.annotation for each in signature(Ours.Point, eval_str=True).parameters.values()]

    assert hints == [int, int, str | None]
