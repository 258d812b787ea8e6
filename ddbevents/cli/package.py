"""`ddbevents package`: the zip that Lambda runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias
from zipfile import ZipFile

import typer

from .._errors import ConfigurationError
from ..deploy import DeployError
from ..deploy import package as make_package
from ._errors import CommandError, exit_on_command_error
from ._options import Arch, ArchOption, PythonOption, TargetArgument
from ._target import check_target

OutputOption: TypeAlias = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="The zip to write.")
]


def package(
    target: TargetArgument,
    *,
    output: OutputOption = Path("function.zip"),
    arch: ArchOption = Arch.ARM64,
    python: PythonOption = "3.13",
) -> None:
    """Write the zip that Lambda runs: the app's files, this library and the dependencies, without boto3.

    A requirements.txt beside the app is installed, with uv if it is there, else with pip. Hidden files, what
    git ignores and virtual environments are left out. The app is not imported.

    Exits with 2 if there is no package.

    [bold]Examples[/bold]

    ddbevents package app.py:app -o function.zip

    ddbevents package shop.handlers:app --arch x86_64 --python 3.12
    """
    with exit_on_command_error():
        check_target(target)
        try:
            made = make_package(target, output=output, architecture=arch.value, python=python)
        except (ConfigurationError, DeployError) as error:
            raise CommandError(str(error)) from error
    with ZipFile(made) as archive:
        unzipped = sum(entry.file_size for entry in archive.infolist())
    size = made.stat().st_size
    typer.echo(
        f"{made}: {size / 1e6:.2f} MB, {unzipped / 1e6:.1f} MB unzipped, for Python {python} on {arch.value}"
    )
