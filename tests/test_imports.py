"""What `import ddbevents` costs: nothing but pydantic and a little."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import ddbevents

# Standard library modules that the package may load beside what pydantic loads. Anything else is a
# question: is it worth its milliseconds to every cold start?
ALLOWED: Final = {"binascii", "gc"}
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
PAIRS: Final = 9


def run(code: str, *, path: Path) -> str:
    """In a fresh interpreter, without the measuring of this one."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTHON"))}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env={**clean, "PYTHONPATH": str(path)}, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as pip installs it: with its bytecode."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(Path(ddbevents.__file__).parent, folder / "ddbevents")
    subprocess.run([sys.executable, "-m", "compileall", "-q", folder], check=True)
    return folder


@pytest.mark.parametrize("statement", ["import ddbevents", "import ddbevents, ddbevents.stores"])
def test_import_loads_what_is_on_the_list_and_no_more(statement: str, installed: Path) -> None:
    before = set(
        run("import sys; from pydantic import BaseModel; print(*sys.modules)", path=installed).split()
    )
    after = set(run(f"import sys; {statement}; print(*sys.modules)", path=installed).split())

    assert {name for name in after - before if not name.startswith("ddbevents")} <= ALLOWED


def test_what_costs_is_loaded_by_who_needs_it(installed: Path) -> None:
    code = "import sys, ddbevents, ddbevents.stores; print(*sys.modules)"

    loaded = set(run(code, path=installed).split())

    assert loaded.isdisjoint(
        {"boto3", "botocore", "aws_lambda_powertools", "sqlite3", "asyncio", "rich", "typer", "logging"}
    )


def test_the_time_of_import_is_measured_in_pairs(
    installed: Path, record_property: pytest.RecordProperty
) -> None:
    """Says the ratio, and holds it to nothing: a machine that does other work would decide the test."""
    timed = "import time; start = time.process_time(); {}; print(time.process_time() - start)"
    ours = timed.format("import ddbevents")
    pydantics = timed.format("from pydantic import BaseModel")

    ratios = [float(run(ours, path=installed)) / float(run(pydantics, path=installed)) for _ in range(PAIRS)]

    record_property("import_ratio", round(statistics.median(ratios), 3))
    assert len(ratios) == PAIRS
