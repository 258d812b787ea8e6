"""`ddbevents backfill`: the items of a table or an export, run through an app."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer
from rich.console import Console

from .._errors import ConfigurationError, SourceError
from ._backfill import Backfill, Cursor, ItemOptions, ItemSource, Settings, begin, cursor_file, open_items
from ._errors import CommandError, exit_on_command_error
from ._local import LocalLetters, StoreOptions, app_with_store
from ._options import StoreOption, TableOption, TargetArgument, TracebackOption
from ._output import (
    HandlerOutput,
    advice_on_errors,
    show_advice,
    show_backfill_summary,
    show_handler_output,
    show_progress,
    show_records,
    show_tracebacks,
    stdout_console,
)
from ._target import Target, check_target, load_target

SourceArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A table's name or ARN; or an export: a folder, or s3://bucket/prefix/AWSDynamoDB/EXPORT.",
        show_default=False,
    ),
]
SegmentsOption: TypeAlias = Annotated[
    int, typer.Option(metavar="N", min=1, max=100, help="How many parts of a table are read at a time.")
]
KeysOption: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="PK[,SK]", help="The key of a full export's table.", show_default="DescribeTable"),
]
ReadUnitsOption: TypeAlias = Annotated[
    int, typer.Option(metavar="N", min=1, help="The read capacity units that a scan may use a second.")
]
AsInsertsOption: TypeAlias = Annotated[
    bool, typer.Option("--as-inserts", help="Pass each item as if it were inserted now.")
]
ResumeOption: TypeAlias = Annotated[bool, typer.Option("--resume", help="Go on with the run that stopped.")]
DryRunOption: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Read and check all items, count what would run, and run nothing.")
]
RetriesOption: TypeAlias = Annotated[
    int, typer.Option(metavar="N", min=0, max=10, help="How often items that fail are tried again.")
]
TimeoutOption: TypeAlias = Annotated[
    int, typer.Option(metavar="SECONDS", min=1, max=43_000, help="The timeout of a batch of up to 500 items.")
]


def backfill(  # noqa: PLR0913  # typer makes an option of each
    target: TargetArgument,
    source: SourceArgument,
    *,
    segments: SegmentsOption = 1,
    keys: KeysOption = None,
    read_units: ReadUnitsOption = 1000,
    as_inserts: AsInsertsOption = False,
    resume: ResumeOption = False,
    dry_run: DryRunOption = False,
    retries: RetriesOption = 2,
    store: StoreOption = "app",
    table: TableOption = None,
    timeout: TimeoutOption = 60,
    traceback: TracebackOption = False,
) -> None:
    """Run the items of a table, or the lines of an export to S3, through an app.

    It stops at items that keep failing, and goes on from there with --resume.

    Exits with 1 if items failed, with 2 if the command could not go on.

    [bold]Examples[/bold]

    ddbevents backfill app.py:app Users --segments 4 --as-inserts

    ddbevents backfill app.py:app s3://my-bucket/exports/AWSDynamoDB/01234567890123-a1b2c3d4

    ddbevents backfill app.py:app Users --resume
    """
    console, options = stdout_console(), StoreOptions(store, table or ())
    items = ItemOptions(segments, keys, as_inserts)
    with exit_on_command_error(), show_handler_output(console) as output:
        check_target(target)
        file = cursor_file(target, source)
        kept = {"--segments": items.segments, "--keys": items.keys, "--as-inserts": items.as_inserts}
        cursor = None if dry_run else begin(file, kept, resume=resume)
        if cursor is not None:
            items = ItemOptions(*cursor.options.values())
        loaded = load_target(target)
        settings = Settings(loaded.module.rpartition(".")[2], timeout, retries, dry_run)
        with app_with_store(loaded.app, options) as app:
            local_app = app if options.is_app else app.with_sink(LocalLetters())
            opened = _open(source, items, read_units, cursor)
            running = Backfill(local_app, cursor or Cursor(opened.run_id, kept), file, settings)
            _run(console, output, running, opened)
        _show(console, loaded, running, source, dry_run=dry_run, traceback=traceback)
    if running.failed is not None:
        raise typer.Exit(1)


def _open(source: str, options: ItemOptions, read_units: int, cursor: Cursor | None) -> ItemSource:
    try:
        return open_items(source, options, read_units, cursor.run_id if cursor else None)
    except (ConfigurationError, SourceError) as error:
        raise CommandError(str(error)) from error


def _run(console: Console, output: HandlerOutput, running: Backfill, source: ItemSource) -> None:
    with show_progress(console, "items", source.total) as bar:
        output.before_line = bar.hide
        bar.advance(running.outcomes.total())
        try:
            for count in running.run(source):
                output.end_line()
                bar.advance(count)
                bar.show()
        except SourceError as error:
            raise CommandError(f"{error}; {running.outcomes.total()} items before it are done") from error


def _show(
    console: Console, target: Target, running: Backfill, source: str, *, dry_run: bool, traceback: bool
) -> None:
    if running.failed is not None:
        show_records(console, running.failed, target)
        if traceback:
            show_tracebacks(console, running.failed)
    show_backfill_summary(console, source, running.outcomes, running.failed)
    if running.failed is not None:
        if not traceback:
            show_advice(console, advice_on_errors(running.failed.records))
        show_advice(console, ["it stopped there; when that is mended, go on with --resume"])
    if dry_run:
        console.print("nothing ran; what would run is shown as not run")
