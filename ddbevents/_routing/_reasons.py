"""The reasons why no handler takes a record, made when somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from .._errors import InvalidRecordError
from .._records import StreamRecord
from ._selection import Selection

_LONGEST_REASON: Final = 400  # it may have the name of a table, which comes from outside

Named: TypeAlias = tuple[str, Selection]
"""A handler's name and the condition under which it runs."""


def reason_for_ignoring(
    handlers: Sequence[Named], record: StreamRecord, name_of: Callable[[str], str]
) -> str:
    """Return why none of an app's handlers takes a record, without values of the item.

    Args:
        handlers: The app's handlers.
        record: The record.
        name_of: Returns how to write a handler's name.
    """
    names: dict[str, list[str]] = {}
    for name, selection in _candidates(handlers, record):
        names.setdefault(_reason(selection, record), []).append(name_of(name))
    reasons = [f"{', '.join(dict.fromkeys(each))}: {reason}" for reason, each in names.items()]
    text = "; ".join(reasons) or _reason_without_handlers(handlers, record)
    return text if text.isprintable() else ascii(text)[1:-1]


def _reason(selection: Selection, record: StreamRecord) -> str:
    try:
        reason = selection.why_not(record) or "it would take the record as it is now"
    except InvalidRecordError as error:
        # somebody changed the record since it was routed
        reason = error.reason
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}…"


def _reason_without_handlers(handlers: Sequence[Named], record: StreamRecord) -> str:
    return f"no handler for {record.kind} is registered" if handlers else "the app has no handlers"


def _candidates(handlers: Sequence[Named], record: StreamRecord) -> Iterable[Named]:
    """Return the handlers of the record's kind; for a dead letter, the one that it names."""
    wanted = record.letter and record.letter.handler
    if wanted is not None:
        return [each for each in handlers if each[0] == wanted]
    return [each for each in handlers if record.kind in each[1].kinds]
