"""The public names of the test kit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ddbevents.testing
from tests.test_imports import modules_after

REFERENCE = Path(__file__).parent.parent / "docs" / "reference" / "testing.md"


@pytest.mark.parametrize("name", ddbevents.testing.__all__)
def test_every_name_is_documented(name: str) -> None:
    assert hasattr(ddbevents.testing, name)
    assert re.search(rf"\b{name}\b", REFERENCE.read_text())


def test_the_test_kit_is_light() -> None:
    loaded = modules_after("import ddbevents.testing")

    assert loaded.isdisjoint({"boto3", "botocore", "pytest", "aws_lambda_powertools", "hypothesis"})


def test_the_library_loads_no_test_kit() -> None:
    loaded = modules_after("import ddbevents")

    assert {name for name in loaded if name.startswith("ddbevents.testing")} == set()
