"""The dependencies of an app, as wheels for Lambda's Linux, whatever machine this is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, TypeAlias

import ddbevents

from .._errors import DeployError

Architecture: TypeAlias = Literal["arm64", "x86_64"]

_MACHINES: Final[Mapping[Architecture, str]] = {"arm64": "aarch64", "x86_64": "x86_64"}
_IN_RUNTIME: Final = frozenset({"boto3", "botocore", "s3transfer"})
_AMAZON_LINUX_2023: Final = (3, 12)  # runtimes from here on have glibc 2.34, earlier ones 2.26
_NOT_SHIPPED: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
_MOST_LINES: Final = 5


def install(folder: Path, requirements: Path | None, architecture: Architecture, python: str) -> None:
    """Install the dependencies of the library and of an app into a folder.

    Raises:
        DeployError: There is neither uv nor pip, or it fails.
    """
    listed = folder.with_name("requirements.txt")
    lines = [*_own(), *(() if requirements is None else _lines(requirements))]
    listed.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    command = _command(folder, architecture, python)
    ran = subprocess.run(  # noqa: S603  # no shell
        [*command, "-r", str(listed)], capture_output=True, encoding="utf-8", check=False
    )
    if ran.returncode:
        last = " ".join(" ".join(ran.stderr.splitlines()[-_MOST_LINES:]).split())
        raise DeployError(
            f"{Path(command[0]).stem} cannot install the dependencies for Python {python} on {architecture}:"
            f" {last}"
        )


def dependency_files(folder: Path) -> Mapping[str, Path]:
    """Return the installed files and those of the library itself by their names in the package."""
    library = Path(str(ddbevents.__file__)).parent
    own = {f"ddbevents/{path.relative_to(library).as_posix()}": path for path in _files(library)}
    found = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    return {name: path for name, path in found.items() if _is_shipped(name)} | own


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _is_shipped(name: str) -> bool:
    """Leave out what the runtime has, scripts for a shell, and what says where and how it was installed."""
    top, _, rest = name.partition("/")
    package = re.split(r"-\d", top)[0].lower()
    is_installer = top == "bin" or top.startswith(".") or rest in _NOT_SHIPPED
    return package not in _IN_RUNTIME and not is_installer


def _lines(requirements: Path) -> Iterator[str]:
    """Yield the lines of the app's requirements, but the library and what the runtime has."""
    for line in requirements.read_text("utf-8").replace("\\\n", " ").splitlines():
        [name] = re.findall(r"^\s*([A-Za-z0-9._-]*)", line)
        if name.lower() not in {"ddbevents", *_IN_RUNTIME}:
            yield " ".join(_absolute(requirements.parent, part) for part in line.split())


def _absolute(folder: Path, part: str) -> str:
    """Return a path of the requirements so that another file may have it, and any other part as it is."""
    is_path = ("/" in part or part.endswith(".txt")) and (folder / part).exists()
    return str((folder / part).resolve()) if is_path else part


def _own() -> Sequence[str]:
    """Return what the library itself requires, without extras."""
    return [each for each in requires("ddbevents") or () if "extra ==" not in each]


def _command(folder: Path, architecture: Architecture, python: str) -> list[str]:
    machine = _MACHINES[architecture]
    options = ["--target", str(folder), "--only-binary", ":all:", "--python-version", python]
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    if (uv := shutil.which("uv", path=beside)) is not None:
        linux = "manylinux_2_28" if _version(python) >= _AMAZON_LINUX_2023 else "manylinux2014"
        return [uv, "pip", "install", "-q", *options, "--python-platform", f"{machine}-{linux}"]
    if find_spec("pip") is None:
        raise DeployError("there is neither uv nor pip to install the dependencies with: pip install uv")
    tags = ["manylinux2014", "manylinux_2_17"]
    if _version(python) >= _AMAZON_LINUX_2023:
        tags.append("manylinux_2_28")
    platforms = [option for tag in tags for option in ("--platform", f"{tag}_{machine}")]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-compile"]
    return [*pip, *options, "--implementation", "cp", *platforms]


def _version(python: str) -> tuple[int, ...]:
    return tuple(int(part) for part in python.split("."))
