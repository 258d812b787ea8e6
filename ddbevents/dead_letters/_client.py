"""The SDK, loaded when a dead letter first needs it."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeAlias

from .._errors import DeadLetterError

Request: TypeAlias = Callable[..., Any]


def sdk() -> ModuleType:
    """The module `_sdk`.

    Raises:
        DeadLetterError: boto3 is not installed.
    """
    try:
        from . import _sdk  # noqa: PLC0415  # cold start: most functions never put a record aside
    except ModuleNotFoundError as error:
        raise DeadLetterError("a queue or a bucket needs boto3: pip install 'ddbevents[aws]'") from error
    return _sdk
