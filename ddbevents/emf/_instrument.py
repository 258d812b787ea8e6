"""The figures of each batch as a line in CloudWatch's embedded metric format.

Contract: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from time import time
from typing import Any, Final

from .._app import StreamApp
from .._engine import BatchReport, ObservedBatch, current_context
from .._engine._figures import figures_of
from .._errors import ConfigurationError

_NAMESPACE: Final = r"(?!AWS/)[0-9A-Za-z._/#:-]{1,255}"


def instrument(app: StreamApp, *, namespace: str) -> None:
    """Write the figures of each batch to standard output, from where CloudWatch makes metrics of them.

    Args:
        app: The app.
        namespace: The metrics' namespace in CloudWatch.

    Raises:
        ConfigurationError: The namespace is none that CloudWatch takes.
    """
    check_namespace(namespace)
    app.observe(partial(_around_batch, namespace))


def check_namespace(namespace: object) -> None:
    """Refuse what is no namespace for metrics of one's own."""
    if not isinstance(namespace, str) or not re.fullmatch(_NAMESPACE, namespace):
        raise ConfigurationError(
            "namespace must be 1 to 255 letters, digits and . - _ / # :, and must not begin with AWS/, which"
            " CloudWatch keeps for itself"
        )


@contextmanager
def _around_batch(namespace: str, batch: ObservedBatch) -> Generator[None]:
    yield
    if batch.report is not None:  # pragma: no branch  # an exit passes the yield by
        line = json.dumps(_line(namespace, batch, batch.report), separators=(",", ":"))
        # in one call, so that lines of other threads stay apart from it
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _line(namespace: str, batch: ObservedBatch, report: BatchReport) -> dict[str, Any]:
    figures = [*figures_of(report)]
    directive = {
        "Namespace": namespace,
        "Dimensions": [["App"]],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit, _ in figures],
    }
    request_id: object = getattr(current_context(), "aws_request_id", None)
    return {
        "_aws": {"Timestamp": int(time() * 1000), "CloudWatchMetrics": [directive]},
        "App": batch.app,
        **({} if batch.table is None else {"Table": batch.table}),
        **{name: value for name, _, value in figures},
        "Handlers": {handler: {**counts} for handler, counts in report.handlers.items()},
        **({"RequestId": request_id} if isinstance(request_id, str) else {}),
    }
