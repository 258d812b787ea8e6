"""Naming what people pass in place of a stream's event or record, with what to do.

It is loaded only when something cannot be read, for the sake of cold starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from .._errors import InvalidEventError
from ._shapes import (
    EVENTS,
    LONGEST_BODY,
    MESSAGES,
    RECORDS,
    TRIGGER,
    Object,
    Shape,
    has,
    holds_event,
    is_record,
    parsed,
)

_SERVICE: Final = r"aws:[a-z0-9-]{1,40}"
_WRAPPERS: Final = ("event", "Payload", "payload", "body", "detail", "input", "requestPayload")


def refused(event: object) -> InvalidEventError:
    """Return the error that says what an event is that is no object with a list `Records`."""
    return InvalidEventError(_reason(event))


def refused_batch(records: Iterable[object]) -> InvalidEventError | None:
    """Return the error for an event all of whose records are of one other source; None for any other event.

    Records of several sources fail one by one, each with its reason.
    """
    shapes = [_record_shape(record) for record in records]
    shape = shapes[0]
    if shape is None or any(each is None or each.name != shape.name for each in shapes):
        return None
    return InvalidEventError(f"the records are none that an app reads, each is {shape.name}: {shape.cure}")


def reason_for_record(record: object) -> str | None:
    """Return why something in a list of records cannot be read; None if it has no name of its own."""
    if isinstance(record, dict):
        shape = _record_shape(record)
        return shape and (
            f"this is {shape.name}, among other records: Lambda passes those of one source at a time, so look"
            " at what made the event"
        )
    if isinstance(record, list):
        return (
            "a record is an object, not list: put the records into Records one by one, not as a list within"
        )
    if isinstance(record, (str, bytes, bytearray)):
        return f"a record is an object, not {type(record).__name__}: read it with json.loads first"
    if hasattr(type(record), "raw_event"):
        return "this is a record of Powertools' data classes: pass its .raw_event"
    if hasattr(type(record), "sequence_number"):
        return "this is a StreamRecord, which has been read already: pass its .raw"
    return None


def reason_for_body(body: object) -> str | None:
    """Return what a queue's message is that is no dead letter of the library; None if it is a damaged one."""
    if not isinstance(body, str) or len(body) > LONGEST_BODY:
        return None
    content = parsed(body)
    if content is None and body.lstrip().startswith('{"version"'):
        return None
    if content is not None and not content.keys().isdisjoint({"record", "compressed"}):
        return None
    shape = _first(MESSAGES, {} if content is None else content)
    if shape is None:
        return (
            "not a dead letter of ddbevents, but a message of someone else: give other messages a queue and a"
            " function of their own"
        )
    return f"not a dead letter of ddbevents, but {shape.name}: {shape.cure}"


def _reason(event: object) -> str:  # noqa: PLR0911  # one a kind of thing
    kind = type(event).__name__
    if isinstance(event, dict):
        return _reason_for_object(event)
    if isinstance(event, list):
        return _reason_for_list(event)
    if isinstance(event, (str, bytes, bytearray)):
        return f"the event is {kind}, not an object: read it with json.loads first"
    if hasattr(type(event), "raw_event"):
        return f"the event is {kind}, an object of Powertools: pass {_raw_event(event)}"
    if hasattr(type(event), "get_remaining_time_in_millis"):
        return f"the event is {kind}, which is Lambda's context: an app is called with (event, context)"
    if isinstance(event, Mapping):
        return f"the event is {kind}, not a dict: pass dict(event)"
    if hasattr(type(event), "to_dict"):
        return f"the event is {kind}, not an object with Records: pass what its to_dict() returns"
    return f"the event is {kind}, not an object with Records: pass the event that Lambda sends"


def _raw_event(event: object) -> str:
    return ".raw_event" if hasattr(type(event), "records") else '{"Records": [record.raw_event]}'


def _reason_for_list(event: list[Any]) -> str:
    first = event[0] if event else None
    if hasattr(type(first), "raw_event"):
        return (
            'the event is list, of Powertools\' records: pass {"Records": [...]} with the .raw_event of each'
        )
    if not isinstance(first, dict):
        return 'the event is list, not an object with Records: a stream\'s event is {"Records": [...]}'
    shape = _record_shape(first)
    if shape is None:
        return (
            "the event is list, but none of its objects is a record of a stream: take the input transformer"
            " off the pipe, so that it passes whole records"
        )
    return f"the event is list, which begins with {shape.name}: {shape.cure}"


def _reason_for_object(event: dict[str, Any]) -> str:
    if "Records" in event:
        return _reason_for_records(event["Records"])
    shape = _first(EVENTS, event) or _record_shape(event)
    if shape is not None:
        return f"the event has no Records, since it is {shape.name}: {shape.cure}"
    wrapper = next((name for name in _WRAPPERS if holds_event(event.get(name))), None)
    if wrapper is not None:
        return f"the event has no Records, but its {wrapper} has: pass event[{wrapper!r}] to the app"
    return "the event has no Records: is the function's trigger a DynamoDB stream?"


def _reason_for_records(records: object) -> str:
    reason = f"Records of the event is {type(records).__name__}, not a list"
    if isinstance(records, dict) and is_record(records):
        return f"{reason}: put the record into one, [record]"
    if isinstance(records, (str, bytes, bytearray)):
        return f"{reason}: read it with json.loads first"
    return f"{reason}: pass the event as Lambda sends it"


def _record_shape(record: object) -> Shape | None:
    if not isinstance(record, dict) or is_record(record):
        return None
    shape = _first(RECORDS, record)
    source = record.get("eventSource")
    if shape is None and isinstance(source, str) and re.fullmatch(_SERVICE, source):
        return Shape(f"a record of {source}", TRIGGER, has())
    return shape


def _first(shapes: Iterable[Shape], content: Object) -> Shape | None:
    return next((shape for shape in shapes if shape.fits(content)), None)
