"""`ddbevents policy`: the permissions that an app's function needs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, TypeAlias

import typer

from ..deploy import role_policy
from ._deployment import as_command_error, load_app
from ._errors import CommandError, exit_on_command_error
from ._options import TargetArgument

StreamOption: TypeAlias = Annotated[
    str, typer.Option("--stream", metavar="ARN", help="The ARN of the table's stream.", show_default=False)
]
IdempotencyTableOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="The idempotency table, if it has another name than the app's store says."
    ),
]
WritesOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--writes",
        metavar="TABLE=WRITES",
        help="What transactions write to a table, if handlers do not say: NAME=update,put. Can be repeated.",
        show_default=False,
    ),
]
DeadLettersOption: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="ARN", help="The queue or bucket of dead letters, if the app does not say."),
]
DestinationOption: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="ARN", help="The mapping's on-failure destination: a bucket, queue or topic."),
]
KeyOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="ARN", help="A KMS key of your own. Can be repeated.", show_default=False),
]
LogGroupOption: TypeAlias = Annotated[
    str | None, typer.Option(metavar="ARN", help="The function's log group; any of /aws/lambda/ without it.")
]


def policy(  # noqa: PLR0913  # typer makes an option of each
    target: TargetArgument,
    *,
    stream: StreamOption,
    idempotency_table: IdempotencyTableOption = None,
    writes: WritesOption = None,
    dead_letters: DeadLettersOption = None,
    failure_destination: DestinationOption = None,
    key: KeyOption = None,
    log_group: LogGroupOption = None,
) -> None:
    """Print the policy of the role that the app's function needs, as JSON.

    Exits with 2 if something has to be said that only the code of handlers knows.

    [bold]Examples[/bold]

    ddbevents policy app.py:app --stream arn:aws:dynamodb:eu-central-1:123456789012:table/shop/stream/*

    ddbevents policy shop.handlers:app --stream $STREAM_ARN --writes totals=update
    """
    with exit_on_command_error(), as_command_error():
        tables = None if writes is None else dict(map(_table_of, writes))
        document = role_policy(
            load_app(target).app,
            stream_arn=stream,
            idempotency_table=idempotency_table,
            tables=tables,
            dead_letters=dead_letters,
            failure_destination=failure_destination,
            keys=key or (),
            log_group=log_group,
        )
    typer.echo(json.dumps(document, indent=2))


def _table_of(option: str) -> tuple[str, Iterable[str]]:
    name, equals, writes = option.partition("=")
    if not equals:
        raise CommandError(f"--writes {option} names no writes: say {option}=update, or put, delete, check")
    return name, writes.split(",")
