"""EVENT: a JSON file with an event as Lambda passes it to a function."""

from __future__ import annotations

import json
from pathlib import Path

from ._errors import CommandError


def read_event_file(path: Path) -> object:
    """Return the JSON value in a file.

    Raises:
        CommandError: The file cannot be read, or is not JSON.
    """
    try:
        return json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        if path.suffix == ".py":
            raise CommandError(
                f"{path} is no event but a Python file: the app comes first, and only once, then JSON files"
            ) from error
        if path.suffix == ".jsonl":
            raise CommandError(
                f"{path} has JSON lines, not one event: if they are dead letters, use ddbevents redrive"
            ) from error
        problem = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise CommandError(f"{path} is not JSON: {problem}") from error
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path} is nested too deeply, or a number in it is too long") from error


def _read_text(path: Path) -> str:
    if path.is_dir():
        raise CommandError(f"{path} is a folder; name the files in it, for example {path / '*.json'}")
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise CommandError(_missing(path)) from error
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} has to be UTF-8, and byte {error.start} is not") from error


def _missing(path: Path) -> str:
    text = str(path)
    if text.startswith(("s3:/", "http:/", "https:/")):
        return f"{text} is no file on this machine: download the event, and name the file"
    return f"there is no file {text}"
