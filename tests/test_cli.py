from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.command_line import command

WITHOUT = """
import sys
sys.modules[sys.argv.pop()] = None
from ddbevents.cli import main
main()
"""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, encoding="utf-8", check=False)


def ddbevents(name: str, *arguments: str) -> tuple[int, str]:
    """Return the exit code, and the output without the colours that some CI forces."""
    run = command(name)(*arguments)
    return run.code, re.sub(r"\x1b\[[0-9;]*m", "", run.out + run.err)


@pytest.mark.parametrize("package", ["rich", "typer"])
def test_a_missing_extra_is_named(package: str) -> None:
    run = python("-c", WITHOUT, package)

    assert run.returncode == 2
    assert run.stderr == f"The ddbevents command needs {package}: pip install 'ddbevents[cli]'\n"


def test_other_missing_modules_raise() -> None:
    run = python("-c", WITHOUT, "sqlite3")

    assert run.returncode == 1
    assert "pip install" not in run.stderr
    assert "ModuleNotFoundError: import of sqlite3 halted" in run.stderr


def test_the_import_loads_no_extra() -> None:
    run = python("-c", "import sys, ddbevents.cli; print({'rich', 'typer'} & sys.modules.keys())")

    assert run.stdout == "set()\n"


def test_the_script_shows_its_version() -> None:
    program = Path(sys.executable).with_name("ddbevents")

    run = subprocess.run([program, "--version"], capture_output=True, encoding="utf-8", check=True)

    assert run.stdout == f"ddbevents {version('ddbevents')}\n"


def test_help_names_the_commands() -> None:
    code, output = ddbevents("--help")

    assert code == 0
    assert "invoke" in output


def test_the_help_has_examples() -> None:
    code, output = ddbevents("invoke", "--help")

    assert code == 0
    assert "ddbevents invoke app.py:app events/*.json" in output


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["fly"], "No such command 'fly'"),
        (["invoke", "app.py:app"], "Missing argument 'EVENT'"),
        (["invoke", "app.py:app", "event.json", "--timeout", "0"], "Invalid value for '--timeout'"),
    ],
    ids=["unknown command", "no event", "no time"],
)
def test_wrong_use_exits_with_2(arguments: list[str], problem: str) -> None:
    code, output = ddbevents(*arguments)

    assert code == 2
    assert problem in output
