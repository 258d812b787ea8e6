"""`ddbevents check`: whether a deployed function is wired as its app needs it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Annotated, Any, Final, TypeAlias

import typer

from .._app import StreamApp
from .._errors import ConfigurationError
from ..deploy import DeployError, Finding
from ..deploy import check as find
from ..deploy._check import Session, function_variables
from ._errors import CommandError, exit_on_command_error
from ._options import TargetArgument
from ._output import show_findings, stdout_console
from ._target import check_target, load_target

FunctionOption: TypeAlias = Annotated[
    str,
    typer.Option("--function", metavar="NAME", help="The function's name or ARN.", show_default=False),
]
EndpointOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--endpoint-url",
        metavar="URL",
        help="Where AWS's API is, for LocalStack and other emulators.",
        show_default=False,
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")]

_ABOUT_PYTHON: Final = ("AWS_", "LD_", "PYTHON")


def check(
    target: TargetArgument,
    *,
    function: FunctionOption,
    endpoint_url: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a deployed function with what its app needs, and show what loses records, with the cure.

    It reads the function, its event source mappings, their tables and the idempotency table, and changes
    nothing. The app is imported with the function's environment variables where they are not set.

    Exits with 1 if there are errors, with 2 if the command could not go on.

    [bold]Examples[/bold]

    ddbevents check app.py:app --function orders

    ddbevents check shop.handlers:app --function orders --json
    """
    with exit_on_command_error():
        findings = _findings(target, function, _Endpoint(endpoint_url) if endpoint_url else None)
    if as_json:
        typer.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        show_findings(stdout_console(), findings, function)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


class _Endpoint:
    """A session whose clients ask another endpoint than AWS's."""

    def __init__(self, url: str) -> None:
        self._url = url

    def client(self, service: str) -> Any:
        from boto3.session import Session as BotoSession  # noqa: PLC0415  # the extra aws

        make: Any = BotoSession().client  # its type knows literal names only
        return make(service, endpoint_url=self._url)


def _findings(target: str, function: str, session: Session | None) -> list[Finding]:
    check_target(target)
    try:
        app = _load(target, function, function_variables(function, session))
        return find(app, function, session=session)
    except (ConfigurationError, DeployError) as error:
        raise CommandError(str(error)) from error


def _load(target: str, function: str, variables: Mapping[str, str]) -> StreamApp:
    """Import the app as the function does: with the function's variables where they are not set."""
    for name, value in variables.items():
        if not name.startswith(_ABOUT_PYTHON):
            os.environ.setdefault(name, value)
    try:
        with redirect_stdout(sys.stderr):  # what modules print is no finding
            return load_target(target).app
    except CommandError as error:
        if isinstance(error.__cause__, KeyError) and error.__cause__.args[0] not in variables:
            raise CommandError(
                f"{error}; the function {function} has no such variable either, so it fails like this there"
            ) from error
        raise
