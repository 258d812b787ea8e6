"""`ddbevents backfill`: each item of a table or an export runs, and a run that was stopped goes on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest

from ddbevents.stores import SQLiteStore
from tests.campaigns import IN_FULL, size
from tests.command_line import Command, command, current_folder, lines
from tests.dynamodb_local import clients
from tests.dynamodb_tables import make_table
from tests.exports import EXPORT_ID, PREFIX, change_line, upload, user_line, write_export
from tests.letters import new_bucket
from tests.stream import Json

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

EXPORT: Final = f"bucket/{PREFIX}/{EXPORT_ID}"
AWS: Final = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
APP: Final = """
import sys
from pathlib import Path
from pydantic import BaseModel
from ddbevents import Insert, StreamApp, Transaction, Upsert
from ddbevents.stores import SQLiteStore


class User(BaseModel):
    pk: str
    n: int


app = StreamApp("users", store=SQLiteStore("own.sqlite3"))
counting = StreamApp("users", store=SQLiteStore("own.sqlite3", tables={"counts": ["pk"]}))


@app.on_insert(User)
def index(change: Insert[User]) -> None:
    bad = Path("bad.txt").read_text().split() if Path("bad.txt").exists() else []
    if change.new.pk in bad:
        raise ValueError(change.new.pk)
    if change.new.pk == "exit":
        sys.exit(3)
    if change.new.pk == "interrupt":
        raise KeyboardInterrupt
    with open("effects.txt", "a") as file:
        print(change.new.pk, file=file)


@counting.on_upsert(User)
def count(change: Upsert[User], tx: Transaction) -> None:
    tx.update("counts", key={"pk": change.new.pk}, add={"n": 1})
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with current_folder(tmp_path, monkeypatch):
        Path("people.py").write_text(APP, "utf-8")
        yield tmp_path


@pytest.fixture
def backfill(monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setattr(time, "sleep", lambda _: None)  # the pauses between tries are too long for a test
    return command("backfill", 100)


def exported(*files: int, **options: Any) -> Path:
    """Write an export of users, so many in each file, and return its folder."""
    numbers = iter(range(sum(files)))
    content = [[user_line(next(numbers)) for _ in range(count)] for count in files]
    return write_export(Path("bucket"), *content, **options)


def effects() -> list[str]:
    file = Path("effects.txt")
    return file.read_text("utf-8").split() if file.exists() else []


def users(count: int) -> list[str]:
    return [f"u-{number}" for number in range(count)]


def cursors() -> list[Path]:
    return [*Path(".ddbevents").glob("backfill-*")]


def test_an_export_runs_through_an_app(backfill: Command) -> None:
    run = backfill("people.py:app", exported(700, 3), "--keys", "pk", "--as-inserts")

    assert (run.code, run.err) == (0, "")
    assert effects() == users(703)
    assert lines(run) == ["", f"703 items of {EXPORT} · 703 handled"]
    assert cursors() == []


def test_a_second_run_finds_its_marks(backfill: Command) -> None:
    export = exported(3)
    backfill("people.py:app", export, "--keys", "pk", "--as-inserts")

    run = backfill("people.py:app", export, "--keys", "pk", "--as-inserts")

    assert lines(run)[-1] == f"3 items of {EXPORT} · 3 already handled"
    assert effects() == users(3)


def test_a_failing_item_stops_the_run(backfill: Command) -> None:
    export = exported(600, 5)
    Path("bad.txt").write_text("u-2 u-601", "utf-8")

    run = backfill("people.py:app", export, "--keys", "pk", "--as-inserts")

    assert run.code == 1
    assert f"500 items of {EXPORT} · 499 handled · 1 failed" in run.out
    assert "pk=u-2" in run.out
    assert "u-3" not in run.out
    assert lines(run)[-1] == "it stopped there; when that is mended, go on with --resume"
    assert len(cursors()) == 1


def test_a_stopped_run_goes_on(backfill: Command) -> None:
    export = exported(600, 5)
    Path("bad.txt").write_text("u-601", "utf-8")
    first = backfill("people.py:app", export, "--keys", "pk", "--as-inserts", "--traceback")

    Path("bad.txt").unlink()
    second = backfill("people.py:app", export, "--keys", "pk", "--as-inserts", "--resume")

    assert f"605 items of {EXPORT} · 604 handled · 1 failed" in first.out
    assert "Traceback (most recent call last)" in first.out
    assert (second.code, sorted(effects())) == (0, sorted(users(605)))
    assert lines(second)[-1] == f"605 items of {EXPORT} · 601 handled · 4 already handled"
    assert cursors() == []


def test_without_a_store_only_the_rest_is_tried_again(backfill: Command) -> None:
    Path("bad.txt").write_text("u-2", "utf-8")

    run = backfill("people.py:app", exported(5), "--keys", "pk", "--as-inserts", "--store", "none")

    assert f"5 items of {EXPORT} · 2 handled · 1 failed · 2 not run" in run.out
    assert effects() == users(2)


def test_a_failure_is_tried_again(backfill: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def mend(pause: float) -> None:
        pauses.append(pause)
        Path("bad.txt").unlink()

    monkeypatch.setattr(time, "sleep", mend)  # what goes on in a pause
    Path("bad.txt").write_text("u-2", "utf-8")

    run = backfill("people.py:app", exported(5), "--keys", "pk", "--as-inserts")

    assert (run.code, pauses) == (0, [1])
    assert sorted(effects()) == users(5)


def test_retries_can_be_left_out(backfill: Command) -> None:
    Path("bad.txt").write_text("u-2", "utf-8")

    run = backfill("people.py:app", exported(5), "--keys", "pk", "--as-inserts", "--retries", "0")

    assert (run.code, sorted(effects())) == (1, ["u-0", "u-1", "u-3", "u-4"])


SLOW: Final = """
from threading import Event
from ddbevents import StreamApp

app = StreamApp("users")


@app.on_insert(dict)
def index(change) -> None:
    if change.new["pk"] == "u-1":
        Event().wait(0.7)
    with open("effects.txt", "a") as file:
        print(change.new["pk"], file=file)
"""


def test_items_for_which_time_ran_out_run_later(backfill: Command) -> None:
    Path("slow.py").write_text(SLOW, "utf-8")

    run = backfill(
        "slow.py:app", exported(4), "--keys", "pk", "--as-inserts", "--timeout", "1", "--store", "none"
    )

    assert (run.code, effects()) == (0, users(4))


def test_a_dry_run_counts_what_would_run(backfill: Command) -> None:
    run = backfill("people.py:app", exported(3), "--keys", "pk", "--as-inserts", "--dry-run")

    assert (run.code, effects(), cursors()) == (0, [], [])
    assert lines(run)[-2:] == [
        f"3 items of {EXPORT} · 3 not run",
        "nothing ran; what would run is shown as not run",
    ]


def test_a_run_begins_once(backfill: Command) -> None:
    export = exported(5)
    Path("bad.txt").write_text("u-2", "utf-8")
    backfill("people.py:app", export, "--keys", "pk", "--as-inserts")

    run = backfill("people.py:app", export, "--keys", "pk", "--as-inserts")

    assert run.code == 2
    assert run.err.startswith(
        "error: a run of this was stopped after 0 items: go on with --resume, or delete "
    )


def test_a_run_keeps_its_options(backfill: Command) -> None:
    export = exported(5)
    Path("bad.txt").write_text("u-2", "utf-8")
    backfill("people.py:app", export, "--keys", "pk", "--as-inserts")

    other = backfill("people.py:app", export, "--keys", "sk", "--resume")
    Path("bad.txt").unlink()
    same = backfill("people.py:app", export, "--resume")

    assert (other.code, same.code) == (2, 0)
    assert other.err.startswith("error: the stopped run had another --keys: give it again, or delete ")
    assert sorted(effects()) == users(5)


def test_there_has_to_be_a_run_to_resume(backfill: Command) -> None:
    run = backfill("people.py:app", exported(1), "--resume")

    assert run.code == 2
    assert run.err == "error: there is no stopped run of this TARGET and SOURCE here: leave out --resume\n"


def test_a_broken_cursor_is_explained(backfill: Command) -> None:
    export = exported(5)
    Path("bad.txt").write_text("u-2", "utf-8")
    backfill("people.py:app", export, "--keys", "pk", "--as-inserts")
    [cursor] = cursors()
    cursor.write_text("{", "utf-8")

    run = backfill("people.py:app", export, "--keys", "pk", "--as-inserts", "--resume")

    assert run.err == f"error: {cursor} cannot be read: delete it to begin again with the first item\n"


def test_a_cursor_has_to_be_written(backfill: Command) -> None:
    Path(".ddbevents").write_text("in the way", "utf-8")

    run = backfill("people.py:app", exported(1), "--keys", "pk", "--as-inserts")

    assert (run.code, effects()) == (2, [])
    assert "cannot be written, so a stopped run could not go on" in run.err


def test_a_damaged_file_ends_the_run(backfill: Command) -> None:
    export = exported(600, 5)
    (export / "data" / "file1.json.gz").write_bytes(b"")

    run = backfill("people.py:app", export, "--keys", "pk", "--as-inserts")

    assert run.code == 2
    assert "file1.json.gz is damaged: its MD5 is" in run.err
    assert run.err.endswith("600 items before it are done\n")
    assert json.loads(cursors()[0].read_text("utf-8"))["position"] == {"file": 0, "lines": 600}


@pytest.mark.parametrize("ending", ["exit", "interrupt"])
def test_a_handler_may_end_the_run(backfill: Command, ending: str) -> None:
    export = write_export(
        Path("bucket"),
        [user_line(number) for number in range(500)],
        [{"Item": user_line(0)["Item"] | {"pk": {"S": ending}}}],
    )

    run = backfill("people.py:app", export, "--keys", "pk", "--as-inserts")

    assert run.code in {2, 130}
    assert json.loads(cursors()[0].read_text("utf-8"))["outcomes"] == {"handled": 500}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--as-inserts"], "--as-inserts is for tables and full exports"),
        (["--segments", "2"], "--segments is for tables, not for exports"),
    ],
)
def test_an_option_may_not_fit(backfill: Command, arguments: list[str], problem: str) -> None:
    export = write_export(Path("bucket"), [change_line(1, NewImage=user_line(1)["Item"])], incremental=True)

    run = backfill("people.py:app", export, *arguments)

    assert (run.code, run.err.partition(":")[2].partition(":")[0].strip()) == (2, problem)


def test_a_wrong_key_is_explained(backfill: Command) -> None:
    run = backfill("people.py:app", exported(1), "--keys", "id", "--as-inserts")

    assert run.code == 2
    assert run.err.startswith(
        "error: an item has no id, though that should be of its key: name the attributes"
    )


def test_the_app_comes_first(backfill: Command) -> None:
    run = backfill("s3://bucket/AWSDynamoDB/x", "people.py:app")

    assert run.err == (
        "error: s3://bucket/AWSDynamoDB/x is no app: the app comes first, as in app.py:app, and then"
        " s3://bucket/AWSDynamoDB/x\n"
    )


def test_a_bucket_runs_through_an_app(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    exported(2, 3)
    bucket = new_bucket(s3)
    upload(s3, Path("bucket"), bucket)

    run = command("backfill", 100, **AWS, AWS_ENDPOINT_URL=s3.meta.endpoint_url)(
        "people.py:app", f"s3://{bucket}/{PREFIX}/{EXPORT_ID}", "--keys", "pk", "--as-inserts"
    )

    assert (run.code, run.err, effects()) == (0, "", users(5))


def filled(endpoint: str, count: int) -> str:
    client = clients(endpoint)[0]
    table = make_table(client, "pk")
    for number in range(count):
        item = user_line(number)["Item"] | {"text": {"S": "x" * 300_000}}
        client.put_item(TableName=table, Item=item)
    return table


@pytest.fixture
def scan(dynamodb_endpoint: str) -> Command:
    return command("backfill", 100, **AWS, AWS_ENDPOINT_URL=dynamodb_endpoint)


def test_a_table_runs_through_an_app(scan: Command, dynamodb_endpoint: str) -> None:
    table = filled(dynamodb_endpoint, 9)

    run = scan("people.py:app", table, "--segments", "3", "--as-inserts", "--store", "memory")

    assert (run.code, run.err, sorted(effects())) == (0, "", users(9))
    assert lines(run)[-1] == f"9 items of {table} · 9 handled"


def test_a_large_page_runs_in_parts(scan: Command, dynamodb_endpoint: str) -> None:
    client = clients(dynamodb_endpoint)[0]
    table = make_table(client, "pk")
    for first in range(0, 525, 25):
        puts: Any = [{"PutRequest": user_line(number)} for number in range(first, first + 25)]
        client.batch_write_item(RequestItems={table: puts})

    run = scan("people.py:app", table, "--as-inserts", "--store", "none")

    assert (run.code, sorted(effects())) == (0, sorted(users(525)))


def test_a_stopped_scan_keeps_its_marks(scan: Command, dynamodb_endpoint: str) -> None:
    table = filled(dynamodb_endpoint, 9)
    Path("bad.txt").write_text("u-4", "utf-8")
    first = scan("people.py:app", table, "--as-inserts", "--retries", "0")

    Path("bad.txt").unlink()
    second = scan("people.py:app", table, "--as-inserts", "--resume")
    third = scan("people.py:app", table, "--as-inserts")

    assert (first.code, second.code, third.code) == (1, 0, 0)
    assert Counter(effects()) == dict.fromkeys(users(9), 2)  # a new run has a new name
    assert "9 handled" in third.out


def test_keys_are_not_for_tables(scan: Command) -> None:
    run = scan("people.py:app", "Users", "--keys", "pk")

    assert run.err == ("error: --keys is for exports: a table says itself which attributes are its key\n")


def test_a_table_has_to_be_there(scan: Command) -> None:
    run = scan("people.py:app", "table-gone")

    assert run.code == 2
    assert run.err.startswith("error: the table table-gone is not there: check its name, the account and the")


ITEMS: Final = size(short=800, full=10_000, long=100_000)
FILES: Final = size(short=4, full=10, long=20)
KILLS: Final = size(short=2, full=6, long=20)


@pytest.mark.parametrize(
    "incremental", [pytest.param(False, marks=IN_FULL), True], ids=["full", "incremental"]
)
def test_killed_runs_handle_each_item_once(folder: Path, *, incremental: bool) -> None:
    """A handler with a transaction has its effect exactly once, wherever its process died."""
    line = {True: changed, False: user_line}[incremental]
    files = [[*map(line, range(first, ITEMS, FILES))] for first in range(FILES)]
    export = write_export(Path("bucket"), *files, incremental=incremental)
    random = Random(folder.name)  # noqa: S311  # no secret
    program = [
        str(Path(sys.executable).with_name("ddbevents")),
        "backfill",
        "people.py:counting",
        str(export),
    ]
    program += ["--keys", "pk"]

    codes = [_run_and_kill(program, random) for _ in range(KILLS)]
    final = subprocess.run(_resumed(program), capture_output=True, check=False)

    assert (final.returncode, len(codes)) == (0, KILLS)
    store = SQLiteStore("own.sqlite3", tables={"counts": ["pk"]})
    counts = {item["pk"]: item["n"] for item in store.items("counts")}
    store.close()
    assert counts == dict.fromkeys(users(ITEMS), 1)


def changed(number: int) -> Json:
    return change_line(number, NewImage=user_line(number)["Item"])


def _run_and_kill(program: list[str], random: Random) -> int | None:
    with subprocess.Popen(_resumed(program), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            return process.wait(timeout=random.uniform(0.4, 1.2))
        except subprocess.TimeoutExpired:
            process.kill()
            return None


def _resumed(program: list[str]) -> list[str]:
    return [*program, "--resume"] if cursors() else program
