"""Runs the Python blocks of the README and of the docs as tests, one namespace a page."""

import pytest
from sybil import Sybil
from sybil.integration.pytest import SybilItem
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
).pytest()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests run in random order, but the blocks of a page build on each other."""
    blocks = [item for item in items if isinstance(item, SybilItem)]
    tests = [item for item in items if not isinstance(item, SybilItem)]
    items[:] = sorted(blocks, key=lambda block: (block.path, block.example.start)) + tests
