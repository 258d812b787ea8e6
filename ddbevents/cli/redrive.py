"""`ddbevents redrive`: dead letters run through an app, and taken out of their source when handled."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from ._advice import advice_on_letters
from ._errors import errors_in_one_line
from ._letters import open_source
from ._output import handler_output, terminal
from ._progress import progress_bar
from ._redriving import Redriving
from ._show import show_advice, show_records, show_redrive_summary, show_tracebacks
from ._store import StoreOptions, app_with_store
from ._target import load_target
from .invoke import Store, Tables, Target, Traceback

Letters: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="The letters: a file of JSON lines, s3://bucket/prefix, or a queue's URL.",
        show_default=False,
    ),
]
Timeout: TypeAlias = Annotated[
    int, typer.Option(metavar="SECONDS", min=1, max=43_000, help="How long a batch of letters may take.")
]
DryRun: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Show what would run, and run nothing.")]
Keep: TypeAlias = Annotated[bool, typer.Option("--keep", help="Leave handled letters where they are.")]


def redrive(  # noqa: PLR0913  # typer makes an option of each
    target: Target,
    source: Letters,
    *,
    store: Store = "app",
    table: Tables = None,
    timeout: Timeout = 60,
    dry_run: DryRun = False,
    keep: Keep = False,
    traceback: Traceback = False,
) -> None:
    """Run dead letters through an app, each for the handler that failed, and show what came of each.

    A letter that is handled, now or before, is taken out of the source. One that fails stays, and so do the
    later ones of its item.

    Exits with 1 if a letter was not handled, with 2 if the command could not go on.

    [bold]Examples[/bold]

    ddbevents redrive app.py:app letters.jsonl --dry-run

    ddbevents redrive shop.handlers:app s3://my-bucket/dead-letters/

    ddbevents redrive shop.handlers:app https://sqs.eu-central-1.amazonaws.com/123456789012/letters
    """
    console, options = terminal(), StoreOptions(store, table or ())
    with errors_in_one_line(), handler_output(console) as output:
        loaded = load_target(target)
        with app_with_store(loaded.app, options) as app, open_source(source, timeout) as letters:
            redriving = Redriving(app, timeout, dry_run=dry_run, keep=keep)
            with progress_bar(console, "letters", letters.total) as bar:
                output.before_line = bar.hide
                for report in redriving.run(letters):
                    bar.hide()
                    output.end_line()
                    show_records(console, report, loaded, redriving.first)
                    if traceback:
                        show_tracebacks(console, report, redriving.first)
                    bar.advance(len(report.records))
                    bar.show()
    show_redrive_summary(console, source, redriving.reports, redriving.removed)
    show_advice(console, advice_on_letters(loaded, options, redriving.reports))
    if dry_run:
        console.print("nothing ran; what would is told as not run")
    if redriving.is_open:
        raise typer.Exit(1)
