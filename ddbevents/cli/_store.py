"""--store and --table: where the marks of a command are, and which tables its transactions know."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Final, NamedTuple

from .._app import StreamApp
from .._engine import IdempotencyStore
from .._errors import ConfigurationError
from ..stores import MemoryStore, SQLiteStore
from ._errors import CommandError
from ._local import FOLDER, MARKS, make_folder

DEFAULT_STORE: Final = f"sqlite:{MARKS}"
_MOST_KEYS: Final = 2  # partition key and sort key


class StoreOptions(NamedTuple):
    """The options as they were given.

    Attributes:
        store: Of --store.
        tables: Of each --table.
    """

    store: str
    tables: Sequence[str]

    @property
    def path(self) -> str | None:
        """The file of the marks; None if they are not in one that is known here."""
        kind, _, path = self.store.partition(":")
        return path if kind == "sqlite" else None

    @property
    def is_of_app(self) -> bool:
        """Whether the app keeps what it was made with."""
        return self.store == "app"

    @property
    def arguments(self) -> Sequence[str]:
        """What says the same to another command."""
        return ["--store", self.store, *(part for table in self.tables for part in ("--table", table))]


@contextmanager
def app_with_store(app: StreamApp, options: StoreOptions) -> Generator[StreamApp]:
    """The app with the store of the options, which is closed afterwards.

    Raises:
        CommandError: There is no such store or table, it cannot be made, or the app needs another.
    """
    tables = dict(map(_key_names, options.tables))
    match options.store.partition(":"):
        case ("app" | "none", "", "") if tables:
            raise CommandError(f"--table is for --store memory and sqlite:PATH, not for {options.store}")
        case ("app", "", ""):
            yield app
        case ("none", "", ""):
            yield _with_store(app, None, options)
        case ("memory", "", ""):
            yield _with_store(app, MemoryStore(tables=tables), options)
        case ("sqlite", _, path) if path:
            with closing(_sqlite_store(path, tables)) as store:
                yield _with_store(app, store, options)
        case _:
            raise CommandError(f"--store is memory, none, sqlite:PATH or app, not {options.store!r}")


def _key_names(table: str) -> tuple[str, Sequence[str]]:
    name, _, names = table.partition("=")
    keys = names.split(",")
    if not name or not all(keys) or len(keys) > _MOST_KEYS:
        raise CommandError(f"--table is NAME=KEY or NAME=KEY,KEY, not {table!r}")
    return name, keys


def _sqlite_store(path: str, tables: Mapping[str, Sequence[str]]) -> SQLiteStore:
    if path == MARKS:
        try:
            make_folder()
        except OSError as error:
            problem = f"{FOLDER} cannot be written: {error.strerror}"
            raise CommandError(f"{problem}; --store says where else") from error
    return SQLiteStore(path, tables=tables)


def _with_store(app: StreamApp, store: IdempotencyStore | None, options: StoreOptions) -> StreamApp:
    try:
        return app.with_store(store)
    except ConfigurationError as error:
        raise CommandError(
            f"--store {options.store}: {error} (--store memory is one, and app its own)"
        ) from error
