"""How the text of a field begins, for models of a table whose keys say what an item is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

PREFIX: Final = "ddbevents.prefix"
"""Where a node of a core schema has the text of a `Prefix`, in its metadata."""
_SPECIAL: Final = r"[\\^$.|?*+()\[\]{}]"  # in pydantic's regular expressions


class Prefix:
    """Says how the text of a field begins: `pk: Annotated[str, Prefix("CART#")]`.

    Pydantic enforces it on the value as it comes in, before any other validation. A handler of the model
    takes only records whose attribute begins so, as with a `Literal` field.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        """Give the text that values begin with.

        Raises:
            ConfigurationError: It is empty, or no text.
        """
        if not _may_begin(text):
            raise ConfigurationError('a Prefix is the text that values begin with, as Prefix("CART#")')
        self.text: Final = text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Return the schema of the annotated type, behind one that checks the beginning."""
        inner = handler(source)
        _check_is_text(inner, self, handler.resolve_ref_schema)
        # without conversions of its own, so that it accepts exactly what routing takes
        beginning = {
            "type": "str",
            "pattern": f"^{_escaped(self.text)}",
            "regex_engine": "rust-regex",
            "strict": True,
            "strip_whitespace": False,
            "to_lower": False,
            "to_upper": False,
            "metadata": {PREFIX: self.text},
        }
        return {"type": "chain", "steps": [beginning, inner]}

    def __repr__(self) -> str:
        return f"Prefix({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Prefix) else NotImplemented

    def __hash__(self) -> int:
        return hash((Prefix, self.text))


def _may_begin(text: object) -> bool:
    # pydantic's text has no lone surrogates
    return isinstance(text, str) and bool(text) and not any("\ud800" <= each <= "\udfff" for each in text)


def _check_is_text(schema: Any, prefix: Prefix, resolve: Callable[[Any], Any]) -> None:
    node = resolve(schema)
    while node["type"] in {"chain", "function-after", "function-before", "function-wrap"}:
        node = resolve(node["steps"][0] if node["type"] == "chain" else node["schema"])
    if PREFIX in (node.get("metadata") or {}):
        raise ConfigurationError(
            f"{prefix} is the second Prefix of its field: to allow either, write Annotated[str, {prefix}] |"
            ' Annotated[str, Prefix("...")]'
        )
    if node["type"] != "str":
        raise ConfigurationError(
            f"{prefix} annotates no str: write Annotated[str, {prefix}], and other types beside it, as in"
            f" Annotated[str, {prefix}] | None"
        )


def _escaped(text: str) -> str:
    return re.sub(_SPECIAL, r"\\\g<0>", text)
