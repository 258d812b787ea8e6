"""The command line for tests: a folder to run in, commands to run, and what came of them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest
from typer.testing import CliRunner

from ddbevents.cli._commands import commands

ROOT = Path(__file__).parent.parent


class Run(NamedTuple):
    code: int
    out: str
    err: str


Command: TypeAlias = Callable[..., Run]


def command(name: str, columns: int = 80, **environment: str) -> Command:
    """A command, to be called with its arguments."""
    plain = {"FORCE_COLOR": None, "TTY_COMPATIBLE": None}
    runner = CliRunner(env={"COLUMNS": str(columns), **plain, **environment})

    def run(*arguments: str | Path) -> Run:
        result = runner.invoke(
            commands, [name, *map(str, arguments)], catch_exceptions=False, prog_name="ddbevents"
        )
        return Run(result.exit_code, result.stdout, result.stderr)

    return run


def lines(run: Run) -> list[str]:
    return [line.rstrip() for line in run.out.splitlines()]


@contextmanager
def current_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Be in a folder, where apps are looked for and marks are kept. What is imported from it is forgotten."""
    monkeypatch.chdir(path)  # commands look at the current folder
    monkeypatch.setattr(sys, "path", [*sys.path])  # loading a target adds to it
    known = set(sys.modules)
    yield
    for name in sys.modules.keys() - known:
        # the library's own rooms hold what is there once in a process
        if name.partition(".")[0] != "ddbevents":
            del sys.modules[name]


def run_beside_examples(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of a README, in a folder that has nothing but the examples and what earlier runs left."""
    examples = folder / "examples"
    if not examples.exists():
        examples.symlink_to(ROOT / "examples")
    program = Path(sys.executable).with_name("ddbevents")
    plain = {
        name: value for name, value in os.environ.items() if name not in {"FORCE_COLOR", "TTY_COMPATIBLE"}
    }
    return subprocess.run(
        ["/bin/sh", "-c", f"{shlex.quote(str(program))} {command}"],
        cwd=folder,
        env={**plain, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
