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

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}


def count(*arguments: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks/instructions.py"), *arguments]
    environment = {**ENVIRONMENT, "PATH": path}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_missing_valgrind_is_named(tmp_path: Path) -> None:
    done = count("--only", "decode-flat", path=str(tmp_path))

    assert done.returncode == 2
    assert "valgrind, which is not installed" in done.stderr
    assert "apt install valgrind" in done.stderr
    assert "brew install valgrind" in done.stderr


def test_unknown_workloads_are_refused() -> None:
    done = count("--only", "decode-flat,decode-round")

    assert done.returncode == 2
    assert "no workload is called decode-round: choose from decode-full, " in done.stderr


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_instructions_are_counted(tmp_path: Path) -> None:
    saved = tmp_path / "counts.json"

    done = count("--only", "decode-flat", "--json", str(saved))

    assert done.returncode == 0, done.stderr
    assert "(decode-flat) decode, flat model: 10 texts" in done.stdout
    counts = json.loads(saved.read_text())
    assert counts["unit"] == "instructions"
    figures = counts["workloads"]["decode-flat"]["figures"]
    assert figures[LIMIT] > 1_000
    assert 0.2 < figures[OURS] / figures[LIMIT] < 5


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
