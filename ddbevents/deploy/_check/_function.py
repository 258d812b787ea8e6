"""Whether the function's own settings suit the app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .._needs import Needs
from ._findings import Finding, error, warning
from ._live import Live

_POOL: Final = 50  # connections of the store's client, see `_aws.sdk.make_client`


def check_function(needs: Needs, live: Live) -> Iterator[Finding]:
    """Yield what is wrong with the function."""
    timeout: int = live.function["Timeout"]
    reserve = needs.time_reserve.total_seconds()
    if timeout <= reserve:
        yield error(
            "timeout",
            f"the function's time-out of {timeout} s is not above the app's time_reserve of {reserve:g} s, so"
            " each invocation handles one record and leaves the rest",
            "raise the function's Timeout, to 60 for example, or lower time_reserve",
        )
    if live.function.get("TenancyConfig", {}).get("TenantIsolationMode"):
        yield error(
            "tenant-isolation",
            "the function isolates tenants, and an event source mapping names no tenant",
            "create the function anew without TenancyConfig, which cannot be changed later",
        )
    if needs.concurrency > _POOL:
        yield warning(
            "pool",
            f"the app runs {needs.concurrency} items at the same time, and boto3's clients that the library"
            f" makes have {_POOL} connections",
            f"lower concurrency to {_POOL}, or pass clients with a larger max_pool_connections",
        )
