"""The app's own files: all of its folder but what is hidden, ignored by git, or made by Python."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from .._errors import DeployError

_MADE: Final = frozenset({"__pycache__", "node_modules"})


class Place(NamedTuple):
    """Where an app is.

    Attributes:
        root: The folder that becomes the top of the package.
        part: The folder or file below it that goes in; the root itself for all of it.
    """

    root: Path
    part: Path


def place_of(target: str) -> Place:
    """Return where the app of a TARGET is: the folder of a file, or the package of a module.

    Raises:
        DeployError: There is no such file or module in the current folder.
    """
    name = target if target.endswith(".py") else target.rpartition(":")[0] or target
    if name.endswith(".py") or "/" in name or os.sep in name:
        path = Path(name)
        if not path.is_file():
            raise DeployError(f"there is no file {name}")
        return Place(path.parent.resolve(), path.parent.resolve())
    root, top = Path.cwd(), name.partition(".")[0]
    for part in (root / top, root / f"{top}.py"):
        if part.exists():
            return Place(root, part)
    raise DeployError(f"there is no module {top} in the current folder")


def own_files(place: Place, output: Path) -> Mapping[str, Path]:
    """Return the files of an app by their names in the package.

    Raises:
        DeployError: A file lies elsewhere, or git is needed to know what it ignores.
    """
    found = [path for path in _walk(place.part) if path.resolve() != output.resolve()]
    shipped = _not_ignored(place.root, found)
    for path in shipped:
        if not path.resolve().is_relative_to(place.root):
            raise DeployError(f"{path} is a link out of {place.root}: copy the file, or remove the link")
    return {PurePosixPath(path.relative_to(place.root)).as_posix(): path for path in shipped}


def _walk(part: Path) -> Iterator[Path]:
    if part.name.startswith(".") or part.name in _MADE:
        return
    if part.is_file():
        if part.suffix != ".pyc":
            yield part
    elif not (part / "pyvenv.cfg").exists():  # a virtual environment
        for inner in sorted(part.iterdir()):
            yield from _walk(inner)


def _not_ignored(root: Path, files: list[Path]) -> list[Path]:
    """Return the files that git does not ignore, whether the folder is in a repository or not."""
    is_versioned = any((folder / ".git").exists() for folder in (root, *root.parents))
    if not is_versioned and not any(root.rglob(".gitignore")):
        return files
    git = shutil.which("git")
    if git is None:
        raise DeployError("git is not installed, and only git knows what .gitignore keeps out: install it")
    with TemporaryDirectory() as folder:
        repository = [] if is_versioned else [f"--git-dir={folder}", f"--work-tree={root}"]
        if repository:
            subprocess.run([git, "init", "-q", "--bare", folder], check=True)  # noqa: S603  # no shell
        names = "".join(f"{path.relative_to(root).as_posix()}\0" for path in files)
        ran = subprocess.run(  # noqa: S603  # the same
            [git, *repository, "check-ignore", "-z", "--stdin"],
            cwd=root,
            input=names,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    if ran.returncode > 1:  # 1: none is ignored
        raise DeployError(f"git cannot say what it ignores: {' '.join(ran.stderr.split())}")
    ignored = {*ran.stdout.split("\0")}
    return [path for path in files if path.relative_to(root).as_posix() not in ignored]
