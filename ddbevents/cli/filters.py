"""`ddbevents filters`: the event filter that an app's handlers need."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, TypeAlias

import typer
from rich.text import Text

from ..deploy import FilterCriteria, HandlerFilter, explain_filters, filter_criteria
from ._deployment import as_command_error, load_app
from ._errors import exit_on_command_error
from ._options import TargetArgument
from ._output import stdout_console

ViewTypeOption: TypeAlias = Annotated[
    str, typer.Option(metavar="VIEW", help="The stream's StreamViewType.", show_default=True)
]
TableOption: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The stream's table: handlers of other tables are left out."),
]
QuotaOption: TypeAlias = Annotated[
    int, typer.Option(metavar="N", min=1, max=10, help="The largest number of filters, by AWS's quota.")
]
ExplainOption: TypeAlias = Annotated[
    bool, typer.Option("--explain", help="Show what the filters do for each handler.")
]


def filters(
    target: TargetArgument,
    *,
    view_type: ViewTypeOption = "NEW_AND_OLD_IMAGES",
    table: TableOption = None,
    quota: QuotaOption = 5,
    explain: ExplainOption = False,
) -> None:
    """Print the event filter that lets through every record that a handler takes, as JSON.

    Exits with 2 if there is none to make.

    [bold]Examples[/bold]

    ddbevents filters app.py:app > filters.json

    ddbevents filters shop.handlers:app --view-type NEW_IMAGE --explain
    """
    with exit_on_command_error(), as_command_error():
        app = load_app(target).app
        arguments = {"view_type": view_type, "table": table, "quota": quota}
        criteria = filter_criteria(app, **arguments)  # type: ignore[arg-type]  # it checks the text itself
        explanations = explain_filters(app, **arguments) if explain else []  # type: ignore[arg-type]
    if explain:
        _show(criteria, explanations)
    else:
        typer.echo(json.dumps(criteria, indent=2))


def _show(criteria: FilterCriteria, explanations: Iterable[HandlerFilter]) -> None:
    console = stdout_console()
    for number, each in enumerate(criteria["Filters"], start=1):
        console.print(Text.assemble((f"filter {number}", "bold"), f"  {each['Pattern']}"), soft_wrap=True)
    if not criteria["Filters"]:
        console.print("no filter is needed: handlers take every record", soft_wrap=True)
    for handler in explanations:
        console.print(Text(f"\n{handler.handler}", "bold"), soft_wrap=True)
        places = ", ".join(f"filter {place + 1}" for place in handler.filters) or "no filter"
        console.print(Text(f"  {places}: {', '.join(handler.expressed) or 'every record'}"), soft_wrap=True)
        for line in handler.widened:
            console.print(Text(f"  widened: {line}"), soft_wrap=True)
