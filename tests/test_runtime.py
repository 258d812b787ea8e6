"""An app under Amazon's runtime client: failures that its process survives, and how the next one goes on."""

from __future__ import annotations

import json
import signal
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from ddbevents.testing import EventSourceMapping
from tests.runtime_api import CrashedError, Function, RaisedError, TimedOutError, function
from tests.stream import Json, batch, insert, named, sequence_number

pytest.importorskip("awslambdaric", reason="the runtime client has wheels for Linux only")

SIX_MEGABYTES: Final = 6_291_456
SURROGATE: Final = "\ud800"
SECOND: Final = timedelta(seconds=1)
DONE: Final = named()


class Deeds:
    """The function of `lambda_functions/deeds.py`, and the effects that it wrote down."""

    def __init__(self, started: Function, folder: Path) -> None:
        self.function = started
        self.folder = folder

    def effects(self) -> list[str]:
        """Return the keys of the items whose deed was done."""
        return [line.split()[0] for line in self._lines()]

    def processes(self) -> set[str]:
        return {line.split()[1] for line in self._lines()}

    def _lines(self) -> list[str]:
        return (self.folder / "effects.txt").read_text().splitlines()


@pytest.fixture
def deeds(tmp_path: Path) -> Generator[Deeds]:
    with function("deeds.lambda_handler", FOLDER=str(tmp_path)) as started:
        yield Deeds(started, tmp_path)


def to_do(*deeds: str) -> list[Json]:
    """Return records 1, 2 and so on, each of an item whose key is its number."""
    return [task(number, deed) for number, deed in enumerate(deeds, start=1)]


def task(number: int, deed: str = "nothing", **parts: Any) -> Json:
    return insert(number, {"pk": {"S": str(number)}, "deed": {"S": deed}}, **parts)


def test_a_batch_is_answered(deeds: Deeds) -> None:
    answer = deeds.function.invoke(batch(*to_do("nothing", "nothing")))

    assert answer == DONE
    assert deeds.effects() == ["1", "2"]


def test_a_failure_is_named(deeds: Deeds) -> None:
    answer = deeds.function.invoke(batch(*to_do("nothing", "fail", "nothing")))

    assert answer == named(2)
    assert deeds.effects() == ["1", "3"]


def test_the_process_survives_a_failing_head(deeds: Deeds) -> None:
    with pytest.raises(RaisedError, match="ValueError") as caught:
        deeds.function.invoke(batch(*to_do("fail", "nothing")))

    assert caught.value.kind == "BatchFailedError"
    assert deeds.function.invoke(batch(task(3))) == DONE
    assert deeds.function.starts == 1


def test_wrong_wiring_fails_at_import() -> None:
    with function("miswired.app") as miswired, pytest.raises(RaisedError, match="where") as caught:
        miswired.invoke(batch())

    assert caught.value.kind == "ConfigurationError"


def test_an_exit_keeps_the_marks(deeds: Deeds) -> None:
    with pytest.raises(CrashedError) as caught:
        deeds.function.invoke(batch(*to_do("nothing", "exit", "nothing")))

    assert caught.value.exit_code == 7
    assert deeds.function.invoke(batch(task(1), task(2), task(3))) == DONE
    assert deeds.effects() == ["1", "2", "3"]
    assert deeds.function.starts == 2


def test_a_crash_loses_unwritten_marks(deeds: Deeds) -> None:
    """Marks are written by the hundred, so a crash loses the last ones: handlers run at least once."""
    with pytest.raises(CrashedError) as caught:
        deeds.function.invoke(batch(*to_do("nothing", "exit hard", "nothing")))

    assert caught.value.exit_code == 9
    assert deeds.function.invoke(batch(task(1), task(2), task(3))) == DONE
    assert deeds.effects() == ["1", "1", "2", "3"]


def test_bisecting_drops_only_the_poison(deeds: Deeds) -> None:
    mapping = EventSourceMapping(deeds.function, bisect=True, retries=0)
    mapping.put(*to_do("nothing", "nothing", "exit hard", "nothing", "nothing"))

    history = mapping.run()

    assert [each.sequence_numbers for each in history.discarded] == [[sequence_number(3)]]
    assert {*deeds.effects()} == {"1", "2", "4", "5"}


def test_a_timed_out_batch_can_be_retried(deeds: Deeds) -> None:
    with pytest.raises(TimedOutError):
        deeds.function.invoke(batch(*to_do("nothing", "sleep")), timeout=SECOND)

    assert deeds.function.invoke(batch(task(1), task(2))) == DONE
    assert deeds.function.starts == 2


def test_the_rest_is_left_before_the_timeout(deeds: Deeds) -> None:
    records = to_do(*["nap"] * 30)

    [failure] = deeds.function.invoke(batch(*records), timeout=SECOND)["batchItemFailures"]
    handled = len(deeds.effects())
    answer = deeds.function.invoke(batch(*records[handled:]))

    assert failure["itemIdentifier"] == records[handled]["dynamodb"]["SequenceNumber"]
    assert answer == DONE
    assert deeds.effects() == [str(number) for number in range(1, 31)]
    assert deeds.function.starts == 1


def test_out_of_memory_fails_one_record(deeds: Deeds) -> None:
    limit_memory(deeds.function, 1 << 31)

    answer = deeds.function.invoke(batch(*to_do("nothing", "ask for memory", "nothing")))

    assert answer == named(2)
    assert deeds.effects() == ["1", "3"]
    assert deeds.function.invoke(batch(task(4))) == DONE
    assert deeds.function.starts == 1


def test_six_megabytes_are_handled(deeds: Deeds) -> None:
    records = to_do(*["nothing"] * 1000)
    missing = SIX_MEGABYTES - len(json.dumps(batch(*records)))
    records[-1]["dynamodb"]["NewImage"]["padding"] = {"S": "x" * (missing - len(', "padding": {"S": ""}'))}
    event = batch(*records)

    assert len(json.dumps(event)) == SIX_MEGABYTES
    assert deeds.function.invoke(event) == DONE
    assert len(deeds.effects()) == 1000


def test_ten_thousand_records_are_handled() -> None:
    with function("idle.lambda_handler") as idle:
        assert idle.invoke(batch(*to_do(*["nothing"] * 10_000))) == DONE


def test_warm_calls_share_a_process(deeds: Deeds) -> None:
    deeds.function.invoke(batch(task(1)))
    deeds.function.invoke(batch(task(2)))

    assert deeds.effects() == ["1", "2"]
    assert len(deeds.processes()) == 1


def test_connections_outlive_invocations(deeds: Deeds) -> None:
    deeds.function.invoke(batch(task(1, "through the wire")))
    deeds.function.invoke(batch(task(2, "through the wire")))

    assert deeds.effects() == ["1", "2"]
    assert len(deeds.processes()) == 1


def test_an_echoed_surrogate_is_fatal() -> None:
    """The reason for the next test."""
    with function("echo.lambda_handler") as echo, pytest.raises(CrashedError, match="surrogates not allowed"):
        echo.invoke({"answer": {"batchItemFailures": [{"itemIdentifier": SURROGATE}]}})


HOSTILE: Final = {
    "event id": {**task(2), "eventID": SURROGATE},
    "kind": {**task(2), "eventName": SURROGATE},
    "source": {**task(2), "eventSource": SURROGATE},
    "stream": {**task(2), "eventSourceARN": f"arn:aws:dynamodb:eu:1:table/{SURROGATE}/stream/1"},
    "region": {**task(2), "awsRegion": SURROGATE},
    "sequence number": task(2, SequenceNumber=SURROGATE),
    "digits with a surrogate": task(2, SequenceNumber=f"1{SURROGATE}"),
    "view type": task(2, StreamViewType=SURROGATE),
    "name of a key": task(2, Keys={SURROGATE: {"S": "2"}}),
    "key": task(2, Keys={"pk": {"S": SURROGATE}}),
    "type tag of a key": task(2, Keys={"pk": {SURROGATE: "2"}}),
    "name of a wrong key": task(2, Keys={SURROGATE: {"Z": "2"}}),
    "value": task(2, SURROGATE),
    "number": task(2, NewImage={"pk": {"S": "2"}, "deed": {"N": SURROGATE}}),
    "type tag": task(2, NewImage={"pk": {"S": "2"}, "deed": {SURROGATE: "2"}}),
    "name of an attribute": task(2, NewImage={"pk": {"S": "2"}, SURROGATE: {"Z": "2"}}),
    "name within": task(2, NewImage={"pk": {"S": "2"}, "counts": {"M": {SURROGATE: {"Z": "2"}}}}),
    "text of an error": task(2, "fail with a surrogate"),
}


@pytest.fixture(scope="module")
def tough(tmp_path_factory: pytest.TempPathFactory) -> Generator[Function]:
    with function("deeds.lambda_handler", FOLDER=str(tmp_path_factory.mktemp("tough"))) as started:
        yield started


@pytest.mark.parametrize("record", HOSTILE.values(), ids=HOSTILE)
def test_surrogates_are_survived(tough: Function, record: Json) -> None:
    tough.invoke(batch(task(1)))

    outcome(tough, batch(record, task(3)))
    outcome(tough, batch(task(1), record))

    assert tough.invoke(batch(task(4))) == DONE
    assert tough.starts == 1


def outcome(tested: Function, event: Json) -> Any:
    """Return the answer, or the error that the function raised."""
    try:
        return tested.invoke(event)
    except RaisedError as error:
        return error


def limit_memory(tested: Function, address_space: int) -> None:
    """Limit the memory of the process, as Lambda does by other means."""
    import resource  # noqa: PLC0415  # Windows, where this module is skipped, has none

    resource.prlimit(tested.start().process.pid, resource.RLIMIT_AS, (address_space, address_space))


def test_a_hanging_process_is_killed() -> None:
    with function("idle.lambda_handler") as idle:
        process = idle.start().process
        process.send_signal(signal.SIGSTOP)
        idle.close(patience=0.1)

    assert process.returncode == -signal.SIGKILL


def output_of(handler: str, **settings: str) -> str:
    with function(handler, **settings) as started:
        started.invoke(batch(task(1)))
        return started.output()


def test_the_line_of_a_batch_is_hidden_at_first() -> None:
    assert "1 record, 1 handled" not in output_of("idle.lambda_handler")


def test_the_log_format_json_shows_its_figures() -> None:
    """As Lambda sets the two for the log format JSON, with the level that it has unless it is changed."""
    output = output_of("idle.lambda_handler", AWS_LAMBDA_LOG_FORMAT="JSON", AWS_LAMBDA_LOG_LEVEL="INFO")

    [line] = [json.loads(line) for line in output.splitlines() if "1 record, 1 handled" in line]
    assert (line["level"], line["logger"], line["handled"]) == ("INFO", "ddbevents.batch", 1)
