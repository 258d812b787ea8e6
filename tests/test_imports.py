"""What `import ddbevents` loads: pydantic and next to nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import pytest

# Standard library modules that the package may load beside what pydantic loads. Anything else is a
# question: is it worth its milliseconds to every cold start?
ALLOWED: Final = {"binascii", "gc", "threading"}
COSTLY: Final = {
    "boto3",
    "botocore",
    "aws_lambda_powertools",
    "sqlite3",
    "asyncio",
    "rich",
    "typer",
    "logging",
}


def modules_after(statement: str) -> set[str]:
    """In a fresh interpreter, without the measuring of this one."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTHON"))
    }
    code = f"{statement}; import sys; print(*sys.modules)"
    return set(subprocess.check_output([sys.executable, "-c", code], env=environment, text=True).split())


@pytest.mark.parametrize("statement", ["import ddbevents", "import ddbevents, ddbevents.stores"])
def test_import_loads_what_is_on_the_list_and_no_more(statement: str) -> None:
    before = modules_after("from pydantic import BaseModel")
    after = modules_after(statement)

    assert {name for name in after - before if not name.startswith("ddbevents")} <= ALLOWED


def test_what_costs_is_loaded_by_who_needs_it() -> None:
    loaded = modules_after("import ddbevents, ddbevents.stores")

    assert loaded.isdisjoint(COSTLY)
