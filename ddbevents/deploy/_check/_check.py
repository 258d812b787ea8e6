"""All areas of a check, in the order in which a reader would mend them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..._app import StreamApp
from ..._errors import ConfigurationError
from .._needs import Needs, needs_of
from ._findings import Finding
from ._function import check_function
from ._live import Live, Session
from ._mappings import check_mappings
from ._role import check_role
from ._streams import check_streams
from ._table import check_table


def check(app: StreamApp, function_name: str, *, session: Session | None = None) -> list[Finding]:
    """Compare a deployed function with what its app needs.

    It reads the function's configuration and role, its event source mappings, their tables and the
    idempotency table, and changes nothing.

    Args:
        app: The app that the function runs.
        function_name: The function's name or ARN.
        session: The `boto3.Session` to read with; by default a new one.

    Returns:
        The findings, errors first. An empty list if there is nothing to mend.

    Raises:
        ConfigurationError: The app has no handlers, or boto3 is not installed.
        DeployError: There is no such function, or AWS refuses to tell.
    """
    needs = needs_of(app)
    if not needs.routes:
        raise ConfigurationError("the app has no handlers, so there is nothing that a deployment must serve")
    found = dict.fromkeys(_findings(needs, Live(function_name, session)))
    return sorted(found, key=lambda finding: finding.severity)


def _findings(needs: Needs, live: Live) -> Iterator[Finding]:
    yield from check_function(needs, live)
    yield from check_mappings(needs, live)
    yield from check_streams(needs, live)
    yield from check_table(needs, live)
    yield from check_role(needs, live)


def function_variables(function_name: str, session: Session | None) -> Mapping[str, str]:
    """Return the environment variables of a deployed function, with which its app is to be imported.

    Raises:
        ConfigurationError: boto3 is not installed.
        DeployError: There is no such function, or AWS refuses to tell.
    """
    return Live(function_name, session).variables
