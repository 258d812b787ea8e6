"""`ddbevents invoke`: event files run through an app as Lambda would run them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.text import Text

from ._errors import exit_on_command_error
from ._event_files import read_event_file
from ._local import (
    DEFAULT_STORE,
    Invocation,
    InvocationContext,
    LocalLetters,
    StoreOptions,
    app_with_store,
    invoke_app,
    records_of,
)
from ._options import StoreOption, TableOption, TargetArgument, TracebackOption
from ._output import (
    advice_after_invoke,
    advice_on_errors,
    show_advice,
    show_handler_output,
    show_invocation,
    show_invoke_summary,
    show_tracebacks,
    stdout_console,
)
from ._target import check_target, load_target

EventArguments: TypeAlias = Annotated[
    list[Path],
    typer.Argument(metavar="EVENT", help="JSON files, each with a Lambda event.", show_default=False),
]
TimeoutOption: TypeAlias = Annotated[
    int, typer.Option(metavar="SECONDS", min=1, max=900, help="The function's timeout.")
]


def invoke(
    target: TargetArgument,
    events: EventArguments,
    *,
    store: StoreOption = DEFAULT_STORE,
    table: TableOption = None,
    timeout: TimeoutOption = 60,
    traceback: TracebackOption = False,
) -> None:
    """Run event files through an app, one invocation each, and show the outcome of each record.

    The folder .ddbevents keeps dead letters, and marks that let the next run skip handled records.

    Exits with 1 if Lambda would retry a record or an event was refused, with 2 if nothing could be run.

    [bold]Examples[/bold]

    ddbevents invoke app.py:app events/*.json

    ddbevents invoke shop.handlers:app order.json --store memory --timeout 3
    """
    with exit_on_command_error():
        options = StoreOptions(store, table or ())
        invocations = _invoke(target, events, options, timeout, traceback=traceback)
    if not all(invocation.is_done for invocation in invocations):
        raise typer.Exit(1)


def _invoke(
    argument: str, paths: list[Path], options: StoreOptions, timeout: int, *, traceback: bool
) -> list[Invocation]:
    console = stdout_console()
    invocations: list[Invocation] = []
    check_target(argument)  # or, if the two are swapped, the app would be a missing event
    events = [read_event_file(path) for path in paths]
    with show_handler_output(console) as output:
        target = load_target(argument)
        function_name = target.module.rpartition(".")[2]
        with app_with_store(target.app, options) as app:
            local_app = app if options.is_app else app.with_sink(LocalLetters())
            for path, event in zip(paths, events, strict=True):
                console.print(Text(f"\n{path}", "bold"), soft_wrap=True)
                context = InvocationContext.starting_now(function_name, timeout)
                invocation = invoke_app(local_app, event, context)
                output.end_line()
                show_invocation(console, invocation, target)
                if traceback:
                    show_tracebacks(console, invocation.report)
                invocations.append(invocation)
    show_invoke_summary(console, invocations)
    reports = records_of(invocations)
    if not traceback:
        show_advice(console, advice_on_errors(reports))
    show_advice(console, advice_after_invoke(argument, options, reports))
    return invocations
