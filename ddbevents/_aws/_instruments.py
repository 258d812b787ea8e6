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
        self._identities = [*map(id, self._methods)]
        handlers = [handler for _, handler, *_ in BUILTIN_HANDLERS]
        settings = [*map(session.get_config_variable, _SETTINGS), session.get_scoped_config().get(_KEEPALIVE)]
        self._are_absent = (
            isinstance(client, BaseClient)
            and all(map(_is_boto3s, [*self._methods, *_methods([type(client)]), *handlers]))
            and _PLUGINS not in os.environ
            and not any(settings)
            and not getproxies().keys() - {"no"}  # the hosts to which no proxy leads
        )

    def are_absent(self) -> bool:
        """Return whether nobody needs boto3 to send the next request; a tracer may come late."""
        return (
            self._are_absent
            and not _log.isEnabledFor(logging.DEBUG)
            # by identity: a wrapper may say that it equals what it wraps
            and [*map(id, self._methods)] == [*map(id, _methods(_CLASSES))]
        )


def _methods(classes: Iterable[type]) -> list[Any]:
    return [attribute for each in classes for attribute in vars(each).values()]


def _is_boto3s(attribute: Any) -> bool:
    """Return whether a class's attribute or an event's handler is data, or code of boto3 or botocore."""
    code = attribute.__func__ if type(attribute) is MethodType else attribute
    if type(code) is FunctionType:
        scope: Mapping[str, Any] = code.__globals__  # a wrapper may have the name of what it wraps
        return str(scope.get("__name__")).partition(".")[0] in _AUTHORS
    return not callable(code) or type(code).__module__.partition(".")[0] in _AUTHORS
