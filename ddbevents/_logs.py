"""The loggers, and what they say of an exception: not its message, which may hold an item's values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Final

from ._errors import DDBEventsError

if TYPE_CHECKING:
    from logging import Logger

_NOT_THE_HANDLERS: Final = frozenset({__name__.partition(".")[0], "asyncio", "concurrent"})
_MOST_MEMBERS: Final = 3  # of an exception group
_CODE: Final = r"[A-Za-z0-9_.]{1,64}"


def logger(*more: str) -> Logger:
    """The logger `ddbevents`, or one below it."""
    import logging  # noqa: PLC0415  # cold start: only failures are logged

    return logging.getLogger(".".join(("ddbevents", *more)))


def describe(error: BaseException) -> str:
    """What can be said of an exception: its type, what a service answered, and where.

    The places are first the one in the handler, then the one where it was raised. Of a group its first
    members are told likewise, and of a cause its type. A message is told only if it is the library's own.
    """
    if isinstance(error, DDBEventsError):
        return f"{type(error).__name__}: {error}"
    places = [*_places(error.__traceback__)]
    at = f" at {', '.join([places[0], *places[1:][-1:]])}" if places else ""
    cause = f", caused by {_name(error.__cause__)}" if error.__cause__ is not None else ""
    return f"{_name(error)}{_answer(error)}{at}{cause}{_members(error)}"


def _name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _answer(error: BaseException) -> str:
    """The error code and the operation, if botocore raised it; the status, if an HTTP client did."""
    try:
        return _told_by(error)
    except Exception:  # noqa: BLE001  # an exception of the user's, whose attributes may raise
        return ""


def _told_by(error: BaseException) -> str:
    response: object = getattr(error, "response", None)
    if isinstance(response, Mapping):
        known = response.get("Error")
        code = known.get("Code") if isinstance(known, Mapping) else None
        told = " of ".join(filter(None, (_code(code), _code(getattr(error, "operation_name", None)))))
        return f" ({told})" if told else ""
    status: object = getattr(response, "status_code", None)
    return f" (status {status})" if isinstance(status, int) else ""


def _code(part: object) -> str | None:
    return part if isinstance(part, str) and re.fullmatch(_CODE, part) else None


def _members(error: BaseException) -> str:
    if not isinstance(error, BaseExceptionGroup):
        return ""
    told = [describe(member) for member in error.exceptions[:_MOST_MEMBERS]]
    more = len(error.exceptions) - len(told)
    return f" [{'; '.join(told)}{f'; and {more} more' if more else ''}]"


def _places(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        frame, line, traceback = traceback.tb_frame, traceback.tb_lineno, traceback.tb_next
        if str(frame.f_globals.get("__name__")).partition(".")[0] not in _NOT_THE_HANDLERS:
            yield f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_name}"
