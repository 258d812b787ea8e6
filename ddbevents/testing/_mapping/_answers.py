"""How Lambda judges a function's answer, and what it delivers next.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html (answers) and
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html (retries, bisecting). Recorded on
AWS: an identifier that is not in the batch fails the whole batch, and a partial success renews the retries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from ._batches import Batch
from ._function import Reply
from ._settings import Settings

VerdictName: TypeAlias = Literal["succeeded", "partial", "failed"]


class Verdict(NamedTuple):
    """The outcome of a batch, as Lambda sees it.

    Attributes:
        name: Whether the batch succeeded, named a record to retry from, or failed as a whole.
        done: How many records at the head of the batch are finished and not retried.
    """

    name: VerdictName
    done: int


FAILED: Final = Verdict("failed", 0)


class NextStep(NamedTuple):
    """Lambda's next step after a delivery.

    Attributes:
        batches: Batches to deliver, the first one first.
        waits: Whether this is a retry, before which Lambda backs off.
        is_exhausted: Whether the batch has used up its retries and is discarded.
    """

    batches: tuple[Batch, ...] = ()
    waits: bool = False
    is_exhausted: bool = False


def verdict_on(reply: Reply, identifiers: Sequence[str], settings: Settings) -> Verdict:
    """Return the verdict on a function's reply to a batch.

    A pipe that calls the function with FIRE_AND_FORGET goes on as if it had succeeded.

    Args:
        reply: The answer or the error.
        identifiers: What the answer names the records of the batch by, in order.
        settings: The mapping's settings.
    """
    is_awaited = settings.source != "pipe" or settings.report_failures
    if reply.error is not None and is_awaited:
        return FAILED
    return judge(reply.answer, identifiers, report_failures=settings.report_failures)


def judge(answer: object, identifiers: Sequence[str], *, report_failures: bool) -> Verdict:
    """Return Lambda's verdict on a function's answer.

    Args:
        answer: The returned value, as JSON.
        identifiers: What the answer names the records of the batch by, in order.
        report_failures: Whether the answer is looked at. If not, every answer is success.
    """
    all_done = Verdict("succeeded", len(identifiers))
    if not report_failures or answer is None or answer in ([], {}):
        return all_done
    # AWS does not document an answer that is neither an object nor empty, or whose list is no list: here it
    # fails the whole batch.
    if not isinstance(answer, dict):
        return FAILED
    failures = answer.get("batchItemFailures")
    if failures is None or failures == []:
        return all_done
    places = _places(failures, identifiers)
    # The first named record is the checkpoint: sequence numbers rise along a batch. A pipe is taken to do the
    # same, which AWS does not say.
    return Verdict("partial", min(places)) if places else FAILED


def next_step(batch: Batch, verdict: Verdict, *, retries: int, bisect: bool) -> NextStep:
    """Return what Lambda does with a batch after a delivery.

    Args:
        batch: The batch, with its last invocation counted.
        verdict: The verdict on that invocation.
        retries: How many retries the mapping grants; -1 for no limit.
        bisect: Whether the mapping has BisectBatchOnFunctionError.
    """
    if verdict.done == len(batch.records):
        return NextStep()
    if verdict.done:
        return NextStep((Batch(batch.records[verdict.done :]),))
    # An answer that names the head cuts nothing off and does not halve the batch: only a failure does.
    if bisect and verdict.name == "failed" and len(batch.records) > 1:
        return NextStep(_halves(batch))
    if batch.retries == retries:
        return NextStep(is_exhausted=True)
    return NextStep((batch._replace(retries=batch.retries + 1),), waits=True)


def _halves(batch: Batch) -> tuple[Batch, Batch]:
    # AWS does not say whether halves keep the count of used retries: here they do.
    middle = len(batch.records) // 2
    first, second = batch.records[:middle], batch.records[middle:]
    return Batch(first, batch.retries), Batch(second, batch.retries)


def _places(failures: object, identifiers: Sequence[str]) -> list[int]:
    """Return the indexes of the named records; none if one of them is not in the batch."""
    if not isinstance(failures, list):
        return []
    names = [failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures]
    if any(name not in identifiers for name in names):
        return []
    return [identifiers.index(name) for name in names]
