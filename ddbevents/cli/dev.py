"""`ddbevents dev`: the app run on a table's stream, and started anew on each save."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib.util import find_spec
from time import monotonic
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlsplit

import typer

from ._app_process import ProcessSettings
from ._errors import CommandError, exit_on_command_error
from ._local import DEFAULT_STORE, StoreOptions
from ._options import (
    EndpointOption,
    SinceOption,
    StoreOption,
    StreamArgument,
    TableOption,
    TargetArgument,
    TracebackOption,
)
from ._output import advice_on_letters, show_advice, show_dev_summary, stdout_console
from ._streams import FoundStream, advice_on_readers, find_stream, moment_before, pages_of, use_endpoint
from ._target import check_target

_AWS: Final = re.compile(r"(.*\.)?(amazonaws\.(com(\.cn)?|eu)|api\.aws)")

BatchSizeOption: TypeAlias = Annotated[
    int, typer.Option(metavar="N", min=1, max=10_000, help="The most records of a batch.")
]
WindowOption: TypeAlias = Annotated[
    float, typer.Option(metavar="SECONDS", min=0, max=300, help="How long a batch waits to fill.")
]
RetriesOption: TypeAlias = Annotated[
    int, typer.Option(metavar="N", min=-1, max=10_000, help="How often a batch is retried; -1 for no limit.")
]
BisectOption: TypeAlias = Annotated[bool, typer.Option("--bisect", help="Halve a batch that fails.")]
TimeoutOption: TypeAlias = Annotated[
    int, typer.Option(metavar="SECONDS", min=1, max=900, help="The function's timeout.")
]
YesOption: TypeAlias = Annotated[
    bool, typer.Option("--yes", help="Run on a stream of AWS: the handlers' effects are real.")
]


def dev(  # noqa: PLR0913  # typer makes an option of each
    target: TargetArgument,
    table: StreamArgument,
    *,
    endpoint_url: EndpointOption = None,
    yes: YesOption = False,
    since: SinceOption = None,
    store: StoreOption = DEFAULT_STORE,
    key: TableOption = None,
    batch_size: BatchSizeOption = 100,
    window: WindowOption = 0.0,
    retries: RetriesOption = -1,
    bisect: BisectOption = False,
    timeout: TimeoutOption = 60,
    traceback: TracebackOption = False,
) -> None:
    """Run an app on the stream of a table as Lambda would, and start it anew whenever a file is saved.

    A batch that fails is retried, at once after a save. Records that are done are not run again.

    Ctrl-C ends it.

    Exits with 0 when it is ended, with 2 if the stream cannot be read.

    [bold]Examples[/bold]

    ddbevents dev app.py:app Users --endpoint-url http://localhost:8000

    ddbevents dev shop.handlers:app Users --yes --since 10m
    """
    console = stdout_console()
    with exit_on_command_error(), use_endpoint(endpoint_url):
        check_target(target)
        options = StoreOptions(store, key or ())
        options.key_names()  # or the app's process would refuse them, again and again
        _check_watchfiles()
        # the simulator and watchfiles would slow down all other commands
        from ._dev import MappingOptions, Screen, Session  # noqa: PLC0415

        stream = find_stream(table)
        show_advice(console, [_where(stream, endpoint_url, yes=yes), *advice_on_readers(stream)])
        pages = pages_of(stream, moment_before(since))
        began = monotonic()
        session = Session(
            stream.table,
            Screen(console),
            ProcessSettings(target, store, key or (), timeout, traceback),
            MappingOptions(batch_size, timedelta(seconds=window), retries, bisect),
        )
        session.watch(pages)
        try:
            session.run()
        except KeyboardInterrupt:
            pass  # the usual end
        finally:
            session.close()
            show_dev_summary(console, stream.table, session.outcomes, monotonic() - began)
            show_advice(console, advice_on_letters(target, options, session.letters))


def _check_watchfiles() -> None:
    if find_spec("watchfiles") is None:
        raise CommandError("ddbevents dev needs watchfiles: pip install 'ddbevents[cli]'")


def _where(stream: FoundStream, endpoint_url: str | None, *, yes: bool) -> str:
    """Return the line that says where the handlers run.

    Raises:
        CommandError: The stream is AWS's, and the user has not said that this is meant.
    """
    is_elsewhere = endpoint_url is not None and not _AWS.fullmatch(urlsplit(endpoint_url).hostname or "")
    if stream.is_local or is_elsewhere:
        return f"the handlers run on the stream of {stream.table}; Ctrl-C ends it"
    real = f"{stream.table} has a stream of AWS, and what the handlers do is real"
    if not yes:
        raise CommandError(
            f"{real}, beside what a deployed function does: give --yes if you want that, or name DynamoDB"
            " Local with --endpoint-url"
        )
    return f"warning: {real}; Ctrl-C ends it"
