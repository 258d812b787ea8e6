"""The front door: every name in it exists and is documented, and nothing else is public."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

import ddbevents
import ddbevents.dead_letters
import ddbevents.deploy
import ddbevents.emf
import ddbevents.opentelemetry
import ddbevents.powertools
import ddbevents.sources
import ddbevents.stores
import ddbevents.testing
from ddbevents import DDBEventsError

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"


@pytest.mark.parametrize(
    "module", [ddbevents, ddbevents.dead_letters, ddbevents.deploy, ddbevents.sources, ddbevents.stores]
)
def test_every_public_name_exists(module: object) -> None:
    names: list[str] = module.__all__  # type: ignore[attr-defined]  # of a module

    assert names == sorted(names)
    assert [name for name in names if not hasattr(module, name)] == []


def test_other_names_are_no_sources() -> None:
    assert not hasattr(ddbevents.sources, "table")


def test_nothing_else_is_public() -> None:
    public = {name for name in vars(ddbevents) if not name.startswith("_")}

    assert public - set(ddbevents.__all__) <= {
        "cli",
        "dead_letters",
        "deploy",
        "emf",
        "opentelemetry",
        "powertools",
        "sources",
        "stores",
        "testing",
    }


@pytest.mark.parametrize(
    "name",
    ddbevents.__all__ + ddbevents.dead_letters.__all__ + ddbevents.sources.__all__ + ddbevents.stores.__all__,
)
def test_public_names_are_documented(name: str) -> None:
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))

    assert re.search(rf"\b{name}\b", pages)


MODULES = (
    ddbevents,
    ddbevents.stores,
    ddbevents.dead_letters,
    ddbevents.deploy,
    ddbevents.sources,
    ddbevents.emf,
    ddbevents.opentelemetry,
    ddbevents.powertools,
    ddbevents.testing,
)
NAMES = [(module, name) for module in MODULES for name in module.__all__]


@pytest.mark.parametrize(
    ("module", "name"), NAMES, ids=[f"{module.__name__}.{name}" for module, name in NAMES]
)
def test_the_reference_lists_every_name(module: ModuleType, name: str) -> None:
    """On a site that shows the source of the pages, nothing else says what there is."""
    index = (REFERENCE / "index.md").read_text("utf-8").partition(f"## Names of `{module.__name__}`\n")[2]
    rows = re.findall(r"^\| \[`(\w+)`\]\((.*?)\.md\) \| (.+?) \|$", index.partition("\n## ")[0], re.MULTILINE)
    [(page, line)] = [(page, line) for listed, page, line in rows if listed == name]

    assert re.search(rf"\b{name}\b", (REFERENCE / f"{page}.md").read_text("utf-8"))
    assert line.replace("\\|", "|") in first_paragraph(getattr(module, name), line)


def first_paragraph(value: object, line: str) -> str:
    """Return what a docstring begins with; the line itself for what has none."""
    has_own = inspect.isclass(value) or inspect.isfunction(value)
    return " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split()) if has_own else line


def test_errors_are_documented() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text()
    documented = set(re.findall(r"^#+ `?(\w+Error)`?$", page, re.MULTILINE))

    assert documented == {name for name in ddbevents.__all__ if name.endswith("Error")}


def test_errors_share_one_base() -> None:
    errors = [
        value for value in vars(ddbevents).values() if inspect.isclass(value) and issubclass(value, Exception)
    ]

    assert len(errors) > 5
    assert all(issubclass(error, DDBEventsError) for error in errors)
