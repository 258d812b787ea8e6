from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ddbevents.cli._errors import CommandError
from ddbevents.cli._target import load_target
from tests.command_line import current_folder

APP = "from ddbevents import StreamApp\n\napp = StreamApp()\nother = StreamApp()\nnumber = 3\n"
WRONG_HANDLER = """
from ddbevents import StreamApp

app = StreamApp()

@app.on_insert(dict)
def handler(change, transaction, context): ...
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with current_folder(tmp_path, monkeypatch):
        Path("shop.py").write_text(APP, "utf-8")
        yield tmp_path


def refusal(target: str) -> str:
    with pytest.raises(CommandError) as caught:
        load_target(target)
    return str(caught.value)


def test_a_file_is_imported_under_its_stem() -> None:
    target = load_target("shop.py:app")

    assert target.module == "shop"
    assert target.app is sys.modules["shop"].app


def test_a_file_finds_the_modules_beside_it(folder: Path) -> None:
    (folder / "parts").mkdir()
    (folder / "parts" / "neighbour_of_app.py").write_text(APP, "utf-8")
    (folder / "parts" / "main_app.py").write_text("from neighbour_of_app import app", "utf-8")

    target = load_target("parts/main_app.py:app")

    assert target.app is sys.modules["neighbour_of_app"].app


def test_a_module_of_the_current_folder_is_imported() -> None:
    assert load_target("shop:other").module == "shop"


def test_a_module_of_a_package_is_imported(folder: Path) -> None:
    (folder / "shops").mkdir()
    (folder / "shops" / "corner.py").write_text(APP, "utf-8")

    assert load_target("shops.corner:app").module == "shops.corner"


@pytest.mark.parametrize("target", ["shop", "shop.py", ":app", "shop.py:", ""])
def test_a_target_names_a_module_and_an_app(target: str) -> None:
    assert refusal(target) == f"TARGET is module:app or path/to/file.py:app, and {target!r} names no app"


@pytest.mark.parametrize("file", ["missing.py", "parts/shop", "parts\\shop"])
def test_a_file_has_to_be_there(file: str) -> None:
    assert refusal(f"{file}:app") == f"there is no file {file}"


def test_a_file_has_to_be_python(folder: Path) -> None:
    (folder / "shop.json").write_text("{}", "utf-8")

    assert refusal("./shop.json:app") == "shop.json cannot be imported: ImportError: it is no Python file"


@pytest.mark.parametrize("module", ["no_such_module", "no_such_module.app", "shop.app"])
def test_a_module_has_to_be_there(module: str) -> None:
    assert refusal(f"{module}:app").startswith("there is no module ")


@pytest.mark.parametrize("target", ["shop.py:missing", "shop:missing"])
def test_an_unknown_attribute_is_answered_with_the_apps(target: str) -> None:
    place = target.partition(":")[0]

    assert refusal(target) == f"{place} has no missing; its apps: app, other"


def test_an_attribute_has_to_be_an_app() -> None:
    assert refusal("shop:number") == "shop:number is of type int, not a StreamApp; its apps: app, other"


def test_a_module_without_apps_says_so(folder: Path) -> None:
    (folder / "empty_shop.py").write_text("app = None", "utf-8")

    problem = refusal("empty_shop:app")

    assert problem == "empty_shop:app is of type NoneType, not a StreamApp; and no other app"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module' (at {file}:1)"),
        ("def f():\n    1 / 0\n\nf()", "ZeroDivisionError: division by zero (at {file}:4)"),
        ("import sys\nsys.exit('bye')", "SystemExit: bye (at {file}:2)"),
        ("x = (", "SyntaxError: '(' was never closed (broken_shop.py, line 1)"),
    ],
    ids=["missing dependency", "exception", "exit", "syntax"],
)
def test_what_an_import_raises_is_told_with_its_place(folder: Path, source: str, problem: str) -> None:
    file = folder / "broken_shop.py"
    file.write_text(source, "utf-8")

    told = refusal("broken_shop.py:app")

    assert told == f"broken_shop.py cannot be imported: {problem.format(file=file)}"


def test_a_wrong_handler_is_told_with_the_line_of_the_user(folder: Path) -> None:
    file = folder / "broken_shop.py"
    file.write_text(WRONG_HANDLER, "utf-8")

    told = refusal("broken_shop:app")

    assert told.startswith("broken_shop cannot be imported: ConfigurationError: broken_shop.handler takes")
    assert told.endswith(f"(at {file}:6)")


@pytest.fixture
def package(folder: Path) -> Path:
    """A package `shops` with the modules `corner` and `market.stall`."""
    (folder / "shops" / "market").mkdir(parents=True)
    (folder / "shops" / "__init__.py").write_text(APP, "utf-8")
    (folder / "shops" / "corner.py").write_text(APP, "utf-8")
    (folder / "shops" / "market" / "stall.py").write_text(APP, "utf-8")
    return folder / "shops"


@pytest.mark.parametrize(
    ("target", "module", "named"),
    [
        ("shops.corner:other", "corner", "shops/corner.py:other"),
        ("shops/corner.py:app", "shops.corner", "shops.corner:app"),
        ("shops.market.stall:app", "market.stall", "market.stall:app"),
        ("shops:app", "shops", "shops:app"),
        ("shops.corner:app", "kiosk", None),
    ],
)
def test_a_target_can_be_said_with_another_name_of_its_module(
    package: Path, target: str, module: str, named: str | None
) -> None:
    assert load_target(target).named(module) == named


def test_a_target_outside_the_current_folder_has_its_whole_path(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = load_target("shops.corner:app")
    monkeypatch.chdir(package / "market")  # where a command runs

    assert target.named("corner") == f"{package / 'corner.py'}:app"
