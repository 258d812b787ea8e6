"""Runs on this machine: a Lambda invocation, its store, and the folder that keeps marks and dead letters."""

from ._folder import FOLDER, LETTERS_FILE, LocalLetters, make_folder
from ._invocation import Invocation, InvocationContext, invoke_app, records_of
from ._store import DEFAULT_STORE, StoreOptions, app_with_store

__all__ = [
    "DEFAULT_STORE",
    "FOLDER",
    "LETTERS_FILE",
    "Invocation",
    "InvocationContext",
    "LocalLetters",
    "StoreOptions",
    "app_with_store",
    "invoke_app",
    "make_folder",
    "records_of",
]
