"""The pytest plugin: fixtures, and reports and histories as tables in failed tests.

It stands beside the package, not in it: pytest imports a plugin in every run, and a module of the package
would load pydantic first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # an import here would slow down every run of pytest, even one without a stream
    from ddbevents.stores import MemoryStore
    from ddbevents.testing import EventSourceMapping, VirtualClock


@pytest.fixture
def ddbevents_clock() -> VirtualClock:
    """Return a clock that stands still, which the other two fixtures share."""
    from ddbevents.testing import VirtualClock  # noqa: PLC0415  # see above

    return VirtualClock()


@pytest.fixture
def ddbevents_store(ddbevents_clock: VirtualClock) -> MemoryStore:
    """Return a store in memory at that clock."""
    from ddbevents.stores import MemoryStore  # noqa: PLC0415  # see above

    return MemoryStore(clock=ddbevents_clock)


@pytest.fixture
def ddbevents_mapping(ddbevents_clock: VirtualClock) -> Callable[..., EventSourceMapping]:
    """Return a function that makes event source mappings at that clock."""
    from ddbevents.testing import EventSourceMapping  # noqa: PLC0415  # see above

    return partial(EventSourceMapping, clock=ddbevents_clock)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show reports and histories that a failed `assert` compares as tables."""
    if "ddbevents._engine" not in sys.modules:
        return None
    from ddbevents.testing._summaries import title  # noqa: PLC0415  # see above

    lines = [*_lines_of(left), *_lines_of(right)]
    try:
        return [f"{title(left)} {op} {title(right)}", *lines] if lines else None
    except Exception:  # noqa: BLE001  # the repr of a user's object may raise
        return lines


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the reports, mappings and histories in the variables of a failed test."""
    report = yield
    if report.failed and call.excinfo is not None and "ddbevents._engine" in sys.modules:
        for name, value in {**_variables(item, call.excinfo), "the error": call.excinfo.value}.items():
            lines = _lines_of(value)
            if lines:
                report.sections.append((f"ddbevents: {name}", "\n".join(lines)))
    return report


def _lines_of(value: object) -> list[str]:
    from ddbevents.testing._summaries import summary  # noqa: PLC0415  # see above

    try:
        return summary(getattr(value, "history", value))
    except Exception:  # noqa: BLE001  # a user's object may raise, and showing it must not end the test run
        return []


def _variables(item: pytest.Item, error: pytest.ExceptionInfo[BaseException]) -> dict[str, object]:
    """Return the variables of the test's own frame, without those that pytest adds."""
    frames = [entry.frame for entry in error.traceback if entry.path == item.path]
    found = frames[0].f_locals if frames else {}
    return {name: value for name, value in found.items() if name.isidentifier()}
