"""A record on the terminal and as JSON: which fields changed, and their values only if asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from ..._attributes import AttributeValue
from ..._errors import format_path
from ..._records import StreamRecord
from .._output import key_text, printable
from ._differences import Difference

_STYLES: Final = {"+": "green", "-": "red", "~": "yellow"}
_WORDS: Final = {"+": "added", "-": "removed", "~": "changed"}


def show_change(
    console: Console,
    record: StreamRecord,
    changes: Sequence[Difference] | None,
    problems: Iterable[str],
    *,
    diff: bool,
    values: bool,
) -> None:
    """Show a record's time, kind, key and fields.

    Args:
        console: Where to print.
        record: The record.
        changes: The fields that differ; None if the stream does not say.
        problems: Why the model cannot hold it.
        diff: Whether each field gets a line of its own.
        values: Whether the values of fields are shown.
    """
    line = Text(" ").join([Text(_time(record), "dim"), Text(f"{_kind(record):6}"), key_text(record.keys)])
    if changes is None:
        line.append("  the stream has no images that tell which fields changed", "dim")
    elif not diff:
        for change in changes:
            line.append(f"  {change.sign}{_name(change)}", _STYLES[change.sign])
    console.print(line, soft_wrap=True)
    for change in (changes or ()) if diff else ():
        text = f"  {change.sign} {_name(change)}: {_values(change) if values else _types(change)}"
        console.print(Text(text, _STYLES[change.sign]), soft_wrap=True)
    for problem in problems:
        console.print(Text(f"  {printable(problem)}", "bold red"), soft_wrap=True)


def json_line(
    record: StreamRecord, changes: Sequence[Difference] | None, problems: Iterable[str], *, values: bool
) -> str:
    """Return a record as a line of JSON."""
    created_at = record.created_at
    line: dict[str, Any] = {
        "time": created_at.isoformat() if created_at else None,
        "kind": record.kind,
        "expired": record.expired,
        "table": record.table,
        "keys": record.raw["dynamodb"]["Keys"],
        "eventId": record.event_id,
        "sequenceNumber": record.sequence_number,
        "changes": None if changes is None else [_json(change, values=values) for change in changes],
        "problems": [*problems],
    }
    return json.dumps(line)


def _json(change: Difference, *, values: bool) -> Mapping[str, object]:
    told: dict[str, object] = {"path": format_path(change.path), "change": _WORDS[change.sign]}
    for name, attribute in (("old", change.old), ("new", change.new)):
        if attribute is not None:
            told[f"{name}Type"] = _type(attribute)
            if values:
                told[name] = attribute
    return told


def _time(record: StreamRecord) -> str:
    created_at = record.created_at
    return f"{created_at.astimezone():%H:%M:%S}" if created_at else "--:--:--"


def _kind(record: StreamRecord) -> str:
    return f"{record.kind} (expired)" if record.expired else record.kind


def _name(change: Difference) -> str:
    return printable(format_path(change.path))


def _types(change: Difference) -> str:
    return " → ".join(dict.fromkeys(map(_type, _present(change))))


def _values(change: Difference) -> str:
    return " → ".join(map(_shown, _present(change)))


def _present(change: Difference) -> Iterator[AttributeValue]:
    return (each for each in (change.old, change.new) if each is not None)


def _type(attribute: AttributeValue) -> str:
    return next(iter(attribute))


def _shown(attribute: AttributeValue) -> str:
    [(tag, content)] = attribute.items()
    if tag == "N":
        return str(content)
    text = json.dumps(content if tag in {"S", "BOOL"} else attribute, ensure_ascii=False)
    return printable(text)
