"""`ddbevents policy`: the permissions that an app's function needs."""

from __future__ import annotations

import json
from typing import Annotated, TypeAlias

import typer

from ..deploy import role_policy
from ._deployment import WritesOption, as_command_error, load_app, tables_of
from ._errors import exit_on_command_error
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
        tables = tables_of(writes)
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
