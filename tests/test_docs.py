"""The samples of the documentation fit together."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
}
FUNCTIONS = {
    f"{page} {place}": block
    for page, text in PAGES.items()
    for place, block in enumerate(re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    if "AWS::Serverless::Function" in block and "HandledEvents.Arn" in block
}


@pytest.mark.parametrize("page", PAGES)
def test_the_environment_names_the_table(page: str) -> None:
    """A template makes the name up, so a name in the code would be of no table."""
    assert re.findall(r"DynamoDBStore\(\"|DynamoDBPersistenceLayer\(\"|table_name=\"", PAGES[page]) == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_template_names_the_table(function: str) -> None:
    assert "IDEMPOTENCY_TABLE: !Ref HandledEvents" in FUNCTIONS[function]


@pytest.mark.parametrize("page", PAGES)
def test_samples_of_json_are_json(page: str) -> None:
    blocks = re.findall(r"^```json\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL)

    assert all(map(json.loads, blocks))


def test_no_template_chooses_the_name() -> None:
    assert [page for page, text in PAGES.items() if "TableName: handled-events" in text] == []
