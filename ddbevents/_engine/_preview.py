"""What would be done with a batch. Nothing runs, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from .._errors import StoreError
from ._jobs import AnyJob, BatchSettings, read_marks, report_preview, report_unprotected
from ._ledger import Ledger
from ._report import BatchReport


def preview_batch(jobs: Iterable[AnyJob], settings: BatchSettings) -> BatchReport:
    """What is done already, what would run, and what would fail before it could; nothing runs."""
    ledger, jobs = Ledger(settings.app, settings.store), [*jobs]
    try:
        read_marks(ledger, jobs, settings)
    except StoreError as error:
        reports = [report_unprotected(job, error) for job in jobs]
    else:
        reports = [report_preview(job, ledger.handled) for job in jobs]
    return BatchReport(tuple(reports), 0.0, datetime.now(UTC), settings.from_stream)
