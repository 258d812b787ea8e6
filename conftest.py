"""Runs the Python blocks of the README and of the docs as tests, one namespace a page."""

import gc
import os
from typing import Any

import pytest
from sybil import Sybil
from sybil.integration.pytest import SybilItem
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

# as a function's environment names them
os.environ.setdefault("IDEMPOTENCY_TABLE", "handled-events")
os.environ.setdefault(
    "DEAD_LETTER_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/123456789012/dead-letters"
)
os.environ.setdefault(
    "STREAM_ARN", "arn:aws:dynamodb:eu-central-1:123456789012:table/Users/stream/2026-11-23T09:00:00.000"
)

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
).pytest()


@pytest.hookimpl(optionalhook=True)  # without pytest-xdist there is no such hook
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Give all workers one hash seed, so that the names of sets in test ids are the same in each of them.

    It is the seed of the tests' order, which pytest shows. Workers also get a minute to end: one that is
    killed loses its coverage, and 10 seconds are too few on a busy machine.
    """
    os.environ.setdefault("PYTHONHASHSEED", str(config.getoption("randomly_seed", 0)))
    distribution: Any = config.pluginmanager.get_plugin("dsession")
    distribution.nodemanager.EXIT_TIMEOUT = 60


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run one worker more than there are cores, since some tests wait for time to pass.

    The tests of a single file run in this process, since a file's tests stay together anyway.
    """
    files = {argument.partition("::")[0] for argument in config.args}
    is_one_file = len(files) == 1 and files.pop().endswith((".py", ".md"))
    return 0 if is_one_file else (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests run in random order, but the blocks of a page build on each other."""
    blocks = [item for item in items if isinstance(item, SybilItem)]
    tests = [item for item in items if not isinstance(item, SybilItem)]
    items[:] = sorted(blocks, key=lambda block: (block.path, block.example.start)) + tests


def pytest_collection_finish() -> None:
    """Keep the garbage collector away from what collection made: each full collection would look at it.

    Full collections are rarer too, since most of what they look at lives as long as the tests.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, 100)
