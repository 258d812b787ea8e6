"""`ddbevents dev` under a real terminal: write, see, edit, write, see the new code."""

from __future__ import annotations

import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest

# no public name shows the order of shards, which DynamoDB Local has one of
from ddbevents.cli._dev._deliveries import Deliveries, MappingOptions
from ddbevents.sources._follow import Page
from tests.command_line import COLOR_SETTINGS, Run, command, current_folder, lines
from tests.loopback import loopback, passes, says
from tests.stream import ARN, CANARY, Json, insert, sequence_number, user
from tests.streaming_tables import AWS, delete, disable, ended_table, put, streaming_table

APP: Final = """
import os, time
from pathlib import Path
from ddbevents import StreamApp

app = StreamApp("users")


@app.on_upsert(dict)
def index(change) -> None:
    print("seen", "first")
    name = change.new["pk"]
    Path("pids.txt").open("a").write(f"{os.getpid()}\\n")
    if name == "bad":
        raise ValueError(change.new["secret"])
    if name == "slow":
        time.sleep(60 if not Path("quick").exists() else 0)
    Path("effects.txt").open("a").write(f"{name}\\n")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with current_folder(tmp_path, monkeypatch):
        Path("app.py").write_text(APP, "utf-8")
        yield tmp_path


def item(name: str, **attributes: str) -> dict[str, Any]:
    return {"pk": {"S": name}, **{key: {"S": value} for key, value in attributes.items()}}


def effects() -> list[str]:
    file = Path("effects.txt")
    return file.read_text("utf-8").split() if file.exists() else []


def started() -> list[int]:
    """Return the id of the process that began each call."""
    file = Path("pids.txt")
    return [int(line) for line in file.read_text("utf-8").split()] if file.exists() else []


def marks() -> int:
    with closing(sqlite3.connect(".ddbevents/marks.sqlite3")) as connection:
        [[count]] = connection.execute("SELECT count(*) FROM marks")
    return int(count)


class Terminal:
    """A command in a pseudo-terminal, and everything that it has shown."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.shown = ""
        self._master = master
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # Linux says so when the other end is closed
            while data := os.read(self._master, 65536):
                self.shown += data.decode(errors="replace")

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown).replace("\r", "")

    def wait_for(self, pattern: str, count: int = 1) -> None:
        until(lambda: len(re.findall(pattern, self.text)) >= count, lambda: f"{pattern!r} in {self.text}")

    def end(self) -> str:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)
        self._reader.join()
        return self.text


def until(is_true: Callable[[], bool], wanted: Callable[[], str]) -> None:
    deadline = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < deadline, wanted()
        time.sleep(0.02)


@contextmanager
def developing(endpoint: str, table: str, *arguments: str) -> Generator[Terminal]:
    program = [sys.executable, "-c", "from ddbevents.cli import main; main()", "dev", "app.py:app", table]
    environment = {name: value for name, value in os.environ.items() if name not in COLOR_SETTINGS}
    master, slave = pty.openpty()
    with subprocess.Popen(
        [*program, "--endpoint-url", endpoint, *arguments],
        env={**environment, **AWS, "TERM": "xterm", "COLUMNS": "200"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    ) as process:
        os.close(slave)
        terminal = Terminal(process, master)
        try:
            terminal.wait_for(r"app\.py:app is loaded|save a file to try again")
            yield terminal
        finally:
            terminal.end()
            os.close(master)


def test_saved_code_runs(dynamodb_endpoint: str) -> None:
    table = streaming_table(dynamodb_endpoint)
    with developing(dynamodb_endpoint, table) as terminal:
        put(dynamodb_endpoint, table, item("ada", secret=CANARY))
        terminal.wait_for(r"INSERT pk=ada  index  handled  \d")

        Path("app.py").write_text("def oops(:\n", "utf-8")
        terminal.wait_for("app.py cannot be imported: SyntaxError: .*line 1.*; save a file to try again")
        Path("app.py").write_text("import os; os._exit(3)\n", "utf-8")
        terminal.wait_for("the app's process ended with exit status 3; save a file to try again")
        put(dynamodb_endpoint, table, item("bob"))
        Path("app.py").write_text(APP.replace("first", "second"), "utf-8")
        terminal.wait_for(r"INSERT pk=bob  index  handled")
        terminal.wait_for(rf"{table}: ready · 2 handled · 0\.\d/s · 0 waiting · iterator age 0 s")
        text = terminal.end()

    assert "│ seen first" in text
    assert "│ seen second" in text
    assert effects() == ["ada", "bob"]
    assert CANARY not in text
    assert re.search(rf"2 records of {table} in \d+ s · 2 handled\n$", text)
    assert terminal.process.returncode == 0


def test_a_save_retries_at_once(dynamodb_endpoint: str) -> None:
    table = streaming_table(dynamodb_endpoint)
    with developing(dynamodb_endpoint, table) as terminal:
        put(dynamodb_endpoint, table, item("bad", secret=CANARY), item("ada"))
        terminal.wait_for(r"INSERT pk=bad  index  failed", count=2)
        Path("app.py").write_text(APP.replace("raise ValueError", "print"), "utf-8")
        terminal.wait_for(r"INSERT pk=bad  index  handled")
        terminal.wait_for(r"INSERT pk=ada  index  handled")
        text = terminal.end()

    assert re.search(r"  ValueError at .*/app\.py:15 in index\n", text)
    assert CANARY not in text.partition("changed: restarting")[0]
    assert sorted(effects()) == ["ada", "bad"]
    assert re.search(r" s · 2 handled\n$", text)


def test_a_process_that_ends_loses_nothing(dynamodb_endpoint: str) -> None:
    table = streaming_table(dynamodb_endpoint)
    with developing(dynamodb_endpoint, table, "--timeout", "2", "--window", "1") as terminal:
        put(dynamodb_endpoint, table, item("ada"), item("bob"), item("slow"), item("eve"))
        until(lambda: len(started()) == 3, lambda: terminal.text)
        os.kill(started()[-1], signal.SIGKILL)
        terminal.wait_for("the app's process ended in the middle of a batch, with signal 9: ")
        terminal.wait_for("the app did not end within the 2 s of --timeout, so its process was ended: ")
        Path("quick").touch()
        terminal.wait_for(r"INSERT pk=eve  index  handled")
        terminal.end()

    assert {*effects()} == {"ada", "bob", "slow", "eve"}
    assert marks() == 4
    assert len({*started()}) >= 3


def dev(endpoint: str, table: str, *arguments: str, **environment: str) -> Run:
    arguments = ("app.py:app", table, "--since", "1h", "--endpoint-url", endpoint, *arguments)
    return command("dev", 200, **AWS, **environment)(*arguments)


TWO: Final = """
import sys
from ddbevents import StreamApp

app = StreamApp("users")


@app.on_insert(dict)
def index(change) -> None: ...


@app.on_insert(dict)
def mail(change) -> None:
    if change.new["pk"] == "exit":
        sys.exit(3)
    raise ValueError(change.new["pk"])
"""


def test_a_stream_that_has_ended_is_delivered(dynamodb_endpoint: str) -> None:
    table = streaming_table(dynamodb_endpoint)
    put(dynamodb_endpoint, table, item("ada"))
    delete(dynamodb_endpoint, table, "ada")
    disable(dynamodb_endpoint, table)

    run = dev(dynamodb_endpoint, table)
    again = dev(dynamodb_endpoint, table)

    assert (run.code, run.err, effects()) == (0, "", ["ada"])
    assert lines(run)[0] == f"the handlers run on the stream of {table}; Ctrl-C ends it"
    assert "  ignored: index: kind REMOVE" in run.out or "  no handler for REMOVE is registered" in run.out
    assert lines(run)[-3] == "the stream is disabled, and everything in it was delivered"
    assert re.fullmatch(rf"2 records of {table} in \d+ s · 1 handled · 1 ignored", lines(run)[-1])
    assert "1 already handled · 1 ignored" in again.out


def test_a_stream_may_be_closed_to_readers(dynamodb_endpoint: str) -> None:
    table = ended_table(dynamodb_endpoint, [])
    denied = says({"__type": "com.amazonaws.dynamodb.v20120810#AccessDeniedException"}, status=400)
    with loopback(dynamodb_endpoint) as server:
        server.plans = [passes, passes, denied]  # the table and the stream are described before

        run = dev(server.url, table)

    assert run.code == 2
    assert "denies access: allow the role dynamodb:DescribeStream" in run.err


def test_dead_letters_are_kept(dynamodb_endpoint: str) -> None:
    imports = "from ddbevents.dead_letters import DeadLetters, JsonLinesFile"
    stores = "from ddbevents.stores import MemoryStore"
    options = 'store=MemoryStore(), dead_letter=DeadLetters(JsonLinesFile("own.jsonl"), after=1)'
    app = APP.replace('"users"', f'"users", {options}')
    Path("app.py").write_text(f"{imports}\n{stores}\n{app}", "utf-8")
    table = ended_table(dynamodb_endpoint, [item("bad", secret=CANARY)])

    run = dev(dynamodb_endpoint, table, "--store", "memory")

    assert "INSERT pk=bad  index  dead-lettered" in run.out
    assert lines(run)[-1] == (
        "1 dead letter is in .ddbevents/letters.jsonl; redrive it with:"
        " ddbevents redrive app.py:app .ddbevents/letters.jsonl --store memory"
    )


def test_a_batch_may_be_given_up(dynamodb_endpoint: str) -> None:
    Path("app.py").write_text(TWO, "utf-8")
    table = ended_table(dynamodb_endpoint, [item("bad"), item("worse"), item("exit")])

    run = dev(
        dynamodb_endpoint,
        table,
        *["--retries", "0", "--batch-size", "2", "--bisect", "--traceback", "--store", "memory"],
    )

    assert "INSERT pk=bad  index (handled), mail  failed" in run.out
    assert "Traceback (most recent call last)" in run.out
    assert "Runtime.ExitError: Runtime exited with error: exit status 3" in run.out
    assert run.out.count("1 record given up: Lambda would tell the mapping's failure destination") == 3


@pytest.mark.parametrize(
    "endpoint", [None, "https://dynamodb.eu-central-1.amazonaws.com", "https://dynamodb.eu-west-1.api.aws"]
)
def test_a_stream_of_aws_needs_a_yes(endpoint: str | None) -> None:
    more = ["--endpoint-url", endpoint] if endpoint else []

    run = command("dev", 200, **AWS)("app.py:app", ARN, *more)

    assert run.code == 2
    assert run.err.startswith("error: Users has a stream of AWS, and what the handlers do is real, beside")


def test_a_yes_is_enough(dynamodb_endpoint: str) -> None:
    environment = {**AWS, "AWS_ENDPOINT_URL": dynamodb_endpoint}

    run = command("dev", 200, **environment)("app.py:app", ARN, "--yes")

    assert run.out == "warning: Users has a stream of AWS, and what the handlers do is real; Ctrl-C ends it\n"
    assert run.err.startswith(f"error: the stream {ARN} is not there")  # nor is it, in DynamoDB Local


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--store", "sql"], "--store has to be memory, none, sqlite:PATH or app, not 'sql'"),
        (["--store", "none", "--table", "t=pk"], "--table needs --store memory or sqlite:PATH, not none"),
    ],
)
def test_options_are_checked_first(arguments: list[str], problem: str) -> None:
    run = command("dev", 200)("app.py:app", "Users", *arguments)

    assert (run.code, run.err) == (2, f"error: {problem}\n")


def test_watchfiles_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ddbevents.cli.dev.find_spec", lambda _: None)  # as if it were not installed

    run = command("dev")("app.py:app", "Users")

    assert run.err == "error: ddbevents dev needs watchfiles: pip install 'ddbevents[cli]'\n"


@pytest.mark.parametrize(
    ("requests", "messages"),
    [
        (b"", b""),
        (b'["none.py:app", "none", [], 1, false]\n', b'{"failed": "there is no file none.py"}\n'),
    ],
)
def test_a_process_ends_when_it_is_not_needed(requests: bytes, messages: bytes) -> None:
    program = [sys.executable, "-c", "from ddbevents.cli._app_process._child import serve; serve()"]

    ended = subprocess.run(program, input=requests, capture_output=True, check=True)

    assert (ended.stdout, ended.stderr) == (messages, b"")


def test_children_wait_for_their_parent() -> None:
    seen: list[str] = []
    broken = [True]

    def handler(event: Json, _: object) -> Json | None:
        names = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
        seen.extend(names)
        return {"batchItemFailures": [{"itemIdentifier": names[-1]}]} if broken[0] else None

    deliveries = Deliveries(MappingOptions(10, timedelta(0), -1, bisect=False), handler)
    one, two, three = [insert(number, user(f"u-{number}")) for number in (1, 2, 3)]
    deliveries.put(Page("a", None, {"Records": [one, two]}))
    deliveries.put(Page("b", "a", {"Records": [three]}))

    assert [deliveries.deliver() for _ in range(3)] == [True, True, False]
    assert seen == [sequence_number(number) for number in (1, 2, 2)]
    assert [*deliveries.unfinished] == [sequence_number(number) for number in (2, 3)]

    broken[0] = False
    deliveries.hurry()
    assert [deliveries.deliver() for _ in range(3)] == [True, True, False]
    assert seen[3:] == [sequence_number(number) for number in (2, 3)]
    assert (deliveries.unfinished, deliveries.seconds_to_next()) == ({}, None)
