"""A file of dead letters, which processes write to and `ddbevents redrive` empties."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ddbevents import DeadLetterError
from ddbevents.dead_letters import JsonLinesFile, letter_from_json, letter_to_json
from tests.command_line import Run, command, current_folder
from tests.letters import letter
from tests.stream import insert, user

WRITE = """
import sys
from ddbevents.dead_letters import JsonLinesFile
from tests.letters import letter

sink = JsonLinesFile(sys.argv[1])
[sink.send(letter(message=f"{sys.argv[2]} {number} " + "x" * 10_000)) for number in range(20)]
"""


def test_each_letter_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    letters = [letter(), letter(insert(2, user("bob", "\ud800\u2028\n")))]
    sink = JsonLinesFile(path)

    sink.send(letters[0])
    sink.send(letters[1])

    assert [letter_from_json(line) for line in path.read_text("utf-8").splitlines()] == letters


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"

    JsonLinesFile(path).send(letter())

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_half_a_line_spoils_no_letter(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    path.write_text('{"version": 1, "ap')

    JsonLinesFile(path).send(letter())

    assert path.read_text("utf-8") == f'{{"version": 1, "ap\n{letter_to_json(letter())}\n'


def test_processes_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    sink = JsonLinesFile(path)
    others = [subprocess.Popen([sys.executable, "-c", WRITE, path, name]) for name in "ab"]

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: sink.send(letter(message=f"c {number} " + "x" * 10_000)), range(20)))

    assert [each.wait() for each in others] == [0, 0]
    messages = [
        letter_from_json(line.decode()).message.split()[:2] for line in path.read_bytes().splitlines()
    ]
    assert sorted(messages) == sorted([name, str(number)] for name in "abc" for number in range(20))


@pytest.mark.parametrize("place", ["missing/letters.jsonl", "."])
def test_an_unwritable_file_is_named(tmp_path: Path, place: str) -> None:
    with pytest.raises(DeadLetterError, match=r"^the file .* cannot be used: ") as raised:
        JsonLinesFile(tmp_path / place).send(letter())

    assert isinstance(raised.value.__cause__, OSError)


APP = """
from pathlib import Path
from pydantic import BaseModel
from ddbevents import Insert, StreamApp

app = StreamApp("users")


class User(BaseModel):
    pk: str


@app.on_insert(User)
def welcome(change: Insert[User]) -> None:
    if change.new.pk == "bob":
        raise ValueError
    file = Path("letters.jsonl")
    line = file.read_bytes().splitlines()[0]
    with file.open("ab") as appended:  # as if the same letter came again meanwhile
        appended.write(line + b"\\n")
"""


def redrive(path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Redrive a file's letters from its folder, where the app is."""
    with current_folder(path.parent, monkeypatch):
        Path("users.py").write_text(APP, "utf-8")
        return command("redrive")("users.py:app", path)


def test_equal_lines_leave_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "letters.jsonl"
    ada, bob = letter_to_json(letter()), letter_to_json(letter(insert(2, user("bob"))))
    path.write_text(f"{ada}\n{ada}\n\n{bob}\n{ada}\n", "utf-8")

    run = redrive(path, monkeypatch)

    assert run.code == 1
    assert path.read_text("utf-8") == f"{bob}\n{ada}\n"


def test_a_file_keeps_its_mode_and_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, link = tmp_path / "letters.jsonl", tmp_path / "link"
    JsonLinesFile(path).send(letter())
    path.chmod(0o640)
    link.symlink_to(path)

    run = redrive(link, monkeypatch)

    assert run.code == 0
    assert link.is_symlink()
    assert (path.read_text("utf-8"), stat.S_IMODE(path.stat().st_mode)) == (
        letter_to_json(letter()) + "\n",
        0o640,
    )
    assert sorted(each.name for each in tmp_path.glob("l*")) == ["letters.jsonl", "link"]


def sent_while_locked(path: Path, change: str) -> bytes:
    """Return the file's content after a letter waited while the file was replaced or removed."""
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    sending = threading.Thread(target=JsonLinesFile(path).send, args=[letter()])
    sending.start()
    time.sleep(0.1)
    other = path.with_name("other")
    other.write_bytes(b"other\n")
    changes: dict[str, Callable[[], object]] = {
        "replaced": lambda: other.replace(path),
        "removed": path.unlink,
    }
    changes[change]()
    os.close(file)
    sending.join()
    return path.read_bytes()


@pytest.mark.parametrize(("change", "before"), [("replaced", b"other\n"), ("removed", b"")])
def test_a_waiting_letter_finds_the_file(tmp_path: Path, change: str, before: bytes) -> None:
    content = sent_while_locked(tmp_path / "letters.jsonl", change)

    assert content == before + letter_to_json(letter()).encode() + b"\n"


def test_without_locks_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows

    with pytest.raises(DeadLetterError, match="locked with flock"):
        JsonLinesFile(tmp_path / "letters.jsonl").send(letter())

    assert [*tmp_path.iterdir()] == []
