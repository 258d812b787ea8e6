"""`ddbevents backfill` without --as-inserts: items are snapshots, and an incremental export has changes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.command_line import Command, command, current_folder, lines
from tests.dynamodb_local import clients
from tests.dynamodb_tables import make_table
from tests.exports import EXPORT_ID, PREFIX, change_line, user_line, write_export

EXPORT: Final = f"bucket/{PREFIX}/{EXPORT_ID}"
APP: Final = """
from pathlib import Path
from pydantic import BaseModel
from ddbevents import Insert, Latest, Modify, Remove, Snapshot, StreamApp, Upsert
from ddbevents.stores import SQLiteStore


class User(BaseModel):
    pk: str
    n: int


app = StreamApp("users", store=SQLiteStore("own.sqlite3"))
mirror = StreamApp("mirror", store=SQLiteStore("own.sqlite3"))
changes = StreamApp("changes", store=SQLiteStore("own.sqlite3"))


def note(text: str) -> None:
    with open("effects.txt", "a") as file:
        print(text, file=file)


@app.on_snapshot(User)
def index(change: Snapshot[User]) -> None:
    bad = Path("bad.txt").read_text().split() if Path("bad.txt").exists() else []
    if change.new.pk in bad:
        raise ValueError(change.new.pk)
    note(change.new.pk)


@app.on_insert(User)
def welcome(change: Insert[User]) -> None:
    note("welcome")


@mirror.on_latest(User)
def copy(change: Latest[User]) -> None:
    note(change.item.pk if change.item else "gone")


@changes.on_insert(User)
def added(change: Insert[User]) -> None:
    note(f"+{change.new.pk}")


@changes.on_modify(User)
def changed(change: Modify[User]) -> None:
    note(f"~{change.new.pk}")


@changes.on_remove(User)
def removed(change: Remove[User]) -> None:
    note(f"-{change.old.pk}")
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


def exported(count: int) -> Path:
    return write_export(Path("bucket"), [user_line(number) for number in range(count)])


def effects() -> list[str]:
    file = Path("effects.txt")
    return file.read_text("utf-8").split() if file.exists() else []


def users(count: int) -> list[str]:
    return [f"u-{number}" for number in range(count)]


@pytest.mark.parametrize("app", ["app", "mirror"])
def test_items_are_snapshots(backfill: Command, app: str) -> None:
    run = backfill(f"people.py:{app}", exported(501), "--keys", "pk")

    assert (run.code, run.err, effects()) == (0, "", users(501))
    assert lines(run)[-1] == f"501 items of {EXPORT} · 501 handled"


def test_a_failed_snapshot_holds_back_no_other(backfill: Command) -> None:
    export = exported(5)
    Path("bad.txt").write_text("u-2", "utf-8")
    first = backfill("people.py:app", export, "--keys", "pk")

    Path("bad.txt").unlink()
    second = backfill("people.py:app", export, "--keys", "pk", "--resume")

    assert (first.code, second.code) == (1, 0)
    assert f"5 items of {EXPORT} · 4 handled · 1 failed" in first.out
    assert effects() == ["u-0", "u-1", "u-3", "u-4", "u-2"]


def test_a_dry_run_reads_snapshots(backfill: Command) -> None:
    run = backfill("people.py:app", exported(3), "--keys", "pk", "--dry-run")

    assert (run.code, effects()) == (0, [])
    assert f"3 items of {EXPORT} · 3 not run" in run.out


def test_an_incremental_export_has_changes(backfill: Command) -> None:
    images = [user_line(number)["Item"] for number in range(4)]
    export = write_export(
        Path("bucket"),
        [
            change_line(1, NewImage=images[1]),
            change_line(2, NewImage=images[2], OldImage=images[2]),
            change_line(3, OldImage=images[3], NewImage=None),
        ],
        incremental=True,
    )

    run = backfill("people.py:changes", export)

    assert (run.code, effects()) == (0, ["+u-1", "~u-2", "-u-3"])


def test_a_table_is_snapshots(dynamodb_endpoint: str) -> None:
    client = clients(dynamodb_endpoint)[0]
    table = make_table(client, "pk")
    puts: Any = [{"PutRequest": user_line(number)} for number in range(5)]
    client.batch_write_item(RequestItems={table: puts})
    environment = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    environment |= {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ENDPOINT_URL": dynamodb_endpoint}
    backfill = command("backfill", 100, **environment)

    runs = [backfill("people.py:app", table) for _ in range(2)]

    assert [run.code for run in runs] == [0, 0]
    assert sorted(effects()) == sorted(users(5) * 2)  # each scan is a run of its own
