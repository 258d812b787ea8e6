"""The Python files of the app's folders that are saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

from watchfiles import PythonFilter, watch


def saved_files(target: str, stop: Event) -> Iterator[frozenset[str]]:
    """Yield the names of Python files that were saved, in the current folder and beside the app."""
    here = Path.cwd()
    folders = {here, Path(target.rpartition(":")[0] or target).resolve().parent}
    outside = [folder for folder in folders if folder != here and not folder.is_relative_to(here)]
    for changes in watch(
        here,
        *outside,
        watch_filter=PythonFilter(),
        stop_event=stop,
        step=20,
        debounce=200,
        rust_timeout=500,
        raise_interrupt=False,
    ):
        yield frozenset(_shown(Path(path), here) for _, path in changes)


def _shown(path: Path, here: Path) -> str:
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
