"""Exports for tests: written as AWS writes them, and read back through an app."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from ddbevents import ConfigurationError, Insert, Previous, Snapshot, StreamApp, Upsert, parse_event
from ddbevents.sources import read_export
from ddbevents.stores import MemoryStore
from ddbevents.testing import Table, export_files


class User(BaseModel):
    pk: str
    photo: bytes = b""
    tags: set[str] = {"a"}


def records(folder: Path, **options: Any) -> list[Any]:
    return [record for event in read_export(folder, **options) for record in parse_event(event)]


def test_items_make_a_full_export(tmp_path: Path) -> None:
    app = StreamApp("users", store=MemoryStore())
    seen: list[User] = []
    app.on_snapshot(User)(lambda change: seen.append(change.new))
    users = [User(pk=f"u-{number}", photo=bytes([number, 255])) for number in range(5)]

    folder = export_files(tmp_path, *users, table="Users", files=2)
    for event in read_export(folder, keys=["pk"]):
        app(event)

    assert sorted(seen, key=lambda user: user.pk) == users
    assert sorted(path.name for path in folder.iterdir()) == [
        "data",
        "manifest-files.json",
        "manifest-summary.json",
    ]
    [first, _] = map(json.loads, (folder / "manifest-files.json").read_text("utf-8").splitlines())
    lines = gzip.decompress(tmp_path.joinpath(first["dataFileS3Key"]).read_bytes()).splitlines()
    assert len(lines) == first["itemCount"] == 3
    assert json.loads(lines[0])["Item"]["photo"] == {"B": "AP8="}


def test_records_make_an_incremental_export(tmp_path: Path) -> None:
    table = Table("Users", "pk")
    app = StreamApp("users")
    seen: list[str] = []

    @app.on_insert(User)
    def created(change: Insert[User]) -> None:
        seen.append(f"created {change.new.pk}")

    @app.on_previous(User)
    def before(change: Previous[User]) -> None:
        seen.append(f"{change.kind} {change.old.pk}")

    folder = export_files(
        tmp_path,
        table.insert({"pk": "a"}),
        table.modify({"pk": "b"}, {"pk": "b", "n": 1}),
        table.remove({"pk": "c"}),
        table="Users",
    )
    for event in read_export(folder):
        app(event)

    assert seen == ["created a", "MODIFY b", "REMOVE c"]


def test_new_images_alone_are_upserts(tmp_path: Path) -> None:
    table = Table("Users", "pk")
    app = StreamApp("users")
    seen: list[str] = []

    @app.on_upsert(User)
    def put(change: Upsert[User]) -> None:
        seen.append(f"{change.kind} {change.new.pk}")

    inserted: list[Insert[User]] = []
    app.on_insert(User)(inserted.append)
    changes = [table.insert({"pk": "a"}), table.modify({"pk": "b"}, {"pk": "b", "n": 1})]
    for event in read_export(export_files(tmp_path, *changes, view_type="NEW_IMAGE")):
        app(event)

    assert (seen, inserted) == (["SNAPSHOT a", "SNAPSHOT b"], [])


def test_two_exports_share_a_folder(tmp_path: Path) -> None:
    table = Table("Users", "pk")
    first = export_files(tmp_path, table.insert({"pk": "a"}))
    second = export_files(tmp_path, table.insert({"pk": "b"}))

    assert first.name < second.name
    assert [record.keys["pk"] for record in records(first) + records(second)] == ["a", "b"]
    assert len([*first.parent.joinpath("data").iterdir()]) == 2


def test_an_export_may_be_empty(tmp_path: Path) -> None:
    assert records(export_files(tmp_path), keys=["pk"]) == []


def test_each_item_has_a_mark_of_its_export(tmp_path: Path) -> None:
    app = StreamApp("users", store=MemoryStore())
    seen: list[Snapshot[User]] = []
    app.on_snapshot(User)(seen.append)

    for folder in [export_files(tmp_path, {"pk": "a"})] * 2 + [export_files(tmp_path, {"pk": "a"})]:
        for event in read_export(folder, keys=["pk"]):
            app(event)

    assert [change.new.pk for change in seen] == ["a", "a"]


@pytest.mark.parametrize(
    ("content", "options", "reason"),
    [
        ([{"pk": "a"}, Table().insert({"pk": "b"})], {}, "but not both"),
        ([], {"files": 0}, "at least one data file"),
        ([], {"view_type": "KEYS_ONLY"}, "NEW_IMAGE or NEW_AND_OLD_IMAGES"),
        ([], {"table": "arn:aws:dynamodb"}, "table must be the name"),
    ],
    ids=["both", "files", "view", "table"],
)
def test_other_exports_are_refused(
    tmp_path: Path, content: list[Any], options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        export_files(tmp_path, *content, **options)

    assert [*tmp_path.iterdir()] == []
