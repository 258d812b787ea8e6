"""The surroundings of a node while its core schema is rewritten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from operator import itemgetter
from typing import Final

from pydantic_core import core_schema

from .._attributes import decode_attribute
from .._errors import AttributePath
from .._tuples import NamedTuple
from ._leaves import Content, Leaves, before
from ._model import Config, Schema

_COPY: Final = "typed:"  # begins the reference of a rewritten definition


class CannotRewriteError(Exception):
    """The model can be read by the reference decoder only."""


class Definitions:
    """The definitions of a schema, each with its rewritten copy.

    A definition is rewritten as a copy, under a reference of its own. The original stays, because generic
    nodes refer to it: they read plain values.

    Attributes:
        have_generic_nodes: Whether a definition has a generic node. Such a node does not know its depth in
            the image, since the definition may be referred to at several depths.
    """

    def __init__(self, originals: Mapping[str, Schema]) -> None:
        self._originals = originals
        self._copies: dict[str, Content | None] = {}
        self._unfinished: set[str] = set()
        self._recursive: set[str] = set()
        self.have_generic_nodes = False

    @property
    def are_recursive(self) -> bool:
        return bool(self._recursive)

    @property
    def are_unfinished(self) -> bool:
        """Whether a definition is being rewritten right now."""
        return bool(self._unfinished)

    def resolve(self, schema: Schema) -> Schema:
        """Return the node itself, or the definition that it refers to."""
        is_reference = schema["type"] == "definition-ref"
        return self._originals[schema["schema_ref"]] if is_reference else schema

    def content(self, ref: str, rewrite: Callable[[Schema], Content | None]) -> Content | None:
        """Return a reference to the rewritten copy of a definition, which is made on first use.

        Raises:
            CannotRewriteError: The definition refers to itself, and is no map.
        """
        reference = core_schema.definition_reference_schema(_COPY + ref)
        if ref in self._unfinished:
            # it refers to itself, and its tag is not known yet: taken for a map, which is checked below
            self._recursive.add(ref)
            return Content("M", itemgetter("M"), reference)
        if ref not in self._copies:
            self._unfinished.add(ref)
            self._copies[ref] = rewrite(self._originals[ref])
            self._unfinished.discard(ref)
        copy = self._copies[ref]
        if ref in self._recursive and (copy is None or copy.tag != "M"):
            raise CannotRewriteError
        return None if copy is None else copy._replace(schema=reference)

    def copies(self) -> Iterator[Schema]:
        """Yield the rewritten definitions under their own references."""
        for ref, copy in self._copies.items():
            if copy is not None:
                yield {**copy.schema, "ref": _COPY + ref}


class Scope(NamedTuple):
    """The surroundings of a node, as far as its rule has to know them.

    Attributes:
        definitions: The definitions of the whole schema.
        as_plain: Applied to each node that goes on reading plain values.
        leaves: The rules of nodes without children.
        depth: The node's level in the image: 0 is the image itself, 1 its attributes.
        coerces_numbers: Whether a model around the node takes numbers for text.
    """

    definitions: Definitions
    as_plain: Callable[[Schema], Schema]
    leaves: Leaves
    depth: int = 0
    coerces_numbers: bool = False

    def deeper(self) -> Scope:
        """Return the scope of an attribute value within this one."""
        return self._replace(depth=self.depth + 1)

    def within(self, config: Config) -> Scope:
        """Return the scope of a model's fields."""
        coerces = self.coerces_numbers or bool(config.get("coerce_numbers_to_str"))
        return self._replace(coerces_numbers=coerces)

    def generic(self, schema: Schema) -> Schema:
        """Return the node as it was, behind a function that decodes its whole attribute value."""
        definitions = self.definitions
        definitions.have_generic_nodes = definitions.have_generic_nodes or definitions.are_unfinished
        # the function counts the levels from the image on, by the length of the path
        path: AttributePath = ("",) * self.depth
        return before(partial(decode_attribute, path=path), self.as_plain(schema))
