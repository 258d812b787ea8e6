"""The fields in which two images differ, down into maps and lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from ..._attributes import AttributeValue, canonical
from ..._errors import AttributePath
from ..._records import StreamRecord


class Difference(NamedTuple):
    """An attribute that differs.

    Attributes:
        path: Where it is.
        old: Its value before the change, in typed JSON; None if it was not there.
        new: Its value after the change; None if it is not there any more.
    """

    path: AttributePath
    old: AttributeValue | None
    new: AttributeValue | None

    @property
    def sign(self) -> str:
        """`+` for an attribute that was added, `-` for one that was removed, `~` for one that changed."""
        if self.old is None:
            return "+"
        return "-" if self.new is None else "~"


def differences(record: StreamRecord) -> Sequence[Difference] | None:
    """Return the fields that a change touched, without the key; None if the stream does not say."""
    old, new = record.old_image, record.new_image
    if (record.kind != "INSERT" and old is None) or (record.kind != "REMOVE" and new is None):
        return None
    keys = record.keys.keys()
    found = _of_maps(old or {}, new or {}, ())
    return [each for each in found if each.path[0] not in keys]


def _of_maps(old: Mapping[str, Any], new: Mapping[str, Any], path: AttributePath) -> Iterator[Difference]:
    for name in {**old, **new}:
        yield from _of_attributes(old.get(name), new.get(name), (*path, name))


def _of_attributes(old: Any, new: Any, path: AttributePath) -> Iterator[Difference]:
    match old, new:
        case {"M": before}, {"M": after}:
            yield from _of_maps(before, after, path)
        case {"L": before}, {"L": after}:
            for index, (one, other) in enumerate(zip_longest(before, after)):
                yield from _of_attributes(one, other, (*path, index))
        case _:
            if old is None or new is None or canonical(old, path) != canonical(new, path):
                yield Difference(path, old, new)
