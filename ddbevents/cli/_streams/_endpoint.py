"""--endpoint-url: where DynamoDB is, for the command and for the handlers that it runs."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from .._errors import CommandError

_VARIABLES: Final = ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_DYNAMODB_STREAMS")


@contextmanager
def use_endpoint(url: str | None) -> Generator[None]:
    """Let boto3 find DynamoDB at a URL until the end of the block, in this process and in those it starts.

    Raises:
        CommandError: It is no URL.
    """
    if url is None:
        yield
        return
    if not _is_url(url):
        raise CommandError(f"--endpoint-url has to be a URL, as http://localhost:8000 is, not {url!r}")
    before = {name: os.environ.get(name) for name in _VARIABLES}
    os.environ.update(dict.fromkeys(_VARIABLES, url))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
