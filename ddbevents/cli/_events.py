"""EVENT: a file with what Lambda passes to a function."""

from __future__ import annotations

import json
from pathlib import Path

from ._errors import CommandError


def read_event_file(path: Path) -> object:
    """The JSON value in a file.

    Raises:
        CommandError: The file cannot be read, or is not JSON.
    """
    try:
        return json.loads(_read(path))
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise CommandError(f"{path} is not JSON: {problem}") from error
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path} is nested too deep, or a number in it is too long") from error


def _read(path: Path) -> str:
    if path.is_dir():
        raise CommandError(f"{path} is a folder: name the files in it, such as {path / '*.json'}")
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise CommandError(f"there is no file {path}") from error
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not UTF-8, as JSON must be: see byte {error.start}") from error
