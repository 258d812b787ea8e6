"""--store: where the marks of a command are."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from .._app import StreamApp
from .._errors import ConfigurationError
from .._idempotency import IdempotencyStore
from ..stores import MemoryStore, SQLiteStore
from ._errors import CommandError

DEFAULT_STORE: Final = "sqlite:.ddbevents/marks.sqlite3"


@contextmanager
def app_with_store(app: StreamApp, choice: str) -> Generator[StreamApp]:
    """The app with the store of a `--store`, which is closed afterwards.

    Raises:
        CommandError: There is no such store, it cannot be made, or the app needs another.
    """
    if choice == DEFAULT_STORE:
        _hide_from_git(Path(".ddbevents"))
    match choice.partition(":"):
        case ("app", "", ""):
            yield app
        case ("none", "", ""):
            yield _with_store(app, None, choice)
        case ("memory", "", ""):
            yield _with_store(app, MemoryStore(), choice)
        case ("sqlite", _, path) if path:
            with closing(SQLiteStore(path)) as store:
                yield _with_store(app, store, choice)
        case _:
            raise CommandError(f"--store is memory, none, sqlite:PATH or app, not {choice!r}")


def _with_store(app: StreamApp, store: IdempotencyStore | None, choice: str) -> StreamApp:
    try:
        return app.with_store(store)
    except ConfigurationError as error:
        raise CommandError(f"--store {choice}: {error} (--store app takes its own)") from error


def _hide_from_git(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
        (folder / ".gitignore").write_text("*\n", "utf-8")
    except OSError as error:
        raise CommandError(
            f"{folder} cannot be written: {error.strerror}; --store says where else"
        ) from error
