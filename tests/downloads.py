"""Pinned packages from PyPI that are not in the tests' environment, downloaded once into a cache."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory


class NotFetchedError(Exception):
    """A package cannot be downloaded. The message shows the command and its output."""


def cached(name: str, make: Callable[[Path], object], environment: Mapping[str, str]) -> Path:
    """Return a folder of the cache, after filling it on the first call. Nobody sees a half-filled folder.

    Args:
        name: The folder's name, which contains the version of its content.
        make: Fills an empty folder.
        environment: The variables that locate the cache.
    """
    caches = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(environment.get("DDBEVENTS_CACHE") or Path(caches, "ddbevents"), name)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as temporary:
            new = Path(temporary, "new")
            new.mkdir()
            make(new)
            with suppress(OSError):  # another test run was first
                new.rename(folder)
    return folder


def pip(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run pip without the project's constraints.

    Raises:
        NotFetchedError: It failed.
    """
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    try:
        subprocess.run(
            command,
            env={**environment, "PIP_CONSTRAINT": ""},
            timeout=100,
            check=True,
            capture_output=True,
            text=True,
        )
    except subprocess.SubprocessError as error:
        output = getattr(error, "stderr", "")
        raise NotFetchedError(
            f"pip could not download what the tests need; fix the cause or deselect the test.\n"
            f"{' '.join(command)}\n{output}"
        ) from error
