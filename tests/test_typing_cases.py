"""The files that mypy and pyright read are those that the table makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.typing_cases import GENERATED


def test_the_generated_files_are_up_to_date(tmp_path: Path) -> None:
    tmp_path.joinpath("outdated.py").touch()

    subprocess.run(
        [sys.executable, "-m", "tests.typing_cases", tmp_path], cwd=GENERATED.parents[2], check=True
    )

    assert contents(GENERATED) == contents(tmp_path), "run `python -m tests.typing_cases`"


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.glob("*.py")}
