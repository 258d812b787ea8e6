"""The attributes that are looked at for a second type tag, of which compiled decoders take no notice.

Only the attributes that a model reads matter, and wide items have many others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from operator import itemgetter, methodcaller
from typing import Any, Final, NamedTuple

from .._attributes import Image
from ._model import Schema, item_fields
from ._rewrite import keeps_others


class Look(NamedTuple):
    """The look at an image for second type tags.

    Attributes:
        most: In images of at most so many attributes it is quicker to look at all.
        get_read: Returns the attributes that the model reads. Raises `KeyError` if a required one is missing.
    """

    most: int
    get_read: Callable[[Image], Collection[Any]]


LOOK_AT_ALL: Final = Look(sys.maxsize, methodcaller("values"))


def look_for(model: Any, schema: Schema) -> Look:
    """Return the look at images of a model with a compiled decoder, which reads attributes by plain names.

    Args:
        model: The model.
        schema: Its core schema.
    """
    fields = item_fields(model).values()
    if not fields or keeps_others(schema):
        return LOOK_AT_ALL
    names = tuple(dict.fromkeys(str(path[0]) for field in fields for path in field.paths))
    most = 2 * len(names)  # getting an attribute by its name costs about as much as looking at one
    if len(names) > 1 and all(field.required and len(field.paths) == 1 for field in fields):
        return Look(most, itemgetter(*names))
    return Look(most, lambda image: [image[name] for name in names if name in image])
