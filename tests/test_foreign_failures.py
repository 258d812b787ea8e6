"""Stores and sinks of users that raise exceptions of others, or answer with something else than marks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Any

import pytest
from typing_extensions import override

from ddbevents import BatchReport, Outcome, StoreError, StreamApp
from ddbevents.dead_letters import DeadLetter, DeadLetters
from ddbevents.testing import MemorySink
from tests.stream import CANARY, MarksOnly, batch, insert, user

ran: list[str] = []
CURE = ". Let it raise StoreError where the store cannot be read or written, and mend it otherwise"


class Broken(MarksOnly):
    """A store whose methods call what a test sets."""

    def __init__(
        self,
        handled: Callable[[Collection[str]], Any] = set,
        add: Callable[[Collection[str]], object] = set,
    ) -> None:
        super().__init__()
        self._handled = handled
        self._add = add

    @override
    def handled(self, marks: Collection[str], *, patience: timedelta) -> AbstractSet[str]:
        found: AbstractSet[str] = self._handled(marks)
        return found

    @override
    def add(self, marks: Collection[str], *, patience: timedelta) -> None:
        self._add(marks)


class BrokenSink:
    def send(self, letter: DeadLetter, *, patience: timedelta) -> None:  # noqa: ARG002  # the Protocol's
        raise LookupError(CANARY)


class AsyncBrokenSink:
    async def send(self, letter: DeadLetter, *, patience: timedelta) -> None:  # noqa: ARG002  # the Protocol's
        raise LookupError(CANARY)


def none(_: object) -> frozenset[str]:
    return frozenset()


def fail(_: object) -> None:
    raise LookupError(CANARY)


def refuse(_: object) -> None:
    raise StoreError("down")


def welcome(change: object) -> None:
    ran.append("welcome")


@pytest.fixture(autouse=True)
def _forget() -> None:
    ran.clear()


def processed(store: Broken, handler: Callable[[object], None] = welcome, **parts: Any) -> BatchReport:
    app = StreamApp("users", store=store, **parts)
    app.on_insert(dict)(handler)
    return app.process(batch(insert(1, user("a", CANARY)), insert(2, user("b", CANARY))))


def test_an_error_of_handled_runs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    report = processed(Broken(fail))

    assert [each.outcome for each in report.records] == [Outcome.FAILED] * 2
    assert ran == []
    error = report.records[0].error
    assert isinstance(error, StoreError)
    assert isinstance(error.__cause__, LookupError)
    assert str(error).startswith("Broken.handled raised LookupError at ")
    assert str(error).endswith(f"in fail{CURE}")
    assert "so no handler ran: StoreError: Broken.handled raised LookupError at " in caplog.text
    assert CANARY not in caplog.text


def test_an_error_of_add_fails_the_records(caplog: pytest.LogCaptureFixture) -> None:
    report = processed(Broken(none, fail))

    assert [each.outcome for each in report.records] == [Outcome.FAILED] * 2
    assert ran == ["welcome"] * 2
    error = report.records[1].error
    assert isinstance(error, StoreError)
    assert str(error).startswith("Broken.add raised LookupError at ")
    assert "handlers may run again: StoreError: Broken.add raised LookupError at " in caplog.text
    assert CANARY not in caplog.text


@pytest.mark.parametrize("method", ["handled", "add"])
def test_errors_of_the_library_stay(method: str) -> None:
    report = processed(Broken(**{"handled": none, method: refuse}))

    assert str(report.records[0].error) == "down"


@pytest.mark.parametrize("method", ["handled", "add"])
def test_an_exit_of_a_store_propagates(method: str) -> None:
    def leave(_: object) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        processed(Broken(**{"handled": none, method: leave}))


@pytest.mark.parametrize(
    ("found", "kind"),
    [(None, "NoneType"), ("users#x#1", "str"), (True, "bool"), (iter(()), "tuple_iterator")],
    ids=["None", "text", "bool", "iterator"],
)
def test_other_answers_run_nothing(found: object, kind: str) -> None:
    report = processed(Broken(lambda _: found))

    assert ran == []
    assert report.failed == 2
    assert str(report.records[0].error) == (
        f"Broken.handled returned a value of type {kind}: return the set of marks that exist"
    )


@pytest.mark.parametrize("found", [[], (), {}, frozenset[str]()], ids=["list", "tuple", "dict", "set"])
def test_every_collection_of_marks_is_read(found: object) -> None:
    assert processed(Broken(lambda _: found)).handled == 2


def test_attempts_that_cannot_be_counted_are_retried(caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([frozenset[str]()])

    report = processed(Broken(lambda _: next(answers, None)), fail, dead_letter=DeadLetters(MemorySink()))

    assert [each.outcome for each in report.records] == [Outcome.FAILED] * 2
    assert "StoreError: Broken.handled returned a value of type NoneType" in caplog.text


@pytest.mark.parametrize("sink", [BrokenSink(), AsyncBrokenSink()], ids=["sync", "async"])
def test_an_error_of_a_sink_is_retried(sink: Any, caplog: pytest.LogCaptureFixture) -> None:
    report = processed(Broken(none), fail, dead_letter=DeadLetters(sink, after=1))

    assert [each.outcome for each in report.records] == [Outcome.FAILED] * 2
    [line, _] = [
        each.getMessage() for each in caplog.records if "cannot be dead-lettered" in each.getMessage()
    ]
    assert f"retried: DeadLetterError: {type(sink).__name__}.send raised LookupError at " in line
    assert CANARY not in "".join(each.getMessage() for each in caplog.records if each.levelno > logging.DEBUG)
