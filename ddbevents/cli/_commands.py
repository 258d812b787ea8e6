"""The list of commands, and what `ddbevents` without a command shows."""

from __future__ import annotations

from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from .backfill import backfill
from .check import check
from .dev import dev
from .filters import filters
from .invoke import invoke
from .package import package
from .policy import policy
from .redrive import redrive
from .tail import tail
from .template import template

commands = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich"
)
commands.command(no_args_is_help=True)(invoke)
commands.command(no_args_is_help=True)(redrive)
commands.command(no_args_is_help=True)(backfill)
commands.command(no_args_is_help=True)(check)
commands.command(no_args_is_help=True)(tail)
commands.command(no_args_is_help=True)(template)
commands.command(no_args_is_help=True)(filters)
commands.command(no_args_is_help=True)(policy)
commands.command(no_args_is_help=True)(package)
commands.command(no_args_is_help=True)(dev)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # typer's callback
    if wanted:
        typer.echo(f"ddbevents {installed_version('ddbevents')}")
        raise typer.Exit


@commands.callback()
def ddbevents(
    *,
    version: Annotated[  # its callback does the work
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Typed, idempotent handlers for DynamoDB Streams in AWS Lambda."""
