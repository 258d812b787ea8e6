"""The benchmarks count what they say, and say what they lack."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.targets import LIMIT, OURS, Target
from tests.campaigns import size

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}


def run(script: str, *arguments: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    environment = {**ENVIRONMENT, "PATH": path}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_missing_valgrind_is_named(tmp_path: Path) -> None:
    done = run("instructions.py", "--only", "decode-flat", path=str(tmp_path))

    assert done.returncode == 2
    assert "valgrind, which is not installed" in done.stderr
    assert "apt install valgrind" in done.stderr
    assert "brew install valgrind" in done.stderr


def test_unknown_cases_are_refused() -> None:
    done = run("instructions.py", "--only", "decode-flat,decode-round")

    assert done.returncode == 2
    assert "no case is called decode-round: choose from decode-full, " in done.stderr


@pytest.mark.skipif(
    size(short=0, full=1, long=1) == 0, reason="DDBEVENTS_CAMPAIGNS=full runs it: valgrind is slow"
)
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_instructions_are_counted(tmp_path: Path) -> None:
    saved = tmp_path / "counts.json"

    done = run("instructions.py", "--only", "decode-flat", "--json", str(saved))

    assert done.returncode == 0, done.stderr
    assert "(decode-flat) decode, flat model: 10 texts" in done.stdout
    result = json.loads(saved.read_text())["results"]["decode-flat"]
    assert result["unit"] == "instructions"
    figures = result["figures"]
    assert figures[LIMIT] > 1_000
    assert 0.2 < figures[OURS] / figures[LIMIT] < 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(
    "case", ["decode-full", "encode-full", "batch-1", "modify-100", "entities-100", "store-first", "growth"]
)
def test_cpu_time_is_measured(case: str, tmp_path: Path) -> None:
    saved = tmp_path / "times.json"

    done = run("decoding.py", "--short", "--only", case, "--json", str(saved))

    assert done.returncode == 0, done.stderr
    figures = json.loads(saved.read_text())["results"][case]["figures"]
    assert len(figures) >= 2
    assert min(figures.values()) > 0


def test_instruments_are_measured() -> None:
    done = run("telemetry.py", "--short")

    assert done.returncode == 0, done.stderr
    assert "| none | " in done.stdout
    assert done.stdout.count("\n| ") == 11


@pytest.mark.parametrize(
    ("target", "ratio", "verdict"),
    [
        pytest.param(Target("<=", 1.4), 1.4, "<= 1.4 met", id="just low enough"),
        pytest.param(Target("<=", 1.4), 1.41, "<= 1.4 MISSED", id="too high"),
        pytest.param(Target(">=", 3), 3, ">= 3 met", id="just high enough"),
        pytest.param(Target(">=", 3), 2.99, ">= 3 MISSED", id="too low"),
    ],
)
def test_a_target_judges_a_ratio(target: Target, ratio: float, verdict: str) -> None:
    assert target.verdict(ratio) == verdict
