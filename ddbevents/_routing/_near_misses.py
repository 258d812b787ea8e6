"""Records that a handler would take if its `Literal`, `Prefix`, `where` or table were written otherwise.

Most records that a handler of a single-table design leaves out are of other models, and rightly so. So only
what hardly has another reason is worth a warning. Imported with the first record that no handler takes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any, Final, TypeAlias

from .._attributes import Image, canonical, split_tag
from .._changes import key_image
from .._codec import ItemField, discriminators, item_fields
from .._conditions import find_attribute, matches
from .._errors import LONGEST_LABEL, InvalidRecordError, format_path, printable
from .._records import StreamRecord
from .._tuples import NamedTuple
from ._reasons import Named, condition_paths
from ._selection import Selection

_MOST_TABLES: Final = 5  # in a line
_MANY: Final = 50  # records, where a few may well be of another model
_SHORTEST: Final = 5  # letters: shorter words of one table may be one letter apart, as card and cart
_LONG: Final = 7  # letters: in words as long as this, one may be another
_LONGEST: Final = 100  # of a value that is worth comparing
_UNSEEN: Final = str.maketrans("", "", " \t\r\n_-")  # what the eye overlooks


class _Miss(NamedTuple):
    """Why a record nearly fits a model.

    Attributes:
        reason: What is to be said of it.
        needed: The number of records that it takes.
        lacks: The attribute that the record lacks, where no other one looks like it.
    """

    reason: str
    needed: int = 1
    lacks: str | None = None


_Looks: TypeAlias = tuple[str | None, ...]


class NearMisses:
    """The records that nearly fit an app's handlers, and what is to be said of them."""

    def __init__(self, handlers: Iterable[Named]) -> None:
        everything = [*handlers]
        self._handlers = [each for each in everything if discriminators(each[1].model)]
        self._tables: dict[str | None, list[str]] = {}  # with the handlers of each; None for any table
        self._has_named_table = False
        for name, selection in everything:
            self._tables.setdefault(selection.table, []).append(name)
        self._arriving: set[str] = set()  # attributes that some record has
        self._counts: Counter[tuple[str, str]] = Counter()
        fields = [field for _, selection in self._handlers for field in discriminators(selection.model)]
        self._names = sorted({str(path[0]) for field in fields for path in field.paths})
        self._sees_old = any(
            "MODIFY" in selection.kinds and selection.form.sees("MODIFY") == "OldImage"
            for _, selection in self._handlers
        )
        self._far: set[_Looks] = set()  # those of records that are near to no handler: most of them
        self._misnamed = [found for each in everything for found in _misnamed(*each)]

    def ignored(self, record: StreamRecord, takers: AbstractSet[str]) -> Iterator[str]:
        """Yield what is worth a warning about a record that no handler takes, without values of the item.

        Args:
            record: The record.
            takers: The handlers that have taken a record.
        """
        if record.table is not None and record.table not in self._tables:
            yield from self._table(record.table, takers)
        for each in self._misnamed:
            yield from _missing_where(*each, record)
        looks = self._looks_of(record)
        if looks is None or looks not in self._far:
            near = [*self._near(record)]
            if looks is not None and not near:
                self._far.add(looks)
            for name, selection, miss in near:
                if _takes_but_for_literals(selection, record) and self._is_certain(name, miss, takers):
                    yield f"{name} seems to miss records of {selection.model.__name__}: {miss.reason}"

    def _looks_of(self, record: StreamRecord) -> _Looks | None:
        """Return what the `Literal` fields of all handlers see; None if an attribute is absent or no word."""
        image = record.new_image or record.old_image or key_image(record)
        images = [image, record.old_image] if self._sees_old and record.old_image else [image]
        words = [_word(each.get(name)) for each in images for name in self._names]
        return None if None in words else (record.kind, *words)

    def _near(self, record: StreamRecord) -> Iterator[tuple[str, Selection, _Miss]]:
        """Yield the handlers that would take a record if their `Literal` fields were written otherwise."""
        for name, selection in self._handlers:
            with suppress(InvalidRecordError):  # an attribute that no handler has looked at before
                if (miss := self._miss(selection, record)) is not None:
                    yield name, selection, miss

    def _table(self, found: str, takers: AbstractSet[str]) -> Iterator[str]:
        """Yield that the records of a table come to no handler, if that is not as it should be."""
        names = [table for table in self._tables if table is not None]
        if None in self._tables:
            names = [name for name in names if _may_be(name, found) and takers.isdisjoint(self._tables[name])]
        if names and not self._has_named_table:
            self._has_named_table = True
            shown, *others = [
                printable(name, longest=LONGEST_LABEL) for name in (found, *names[:_MOST_TABLES])
            ]
            yield (
                f"no handler takes records of the table {shown}: there are routers for {', '.join(others)}."
                f" Correct Router(table=...), or let no event source mapping deliver {shown}"
            )

    def _miss(self, selection: Selection, record: StreamRecord) -> _Miss | None:
        image = _image(selection, record)
        if image is None:
            return None
        misses: list[_Miss] = []
        for field in discriminators(selection.model):
            attribute = next(filter(None, (find_attribute(image, path) for path in field.paths)), None)
            if attribute is not None:
                self._arriving.add(_name_of(field))
            if _fits(field, attribute):
                continue
            miss = _lacking(field, image) if attribute is None else _differing(field, attribute)
            if miss is None:
                return None
            misses.append(miss)
        return misses[0] if misses else None

    def _is_certain(self, name: str, miss: _Miss, takers: AbstractSet[str]) -> bool:
        self._counts[name, miss.reason] += 1
        if miss.needed == 1:
            return True
        # if nothing comes to any handler, another line says so
        if self._counts[name, miss.reason] < miss.needed or not takers or name in takers:
            return False
        return miss.lacks is None or miss.lacks not in self._arriving | self._read_by(takers)

    def _read_by(self, takers: AbstractSet[str]) -> set[str]:
        models = [selection.model for name, selection in self._handlers if name in takers]
        return {_name_of(field) for model in models for field in discriminators(model)}


def _image(selection: Selection, record: StreamRecord) -> Image | None:
    if record.kind not in selection.kinds:
        return None
    place = selection.form.sees(record.kind)
    if place == "Keys":
        return key_image(record)
    return record.new_image if place == "NewImage" else record.old_image


def _misnamed(name: str, selection: Selection) -> Iterator[tuple[str, Selection, str, str]]:
    """Yield fields that a handler's `where` names in place of their attributes, which it looks at."""
    for path in condition_paths(selection.where):
        field = item_fields(selection.model).get(str(path[0]))
        if field is not None and path[0] not in {first for first, *_ in field.paths}:
            yield name, selection, str(path[0]), str(field.paths[0][0])


def _missing_where(
    name: str, selection: Selection, field: str, attribute: str, record: StreamRecord
) -> Iterator[str]:
    image = _image(selection, record)
    if image is None or field in image or attribute not in image or selection.where is None:
        return
    with suppress(InvalidRecordError):
        if not matches(selection.where, image):
            yield (
                f"{name} seems to miss records of {selection.model.__name__}: its where looks at {field},"
                f" which items lack, since that field is read from {attribute}: write Attr({attribute!r})"
            )


def _takes_but_for_literals(selection: Selection, record: StreamRecord) -> bool:
    try:
        return selection._replace(model=dict, changed=frozenset()).takes(record)
    except (
        InvalidRecordError
    ):  # pragma: no cover  # such a record has failed, but a warning must never fail one
        return False


def _may_be(table: str, found: str) -> bool:
    """Return whether one table's name may be meant by another: misspelt, or without a stack and a stage."""
    parts, others = (set(re.split(r"[-_.]", name.casefold())) for name in (table, found))
    seen, other = _seen(table), _seen(found)
    return parts <= others or others <= parts or seen == other or _is_typo(seen, other)


def _word(attribute: Any) -> str | None:
    """Return a text or a number that is short, with its tag; None for every other attribute."""
    if not isinstance(attribute, dict) or len(attribute) != 1:
        return None
    [(tag, content)] = attribute.items()
    return f"{tag} {content}" if isinstance(content, str) and len(content) <= _LONGEST else None


def _name_of(field: ItemField) -> str:
    return format_path(field.paths[0])


def _fits(field: ItemField, attribute: Any) -> bool:
    return not field.required if attribute is None else field.allows(canonical(attribute))


def _lacking(field: ItemField, image: Image) -> _Miss:
    wanted = _name_of(field)
    first = str(field.paths[0][0])
    looks_alike = (name for name in image if _seen(name) == _seen(first) and first not in image)
    if found := next(looks_alike, None):
        shown = printable(found)
        return _Miss(
            f"items have {shown}, but its {_kind(field)} field reads {wanted}: give it the alias {shown!r}"
        )
    return _Miss(
        f"none came to it, and {_MANY} records that no handler takes lack {wanted}, which its"
        f" {_kind(field)} field reads: if items have it under another name, give the field that name as its"
        " alias",
        _MANY,
        lacks=wanted,
    )


def _differing(field: ItemField, attribute: Any) -> _Miss | None:
    tag, content = split_tag(attribute)
    if tag not in {"S", "N", "BOOL"} or len(text := str(content)) > _LONGEST:
        return None
    name = _name_of(field)
    for wanted_tag, wanted in field.choices:
        if tag != wanted_tag and text.strip().lower() == str(wanted).strip().lower():
            return _Miss(
                f"items have {name} as {tag}, and its Literal field the same value as {wanted_tag}: in a"
                " Literal, text is S, a number is N, and True is BOOL"
            )
        if tag == wanted_tag == "S" and _seen(text) and _seen(text) == _seen(wanted):
            return _Miss(
                f"items have a value of {name} that its Literal field has in another spelling, and capitals,"
                " spaces, - and _ count: write it as the items have it"
            )
    if tag == "S" and any(_begins_nearly(text, prefix) for prefix in field.prefixes):
        return _Miss(
            f"items have a {name} that begins as its Prefix, but in another spelling, and capitals, spaces, -"
            " and _ count: write it as the items have it"
        )
    if tag == "S" and any(_is_typo(_seen(text), _seen(str(wanted))) for _, wanted in field.choices):
        return _Miss(
            f"none came to it, but in {_MANY} records that no handler takes, {name} is one letter away from a"
            " value of its Literal field: look for a typo",
            _MANY,
        )
    return None


def _kind(field: ItemField) -> str:
    return "Literal" if field.choices else "Prefix"


def _begins_nearly(text: str, prefix: str) -> bool:
    """Return whether a text begins with a prefix in another spelling."""
    # without a mark at its end, a prefix may well be the beginning of another word
    if prefix[-1].isalnum():
        return False
    beginning = text[: len(prefix)]
    return beginning.endswith(prefix[-1]) and _seen(beginning) == _seen(prefix)


def _seen(text: str) -> str:
    """Return a text as a tired person sees it."""
    return text.casefold().translate(_UNSEEN)


def _is_typo(one: str, other: str) -> bool:
    """Return whether two words differ by a letter that is left out, swapped with the next one, or wrong."""
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < _SHORTEST or len(longer) - len(shorter) > 1:
        return False
    pairs = enumerate(zip(shorter, longer, strict=False))
    place = next((index for index, (first, second) in pairs if first != second), len(shorter))
    rest, letters = longer[place + 1 :], longer[place : place + 1] + shorter[place : place + 1]
    if any(map(str.isdigit, letters)):
        return False  # two versions
    if len(shorter) < len(longer):
        return shorter[place:] == rest
    if shorter[place + 1 :] == rest:
        return len(shorter) >= _LONG
    return shorter[place : place + 2] == longer[place : place + 2][::-1] and shorter[place + 2 :] == rest[1:]
