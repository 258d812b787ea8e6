"""DynamoDB's updates applied to an item, and two updates that only add merged into one.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Context, Decimal
from typing import Final, TypeGuard

from .._attributes import AttributeValue, canonical, encode_attribute
from .._errors import InvalidItemError, TransactionError, format_path
from .._transaction import EncodedItem, Update, Write

_SETS: Final = frozenset({"SS", "NS", "BS"})
# enough digits for the exact sum of any two numbers of DynamoDB's; encoding then refuses one too long
_EXACT: Final = Context(prec=300)


def apply_update(write: Update, item: EncodedItem) -> EncodedItem:
    """Change an item in place as DynamoDB would, and return it. `check_update` comes first.

    Raises:
        TransactionError: DynamoDB would refuse the update.
    """
    for name in _names(write):
        if name in write.key:
            raise TransactionError(f"{quote_name(name)} is part of the key, which an update cannot change")
    for name in write.remove:
        item.pop(name, None)
    item |= write.set
    for name, value in write.add.items():
        item[name] = _add(name, item.get(name), value)
    for name, value in write.delete.items():
        left = _subtract(name, item.pop(name, None), value)
        item |= {} if left is None else {name: left}
    return item


def check_update(write: Update) -> None:
    """Refuse what DynamoDB refuses before it looks at the item.

    Raises:
        TransactionError: It names an attribute twice, or adds or deletes a value of a wrong type.
    """
    for name, count in Counter(_names(write)).items():
        if count > 1:
            raise TransactionError(
                f"it changes {quote_name(name)} {count} times: an update may name an attribute once"
            )
    for name, value in write.add.items():
        if value.keys().isdisjoint({"N", *_SETS}):
            raise TransactionError(
                f"add takes a number or a set, but {quote_name(name)} was given {_tag(value)}"
            )
    for name, value in write.delete.items():
        if value.keys().isdisjoint(_SETS):
            raise TransactionError(f"delete takes a set, but {quote_name(name)} was given {_tag(value)}")


def merge_updates(first: Write, second: Write) -> Update | None:
    """Return one update with the effect of both, or None unless both only add numbers, with exact sums."""
    if not (_only_adds_numbers(first) and _only_adds_numbers(second)):
        return None
    try:
        shared = first.add.keys() & second.add.keys()
        sums = {name: _sum(first.add[name], second.add[name]) for name in shared}
    except InvalidItemError:
        return None
    return first._replace(add={**first.add, **second.add, **sums})


def quote_name(name: str) -> str:
    """Return an attribute's name as a message shows it."""
    return format_path((name,))


def _only_adds_numbers(write: Write) -> TypeGuard[Update]:
    return (
        isinstance(write, Update)
        and not (write.set or write.remove or write.delete)
        and write.when is None
        and all("N" in value for value in write.add.values())
    )


def _names(write: Update) -> list[str]:
    return [*write.set, *write.add, *write.remove, *write.delete]


def _tag(value: AttributeValue) -> str:
    [tag] = value
    return tag


def _add(name: str, old: AttributeValue | None, value: AttributeValue) -> AttributeValue:
    [(tag, content)] = value.items()
    if old is None:
        return value
    _check_type("add", name, tag, old)
    if tag in _SETS:
        return {tag: list(_members(tag, [*old[tag], *content]).values())}
    try:
        return _sum(old, value)
    except InvalidItemError:
        raise TransactionError(
            f"the sum in {quote_name(name)} is not a number that DynamoDB can store"
        ) from None  # the cause could show the sum


def _subtract(name: str, old: AttributeValue | None, value: AttributeValue) -> AttributeValue | None:
    [(tag, content)] = value.items()
    if old is None:
        return None
    _check_type("delete", name, tag, old)
    unwanted = _members(tag, content)
    left = [member for key, member in _members(tag, old[tag]).items() if key not in unwanted]
    return {tag: left} if left else None


def _sum(first: AttributeValue, second: AttributeValue) -> AttributeValue:
    """Return the exact sum of two numbers; `InvalidItemError` if DynamoDB cannot store it."""
    return encode_attribute(_EXACT.add(Decimal(first["N"]), Decimal(second["N"])))


def _members(tag: str, content: Iterable[str | bytes]) -> dict[object, str | bytes]:
    """Return a set's members by their value: 1 and 1.0 are one member."""
    return {canonical({tag[0]: member}): member for member in content}


def _check_type(clause: str, name: str, tag: str, old: AttributeValue) -> None:
    if tag not in old:
        [old_tag] = old
        raise TransactionError(f"{quote_name(name)} is {old_tag} in the item, but {clause} was given {tag}")
