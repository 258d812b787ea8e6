from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import Command, Run, command, current_folder, lines
from tests.letters import message

APP = """
import sys
import time

from pydantic import BaseModel

from ddbevents import Insert, Router, StreamApp, Transaction
from ddbevents.stores import MemoryStore


class Thing(BaseModel):
    number: int
    secret: str


app = StreamApp(store=MemoryStore())
strict = StreamApp(store=MemoryStore())


@app.on_insert(Thing)
def first(change: Insert[Thing]) -> None:
    print("first", change.new.number, end="")


@app.on_insert(Thing)
async def second(change: Insert[Thing]) -> None:
    if change.new.number < 0:
        raise ValueError(change.new.secret)
    if change.new.number == 404:
        sys.exit(change.new.secret)


@app.on_insert(Thing)
def third(change: Insert[Thing]) -> None:
    time.sleep(change.new.number / 1000)
"""
NEEDS_TRANSACTIONS = """
from ddbevents import StreamApp

class Store:
    def handled(self, marks, *, patience): return frozenset()
    def add(self, marks, *, patience): ...
    def commit(self, mark, transaction, *, patience): return True

app = StreamApp("bank", store=Store())

@app.on_insert(dict)
def book(change, transaction): ...
"""
SHOWS_TIME = """
import time

from ddbevents import StreamApp

class App(StreamApp):
    def process(self, event, context):
        print("left", context.get_remaining_time_in_millis())
        report = super().process(event, context)
        print("left", context.get_remaining_time_in_millis())
        return report

app = App()

@app.on_insert(dict)
def nap(change):
    time.sleep(change.new["number"] / 1000)
"""
CANARY = "canary-5b1e"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with current_folder(tmp_path, monkeypatch):
        Path("things.py").write_text(APP, "utf-8")
        yield tmp_path


@pytest.fixture
def invoke() -> Command:
    return command("invoke")


def record(number: int, key: str = "thing") -> dict[str, Any]:
    image = {"pk": {"S": key}, "number": {"N": str(number)}, "secret": {"S": CANARY}}
    return {
        "eventID": f"{key}-{number}",
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {"pk": {"S": key}},
            "NewImage": image,
            "SequenceNumber": str(4 * 10**26 + abs(number)),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }


def write(name: str, *records: object) -> Path:
    path = Path(name)
    path.write_text(json.dumps({"Records": records}), "utf-8")
    return path


def test_an_event_shows_its_answer(invoke: Command) -> None:
    run = invoke("things.py:app", write("a.json", record(1)), write("b.json", record(2)))

    assert (run.code, run.err) == (0, "")
    assert lines(run)[:2] == ["", "a.json"]
    assert lines(run)[2] == "│ first 1"
    assert lines(run)[3].split() == ["#", "kind", "key", "handlers", "outcome", "ms"]
    assert lines(run)[5].split()[:5] == ["1", "INSERT", "pk=thing", "first", "handled"]
    assert [line.strip() for line in lines(run)[6:8]] == ["second", "third"]
    assert lines(run)[8:11] == ['{"batchItemFailures": []}', "", "b.json"]
    assert lines(run)[-1].startswith("2 records in 2 events · 2 handled · ")


def test_a_second_run_skips_records(invoke: Command) -> None:
    event = write("a.json", record(1))
    invoke("things.py:app", event)

    run = invoke("things.py:app", event)

    assert run.code == 0
    assert "│" not in run.out
    assert "1 record in 1 event · 1 already handled · " in run.out


def test_times_are_milliseconds(invoke: Command) -> None:
    run = invoke("things.py:app", write("a.json", record(70)))

    assert 70 <= float(lines(run)[5].split()[-1]) < 7000


def test_a_failure_shows_the_retry(invoke: Command, folder: Path) -> None:
    run = invoke("things.py:app", write("a.json", record(1), record(-2, "other"), record(3)))

    assert run.code == 1
    assert f"\n#2 ValueError at {folder / 'things.py'}:28 in second\n" in run.out
    assert '\n{"batchItemFailures": [{"itemIdentifier": "400000000000000000000000002"}]}\n' in run.out
    assert "\nLambda retries the records from #2 on\n" in run.out
    assert "3 records in 1 event · 2 handled · 1 failed · " in run.out


def test_a_message_shows_its_retry(invoke: Command) -> None:
    run = invoke(
        "things.py:app", write("a.json", message("m-1", "no dead letter"), message("m-2", "nor this"))
    )

    assert "\nLambda retries message #1\nLambda retries message #2\n" in run.out


def test_a_list_of_a_pipe_is_run(invoke: Command) -> None:
    Path("a.json").write_text(json.dumps([record(1), record(-2, "other")]), "utf-8")

    run = invoke("things.py:app", "a.json")

    assert "\nEventBridge Pipes retries the records from #2 on\n" in run.out


def test_each_handler_is_shown(invoke: Command) -> None:
    run = invoke("things.py:app", write("a.json", record(-1)))

    assert "first (handled)" in run.out
    assert "second  " in run.out
    assert "third (not run)" in run.out


def test_a_failing_head_shows_an_error(invoke: Command) -> None:
    run = invoke("things.py:app", write("a.json", record(-1), record(2, "other")))

    assert run.code == 1
    assert '\n{"errorType": "BatchFailedError", "errorMessage": "' in run.out
    assert "Lambda retries" not in run.out


def test_a_shared_error_is_shown_once(invoke: Command) -> None:
    run = invoke("things.py:app", write("a.json", record(-1, "one"), record(-2, "two")))

    assert "\n#1 #2 ValueError at " in run.out


def test_an_unreadable_record_is_shown(invoke: Command) -> None:
    run = invoke("things.py:app", write("a.json", record(1), {"eventSource": "aws:sqs"}))

    assert run.code == 1
    assert ["2", "unreadable", "failed"] in [line.split() for line in lines(run)]
    assert "#2 InvalidRecordError: eventSource: this is a message of SQS" in run.out


def test_values_of_items_are_not_shown(invoke: Command) -> None:
    run = invoke("things.py:app", write("a.json", record(-1), record(2), record(404, "other")))

    assert CANARY not in run.out + run.err


def test_tracebacks_are_shown_on_demand(invoke: Command) -> None:
    Path("none.json").write_text("[]", "utf-8")

    run = invoke("things.py:app", write("a.json", record(1), record(-2, "other")), "none.json", "--traceback")

    assert "\n#2 Traceback (most recent call last):\n" in run.out
    assert f"\nValueError: {CANARY}\n" in run.out


def test_an_exit_is_shown(invoke: Command) -> None:
    run = invoke("things.py:app", write("a.json", record(404)), write("b.json", record(1)))

    assert run.code == 1
    assert (
        '\n{"errorType": "Runtime.ExitError", "errorMessage": "Runtime exited with error: exit status 1"}\n'
        in run.out
    )
    assert "1 record in 2 events · 1 handled · 1 event refused · " in run.out


def test_an_event_needs_records(invoke: Command) -> None:
    Path("a.json").write_text("[]", "utf-8")

    run = invoke("things.py:app", "a.json")

    assert run.code == 1
    assert '\n{"errorType": "InvalidEventError", "errorMessage": "the event is list, not an ' in run.out
    assert "0 records in 1 event · 1 event refused · " in run.out


def test_an_empty_batch_has_no_table(invoke: Command) -> None:
    run = invoke("things.py:app", write("a.json"))

    assert run.code == 0
    assert lines(run)[:2] == ["", "a.json"]
    assert lines(run)[2].startswith("│ WARNING ddbevents: the event has no records. Lambda sends none")
    assert lines(run)[3] == '{"batchItemFailures": []}'


def test_keys_are_escaped(invoke: Command) -> None:
    run = invoke("things.py:app", write("a.json", record(1, "\x1b[31mred \ud800 [bold]")))

    assert r"pk=\x1b[31mred \ud800 [bold]" in run.out


def test_long_keys_fit_in_80_columns(invoke: Command) -> None:
    long = record(1, "x" * 90)
    long["dynamodb"]["SequenceNumber"] = "7" * 40

    run = invoke("things.py:app", write("a.json", record(-1), long, record(-2)))
    table = lines(run)[3:-6]

    assert sum(line.count("x") for line in table) == 90
    assert max(map(len, table)) <= 80
    assert "…" not in run.out


def test_a_narrow_terminal_gets_blocks() -> None:
    run = command("invoke", 40)("things.py:app", write("a.json", record(1)), "--store", "memory")
    again = command("invoke", 40)("things.py:app", write("b.json", {"eventSource": "aws:sqs"}))

    assert lines(run)[3].startswith("1 INSERT handled ")
    assert lines(run)[3].endswith(" ms")
    assert lines(run)[4:8] == ["  pk=thing", "  first", "  second", "  third"]
    assert lines(again)[2] == "1 unreadable failed"


def test_the_last_record_has_no_time(invoke: Command) -> None:
    run = invoke("things.py:app", write("a.json", record(1), record(2)), "--timeout", "1")

    assert run.code == 1
    assert "2 records in 1 event · 1 handled · 1 not run · " in run.out


def milliseconds_left(run: Run) -> list[int]:
    """Return the time before and after the batch."""
    return [int(line.removeprefix("│ left ")) for line in lines(run) if line.startswith("│ left ")]


def test_the_timeout_is_counted_down(invoke: Command) -> None:
    Path("clock.py").write_text(SHOWS_TIME, "utf-8")

    run = invoke("clock.py:app", write("a.json", record(20)), "--timeout", "60")

    before, after = milliseconds_left(run)
    assert 50_000 < after < before <= 60_000


def test_the_time_left_ends_at_zero(invoke: Command) -> None:
    Path("clock.py").write_text(SHOWS_TIME, "utf-8")

    run = invoke("clock.py:app", write("a.json", record(1001)), "--timeout", "1")

    assert milliseconds_left(run)[1] == 0


def test_a_module_names_the_function(invoke: Command) -> None:
    invoke("things.py:app", write("a.json", record(1)), "--store", "sqlite:marks/here.db")

    with closing(sqlite3.connect("marks/here.db")) as connection:
        marks = [mark for (mark,) in connection.execute("SELECT id FROM marks ORDER BY id")]

    assert marks == [f"things#things.{name}#thing-1" for name in ("first", "second", "third")]


def test_marks_are_hidden_from_git(invoke: Command) -> None:
    invoke("things.py:app", write("a.json", record(1)))

    assert Path(".ddbevents/.gitignore").read_text("utf-8") == "*\n"
    assert Path(".ddbevents/marks.sqlite3").is_file()
    assert stat.S_IMODE(Path(".ddbevents").stat().st_mode) == 0o700


@pytest.mark.parametrize("store", ["none", "memory"])
def test_some_stores_forget_a_run(invoke: Command, store: str) -> None:
    event = write("a.json", record(1))
    invoke("things.py:app", event, "--store", store)

    run = invoke("things.py:app", event, "--store", store)

    assert "1 record in 1 event · 1 handled · " in run.out
    assert not Path(".ddbevents").exists()


def test_an_app_can_use_its_own_store(invoke: Command) -> None:
    event = write("a.json", record(1))

    run = invoke("things.py:app", event, event, "--store", "app")

    assert "2 records in 2 events · 1 handled · 1 already handled · " in run.out


def test_a_broken_store_fails_all(invoke: Command) -> None:
    Path("no-database").write_text("not SQLite" * 100, "utf-8")

    run = invoke("things.py:app", write("a.json", record(1), record(2)), "--store", "sqlite:no-database")

    assert run.code == 1
    assert "\n#1 #2 StoreError: the idempotency records in no-database cannot be read or written: " in run.out


@pytest.mark.parametrize("store", ["redis", "sqlite", "sqlite:", "memory:1", ""])
def test_an_unknown_store_is_refused(invoke: Command, store: str) -> None:
    run = invoke("things.py:app", write("a.json"), "--store", store)

    assert run == Run(2, "", f"error: --store has to be memory, none, sqlite:PATH or app, not {store!r}\n")


def test_a_store_needs_transactions(invoke: Command) -> None:
    Path("bank.py").write_text(NEEDS_TRANSACTIONS, "utf-8")

    run = invoke("bank.py:app", write("a.json"), "--store", "none")

    assert run.code == 2
    assert run.err == (
        "error: --store none: bank.book asks for a transaction: give the app a store that has them"
        " (--store memory has them; --store app is the app's own)\n"
    )


def test_the_folder_has_to_be_writable(invoke: Command) -> None:
    Path(".ddbevents").write_text("a file", "utf-8")

    run = invoke("things.py:app", write("a.json"))

    problem = ".ddbevents cannot be written: File exists; choose another place with --store"
    assert run == Run(2, "", f"error: {problem}\n")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"Records": [\n  1,, 2]}', "is not JSON: line 2, column 5: Expecting value"),
        (b'{"key": "caf\xe9"}', "has to be UTF-8, and byte 12 is not"),
        (b"[" * 100_000, "is nested too deeply, or a number in it is too long"),
        (b"1" * 5_000, "is nested too deeply, or a number in it is too long"),
    ],
    ids=["syntax", "encoding", "depth", "digits"],
)
@pytest.mark.usefixtures("no_collection")
def test_an_event_has_to_be_json(invoke: Command, content: bytes, problem: str) -> None:
    Path("a.json").write_bytes(content)

    assert invoke("things.py:app", "a.json") == Run(2, "", f"error: a.json {problem}\n")


def test_a_byte_order_mark_is_no_error(invoke: Command) -> None:
    Path("a.json").write_text('{"Records": []}', "utf-8-sig")

    assert invoke("things.py:app", "a.json").code == 0


def test_a_missing_event_is_refused(invoke: Command) -> None:
    assert invoke("things.py:app", "b.json") == Run(2, "", "error: there is no file b.json\n")


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        (
            "s3://bucket/a.json",
            "s3:/bucket/a.json is no file on this machine: download the event, and name the file",
        ),
        (
            "things.py",
            "things.py is no event but a Python file: the app comes first, and only once, then JSON files",
        ),
        (
            "letters.jsonl",
            "letters.jsonl has JSON lines, not one event: if they are dead letters, use ddbevents redrive",
        ),
    ],
)
def test_what_is_no_event_is_named(invoke: Command, event: str, problem: str) -> None:
    Path("letters.jsonl").write_text("{}\n{}\n", "utf-8")

    assert invoke("things.py:app", event) == Run(2, "", f"error: {problem}\n")


def test_a_folder_is_no_event(invoke: Command) -> None:
    Path("events").mkdir()

    run = invoke("things.py:app", "events")

    problem = "events is a folder; name the files in it, for example events/*.json"
    assert run == Run(2, "", f"error: {problem}\n")


def test_an_event_has_to_be_readable(invoke: Command) -> None:
    Path("loop.json").symlink_to("loop.json")

    run = invoke("things.py:app", "loop.json")

    assert run.code == 2
    assert run.err.startswith("error: loop.json cannot be read: Too many levels of symbolic links")


def test_a_missing_target_is_refused(invoke: Command) -> None:
    assert invoke("nothing.py:app", write("a.json")) == Run(2, "", "error: there is no file nothing.py\n")


def test_errors_are_one_line_each(invoke: Command) -> None:
    Path("broken.py").write_text("raise ValueError('two\\nlines')", "utf-8")

    run = invoke("broken.py:app", write("a.json"))

    assert run.code == 2
    assert run.err.startswith("error: broken.py cannot be imported: ValueError: two lines (at ")
    assert run.err.count("\n") == 1


def test_a_missing_file_stops_all(invoke: Command) -> None:
    run = invoke("things.py:app", write("a.json", record(1)), "missing.json")

    assert run == Run(2, "", "error: there is no file missing.json\n")
