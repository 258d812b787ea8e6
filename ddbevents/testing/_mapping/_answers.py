"""What Lambda makes of a function's answer.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html; that an
identifier which is not in the batch fails all of it was recorded on AWS. AWS does not say what becomes of an
answer that is neither an object nor empty, or whose list is no list: here the whole batch fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

VerdictName: TypeAlias = Literal["succeeded", "partial", "failed"]


class Verdict(NamedTuple):
    """What came of a batch, as Lambda sees it.

    Attributes:
        name: Whether the batch succeeded, named a record to begin again at, or failed as a whole.
        done: How many records of the batch, from its head, are not delivered again.
    """

    name: VerdictName
    done: int


FAILED: Final = Verdict("failed", 0)


def judge(answer: object, sequence_numbers: Sequence[str], *, report_failures: bool) -> Verdict:
    """The verdict on what a function returned for the records with these sequence numbers.

    Args:
        answer: The returned value, as JSON.
        sequence_numbers: Of the records of the batch, in their order.
        report_failures: Whether the mapping has ReportBatchItemFailures. Without it, whatever is returned is
            success.
    """
    all_done = Verdict("succeeded", len(sequence_numbers))
    if not report_failures or answer is None or answer in ([], {}):
        return all_done
    if not isinstance(answer, dict):
        return FAILED
    failures = answer.get("batchItemFailures")
    if failures is None or failures == []:
        return all_done
    places = _places(failures, sequence_numbers)
    # the lowest is the checkpoint: sequence numbers rise along a batch
    return Verdict("partial", min(places)) if places else FAILED


def _places(failures: object, sequence_numbers: Sequence[str]) -> list[int]:
    """Where the named records stand; none if one of them cannot be found."""
    if not isinstance(failures, list):
        return []
    names = [failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures]
    if any(name not in sequence_numbers for name in names):
        return []
    return [sequence_numbers.index(name) for name in names]
