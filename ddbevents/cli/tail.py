"""`ddbevents tail`: the changes of a table as they come, with their values hidden."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Annotated, TypeAlias

import typer
from rich.console import Console

from .._errors import ConfigurationError, SourceError
from .._records import StreamRecord, parse_event
from ..sources import StreamReader
from ._errors import CommandError, exit_on_command_error
from ._options import EndpointOption, SinceOption, StreamArgument
from ._output import show_advice, show_tail_summary, stdout_console
from ._streams import FoundStream, advice_on_readers, find_stream, moment_before, use_endpoint
from ._tail import Difference, EventFiles, Wanted, differences, json_line, read_condition, show_change
from ._target import load_model

Output: TypeAlias = Callable[[StreamRecord, Sequence[Difference] | None, Sequence[str]], object]
"""Takes a record, the fields that changed (None if that is not known), and why the model cannot hold it."""

WhereOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="CONDITION",
        help="Show items for which it holds, as \"Attr('status').eq('OPEN')\".",
        show_default=False,
    ),
]
ModelOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:MODEL",
        help="Show the items of this model, and which of them it cannot hold.",
        show_default=False,
    ),
]
DiffOption: TypeAlias = Annotated[bool, typer.Option("--diff", help="Show each changed field on a line.")]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Write a line of JSON for each record.")]
ValuesOption: TypeAlias = Annotated[
    bool, typer.Option("--values", help="Show the values of changed fields, too; implies --diff.")
]
SaveOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Write each record into an event file, with its item.", show_default=False
    ),
]


def tail(  # noqa: PLR0913  # typer makes an option of each
    table: StreamArgument,
    *,
    since: SinceOption = None,
    where: WhereOption = None,
    model: ModelOption = None,
    diff: DiffOption = False,
    as_json: JsonOption = False,
    values: ValuesOption = False,
    save: SaveOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Show the changes of a table as they come: time, kind, key, and the fields that changed.

    Values are hidden, except those of keys. It reads a shard at most four times a second; Ctrl-C ends it.

    Exits with 0 when it is ended, with 2 if the stream cannot be read.

    [bold]Examples[/bold]

    ddbevents tail Users --since 10m --diff

    ddbevents tail Users --where "Attr('status').eq('OPEN')" --json

    ddbevents tail Users --model shop.models:Order --save events
    """
    notes = Console(stderr=True, highlight=False)
    with exit_on_command_error(), use_endpoint(endpoint_url):
        moment = moment_before(since)
        wanted = Wanted(read_condition(where), load_model(model) if model else None)
        stream = find_stream(table)
        show_advice(notes, advice_on_readers(stream))
        outputs = [_json(values=values) if as_json else _text(diff=diff or values, values=values)]
        if save is not None:
            outputs.append(_files(save, notes))
        _follow(notes, stream, moment, wanted, outputs)


def _json(*, values: bool) -> Output:
    # rich would wrap a long line
    return lambda *change: print(json_line(*change, values=values), flush=True)  # noqa: T201


def _text(*, diff: bool, values: bool) -> Output:
    return partial(show_change, stdout_console(), diff=diff, values=values)


def _files(folder: Path, notes: Console) -> Output:
    files = EventFiles(folder)
    show_advice(notes, [f"warning: the files in {folder} hold items with all their values"])
    return lambda record, *_: files.save(record)


def _follow(
    notes: Console, stream: FoundStream, since: datetime | None, wanted: Wanted, outputs: Sequence[Output]
) -> None:
    counts: Counter[str] = Counter()
    began = monotonic()
    try:
        for record in filter(wanted.takes, _records(stream, since)):
            counts[record.kind] += 1
            change = record, differences(record), [*wanted.problems(record)]
            for output in outputs:
                output(*change)
        show_advice(notes, ["the stream is disabled, and everything in it was read"])
    except KeyboardInterrupt:
        pass  # the usual end
    finally:
        show_tail_summary(notes, stream.table, counts, monotonic() - began)


def _records(stream: FoundStream, since: datetime | None) -> Iterator[StreamRecord]:
    try:
        for event in StreamReader().follow(stream.arn, since=since):
            yield from parse_event(event)
    except (ConfigurationError, SourceError) as error:
        raise CommandError(str(error)) from error
