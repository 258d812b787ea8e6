"""Whether anything watches or changes boto3's requests: a tracer, a mock, a plugin, a proxy or the debug log.

They replace methods of botocore's classes, add event handlers, or configure it, and want to see each request.
Loads boto3.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from types import FunctionType, MethodType
from typing import Any, Final
from urllib.request import getproxies

from boto3.session import Session
from botocore.client import BaseClient
from botocore.endpoint import Endpoint
from botocore.handlers import BUILTIN_HANDLERS
from botocore.httpsession import URLLib3Session
from botocore.session import Session as BotocoreSession

_CLASSES: Final = (Session, BaseClient, Endpoint, URLLib3Session)
_AUTHORS: Final = ("boto3", "botocore")
_PLUGINS: Final = "BOTOCORE_EXPERIMENTAL__PLUGINS"
_KEEPALIVE: Final = "tcp_keepalive"  # early versions of botocore look for it in the profile only
_SETTINGS: Final = ("csm_enabled", _KEEPALIVE)
_log: Final = logging.getLogger("botocore.endpoint")


class Instruments:
    """Tells whether boto3 works as it was written and nobody looks on."""

    def __init__(self, session: BotocoreSession, client: object) -> None:
        """Look at boto3, its configuration and a client that it has just made."""
        self._methods = _methods(_CLASSES)
        methods = _methods([*_CLASSES, type(client)])
        handlers = [handler for _, handler, *_ in BUILTIN_HANDLERS]
        settings = [*map(session.get_config_variable, _SETTINGS), session.get_scoped_config().get(_KEEPALIVE)]
        self._are_absent = (
            isinstance(client, BaseClient)
            and all(map(_is_boto3s, [*(method for _, _, method in methods), *handlers]))
            and _PLUGINS not in os.environ
            and not any(settings)
            and not getproxies().keys() - {"no"}  # the hosts to which no proxy leads
        )

    def are_absent(self) -> bool:
        """Return whether nobody needs boto3 to send the next request; a tracer may come late."""
        return (
            self._are_absent
            and not _log.isEnabledFor(logging.DEBUG)
            and all(attributes.get(name) is method for attributes, name, method in self._methods)
        )


def _methods(classes: Iterable[type]) -> list[tuple[Mapping[str, Any], str, Any]]:
    """Return the methods of classes, each with its class's attributes and its name there."""
    return [
        (vars(each), name, attribute)
        for each in classes
        for name, attribute in vars(each).items()
        if callable(attribute)
    ]


def _is_boto3s(method: Any) -> bool:
    """Return whether a method or an event's handler is code of boto3 or botocore."""
    code = method.__func__ if type(method) is MethodType else method
    if type(code) is FunctionType:
        scope: Mapping[str, Any] = code.__globals__  # a wrapper may have the name of what it wraps
        return str(scope.get("__name__")).partition(".")[0] in _AUTHORS
    return type(code).__module__.partition(".")[0] in _AUTHORS
