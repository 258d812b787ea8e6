"""The reasons why no handler takes a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..._engine import BatchReport, reason_for_ignoring
from .._target import Target


def reasons_for_ignoring(target: Target, report: BatchReport, first: int) -> Mapping[str, Sequence[int]]:
    """Return each reason for which records were ignored, with the numbers of the records.

    Args:
        target: The app.
        report: The batch's report.
        first: The number of the first record.
    """
    numbers: dict[str, list[int]] = {}
    for number, each in enumerate(report.records, first):
        reason = reason_for_ignoring(each, target.short_name)
        if reason is not None:
            numbers.setdefault(reason, []).append(number)
    return numbers
