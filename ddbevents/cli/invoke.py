"""`ddbevents invoke`: event files run through an app as Lambda would run them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.text import Text

from ._advice import advice_on_records
from ._errors import errors_in_one_line
from ._events import read_event_file
from ._invocation import Invocation, InvocationContext, records_of, run
from ._local import LocalFile
from ._output import handler_output, terminal
from ._show import show_advice, show_invocation, show_summary, show_tracebacks
from ._store import DEFAULT_STORE, StoreOptions, app_with_store
from ._target import load_target

Target: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="TARGET", help="The app: module:app or path/to/file.py:app.", show_default=False),
]
Events: TypeAlias = Annotated[
    list[Path],
    typer.Argument(metavar="EVENT", help="JSON files, each what Lambda passes.", show_default=False),
]
Store: TypeAlias = Annotated[
    str,
    typer.Option(metavar="STORE", help="Where marks are: sqlite:PATH, memory, none, or app: the app's own."),
]
Tables: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--table",
        metavar="NAME=KEY",
        help="The key of a table that handlers put into: NAME=KEY or NAME=KEY,KEY. May be repeated.",
        show_default=False,
    ),
]
Timeout: TypeAlias = Annotated[
    int, typer.Option(metavar="SECONDS", min=1, max=900, help="The function's timeout.")
]
Traceback: TypeAlias = Annotated[
    bool,
    typer.Option("--traceback", help="Show how handlers failed, with messages that may hold item values."),
]


def invoke(
    target: Target,
    events: Events,
    *,
    store: Store = DEFAULT_STORE,
    table: Tables = None,
    timeout: Timeout = 60,
    traceback: Traceback = False,
) -> None:
    """Run event files through an app, one invocation each, and show what came of each record.

    What was handled is marked in the folder .ddbevents, and not handled again. Dead letters go there, too.

    Exits with 1 if a record has to be delivered again, with 2 if nothing could be run.

    [bold]Examples[/bold]

    ddbevents invoke app.py:app events/*.json

    ddbevents invoke shop.handlers:app order.json --store memory --timeout 3
    """
    with errors_in_one_line():
        options = StoreOptions(store, table or ())
        invocations = _invoke(target, events, options, timeout, traceback=traceback)
    if not all(invocation.is_done for invocation in invocations):
        raise typer.Exit(1)


def _invoke(
    target: str, paths: list[Path], options: StoreOptions, timeout: int, *, traceback: bool
) -> list[Invocation]:
    console = terminal()
    invocations: list[Invocation] = []
    events = [read_event_file(path) for path in paths]
    with handler_output(console) as output:
        loaded = load_target(target)
        function_name = loaded.module.rpartition(".")[2]
        with app_with_store(loaded.app, options) as app:
            inside = app if options.is_of_app else app.with_sink(LocalFile())
            for path, event in zip(paths, events, strict=True):
                console.print(Text(f"\n{path}", "bold"), soft_wrap=True)
                invocation = run(inside, event, InvocationContext.of(function_name, timeout))
                output.end_line()
                show_invocation(console, invocation, loaded)
                if traceback:
                    show_tracebacks(console, invocation.report)
                invocations.append(invocation)
    show_summary(console, invocations)
    show_advice(console, advice_on_records(target, options, records_of(invocations)))
    return invocations
