"""`ddbevents redrive`: dead letters and failure records run through an app, and removed when handled."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from ._errors import exit_on_command_error
from ._letters import Redrive, open_source
from ._local import LocalLetters, StoreOptions, app_with_store
from ._options import StoreOption, TableOption, TargetArgument, TracebackOption
from ._output import (
    advice_after_redrive,
    advice_on_errors,
    show_advice,
    show_handler_output,
    show_progress,
    show_records,
    show_redrive_summary,
    show_tracebacks,
    stdout_console,
)
from ._target import load_target

SourceArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="The dead letters: a file of JSON lines, s3://bucket/prefix, or the URL of a queue.",
        show_default=False,
    ),
]
TimeoutOption: TypeAlias = Annotated[
    int, typer.Option(metavar="SECONDS", min=1, max=43_000, help="The timeout of a batch of dead letters.")
]
DryRunOption: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Show what would run, and run nothing.")
]
KeepOption: TypeAlias = Annotated[
    bool, typer.Option("--keep", help="Leave handled dead letters in the source.")
]


def redrive(  # noqa: PLR0913  # typer makes an option of each
    target: TargetArgument,
    source: SourceArgument,
    *,
    store: StoreOption = "app",
    table: TableOption = None,
    timeout: TimeoutOption = 60,
    dry_run: DryRunOption = False,
    keep: KeepOption = False,
    traceback: TracebackOption = False,
) -> None:
    """Run each dead letter through the handler that failed, and show its outcome.

    The records that Lambda's failure records name are fetched, and run through all handlers that take them.

    Handled dead letters are removed from the source. One that fails stays, with the later ones of its item.

    Exits with 1 if a dead letter was not handled, with 2 if the command could not go on.

    [bold]Examples[/bold]

    ddbevents redrive app.py:app letters.jsonl --dry-run

    ddbevents redrive shop.handlers:app s3://my-bucket/dead-letters/

    ddbevents redrive shop.handlers:app https://sqs.eu-central-1.amazonaws.com/123456789012/letters
    """
    console, options = stdout_console(), StoreOptions(store, table or ())
    with exit_on_command_error(), show_handler_output(console) as output:
        loaded = load_target(target)
        with (
            app_with_store(loaded.app, options) as app,
            open_source(source, timeout, dry_run=dry_run) as letters,
        ):
            local_app = app if options.is_app else app.with_sink(LocalLetters())
            redriving = Redrive(local_app, timeout, dry_run=dry_run, keep=keep)
            with show_progress(console, "dead letters", letters.total) as bar:
                output.before_line = bar.hide
                for report in redriving.run(letters):
                    bar.hide()
                    output.end_line()
                    show_records(console, report, loaded, redriving.first)
                    if traceback:
                        show_tracebacks(console, report, redriving.first)
                    bar.advance(redriving.count)
                    bar.show()
    noun = "record" if redriving.has_failures else "dead letter"
    show_redrive_summary(console, source, redriving.reports, redriving.removed, noun=noun)
    show_advice(console, letters.remarks)
    if not traceback:
        show_advice(console, advice_on_errors(redriving.reports))
    show_advice(console, advice_after_redrive(loaded, options, redriving.reports))
    if dry_run:
        console.print("nothing ran; what would run is shown as not run")
    if redriving.is_open:
        raise typer.Exit(1)
