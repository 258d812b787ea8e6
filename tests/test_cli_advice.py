"""The lines below the table: where dead letters are, why records were ignored, and what to do next."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ddbevents.dead_letters import JsonLinesFile, letter_from_json
from tests.command_line import Command, Run, command, current_folder, lines
from tests.letters import letter
from tests.stream import CANARY, Json, batch, insert, modify, remove, sequence_number, user

APP = """
from pydantic import BaseModel

from ddbevents import Insert, InvalidRecordError, Modify, Reject, Remove, Router, StreamApp, Transaction
from ddbevents.dead_letters import DeadLetters
from ddbevents.stores import MemoryStore, SQLiteStore


class User(BaseModel):
    pk: str
    email: str


class Queue:
    def send(self, letter, *, patience):
        print("sent", letter.handler)


app = StreamApp(store=MemoryStore(), dead_letter=DeadLetters(Queue(), after=1))
bank = StreamApp(store=MemoryStore())
kept = StreamApp(store=SQLiteStore("kept"))
orders = Router(table="Orders")


@orders.on_remove(User)
@app.on_insert(User)
def charge(change: Insert[User] | Remove[User]) -> None:
    if change.new.pk == "bad":
        raise Reject("never")


@kept.on_insert(User)
@app.on_insert(User)
def count(change: Insert[User]) -> None:
    if change.new.email == "bad":
        raise Reject("never")


@app.on_modify(User, changed="email")
def confirm(change: Modify[User]) -> None: ...


@app.on_modify(User, changed="email")
def confirm_again(change: Modify[User]) -> None: ...


@bank.on_insert(User)
def book(change: Insert[User], tx: Transaction) -> None:
    tx.put("statistics", {"pk": change.new.pk})


@bank.on_remove(User)
def look_elsewhere(change: Remove[User]) -> None:
    raise InvalidRecordError("not there", sequence_number="7")


app.include(orders)
"""
LETTERS = Path(".ddbevents/letters.jsonl")
REDRIVE = "ddbevents redrive shop.py:app .ddbevents/letters.jsonl"
DEFAULT = "--store sqlite:.ddbevents/marks.sqlite3"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with current_folder(tmp_path, monkeypatch):
        Path("shop.py").write_text(APP, "utf-8")
        yield tmp_path


@pytest.fixture
def invoke() -> Command:
    return command("invoke")


@pytest.fixture
def redrive() -> Command:
    return command("redrive")


def write(*records: object) -> Path:
    path = Path("event.json")
    path.write_text(json.dumps(batch(*records)), "utf-8")
    return path


def letters() -> list[str | None]:
    """Return the handlers of the dead letters that were kept."""
    return [letter_from_json(line).handler for line in LETTERS.read_text("utf-8").splitlines()]


def advice(run: Run) -> list[str]:
    """Return the lines after the summary."""
    shown = lines(run)
    [summary] = [number for number, line in enumerate(shown) if " in 1 event · " in line]
    return shown[summary + 1 :]


def test_dead_letters_stay_local(invoke: Command) -> None:
    run = invoke("shop.py:app", write(insert(1, user("bad"))))

    assert (run.code, letters()) == (0, ["shop.charge"])
    assert "│ sent" not in run.out
    assert "1 record in 1 event · 1 dead-lettered · " in run.out
    assert advice(run) == [f"1 dead letter is in {LETTERS}; redrive it with: {REDRIVE} {DEFAULT}"]


def test_each_failed_handler_has_a_letter(invoke: Command) -> None:
    unreadable = insert(2, user("x"), SequenceNumber="seven")

    run = invoke("shop.py:app", write(insert(1, user("bad", "bad")), unreadable), "--store", "memory")

    assert letters() == ["shop.charge", "shop.count", None]
    assert advice(run) == [f"3 dead letters are in {LETTERS}; redrive them with: {REDRIVE} --store memory"]
    assert Path(".ddbevents/.gitignore").read_text("utf-8") == "*\n"


def test_the_advised_command_works(invoke: Command, redrive: Command) -> None:
    advised = advice(invoke("shop.py:app", write(insert(1, user("bad"))), "--store", "sqlite:my marks"))[0]
    arguments = shlex.split(advised.partition("ddbevents redrive ")[2])

    failed = redrive(*arguments)
    Path("shop.py").write_text(APP.replace('"bad"', '"worse"'), "utf-8")
    del sys.modules["shop"]
    done = redrive(*arguments, "--keep")
    again = redrive(*arguments)

    assert "1 dead letter in .ddbevents/letters.jsonl · 1 failed · 0 removed" in failed.out
    assert "1 dead letter in .ddbevents/letters.jsonl · 1 handled · 0 removed" in done.out
    assert "1 dead letter in .ddbevents/letters.jsonl · 1 already handled · 1 removed" in again.out


def test_store_app_keeps_the_sink(invoke: Command) -> None:
    run = invoke("shop.py:app", write(insert(1, user("bad"))), "--store", "app")

    assert (run.code, LETTERS.exists()) == (0, False)
    assert "│ sent shop.charge\n" in run.out
    assert advice(run) == []


def test_a_lost_letter_fails_its_record(invoke: Command) -> None:
    Path(".ddbevents").write_text("a file", "utf-8")

    run = invoke("shop.py:app", write(insert(1, user("bad"))), "--store", "memory")

    assert run.code == 1
    assert "cannot be dead-lettered" in run.out
    assert "DeadLetterError: .ddbevents cannot be written: File exists" in run.out
    assert "#1 Reject: never" in run.out


def test_letters_need_file_locks(invoke: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows

    run = invoke("shop.py:app", write(insert(1, user("bad"))))

    assert run.code == 1
    assert "DeadLetterError: a file of letters is locked with flock, which this system does not" in run.out


@pytest.mark.parametrize("store", ["memory", "sqlite:marks"])
def test_an_option_names_a_key(invoke: Command, store: str) -> None:
    tables = ["--table", "statistics=pk", "--table", "others=pk,sk"]

    run = invoke("shop.py:bank", write(insert(1, user("ada"))), "--store", store, *tables)

    assert (run.code, advice(run)) == (0, [])


def test_a_missing_key_names_its_option(invoke: Command) -> None:
    run = invoke("shop.py:bank", write(insert(1, user("ada")), insert(2, user("bob"))))

    assert run.code == 1
    assert advice(run) == [
        "name the one or two key attributes of statistics: --table statistics=pk or --table statistics=pk,sk"
    ]


def test_store_app_gets_no_advice(invoke: Command) -> None:
    run = invoke("shop.py:bank", write(insert(1, user("ada"))), "--store", "app")

    assert (run.code, advice(run)) == (1, [])


def test_redrive_takes_keys_too(redrive: Command) -> None:
    JsonLinesFile("letters.jsonl").send(letter(insert(1, user("ada")), "shop.book"))
    arguments = ["shop.py:bank", "letters.jsonl", "--store", "memory"]

    without = redrive(*arguments)
    run = redrive(*arguments, "--table", "statistics=pk")

    assert "--table statistics=pk" in without.out
    assert (without.code, run.code) == (1, 0)


@pytest.mark.parametrize("table", ["statistics", "=pk", "statistics=", "statistics=pk,", "statistics=a,b,c"])
def test_a_table_has_one_or_two_keys(invoke: Command, table: str) -> None:
    run = invoke("shop.py:bank", write(), "--table", table)

    assert run == Run(2, "", f"error: --table has to be NAME=KEY or NAME=KEY,KEY, not {table!r}\n")


@pytest.mark.parametrize("store", ["none", "app"])
def test_tables_need_a_local_store(invoke: Command, store: str) -> None:
    run = invoke("shop.py:bank", write(), "--table", "statistics=pk", "--store", store)

    assert run.code == 2
    assert run.err == f"error: --table needs --store memory or sqlite:PATH, not {store}\n"


@pytest.mark.parametrize(
    ("app", "store", "delete"),
    [
        ("app", "sqlite:.ddbevents/marks.sqlite3", " or delete .ddbevents/marks.sqlite3"),
        ("app", "sqlite:marks", " or delete marks"),
        ("kept", "app", ""),
    ],
)
def test_it_says_how_to_run_again(invoke: Command, app: str, store: str, delete: str) -> None:
    event = write(insert(1, user("ada")), remove(2, user("ada")))
    invoke(f"shop.py:{app}", event, "--store", store)

    run = invoke(f"shop.py:{app}", event, "--store", store)

    hint = "nothing ran, since everything is already handled; to run it again, use --store memory"
    assert advice(run) == [hint + delete]


def test_it_says_what_an_earlier_run_did(invoke: Command) -> None:
    invoke("shop.py:app", write(insert(1, user("ada"))))

    run = invoke("shop.py:app", write(insert(1, user("ada")), insert(2, user("bob"))))

    [line] = advice(run)
    assert line.startswith("an earlier run has handled some of these; to run them again, use --store memory")


def ignored(run: Run) -> list[str]:
    return [line for line in lines(run) if " ignored: " in line]


def test_each_handler_says_why_not(invoke: Command) -> None:
    run = invoke("shop.py:app", write(remove(1, user("ada")), modify(2, user("ada"), user("ada"))))

    assert ignored(run) == [
        "#1 ignored: charge: table is Users, not Orders",
        "#2 ignored: confirm, confirm_again: unchanged: email",
    ]


def test_an_unwanted_kind_is_named(invoke: Command) -> None:
    run = invoke("shop.py:bank", write(modify(1, user("ada"), user("ada"))))

    assert ignored(run) == ["#1 ignored: no handler for MODIFY is registered"]


def of_one_item(*numbers: int) -> list[Json]:
    return [modify(number, user("ada", CANARY), user("ada", CANARY)) for number in numbers]


def test_one_reason_has_one_line(invoke: Command) -> None:
    event = write(*of_one_item(1, 2), insert(3, user("ada")), *of_one_item(*range(4, 100)))

    run = invoke("shop.py:app", event)

    assert ignored(run) == ["#1 #2 #4-#99 ignored: confirm, confirm_again: unchanged: email"]
    assert CANARY not in run.out


def test_an_ignored_letter_says_why(redrive: Command) -> None:
    JsonLinesFile("letters.jsonl").send(
        letter(modify(1, user("ada"), user("ada")), "shop.confirm", app="shop")
    )

    run = redrive("shop.py:app", "letters.jsonl", "--dry-run")

    assert ignored(run) == ["#1 ignored: confirm: unchanged: email"]


def test_an_error_omits_its_own_record(invoke: Command) -> None:
    run = invoke("shop.py:bank", write(insert(1, {"pk": {"S": "ada"}}), insert(2, {"pk": {"S": "bob"}})))

    [error] = [line for line in lines(run) if line.startswith("#1 #2 ")]
    assert error.startswith("#1 #2 InvalidItemError: dynamodb.NewImage.email: ")
    assert sequence_number(1) not in error


def test_an_error_names_another_record(invoke: Command) -> None:
    run = invoke("shop.py:bank", write(remove(1, user("ada"))))

    assert "\n#1 InvalidRecordError: record 7: not there\n" in run.out


FAILING = """
from ddbevents import Reject, StoreError, StreamApp

app = StreamApp()
ERRORS = {"value": ValueError("secret"), "reject": Reject("told")}

@app.on_insert(dict)
def fail(change):
    if change.new["pk"] == "cause":
        raise StoreError("told") from ValueError("secret")
    raise ERRORS[change.new["pk"]]
"""
TRACEBACK = "to see the exceptions with their messages, which may contain item values, add --traceback"


@pytest.mark.parametrize(("error", "told"), [("value", [TRACEBACK]), ("cause", [TRACEBACK]), ("reject", [])])
def test_a_hidden_message_names_its_option(invoke: Command, error: str, told: list[str]) -> None:
    Path("failing.py").write_text(FAILING, "utf-8")
    event = write(insert(1, user(error)))

    run = invoke("failing.py", event, "--store", "memory")
    with_traceback = invoke("failing.py", event, "--store", "memory", "--traceback")

    assert (advice(run), advice(with_traceback)) == (told, [])
    assert "secret" not in run.out


def test_redrive_names_the_option_too(redrive: Command) -> None:
    Path("failing.py").write_text(FAILING, "utf-8")
    JsonLinesFile("letters.jsonl").send(letter(insert(1, user("value")), "failing.fail"))

    run = redrive("failing.py", "letters.jsonl", "--store", "memory")
    with_traceback = redrive("failing.py", "letters.jsonl", "--store", "memory", "--traceback")

    assert TRACEBACK in lines(run)
    assert TRACEBACK not in lines(with_traceback)


def test_a_list_of_records_is_of_a_pipe(invoke: Command) -> None:
    Path("list.json").write_text(json.dumps([insert(1, user("ada"))]), "utf-8")

    assert "1 record in 1 event · 1 handled" in invoke("shop.py:app", "list.json").out
