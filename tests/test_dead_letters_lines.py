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
from ddbevents.dead_letters import JsonLinesFile, from_json, to_json
from ddbevents.dead_letters._lines import read_lines, remove_lines
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

    assert [from_json(line) for line in path.read_text("utf-8").splitlines()] == letters


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"

    JsonLinesFile(path).send(letter())

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_letter_after_half_a_line_is_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    path.write_text('{"version": 1, "ap')

    JsonLinesFile(path).send(letter())

    assert read_lines(path) == [b'{"version": 1, "ap', to_json(letter()).encode()]


def test_several_processes_and_threads_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    sink = JsonLinesFile(path)
    others = [subprocess.Popen([sys.executable, "-c", WRITE, path, name]) for name in "ab"]

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: sink.send(letter(message=f"c {number} " + "x" * 10_000)), range(20)))

    assert [each.wait() for each in others] == [0, 0]
    messages = [from_json(line.decode()).message.split()[:2] for line in read_lines(path)]
    assert sorted(messages) == sorted([name, str(number)] for name in "abc" for number in range(20))


@pytest.mark.parametrize("place", ["missing/letters.jsonl", "."])
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    with pytest.raises(DeadLetterError, match=r"^the file .* cannot be used: ") as raised:
        JsonLinesFile(tmp_path / place).send(letter())

    assert isinstance(raised.value.__cause__, OSError)


def test_lines_are_taken_out_as_often_as_they_are_named(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    path.write_bytes(b"a\nb\n\na\na\n")

    remove_lines(path, [b"a", b"b", b"a"])

    assert path.read_bytes() == b"a\n"


def test_a_file_keeps_its_mode_and_the_link_that_leads_to_it(tmp_path: Path) -> None:
    path, link = tmp_path / "letters.jsonl", tmp_path / "link"
    path.write_bytes(b"a\nb\n")
    path.chmod(0o640)
    link.symlink_to(path)

    remove_lines(link, [b"a"])

    assert link.is_symlink()
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"b\n", 0o640)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["letters.jsonl", "link"]


def sent_while_locked(path: Path, change: str) -> bytes:
    """What the file holds when a letter waited, and the file was replaced or removed meanwhile."""
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
def test_a_letter_that_waited_goes_where_the_file_is_now(tmp_path: Path, change: str, before: bytes) -> None:
    content = sent_while_locked(tmp_path / "letters.jsonl", change)

    assert content == before + to_json(letter()).encode() + b"\n"


def test_where_files_cannot_be_locked_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows

    with pytest.raises(DeadLetterError, match="locked with flock"):
        JsonLinesFile(tmp_path / "letters.jsonl").send(letter())

    assert [*tmp_path.iterdir()] == []
