"""No filter drops a record that a handler takes or fails on: random apps, and faults planted to be found."""

from __future__ import annotations

import shutil
import sys
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

import pytest

from ddbevents import Router
from ddbevents.deploy import _filters  # faults are planted there
from tests.campaigns import size
from tests.filters_random import DECORATORS, MakeFilter, findings

APPS: Final = size(short=25, full=1_000, long=20_000)
SHARP: Final = (8, 25, 26, 83, 88, 89, 126, 187, 239, 300, 380, 404, 441)
"""Apps, one of which finds each planted fault with a few records."""


class Fault(NamedTuple):
    """A mistake in the making of filters.

    Attributes:
        name: What is wrong.
        module: The module that it is in.
        before: A text of the module's source.
        after: The text that makes the mistake.
    """

    name: str
    module: str
    before: str
    after: str


FAULTS: Final = (
    Fault(
        "ne needs the attribute", "_expressing", "other_than(map(str, known)), ABSENT)", "other_than(known),)"
    ),
    Fault(
        "false needs the attribute",
        "_expressing",
        "if each not in known), ABSENT)",
        "if each not in known),)",
    ),
    Fault(
        "dots are no matter", "_expressing", 'is_sure = len(path) == 1 and "." not in', "is_sure = path or"
    ),
    Fault("numbers by any text", "_expressing", "return str(whole)", "return str(number)"),
    Fault("bytes are cut anywhere", "_expressing", "len(content) // 3 * 3", "len(content)"),
    Fault("optional fields are required", "_expressing", "(*wanted[tag], ABSENT)", "wanted[tag]"),
    Fault("one name is enough", "_expressing", "for path in field.paths:", "for path in field.paths[:1]:"),
    Fault("places are names", "_expressing", "if any(isinstance(part, int) for part in path)", "if not path"),
    Fault("not all is all not", "_expressing", '(junction == "and") != negated', 'junction == "and"'),
    Fault("a prefix is the only value", "_expressing", '(*wanted.get("S", ()), *begins)', "tuple(begins)"),
    Fault("lists are absent", "_expressing", "EXISTS if tag in _LEAF_TAGS else None", "EXISTS"),
    Fault("the new image decides", "_selecting", "selection.form.sees(kind)", '"NewImage"'),
    Fault("any stream has the image", "_selecting", "if place not in carried", "if not carried"),
    Fault(
        "last states are new",
        "_selecting",
        '["NewImage", "OldImage"]\n        return',
        '["NewImage"]\n        return',
    ),
    Fault("keys have all fields", "_selecting", "field._replace(required=False)", "field"),
    Fault(
        "only services remove", "_selecting", "(other_than([_SERVICE]), ABSENT)", "(other_than([_SERVICE]),)"
    ),
    Fault("handlers name their table", "_criteria", "in (None, table)", "== table"),
    Fault("choices are lost", "_packing", "groups[place].append(branch)", "groups[place][-1] = branch"),
    Fault("the quota cuts", "_packing", "groups if len(groups) <= quota else None", "groups[:quota]"),
    Fault("any leaf is enough", "_branches", "return all(leaf in inner and", "return any(leaf in inner and"),
    Fault("the later leaf decides", "_branches", "intersection(one[leaf], other[leaf])", "one[leaf][:1]"),
)


@pytest.mark.timeout(10_000)
def test_no_wanted_record_is_dropped() -> None:
    assert [*islice(findings(range(APPS)), 3)] == []


def test_the_apps_have_every_decorator() -> None:
    """A stream delivers no snapshots."""
    assert {name for name in vars(Router) if name.startswith("on_")} - {"on_snapshot"} == {*DECORATORS}


@pytest.fixture
def faulty(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeFilter:
    fault: Fault = request.param
    name = _filters.__name__
    folder = shutil.copytree(Path(str(_filters.__file__)).parent, tmp_path / "filters")
    path = folder / f"{fault.module}.py"
    source = path.read_text("utf-8")
    assert source.count(fault.before) == 1
    path.write_text(source.replace(fault.before, fault.after), "utf-8")
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    for each in [each for each in sys.modules if f"{each}.".startswith(f"{name}.")]:
        monkeypatch.delitem(sys.modules, each)  # a copy takes its place until the test ends
    monkeypatch.setitem(sys.modules, name, package)
    make: MakeFilter = import_module(f"{name}._criteria").filter_criteria
    return make


@pytest.mark.parametrize("faulty", FAULTS, ids=lambda fault: fault.name, indirect=True)
def test_a_planted_fault_is_found(faulty: MakeFilter) -> None:
    assert [*islice(findings(SHARP, faulty, records=12), 1)]
