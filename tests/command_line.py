"""The command line for tests: a folder to run in, and commands that return their exit code and output."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, TypeAlias

import pytest

from ddbevents.cli import main

ROOT = Path(__file__).parent.parent
COLOR_SETTINGS = ("FORCE_COLOR", "TTY_COMPATIBLE")  # which some CI sets


class Run(NamedTuple):
    code: int
    out: str
    err: str


Command: TypeAlias = Callable[..., Run]


def command(name: str, columns: int = 80, **environment: str) -> Command:
    """Return a command, to be called with its arguments."""

    def run(*arguments: str | Path) -> Run:
        out, err = text_file(), text_file()
        with redirect_stdout(out), redirect_stderr(err):
            code = run_main(name, *arguments, COLUMNS=str(columns), **environment)
        return Run(code, content(out), content(err))

    return run


def run_main(*arguments: str | Path, **environment: str) -> int:
    """Run the command line in this process, with the current standard output, and return its exit code."""
    with pytest.MonkeyPatch.context() as process:  # the command line reads arguments and settings there
        process.setattr(sys, "argv", ["ddbevents", *map(str, arguments)])
        for name in COLOR_SETTINGS:
            process.delenv(name, raising=False)
        for name, value in environment.items():
            process.setenv(name, value)
        with pytest.raises(SystemExit) as exited:
            main()
    code = exited.value.code
    assert isinstance(code, int)
    return code


def text_file(encoding: str = "utf-8") -> io.TextIOWrapper:
    """Return an empty file in memory."""
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="", write_through=True)


def content(file: io.TextIOWrapper) -> str:
    file.seek(0)
    return file.read()


def lines(run: Run) -> list[str]:
    return [line.rstrip() for line in run.out.splitlines()]


@contextmanager
def current_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Work in a folder until the end of the block, then forget the modules that were imported from it."""
    monkeypatch.chdir(path)  # commands use the current folder
    monkeypatch.setattr(sys, "path", [*sys.path])  # loading a target adds to it
    yield
    for name in [name for name, module in sys.modules.items() if _is_in(path, module)]:
        del sys.modules[name]


def _is_in(folder: Path, module: ModuleType) -> bool:
    # a package without an __init__.py has no file
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    # as texts: paths would take longer than the command, since there are thousands of modules
    return any(str(place).startswith(f"{folder}{os.sep}") for place in filter(None, places))


def run_beside_examples(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of a README in a folder that contains the examples and the files of earlier runs."""
    examples = folder / "examples"
    if not examples.exists():
        examples.symlink_to(ROOT / "examples")
    program = Path(sys.executable).with_name("ddbevents")
    environment = {name: value for name, value in os.environ.items() if name not in COLOR_SETTINGS}
    return subprocess.run(
        ["/bin/sh", "-c", f"{shlex.quote(str(program))} {command}"],
        cwd=folder,
        env={**environment, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
