"""The map in the docs is the one that import-linter holds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_map_is_the_contract() -> None:
    page = (ROOT / "docs" / "explanation" / "design.md").read_text()
    rows = re.findall(r"^\| (`.+?`) \|", page, re.MULTILINE)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract["type"] == "layers"]

    assert [set(re.findall(r"\w+", row)) for row in rows] == [
        set(re.findall(r"(?<!\()\b\w+", layer))
        for layer in layers  # what stands in () is still to be built
    ]


def test_rooms_at_the_root_are_few() -> None:
    package = ROOT / "ddbevents"
    private = {path.stem for path in package.iterdir() if re.fullmatch(r"_[a-z]\w*(\.py)?", path.name)}

    assert len(private) <= 15
