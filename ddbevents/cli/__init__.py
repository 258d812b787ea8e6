"""The `ddbevents` command, which says what to install if its extra is missing."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, and exit."""
    try:
        from ._commands import commands  # noqa: PLC0415  # rich and typer may not be installed
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package not in {"rich", "typer"}:
            raise
        sys.exit(_missing(package))
    commands()


def _missing(package: str) -> int:
    print(f"The ddbevents command needs {package}: pip install 'ddbevents[cli]'", file=sys.stderr)  # noqa: T201  # nothing better is installed
    return 2
