"""TARGET: how a command finds and imports the app."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

from .._app import StreamApp
from .._routing import Route, routes_of
from ._errors import CommandError

_DATA_FILES: Final = (".json", ".jsonl")
_MAKE_ONE: Final = 'write app = StreamApp("orders") at the level of the module'
_URLS: Final = ("s3://", "http://", "https://")


@dataclass(frozen=True, slots=True)
class Target:
    """An app, with the names of its module and of the attribute that holds it."""

    app: StreamApp
    module: str
    attribute: str

    @property
    def routes(self) -> Sequence[Route]:
        """The app's handlers, each with its condition."""
        return [*routes_of(self.app)]

    @property
    def handler(self) -> str:
        """The name in the module that Lambda calls: `lambda_handler` if there is one, or the app itself."""
        return "lambda_handler" if hasattr(sys.modules[self.module], "lambda_handler") else self.attribute

    def short_name(self, handler: str) -> str:
        """Return the name of a handler, without the module if that is the app's."""
        return handler.removeprefix(f"{self.module}.")

    def argument_for(self, module: str) -> str | None:
        """Return the TARGET that imports the app's file as this module; None if there is none."""
        file = Path(sys.modules[self.module].__file__ or "")
        path = file.parent if file.name == "__init__.py" else file.with_suffix("")
        parts = module.split(".")
        if [*path.parts[-len(parts) :]] != parts:
            return None
        if len(parts) > 1 or path == file.parent:
            return f"{module}:{self.attribute}"
        here = Path.cwd()
        return f"{file.relative_to(here) if file.is_relative_to(here) else file}:{self.attribute}"


def load_target(target: str) -> Target:
    """Import the app that `module:app` or `path/to/file.py:app` names, or the only one of a module or file.

    Raises:
        CommandError: There is no such module, file or app, it cannot be imported, or it has several apps.
    """
    check_target(target)
    place, attribute = _split(target)
    module = _import_file(Path(place), attribute) if _is_path(place) else _import_module(place)
    if not attribute:
        attribute = _only_app(module, place)
    return Target(_app(module, place, attribute), module.__name__, attribute)


def load_model(name: str) -> type:
    """Import the class that `module:Model` or `path/to/file.py:Model` names.

    Raises:
        CommandError: There is no such module, file or class, or it cannot be imported.
    """
    place, attribute = _split(name)
    if not place or not attribute:
        raise CommandError(f"--model has to be module:Model or path/to/file.py:Model, not {name!r}")
    module = _import_file(Path(place), attribute) if _is_path(place) else _import_module(place)
    found: object = getattr(module, attribute, None)
    if not isinstance(found, type):
        raise CommandError(f"{place} has no class {attribute}: --model names the class of the items")
    return found


def check_target(target: str) -> None:
    """Look at the argument alone, before anything is read or imported.

    Raises:
        CommandError: It names no module or file, or it is what comes behind the app.
    """
    place, _ = _split(target)
    if not place:
        raise CommandError(f"TARGET has to be module:app or path/to/file.py:app; {target!r} names no module")
    if place.endswith(_DATA_FILES) or place.startswith(_URLS):
        raise CommandError(f"{target} is no app: the app comes first, as in app.py:app, and then {target}")


def _split(target: str) -> tuple[str, str]:
    """Return the part before the last colon, and the attribute behind it, which may be missing."""
    if target.endswith(".py") or target.startswith(_URLS):
        return target, ""
    place, colon, attribute = target.rpartition(":")
    return (place, attribute) if colon else (target, "")


def _is_path(place: str) -> bool:
    return place.endswith(".py") or "/" in place or "\\" in place


def _import_file(path: Path, attribute: str) -> ModuleType:
    if path.is_dir():
        raise CommandError(
            f"{path} is a folder: name the file with the app in it, as in {path / 'app.py'}:app"
        )
    if not path.is_file():
        raise CommandError(f"there is no file {path}")
    sys.path.insert(0, str(path.resolve().parent))
    try:
        return _import(str(path), partial(_load_file, path.resolve()))
    except CommandError as error:
        if isinstance(error.__cause__, ImportError) and "relative import" in str(error.__cause__):
            raise _relative_import(path, attribute or "app") from error
        raise


def _load_file(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError("it is not a Python file")
    # as an import does: the app's own modules can import it, and annotations can be resolved
    module = sys.modules[path.stem] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _import_module(name: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    return _import(name, partial(importlib.import_module, name))


def _import(place: str, load: Callable[[], ModuleType]) -> ModuleType:
    try:
        return load()
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and _is_in(error.name, place):
            raise CommandError(
                f"there is no module {error.name} in the current folder or on Python's search path"
            ) from error
        raise CommandError(f"{place} cannot be imported: {_cause(error)}{_location(error)}") from error


def _cause(error: BaseException) -> str:
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    if isinstance(error, KeyError) and frame.f_globals.get("__name__") == os.__name__:
        return f"the environment variable {error.args[0]} is not set: set it, and run the command again"
    return f"{type(error).__name__}: {error}"


def _relative_import(path: Path, attribute: str) -> CommandError:
    """Return the error for a file with relative imports, which only a module of a package can have."""
    file = path.resolve()
    folder = file.parent.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    names = file.with_suffix("").relative_to(folder).parts
    module = ".".join(names[:-1] if names[-1] == "__init__" else names)
    where = "" if folder == Path.cwd() else f" in the folder {folder}"
    return CommandError(
        f"{path} has a relative import, which works in a module only: name it as {module}:{attribute}{where}"
    )


def _is_in(module: str | None, place: str) -> bool:
    return f"{place}.".startswith(f"{module}.")


def _location(error: BaseException) -> str:
    """Return the last line at the level of a module: the user's line, not the library's that raised."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{frame.filename}:{frame.lineno}" for frame in frames if frame.name == "<module>"]
    return f" (at {lines[-1]})" if lines else ""


def _app(module: ModuleType, place: str, attribute: str) -> StreamApp:
    found: object = getattr(module, attribute, None)
    if isinstance(found, StreamApp):
        return found
    apps = ", ".join(_apps(module))
    hint = f"its apps are: {apps}" if apps else f"it has no app: {_MAKE_ONE}"
    if hasattr(module, attribute):
        problem = f"{attribute} in {place} is of type {type(found).__name__}, not a StreamApp"
    else:
        problem = f"{place} has no {attribute}"
    raise CommandError(f"{problem}; {hint}")


def _only_app(module: ModuleType, place: str) -> str:
    """Return the name of the module's app if it has one only, which may have several names."""
    names = _apps(module)
    if not names:
        raise CommandError(f"{place} has no app: name the module or file that has one, or {_MAKE_ONE}")
    if len({id(app) for app in names.values()}) > 1:
        first = next(iter(names))
        raise CommandError(f"{place} has several apps: {', '.join(names)}; name one, as in {place}:{first}")
    return next(iter(names))


def _apps(module: ModuleType) -> Mapping[str, StreamApp]:
    return {name: value for name, value in vars(module).items() if isinstance(value, StreamApp)}
