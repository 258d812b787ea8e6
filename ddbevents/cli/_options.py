"""The arguments and options that several commands take."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeAlias

import typer


class Arch(StrEnum):
    """The architectures of functions."""

    ARM64 = "arm64"
    X86_64 = "x86_64"


TargetArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="The app: module:app or path/to/file.py:app; :app may be left out if there is one app only.",
        show_default=False,
    ),
]
StoreOption: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="STORE", help="The idempotency store: sqlite:PATH, memory, none, or app for the app's own."
    ),
]
TableOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--table",
        metavar="NAME=KEY",
        help="The key of a table that handlers put items into: NAME=KEY or NAME=KEY,KEY. Can be repeated.",
        show_default=False,
    ),
]
TracebackOption: TypeAlias = Annotated[
    bool,
    typer.Option("--traceback", help="Show tracebacks of handlers; their messages may contain item values."),
]
StreamArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="TABLE", help="A table's name or ARN, or the ARN of its stream.", show_default=False
    ),
]
EndpointOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Where DynamoDB is, as http://localhost:8000 for DynamoDB Local.",
        show_default="AWS",
    ),
]
ArchOption: TypeAlias = Annotated[Arch, typer.Option("--arch", help="The function's architecture.")]
PythonOption: TypeAlias = Annotated[
    str, typer.Option("--python", metavar="VERSION", help="The function's Python.")
]
SinceOption: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Begin so long ago: 90s, 10m, 2h, at most 24h.", show_default="now"),
]
