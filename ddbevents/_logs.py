"""The loggers, and how an exception is described without its message, which may contain item values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Final, TypeGuard

from ._errors import DDBEventsError, InvalidRecordError, format_path
from ._records import AnyRecord, UnreadableRecord

if TYPE_CHECKING:
    from logging import Logger

NOT_DEAD_LETTERED: Final = "%s cannot be dead-lettered, so it will be retried: %s"
CALLBACK_FAILED: Final = "a callback of on_report failed: %s"

_NOT_OF_HANDLERS: Final = frozenset({__name__.partition(".")[0], "asyncio", "concurrent"})
_MOST_MEMBERS: Final = 3  # of an exception group
_CODE: Final = r"[A-Za-z0-9_.]{1,64}"


@cache
def logger(*more: str) -> Logger:
    """Return the logger `ddbevents`, or one below it."""
    import logging  # noqa: PLC0415  # cold start: only failures are logged

    return logging.getLogger(".".join(("ddbevents", *more)))


def describe(error: BaseException) -> str:
    """Describe an exception: its type, a service's error code or status, and where it was raised.

    The first place is in the handler, the second where it was raised. The first members of an exception
    group are described likewise, and the type of its cause. Only the library's own messages are included.
    """
    if isinstance(error, DDBEventsError):
        return f"{type(error).__name__}: {error}"
    places = [*_places(error.__traceback__)]
    at = f" at {', '.join([places[0], *places[1:][-1:]])}" if places else ""
    cause = f", caused by {type_name(error.__cause__)}" if error.__cause__ is not None else ""
    return f"{type_name(error)}{_service_error(error)}{at}{cause}{_members(error)}"


def describe_beside(record: AnyRecord, error: BaseException) -> str:
    """Describe an exception that is shown beside the record, which need not be named twice."""
    if not is_about(error, record):
        return describe(error)
    return ": ".join(filter(None, (type(error).__name__, format_path(error.path), error.reason)))


def is_about(error: BaseException, record: AnyRecord) -> TypeGuard[InvalidRecordError]:
    """Return whether the record itself is invalid, and not another one that its handler read or wrote."""
    if not isinstance(error, InvalidRecordError):
        return False
    return isinstance(record, UnreadableRecord) or error.sequence_number == record.sequence_number


def type_name(error: BaseException) -> str:
    """Return the name of an exception's type, with its module unless it is Python's or the library's own."""
    kind = type(error)
    is_known = kind.__module__ == "builtins" or isinstance(error, DDBEventsError)
    return kind.__qualname__ if is_known else f"{kind.__module__}.{kind.__qualname__}"


def _service_error(error: BaseException) -> str:
    """Return the error code and the operation of botocore's errors, or the status of an HTTP client's."""
    try:
        return _code_or_status(error)
    except Exception:  # noqa: BLE001  # the attributes of a user's own exception may raise
        return ""


def _code_or_status(error: BaseException) -> str:
    response: object = getattr(error, "response", None)
    if isinstance(response, Mapping):
        details = response.get("Error")
        code = details.get("Code") if isinstance(details, Mapping) else None
        known = " of ".join(filter(None, (_code(code), _code(getattr(error, "operation_name", None)))))
        return f" ({known})" if known else ""
    status: object = getattr(response, "status_code", None)
    return f" (status {status})" if isinstance(status, int) else ""


def _code(part: object) -> str | None:
    return part if isinstance(part, str) and re.fullmatch(_CODE, part) else None


def _members(error: BaseException) -> str:
    if not isinstance(error, BaseExceptionGroup):
        return ""
    members = [describe(member) for member in error.exceptions[:_MOST_MEMBERS]]
    more = len(error.exceptions) - len(members)
    return f" [{'; '.join(members)}{f'; and {more} more' if more else ''}]"


def _places(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        frame, line, traceback = traceback.tb_frame, traceback.tb_lineno, traceback.tb_next
        if str(frame.f_globals.get("__name__")).partition(".")[0] not in _NOT_OF_HANDLERS:
            yield f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_name}"
