"""--store and --table: the idempotency store of a run, and the tables that its transactions write to."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Final, NamedTuple

from ..._app import StreamApp
from ..._engine import IdempotencyStore
from ..._errors import ConfigurationError
from ...stores import MemoryStore, SQLiteStore
from .._errors import CommandError
from ._folder import FOLDER, MARKS_FILE, make_folder

DEFAULT_STORE: Final = f"sqlite:{MARKS_FILE}"
_MOST_KEYS: Final = 2  # partition key and sort key


class StoreOptions(NamedTuple):
    """The options as the user gave them.

    Attributes:
        store: The value of --store.
        tables: The value of each --table.
    """

    store: str
    tables: Sequence[str]

    @property
    def path(self) -> str | None:
        """The file that holds the marks; None if it is not known here."""
        kind, _, path = self.store.partition(":")
        return path if kind == "sqlite" else None

    @property
    def is_app(self) -> bool:
        """Whether the app keeps its own store."""
        return self.store == "app"

    @property
    def arguments(self) -> Sequence[str]:
        """The arguments that give the same options to another command."""
        return ["--store", self.store, *(part for table in self.tables for part in ("--table", table))]

    def key_names(self) -> Mapping[str, Sequence[str]]:
        """Return the key of each table.

        Raises:
            CommandError: An option is wrong, or the two do not fit.
        """
        tables = dict(map(_key_names, self.tables))
        match self.store.partition(":"):
            case ("app" | "none", "", "") if tables:
                raise CommandError(f"--table needs --store memory or sqlite:PATH, not {self.store}")
            case ("app" | "none" | "memory", "", ""):
                return tables
            case ("sqlite", _, path) if path:
                return tables
            case _:
                raise CommandError(f"--store has to be memory, none, sqlite:PATH or app, not {self.store!r}")


@contextmanager
def app_with_store(app: StreamApp, options: StoreOptions) -> Generator[StreamApp]:
    """Give the app the store that the options name, and close it at the end of the block.

    Raises:
        CommandError: An option is wrong, the store cannot be made, or the app needs another.
    """
    tables = options.key_names()
    match options.store:
        case "app":
            yield app
        case "none":
            yield _with_store(app, None, options)
        case "memory":
            yield _with_store(app, MemoryStore(tables=tables), options)
        case _:
            with closing(_sqlite_store(options.store.removeprefix("sqlite:"), tables)) as store:
                yield _with_store(app, store, options)


def _key_names(table: str) -> tuple[str, Sequence[str]]:
    name, _, names = table.partition("=")
    keys = names.split(",")
    if not name or not all(keys) or len(keys) > _MOST_KEYS:
        raise CommandError(f"--table has to be NAME=KEY or NAME=KEY,KEY, not {table!r}")
    return name, keys


def _sqlite_store(path: str, tables: Mapping[str, Sequence[str]]) -> SQLiteStore:
    if path == MARKS_FILE:
        try:
            make_folder()
        except OSError as error:
            raise CommandError(
                f"{FOLDER} cannot be written: {error.strerror}; choose another place with --store"
            ) from error
    return SQLiteStore(path, tables=tables)


def _with_store(app: StreamApp, store: IdempotencyStore | None, options: StoreOptions) -> StreamApp:
    try:
        return app.with_store(store)
    except ConfigurationError as error:
        raise CommandError(
            f"--store {options.store}: {error} (--store memory has them; --store app is the app's own)"
        ) from error
