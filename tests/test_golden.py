"""Freezes what users rely on, which has to stay while the inside is rebuilt.

Each file in `tests/golden` holds one part of it. Two of them may change for the better: `messages.json` holds
English, `annotations.json` the spelling of types. The others may only grow. To write them anew, and then to
read the diff line by line:

    DDBEVENTS_GOLDEN=write pytest tests/test_golden.py

`letter.json` and `compressed_letter.json` stand for letters that wait in a user's queue, so they are never
written anew. Times, paths and line numbers are left out. Signatures have the same text on Python 3.11 to
3.13; Python 3.14 shows unions in another way.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from difflib import unified_diff
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import pytest

from ddbevents.dead_letters import letter_from_json, letter_to_json
from tests.golden_scenarios import ALONE, CALM, NAME, SCENARIOS, TROUBLED, letter, observe
from tests.golden_surface import spelling, surface
from tests.stream import Json, insert, user

FOLDER: Final = Path(__file__).with_name("golden")
APP: Final = f"{NAME}:app"
GIVING_UP: Final = f"{NAME}:giving_up"
GOOD: Final = letter(f"{NAME}.welcome", CALM["Records"][0])
OLD: Final = letter("users.welcome", insert(1, user("ada")))
BAD: Final = letter(f"{NAME}.welcome", ALONE["Records"][0])

WIDTH: Final = 110

FILES: Final[Mapping[str, str]] = {
    "calm.json": json.dumps(CALM),
    "failing.json": json.dumps(TROUBLED),
    "refused.json": '{"detail-type": "greeting"}',
    "half.json": '{"Records": [',
    "good.jsonl": f"{letter_to_json(GOOD)}\n",
    "dry.jsonl": f"{letter_to_json(GOOD)}\n",
    "bad.jsonl": f"{letter_to_json(BAD)}\n",
    "half.jsonl": '{"version": 1\n',
}
COMMANDS: Final = (
    "--version",
    "--help",
    "fly",
    f"invoke {APP} calm.json",
    f"invoke {APP} calm.json --store memory",
    f"invoke {APP} calm.json --store app --timeout 3 --traceback",
    f"invoke {APP} calm.json --store sqlite:marks.sqlite3 --table statistics=pk",
    f"invoke {APP} failing.json --store none",
    f"invoke {GIVING_UP} failing.json --store memory",
    f"invoke {GIVING_UP} failing.json --store none",
    f"invoke {APP} failing.json --store memory",
    f"invoke {APP} calm.json failing.json --store none",
    f"invoke {APP} refused.json --store none",
    f"invoke {APP} missing.json",
    f"invoke {APP} half.json",
    f"invoke {APP}",
    f"invoke {APP} calm.json --timeout 0",
    f"invoke {APP} calm.json --wrong",
    f"invoke {APP} calm.json --store elsewhere",
    f"invoke {NAME}:missing calm.json",
    "invoke tests.missing:app calm.json",
    "invoke missing.py:app calm.json",
    f"redrive {APP} dry.jsonl --dry-run --store memory",
    f"redrive {APP} good.jsonl --keep --store memory",
    f"redrive {APP} good.jsonl --store memory --timeout 3 --traceback --table statistics=pk",
    f"redrive {APP} bad.jsonl --store memory",
    f"redrive {APP} half.jsonl --store memory",
    f"redrive {APP} missing.jsonl",
    f"redrive {APP}",
    "redrive tests.missing:app good.jsonl",
    f"redrive {APP} good.jsonl --wrong",
)


def part(name: str) -> Callable[[], Json]:
    """Return one respect of every scenario, as users see it."""
    return lambda: {scenario: getattr(observe(scenario), name) for scenario in SCENARIOS}


PARTS: Final[Mapping[str, Callable[[], Json]]] = {
    **{
        name: part(name)
        for name in ("answers", "reports", "previews", "marks", "letters", "logs", "messages")
    },
    "surface": surface,
    "annotations": spelling,
}


def changes(file: Path, now: object, *, rewrite: bool) -> str:
    """How something differs from a golden file, which can be written anew first."""
    text = f"{rendered(now)}\n"
    if rewrite:
        file.write_text(text, "utf-8")
    before, after = [each.splitlines(keepends=True) for each in (file.read_text("utf-8"), text)]
    return "".join(unified_diff(before, after, file.name))


def rendered(value: Any, indent: str = "") -> str:
    """JSON, on one line where it fits."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or len(indent + line) <= WIDTH:
        return line
    inner = f"{indent}  "
    if isinstance(value, dict):
        members = [f"{json.dumps(name)}: {rendered(member, inner)}" for name, member in value.items()]
    else:
        members = [rendered(member, inner) for member in value]
    inside = f",\n{inner}".join(members)
    return f"{line[0]}\n{inner}{inside}\n{indent}{line[-1]}"


def changes_of(name: str, now: object) -> str:
    return changes(FOLDER / f"{name}.json", now, rewrite=os.environ.get("DDBEVENTS_GOLDEN") == "write")


def exit_code(command: str, monkeypatch: pytest.MonkeyPatch) -> object:
    """Run the installed command in this process."""
    [script] = entry_points(group="console_scripts", name="ddbevents")
    monkeypatch.setattr("sys.argv", ["ddbevents", *command.split()])
    with pytest.raises(SystemExit) as exited:
        script.load()()
    return exited.value.code


def synopsis(text: str) -> list[str]:
    """The arguments and options of a command, from its help."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    [usage] = re.findall(r"Usage: .*\[OPTIONS\] (.*)", plain)
    return [*re.findall(r"\b[A-Z]+\b", usage), *sorted(set(re.findall(r"(?<![\w-])--[a-z-]+", plain)))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, where commands find their files and keep their marks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])  # loading a target adds to it
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


@pytest.mark.parametrize("name", PARTS)
def test_what_users_see_is_the_same(name: str) -> None:
    difference = changes_of(name, PARTS[name]())

    assert not difference, difference


def test_exit_codes_are_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = {command: exit_code(command, monkeypatch) for command in COMMANDS}
    difference = changes_of("exit_codes", codes)

    assert not difference, difference


NAMES: Final = (
    "backfill",
    "check",
    "dev",
    "filters",
    "invoke",
    "package",
    "policy",
    "redrive",
    "tail",
    "template",
)


@pytest.mark.parametrize("name", NAMES)
def test_options_are_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code(f"{name} --help", monkeypatch)
    difference = changes_of(f"options_of_{name}", synopsis(capsys.readouterr().out))

    assert not difference, difference


def test_files_of_invoke_are_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exit_code(f"invoke {GIVING_UP} failing.json", monkeypatch)

    assert {"letters.jsonl", "marks.sqlite3"} <= {file.name for file in (folder / ".ddbevents").iterdir()}


def test_a_letter_is_written_the_same() -> None:
    text = (FOLDER / "letter.json").read_text("utf-8")

    assert f"{letter_to_json(OLD)}\n" == text


@pytest.mark.parametrize("name", ["letter", "compressed_letter"])
def test_old_letters_are_still_read(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text("utf-8")

    assert letter_from_json(text) == OLD


def test_a_change_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "marks.json"

    assert changes(file, ["users#welcome#1"], rewrite=True) == ""
    assert '+["users#greet#1"]' in changes(file, ["users#greet#1"], rewrite=False)
