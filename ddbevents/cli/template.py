"""`ddbevents template`: the CloudFormation or SAM template that deploys an app."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias, cast

import typer

from .._errors import ConfigurationError
from ..deploy import template as make_template
from ._deployment import WritesOption, tables_of
from ._errors import CommandError, exit_on_command_error
from ._options import Arch, ArchOption, PythonOption, TargetArgument
from ._placeholders import load_with_placeholders


class Format(StrEnum):
    """The kinds of templates."""

    SAM = "sam"
    CLOUDFORMATION = "cloudformation"


FormatOption: TypeAlias = Annotated[
    Format, typer.Option("--format", help="For AWS SAM, or for CloudFormation alone.")
]
FileOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="The file to write.", show_default="standard output"),
]
ViewTypeOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="TYPE",
        help="The stream's StreamViewType.",
        show_default="the app's, or NEW_AND_OLD_IMAGES",
    ),
]


def template(  # noqa: PLR0913  # typer makes an option of each
    target: TargetArgument,
    *,
    syntax: FormatOption = Format.SAM,
    output: FileOption = None,
    writes: WritesOption = None,
    view_type: ViewTypeOption = None,
    arch: ArchOption = Arch.ARM64,
    python: PythonOption = "3.13",
) -> None:
    """Print the template that deploys an app: the function and everything that it needs but the stream.

    The app is imported. An environment variable that is not set gets a placeholder: the one with the name of
    the idempotency table, or of the place for dead letters, is set to what the template makes. Each other one
    becomes a parameter of the template.

    Exits with 2 if there is no template.

    [bold]Examples[/bold]

    ddbevents template app.py:app -o template.yaml

    ddbevents template app.py:app --format cloudformation --writes totals=update
    """
    with exit_on_command_error():
        with redirect_stdout(sys.stderr):  # what modules print is no template
            loaded, variables = load_with_placeholders(target)
        try:
            made = make_template(
                loaded.app,
                syntax=syntax.value,
                handler=f"{loaded.module}.{loaded.handler}",
                runtime=f"python{python}",
                architecture=arch.value,
                view_type=cast("Any", view_type),  # it is checked there
                tables=tables_of(writes),
                variables=variables,
            )
        except ConfigurationError as error:
            raise CommandError(str(error)) from error
        _write(made, output)


def _write(template: dict[str, Any], output: Path | None) -> None:
    try:
        from ..deploy._template._yaml import to_yaml  # noqa: PLC0415  # the other commands do without ruamel
    except ModuleNotFoundError as error:
        raise CommandError("YAML needs ruamel.yaml: pip install 'ddbevents[cli]'") from error
    if output is None:
        typer.echo(to_yaml(template), nl=False)
        return
    try:
        output.write_text(to_yaml(template), "utf-8")
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}") from error
