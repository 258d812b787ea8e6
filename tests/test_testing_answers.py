"""How Lambda judges every kind of answer, seen in its next delivery."""

from __future__ import annotations

from asyncio import CancelledError
from contextlib import suppress
from datetime import timedelta
from functools import reduce
from typing import Any, NoReturn

import pytest

from ddbevents.testing import EventSourceMapping, FunctionTimeoutError, History, Table
from tests.stream import shown

TABLE = Table("Answers", "pk")
RECORDS = [TABLE.insert({"pk": str(number)}) for number in range(4)]
NUMBERS = [record["dynamodb"]["SequenceNumber"] for record in RECORDS]
STRANGER = TABLE.insert({"pk": "stranger"})["dynamodb"]["SequenceNumber"]


def deliver(answer: Any, *, retries: int = 1, report_failures: bool = True) -> History:
    """Deliver four records to a function that always gives this answer."""
    mapping = EventSourceMapping(lambda _, __: answer, retries=retries, report_failures=report_failures)
    mapping.put(*RECORDS)
    return mapping.run()


def failures(*identifiers: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


def sizes(history: History) -> list[int]:
    return [len(invocation.records) for invocation in history.invocations]


@pytest.mark.parametrize(
    "answer",
    [None, [], {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"statusCode": 200}],
    ids=str,
)
def test_the_whole_batch_succeeded(answer: Any) -> None:
    history = deliver(answer)

    assert [invocation.verdict for invocation in history.invocations] == ["succeeded"]
    assert history.lost == []


@pytest.mark.parametrize(
    "answer",
    [
        failures(""),
        failures(None),
        failures(7),
        failures(int(NUMBERS[2])),
        failures(STRANGER),
        failures("0" + NUMBERS[2]),
        failures(NUMBERS[2], ""),
        failures(NUMBERS[2], STRANGER),
        {"batchItemFailures": [{"itemidentifier": NUMBERS[2]}]},
        {"batchItemFailures": [{}]},
        {"batchItemFailures": [NUMBERS[2]]},
        {"batchItemFailures": {"itemIdentifier": NUMBERS[2]}},
        {"batchItemFailures": NUMBERS[2]},
        {"batchItemFailures": 2},
        "ok",
        200,
        [NUMBERS[2]],
    ],
    ids=str,
)
def test_the_whole_batch_failed(answer: Any) -> None:
    history = deliver(answer)

    assert [invocation.verdict for invocation in history.invocations] == ["failed", "failed"]
    assert sizes(history) == [4, 4]
    assert history.lost == NUMBERS


@pytest.mark.parametrize(
    "named", [failures(NUMBERS[2]), failures(NUMBERS[3], NUMBERS[2])], ids=["one", "two"]
)
def test_the_lowest_named_is_retried_from(named: dict[str, Any]) -> None:
    history = deliver(named)

    assert sizes(history)[:2] == [4, 2]
    assert history.invocations[0].verdict == "partial"
    assert history.invocations[0].answer == named
    assert history.invocations[0].checkpoint == NUMBERS[2]
    assert history.invocations[1].sequence_numbers == NUMBERS[2:]


def numbered(number: str) -> dict[str, Any]:
    return {"dynamodb": {"SequenceNumber": number, "Keys": {"pk": {"S": "a"}}}}


def test_the_lowest_is_a_number_not_text() -> None:
    mapping = EventSourceMapping(lambda _, __: failures("9", "10"), retries=0)

    mapping.put(numbered("9"), numbered("10"), numbered("11"))

    assert mapping.run().invocations[0].checkpoint == "9"


@pytest.mark.parametrize("answer", [failures(NUMBERS[2]), failures(""), failures(NUMBERS[0]), "ok"], ids=str)
def test_unreported_failures_succeed(answer: Any) -> None:
    history = deliver(answer, report_failures=False)

    assert [invocation.verdict for invocation in history.invocations] == ["succeeded"]


@pytest.mark.parametrize("report_failures", [True, False])
@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1), CancelledError()], ids=shown)
def test_an_error_fails_the_batch(error: BaseException, *, report_failures: bool) -> None:
    def raise_it(_: Any, __: Any) -> NoReturn:
        raise error

    mapping = EventSourceMapping(raise_it, retries=0, report_failures=report_failures)
    mapping.put(*RECORDS)
    history = mapping.run()

    assert [invocation.verdict for invocation in history.invocations] == ["failed"]
    assert history.invocations[0].error is error
    assert history.lost == NUMBERS


def test_a_keyboard_interrupt_passes() -> None:
    def interrupt(_: Any, __: Any) -> NoReturn:
        raise KeyboardInterrupt

    mapping = EventSourceMapping(interrupt)
    mapping.put(*RECORDS)

    with pytest.raises(KeyboardInterrupt):
        mapping.run()


DEEP = reduce(lambda inner, _: [inner], range(100_000), list[Any]())


@pytest.mark.parametrize(
    "answer",
    [object(), failures("\ud800"), {"at": timedelta(1)}, DEEP],
    ids=["object", "lone surrogate", "time", "deep"],
)
@pytest.mark.usefixtures("no_collection")
def test_an_answer_must_be_json(answer: Any) -> None:
    history = deliver(answer, retries=0, report_failures=False)

    assert [invocation.verdict for invocation in history.invocations] == ["failed"]
    assert isinstance(history.invocations[0].error, (TypeError, ValueError, RecursionError))


def test_a_timeout_fails_the_batch() -> None:
    begun: list[int] = []

    def slow(_: Any, __: Any) -> NoReturn:
        while True:
            begun.append(len(begun))
            mapping.clock.advance(timedelta(seconds=1))

    mapping = EventSourceMapping(slow, retries=0, timeout=timedelta(seconds=3))
    mapping.put(*RECORDS)
    [invocation] = mapping.run().invocations

    assert begun == [0, 1, 2]
    assert repr(invocation.error) == "FunctionTimeoutError('the function ran into its timeout')"
    assert invocation.duration == timedelta(seconds=3)


def test_a_timeout_cannot_be_suppressed() -> None:
    def stubborn(_: Any, context: Any) -> None:
        with suppress(BaseException):
            mapping.clock.advance(timedelta(seconds=10))
        remaining.append(context.get_remaining_time_in_millis())

    remaining: list[int] = []

    mapping = EventSourceMapping(stubborn, retries=0)
    mapping.put(*RECORDS)
    [invocation] = mapping.run().invocations

    assert invocation.verdict == "failed"
    assert isinstance(invocation.error, FunctionTimeoutError)
    assert str(invocation.error) == "the function ran into its timeout, and went on"
    assert remaining == [0]


def test_a_function_that_ends_just_in_time() -> None:
    def slow(_: Any, context: Any) -> None:
        mapping.clock.advance(timedelta(seconds=2.4999))
        remaining.append(context.get_remaining_time_in_millis())

    remaining: list[int] = []
    mapping = EventSourceMapping(slow)
    mapping.put(*RECORDS)

    assert mapping.run().invocations[0].verdict == "succeeded"
    assert remaining == [500]
    assert isinstance(remaining[0], int)
