"""The process that runs the app: it takes events from its parent, and sends back output and outcomes.

Requests come as JSON lines on standard input, messages leave on standard output: `output`, then `ready` or
`failed`, and for each event a `batch`. The first request has the settings.
"""

from __future__ import annotations

import io
import json
import os
import sys
import traceback
from collections.abc import Iterator
from typing import IO, Any, Final, cast

from rich.console import Console
from typing_extensions import override

from ..._engine import BatchReport, RecordReport, reason_for_ignoring
from ..._logs import describe_beside
from ..._records import StreamRecord
from .._errors import CommandError
from .._local import InvocationContext, LocalLetters, StoreOptions, app_with_store, invoke_app
from .._output import HandlerOutput, key_text, number_of_letters, show_handler_output
from .._target import Target, load_target
from ._process import ProcessSettings

_WIDE: Final = 10_000  # the parent wraps lines


def serve() -> None:
    """Import the app as soon as it is named, and run each event that comes, until the parent is gone."""
    sys.dont_write_bytecode = True  # a file that is saved twice a second would be taken for its first form
    requests, messages = _channels()
    line = requests.readline()
    if not line:
        return  # it was a spare process, which nobody needed
    settings = ProcessSettings(*json.loads(line))
    console = Console(file=cast("IO[str]", _Output(messages)), width=_WIDE, highlight=False)
    with show_handler_output(console) as output:
        try:
            _serve(settings, requests, messages, output)
        except CommandError as error:
            _send(messages, failed=str(error))


def _channels() -> tuple[IO[str], IO[bytes]]:
    """Return the two ends of the pipes; what else is written to standard output goes to standard error."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    messages = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, messages


def _serve(settings: ProcessSettings, requests: IO[str], messages: IO[bytes], output: HandlerOutput) -> None:
    target = load_target(settings.target)
    options = StoreOptions(settings.store, settings.tables)
    with app_with_store(target.app, options) as app:
        local_app = app if options.is_app else app.with_sink(LocalLetters())
        local_app.prepare()
        output.end_line()
        _send(messages, ready=True)
        name = target.module.rpartition(".")[2]
        for line in requests:
            context = InvocationContext.starting_now(name, settings.timeout)
            invocation = invoke_app(local_app, json.loads(line), context)
            output.end_line()
            rows = [*_rows(invocation.report, target, settings)]
            _send(messages, batch={"answer": invocation.answer, "rows": rows})


def _rows(report: BatchReport | None, target: Target, settings: ProcessSettings) -> Iterator[dict[str, Any]]:
    for each in report.records if report else ():
        yield {
            "kind": each.record.kind if isinstance(each.record, StreamRecord) else "unreadable",
            "key": key_text(each.record.keys).plain,
            "handlers": [(target.short_name(name), outcome) for name, outcome in each.handlers],
            "outcome": each.outcome,
            "ms": each.seconds * 1000,
            "letters": number_of_letters(each),
            "why": _why(each, target),
            "traceback": _traceback(each.error) if settings.traceback else "",
        }


def _why(report: RecordReport, target: Target) -> str | None:
    if report.error is not None:
        return describe_beside(report.record, report.error)
    return reason_for_ignoring(report, target.short_name)


def _traceback(error: BaseException | None) -> str:
    return "" if error is None else "".join(traceback.format_exception(error)).rstrip()


def _send(messages: IO[bytes], **message: object) -> None:
    messages.write(json.dumps(message).encode() + b"\n")
    messages.flush()


class _Output(io.TextIOBase):
    """Sends what is written to the parent, which alone writes on the terminal."""

    encoding = "utf-8"

    def __init__(self, messages: IO[bytes]) -> None:
        self._messages = messages

    @override
    def write(self, text: str, /) -> int:
        _send(self._messages, output=text)
        return len(text)
