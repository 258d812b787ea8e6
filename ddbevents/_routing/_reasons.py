"""The reasons why no handler takes a record, made when somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from .._codec import discriminators
from .._conditions import Condition
from .._errors import AttributePath, InvalidRecordError, format_path
from .._records import StreamRecord
from ._selection import Part, Selection

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
        part = selection.mismatch(record)
        reason = (
            "it would take the record as it is now" if part is None else _of_part(part, selection, record)
        )
    except InvalidRecordError as error:
        # somebody changed the record since it was routed
        reason = error.reason
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}…"


def _reason_without_handlers(handlers: Sequence[Named], record: StreamRecord) -> str:
    if not handlers:
        return "the app has no handlers"
    hint = ": on_snapshot, on_upsert and on_latest take the items of exports and scans"
    return f"no handler for {record.kind} is registered{hint if record.kind == 'SNAPSHOT' else ''}"


def _candidates(handlers: Sequence[Named], record: StreamRecord) -> Iterable[Named]:
    """Return the handlers of the record's kind; for a dead letter, the one that it names."""
    wanted = record.letter and record.letter.handler
    if wanted is not None:
        return [each for each in handlers if each[0] == wanted]
    return [each for each in handlers if record.kind in each[1].kinds]


def _of_part(part: Part, selection: Selection, record: StreamRecord) -> str:
    match part:
        case "kinds":
            return f"it takes no {record.kind}"
        case "table":
            return f"table is {record.table}, not {selection.table}"
        case "expired":
            return "time to live removed it" if record.expired else "time to live did not remove it"
        case "where":
            return f"where is false, which looks at {_listed(condition_paths(selection.where))}"
        case "literals":
            paths = _listed(_mismatching_literal(selection, record))
            return f"{paths} has no value that {selection.model.__name__} allows"
        case _:  # changed
            return f"unchanged: {', '.join(sorted(selection.changed))}"


def _mismatching_literal(selection: Selection, record: StreamRecord) -> Iterable[AttributePath]:
    fields = discriminators(selection.model)
    return next(field.paths for field in fields if selection.mismatch_of_images(record, [field]))


def condition_paths(*conditions: Condition | None) -> Iterator[AttributePath]:
    """Yield the attributes that conditions look at."""
    for condition in (each for each in conditions if each is not None):
        yield from (condition.path,) if condition.path else condition_paths(*condition.conditions)


def _listed(paths: Iterable[AttributePath]) -> str:
    return ", ".join(dict.fromkeys(map(format_path, paths)))
