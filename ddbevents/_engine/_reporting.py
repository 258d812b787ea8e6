"""Who is told what came of a batch: the log, and who asked."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

from .._async import finish, is_failure
from .._logs import describe, logger
from ._report import BatchReport

Callback: TypeAlias = Callable[[BatchReport], Awaitable[None] | None]
"""Is told of a batch."""


def tell(report: BatchReport, callbacks: Iterable[Callback]) -> None:
    """Log a line at INFO, and call the callbacks.

    The batch is done and its marks are written: a callback that fails must not bring it back.
    """
    # nobody listens where logging was never imported, and to import it takes time of a cold start
    if "logging" in sys.modules:
        _log(report)
    for callback in callbacks:
        try:
            finish(callback(report))
        except BaseException as error:
            # the user's own code, and too late for a failure
            if not is_failure(error):
                raise
            logger().error("a callback of on_report failed: %s", describe(error))


def _log(report: BatchReport) -> None:
    import logging  # noqa: PLC0415  # it is there

    log = logger("batch")
    if not log.isEnabledFor(logging.INFO):
        return
    counts = {
        "records": len(report.records),
        "handled": report.handled,
        "already_handled": report.already_handled,
        "ignored": report.ignored,
        "failed": report.failed,
        "not_run": report.not_run,
        "dead_lettered": report.dead_lettered,
    }
    age = report.oldest_age
    measures = {"seconds": report.seconds, "oldest_age_seconds": None if age is None else age.total_seconds()}
    told = ", ".join(_told(count, name) for name, count in counts.items() if count)
    log.info("%s in %.3f s", told or "an empty batch", report.seconds, extra={**counts, **measures})


def _told(count: int, name: str) -> str:
    return "1 record" if (count, name) == (1, "records") else f"{count} {name.replace('_', ' ')}"
