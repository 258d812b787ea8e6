"""Conditions and `Literal` fields as branches of a filter; what a filter cannot say is widened, and noted.

A filter sees texts at names, and no values. So it can say that an attribute is a text, begins with one, or is
another; it cannot compare numbers, look into lists, or tell whether a map exists.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias, assert_never

from ..._attributes import canonical
from ..._changes import Place
from ..._codec import ItemField
from ..._conditions import Condition, Operator
from ..._errors import AttributePath, format_path
from ._alternatives import ABSENT, EXISTS, Alternative, Alternatives, other_than, prefix
from ._branches import ALL, MOST_BRANCHES, Branch, Branches, Leaf, both, joined

Value: TypeAlias = tuple[str, Any]
"""The type tag and the content of an attribute, in canonical form."""

Note: TypeAlias = Callable[[str, str], None]
"""Called with what was widened, and why."""

_LEAF_TAGS: Final = ("S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS")
"""The tags of values that are leaves to a filter, or lists of leaves. Maps and lists are found by their
members only, and empty ones not at all."""
_TEXT_TAGS: Final = frozenset({"S", "N", "B"})
_LONGEST_TEXT: Final = 500  # of 4,096 characters that a pattern has
_MOST_DIGITS: Final = 38  # DynamoDB keeps no more
_UNSURE: Final = {
    "N": "a filter compares the text of a number, and only that of a whole number is sure",
    "M": "a filter cannot compare maps",
    "L": "a filter cannot compare lists",
}
_SETS: Final = "a filter cannot compare sets"
_OPPOSITES: Final[Mapping[Operator, Operator]] = {
    "eq": "ne",
    "ne": "eq",
    "is_in": "ne",
    "exists": "not_exists",
    "not_exists": "exists",
}
_NO_TEXT: Final = "a filter has no such text"
_ORDER: Final = "a filter has no order of texts, and a number is a text to it"
_NO_ABSENCE: Final = (
    "a filter joins names with dots, so that it cannot tell this attribute's absence from another whose own"
    " name has dots"
)


def of_condition(condition: Condition, place: Place, note: Note, *, negated: bool = False) -> Branches:
    """Return branches that match every record in which a condition holds.

    Args:
        condition: The condition.
        place: The image, or the key attributes, that it looks at.
        note: Notes what was widened.
        negated: Whether the opposite is wanted.
    """
    match condition.operator:
        case "not":
            return of_condition(condition.conditions[0], place, note, negated=not negated)
        case "and" | "or" as junction:
            parts = (of_condition(part, place, note, negated=negated) for part in condition.conditions)
            return all_of(parts, note) if (junction == "and") != negated else _any_of(parts, note)
        case comparison:
            operator = _OPPOSITES.get(comparison) if negated else comparison
            return _of_comparison(operator, condition, place, note)


def of_field(field: ItemField, place: Place, note: Note) -> Branches:
    """Return branches that match every record in which a `Literal` or `Prefix` field has an allowed value."""
    wanted = _by_tag(field.choices, format_path(field.paths[0]), note)
    if wanted is None:
        return ALL
    if field.prefixes:
        begins = map(prefix, field.prefixes)
        wanted["S"] = (*wanted.get("S", ()), *begins)
    found: list[Branch] = []
    for path in field.paths:
        leaf = _leaf(path, place, note)
        if leaf is None:
            return ALL
        if not field.required:
            # also where the attribute is of another type: that costs little, and saves a branch for each tag
            tag = min(wanted, key=_LEAF_TAGS.index)
            may_be_absent = _is_absence_sure(path, note)
            return joined([{(*leaf, tag): (*wanted[tag], ABSENT)}]) if may_be_absent else ALL
        found += _tagged(leaf, wanted)
    return joined(found)


def all_of(parts: Iterable[Branches], note: Note) -> Branches:
    """Return branches that match what all the parts match."""
    found = ALL
    for part in parts:
        narrower = both(found, part)
        if narrower is None:
            note("a condition", f"together with the others it has more than {MOST_BRANCHES} combinations")
        found = found if narrower is None else narrower
    return found


def _any_of(parts: Iterable[Branches], note: Note) -> Branches:
    found = [branch for part in parts for branch in part]
    if len(found) > MOST_BRANCHES:
        note("a condition", f"it has more than {MOST_BRANCHES} alternatives")
        return ALL
    return joined(found)


def _of_comparison(operator: Operator | None, condition: Condition, place: Place, note: Note) -> Branches:
    path, name = condition.path, format_path(condition.path)
    leaf = _leaf(path, place, note)
    if leaf is None:
        return ALL
    operands = [canonical(operand) for operand in condition.operands]
    found = ALL
    match operator:
        case "eq" | "is_in":
            wanted = _by_tag(operands, name, note)
            found = ALL if wanted is None else joined(_tagged(leaf, wanted))
        case "ne":
            found = _unlike(operands, leaf, note) if _is_absence_sure(path, note) else ALL
        case "not_exists":
            found = _absent(leaf, name, note) if _is_absence_sure(path, note) else ALL
        case "exists":
            note(name, "a filter cannot tell whether an attribute of any type exists")
        case "contains":
            note(name, "a filter cannot look into texts, sets and lists")
        case "begins_with":
            found = [{(*leaf, tag): (_beginning(tag, content, name, note),)} for tag, content in operands]
        case None:
            note(name, "a filter has no opposite of such a comparison")
        case "lt" | "lte" | "gt" | "gte" | "between":
            note(name, f"{_ORDER}, so that it asks for the type only")
            found = [{(*leaf, operands[0][0]): (EXISTS,)}]
        case _:
            assert_never(operator)
    return found


def _tagged(leaf: Leaf, wanted: dict[str, Alternatives]) -> list[Branch]:
    return [{(*leaf, tag): alternatives} for tag, alternatives in wanted.items()]


def _by_tag(values: Iterable[Value], name: str, note: Note) -> dict[str, Alternatives] | None:
    """Return what matches one of some values, by type tag; None if it might be anything."""
    wanted: dict[str, Alternatives] = {}
    for tag, content in sorted(values, key=lambda value: (value[0], str(value[1]))):
        alternative = _alternative(tag, content)
        if alternative is None or alternative == EXISTS:
            note(name, _UNSURE.get(tag, _SETS if tag.endswith("S") and tag != "S" else _NO_TEXT))
        if alternative is None:
            return None
        wanted[tag] = (*wanted.get(tag, ()), alternative)
    return wanted


def _alternative(tag: str, content: Any) -> Alternative | None:
    """Return what matches a value under its tag; None if a filter cannot even see that it is there."""
    text = _text(tag, content)
    if text is None:
        return EXISTS if tag in _LEAF_TAGS else None
    is_long = isinstance(text, str) and len(text) > _LONGEST_TEXT
    return prefix(str(text)[:_LONGEST_TEXT]) if is_long else text


def _text(tag: str, content: Any) -> str | bool | None:
    """Return what a record has for a value, if that is sure; None if it is not."""
    match tag:
        case "S":
            return content if _is_sayable(content) else None
        case "N":
            return _digits(content)
        case "B":
            return base64.b64encode(content).decode()
        case "BOOL":
            return bool(content)
        case "NULL":
            return True
        case _:
            return None


def _digits(number: int | Decimal) -> str | None:
    """Return the digits of a whole number, which DynamoDB writes out and without leading zeros."""
    if number != (whole := int(number)) or abs(whole) >= 10**_MOST_DIGITS:
        return None
    return str(whole)


def _unlike(values: Sequence[Value], leaf: Leaf, note: Note) -> Branches:
    """Return the branch of records whose attribute is none of some values, or is absent.

    Where a value has other texts as well, those pass.
    """
    branch: dict[Leaf, Alternatives] = {}
    for tag in dict.fromkeys(tag for tag, _ in values):
        said = [_text(each, content) for each, content in values if each == tag]
        # whether AWS takes an empty text there is not documented
        known = [text for text in said if text not in (None, "") and len(str(text)) <= _LONGEST_TEXT]
        if len(known) < len(said):
            note(format_path(leaf[2:]), "values that a filter cannot name pass")
        if tag == "BOOL":
            branch[*leaf, tag] = (*(each for each in (True, False) if each not in known), ABSENT)
        elif tag == "NULL":
            branch[*leaf, tag] = (ABSENT,)
        elif known:
            branch[*leaf, tag] = (other_than(map(str, known)), ABSENT)
    return [branch]


def _absent(leaf: Leaf, name: str, note: Note) -> Branches:
    note(name, "to a filter a map or a list is absent")
    return [{(*leaf, tag): (ABSENT,) for tag in _LEAF_TAGS}]


def _beginning(tag: str, content: Any, name: str, note: Note) -> Alternative:
    """Return what matches values that begin with text or bytes."""
    if tag == "B":
        whole = len(content) // 3 * 3  # base64 writes three bytes as four characters
        if whole < len(content):
            note(name, "a filter sees base64, and so only whole groups of three bytes")
        text = base64.b64encode(content[:whole]).decode()
    else:
        text = content if _is_sayable(content) else ""
    return prefix(text[:_LONGEST_TEXT]) if text else EXISTS


def _is_sayable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _leaf(path: AttributePath, place: Place, note: Note) -> Leaf | None:
    """Return the names that lead to an attribute, without its type tag; None if a filter cannot say them."""
    name = format_path(path)
    if any(isinstance(part, int) for part in path):
        note(name, "a filter cannot tell the places of a list apart")
        return None
    names = [str(part) for part in path]
    if "$or" in names:
        note(name, "$or is an operator of filters, and cannot be an attribute's name")
        return None
    if not all(each and _is_sayable(each) for each in names):
        note(name, "a filter cannot say this name")
        return None
    return ("dynamodb", place, names[0], *(part for each in names[1:] for part in ("M", each)))


def _is_absence_sure(path: AttributePath, note: Note) -> bool:
    is_sure = len(path) == 1 and "." not in str(path[0])
    if not is_sure:
        note(format_path(path), _NO_ABSENCE)
    return is_sure
