"""The pytest plugin: fixtures, and tables of what batches came to where a test fails.

It stands beside the package and not in it: pytest imports a plugin in every run, and whatever is in the
package loads pydantic first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # here an import costs each run of pytest, also those without a stream
    from ddbevents.stores import MemoryStore
    from ddbevents.testing import EventSourceMapping, VirtualClock


@pytest.fixture
def ddbevents_clock() -> VirtualClock:
    """A clock that stands still, shared by the other two fixtures."""
    from ddbevents.testing import VirtualClock  # noqa: PLC0415  # see above

    return VirtualClock()


@pytest.fixture
def ddbevents_store(ddbevents_clock: VirtualClock) -> MemoryStore:
    """A store in memory, its time taken from the clock."""
    from ddbevents.stores import MemoryStore  # noqa: PLC0415  # see above

    return MemoryStore(clock=ddbevents_clock)


@pytest.fixture
def ddbevents_mapping(ddbevents_clock: VirtualClock) -> Callable[..., EventSourceMapping]:
    """Makes event source mappings at the clock: takes a Lambda handler, and the settings by name."""
    from ddbevents.testing import EventSourceMapping  # noqa: PLC0415  # see above

    return partial(EventSourceMapping, clock=ddbevents_clock)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show what is compared as tables: the report of a batch, or the history of a mapping."""
    if "ddbevents._engine" not in sys.modules:
        return None
    from ddbevents.testing._tables import title_of  # noqa: PLC0415  # see above

    lines = [*_lines_of(left), *_lines_of(right)]
    try:
        return [f"{title_of(left)} {op} {title_of(right)}", *lines] if lines else None
    except Exception:  # noqa: BLE001  # what is compared may not be able to show itself
        return lines


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the reports, mappings and histories that a failed test has in its variables."""
    report = yield
    if report.failed and call.excinfo is not None and "ddbevents._engine" in sys.modules:
        for name, value in _variables(item, call.excinfo).items():
            lines = _lines_of(value)
            if lines:
                report.sections.append((f"ddbevents: {name}", "\n".join(lines)))
    return report


def _lines_of(value: object) -> list[str]:
    from ddbevents.testing._tables import lines_of  # noqa: PLC0415  # see above

    try:
        return lines_of(getattr(value, "history", value))
    except Exception:  # noqa: BLE001  # any object of a test, and to show it must not end the tests
        return []


def _variables(item: pytest.Item, error: pytest.ExceptionInfo[BaseException]) -> dict[str, object]:
    """Those of the test's own frame, without what pytest adds to them."""
    frames = [entry.frame for entry in error.traceback if entry.path == item.path]
    found = frames[0].f_locals if frames else {}
    return {name: value for name, value in found.items() if name.isidentifier()}
