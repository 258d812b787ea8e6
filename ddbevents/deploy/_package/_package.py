"""The package of an app, put together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ..._errors import ConfigurationError
from .._errors import DeployError
from ._dependencies import Architecture, dependency_files, install
from ._files import Place, own_files, place_of
from ._zip import write_zip

_MOST_UNZIPPED: Final = 250 * 2**20  # bytes, by Lambda's quota


def package(
    target: str,
    *,
    output: Path | str = "function.zip",
    architecture: Architecture = "arm64",
    python: str = "3.13",
) -> Path:
    """Write the package of an app, as Lambda takes it, and return its path.

    It has the app's files, this library as it is installed here, and the dependencies: those of the library
    and of a `requirements.txt` beside the app, as wheels for Lambda. boto3 is left out, since the runtime has
    it. Two packages of the same files and versions are equal to the byte.

    The app's files are the folder of a file, or the package of a module. Names that begin with a dot, what
    git ignores, virtual environments and compiled Python are never shipped. The app is not imported.

    Args:
        target: The app: `path/to/file.py:app`, or `module:app` in the current folder.
        output: The zip to write.
        architecture: The function's, `"arm64"` or `"x86_64"`.
        python: The function's version of Python.

    Raises:
        ConfigurationError: The architecture or the version is none.
        DeployError: There is no such app, its dependencies cannot be installed for Lambda, two files have
            one name, or the package is too large.
    """
    if architecture not in {"arm64", "x86_64"}:
        raise ConfigurationError('architecture must be "arm64" or "x86_64"')
    if not re.fullmatch(r"3\.\d+", python):
        raise ConfigurationError('python must be a version such as "3.13"')
    place, written = place_of(target), Path(output)
    files = own_files(place, written)
    with TemporaryDirectory() as folder:
        installed = Path(folder, "installed")
        installed.mkdir()
        install(installed, _requirements(place), architecture, python)
        _write(files, dependency_files(installed), written)
    return written


def _requirements(place: Place) -> Path | None:
    listed = place.root / "requirements.txt"
    return listed if listed.is_file() else None


def _write(files: Mapping[str, Path], dependencies: Mapping[str, Path], output: Path) -> None:
    if twice := sorted(files.keys() & dependencies.keys()):
        raise DeployError(f"{twice[0]} is a file of the app and of a dependency: rename the app's")
    together = {**dependencies, **files}
    size = sum(path.stat().st_size for path in together.values())
    if size > _MOST_UNZIPPED:
        raise DeployError(
            f"the package would have {size / 2**20:.0f} MB unzipped, and Lambda takes 250: leave out what the"
            " function does not need, or deploy an image"
        )
    try:
        write_zip(together, output)
    except OSError as error:
        raise DeployError(f"{output} cannot be written: {error.strerror}") from error
