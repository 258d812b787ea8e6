"""TARGET, the argument that names an app."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ddbevents.dead_letters import JsonLinesFile
from tests.command_line import Run, command, current_folder, lines
from tests.letters import letter

APP = """
from ddbevents import StreamApp

print("imported", __name__)
app = StreamApp()
other = StreamApp()
number = 3


@other.on_insert(dict)
@app.on_insert(dict)
def welcome(change): ...
"""
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
        Path("event.json").write_text('{"Records": []}', "utf-8")
        yield tmp_path


def imported(target: str) -> list[str]:
    """Return the names of the modules that were imported with a target."""
    run = command("invoke")(target, "event.json")
    assert (run.code, run.err) == (0, "")
    return [line.split()[-1] for line in lines(run) if line.startswith("│ imported ")]


def refusal(target: str) -> str:
    run = command("invoke")(target, "event.json")
    assert run.code == 2
    return run.err.removeprefix("error: ").removesuffix("\n")


def test_a_file_is_named_by_its_stem() -> None:
    assert imported("shop.py:app") == ["shop"]


def test_a_file_finds_its_neighbours(folder: Path) -> None:
    (folder / "parts").mkdir()
    (folder / "parts" / "neighbour_of_app.py").write_text(APP, "utf-8")
    (folder / "parts" / "main_app.py").write_text("from neighbour_of_app import app", "utf-8")

    assert imported("parts/main_app.py:app") == ["neighbour_of_app"]


def test_a_module_is_found_here() -> None:
    assert imported("shop:other") == ["shop"]


def test_a_module_of_a_package_is_found(folder: Path) -> None:
    (folder / "shops").mkdir()
    (folder / "shops" / "corner.py").write_text(APP, "utf-8")

    assert imported("shops.corner:app") == ["shops.corner"]


@pytest.mark.parametrize("target", [":app", ""])
def test_a_target_names_a_module(target: str) -> None:
    problem = f"TARGET has to be module:app or path/to/file.py:app; {target!r} names no module"

    assert refusal(target) == problem


@pytest.mark.parametrize("target", ["corner", "corner.py", "corner.py:", "./corner.py"])
def test_the_only_app_is_taken(target: str) -> None:
    Path("corner.py").write_text("from shop import app\nlambda_handler = app", "utf-8")

    assert imported(target) == ["shop"]


@pytest.mark.parametrize(
    ("target", "place"), [("shop", "shop"), ("shop.py", "shop.py"), ("shop.py:", "shop.py")]
)
def test_one_of_several_apps_is_named(target: str, place: str) -> None:
    problem = f"{place} has several apps: app, other; name one, as in {place}:app"

    assert refusal(target) == problem


def test_a_module_without_an_app_is_refused() -> None:
    Path("empty_shop.py").write_text("app = None", "utf-8")

    assert refusal("empty_shop.py") == (
        "empty_shop.py has no app: name the module or file that has one, or write"
        ' app = StreamApp("orders") at the level of the module'
    )


@pytest.mark.parametrize(
    "target", ["event.json", "./event.json", "event.json:app", "letters.jsonl", "s3://bucket/letters"]
)
def test_the_app_comes_first(target: str) -> None:
    assert refusal(target) == (
        f"{target} is no app: the app comes first, as in app.py:app, and then {target}"
    )


def test_target_and_event_are_not_swapped() -> None:
    run = command("invoke")("event.json", "shop.py:app")

    assert run == Run(
        2, "", "error: event.json is no app: the app comes first, as in app.py:app, and then event.json\n"
    )


def test_target_and_source_are_not_swapped() -> None:
    run = command("redrive")("letters.jsonl", "shop.py:app")

    assert run == Run(
        2,
        "",
        "error: letters.jsonl is no app: the app comes first, as in app.py:app, and then letters.jsonl\n",
    )


@pytest.mark.parametrize("file", ["missing.py", "parts/shop", "parts\\shop"])
def test_a_missing_file_is_refused(file: str) -> None:
    assert refusal(f"{file}:app") == f"there is no file {file}"


@pytest.mark.parametrize("target", ["parts/", "./parts", "parts/:app"])
def test_a_folder_is_no_target(folder: Path, target: str) -> None:
    (folder / "parts").mkdir()

    problem = f"parts is a folder: name the file with the app in it, as in {Path('parts/app.py')}:app"

    assert refusal(target) == problem


def test_a_file_has_to_be_python(folder: Path) -> None:
    (folder / "shop.txt").write_text("{}", "utf-8")

    problem = refusal("./shop.txt:app")

    assert problem == "shop.txt cannot be imported: ImportError: it is not a Python file"


@pytest.mark.parametrize(
    ("module", "missing"),
    [
        ("no_such_module", "no_such_module"),
        ("no_such_module.app", "no_such_module"),
        ("shop.app", "shop.app"),
    ],
)
def test_a_missing_module_is_refused(module: str, missing: str) -> None:
    problem = f"there is no module {missing} in the current folder or on Python's search path"

    assert refusal(f"{module}:app") == problem


@pytest.mark.parametrize("target", ["shop.py:missing", "shop:missing"])
def test_an_unknown_app_is_refused(target: str) -> None:
    place = target.partition(":")[0]

    assert refusal(target) == f"{place} has no missing; its apps are: app, other"


def test_an_attribute_has_to_be_an_app() -> None:
    problem = "number in shop is of type int, not a StreamApp; its apps are: app, other"

    assert refusal("shop:number") == problem


def test_a_module_has_to_have_an_app(folder: Path) -> None:
    (folder / "empty_shop.py").write_text("app = None", "utf-8")

    problem = refusal("empty_shop:app")

    assert problem == (
        "app in empty_shop is of type NoneType, not a StreamApp; it has no app: write"
        ' app = StreamApp("orders") at the level of the module'
    )


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module' (at {file}:1)"),
        ("def f():\n    1 / 0\n\nf()", "ZeroDivisionError: division by zero (at {file}:4)"),
        ("import sys\nsys.exit('bye')", "SystemExit: bye (at {file}:2)"),
        (
            "import os\nos.environ['NO_TABLE']",
            "the environment variable NO_TABLE is not set: set it, and run the command again (at {file}:2)",
        ),
        ("{}['no_such_key']", "KeyError: 'no_such_key' (at {file}:1)"),
        ("x = (", "SyntaxError: '(' was never closed (broken_shop.py, line 1)"),
    ],
    ids=["missing dependency", "exception", "exit", "environment", "key", "syntax"],
)
def test_a_failing_import_is_located(folder: Path, source: str, problem: str) -> None:
    file = folder / "broken_shop.py"
    file.write_text(source, "utf-8")

    message = refusal("broken_shop.py:app")

    assert message == f"broken_shop.py cannot be imported: {problem.format(file=file)}"


def test_a_wrong_handler_is_located(folder: Path) -> None:
    file = folder / "broken_shop.py"
    file.write_text(WRONG_HANDLER, "utf-8")

    message = refusal("broken_shop:app")

    assert message.startswith("broken_shop cannot be imported: ConfigurationError: broken_shop.handler takes")
    assert message.endswith(f"(at {file}:6)")


@pytest.fixture
def package(folder: Path) -> Path:
    """A package `shops` with the modules `corner` and `market.stall`."""
    (folder / "shops" / "market").mkdir(parents=True)
    (folder / "shops" / "__init__.py").write_text(APP, "utf-8")
    (folder / "shops" / "corner.py").write_text(APP, "utf-8")
    (folder / "shops" / "market" / "stall.py").write_text(APP, "utf-8")
    return folder / "shops"


def redrive_advice(target: str, handler: str) -> str:
    """Redrive a dead letter of a handler, and return the last line."""
    JsonLinesFile("letters.jsonl").send(letter(handler=handler))
    run = command("redrive")(target, "letters.jsonl", "--store", "memory")
    return lines(run)[-1]


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("target", "handler", "other"),
    [
        ("shops.corner:other", "corner.welcome", "shops/corner.py:other"),
        ("shops/corner.py:app", "shops.corner.welcome", "shops.corner:app"),
        ("shops.market.stall:app", "market.stall.welcome", "market.stall:app"),
        ("shops/__init__.py:app", "shops.welcome", "shops:app"),
    ],
)
def test_another_target_is_named(target: str, handler: str, other: str) -> None:
    assert redrive_advice(target, handler).startswith(f"did you mean TARGET {other}? ")


@pytest.mark.usefixtures("package")
def test_a_lost_handler_has_no_target() -> None:
    assert "did you mean" not in redrive_advice("shops.corner:app", "kiosk.welcome")


def test_a_distant_target_has_its_path(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(package.parent)  # as if the package were installed
    monkeypatch.chdir(package / "market")  # where the command runs

    advice = redrive_advice("shops.corner:app", "corner.welcome")

    assert advice.startswith(f"did you mean TARGET {package / 'corner.py'}:app? ")


RELATIVE = " has a relative import, which works in a module only: name it as "


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("target", "module"),
    [
        ("shops/kiosk.py:other", "shops.kiosk:other"),
        ("shops/kiosk.py", "shops.kiosk:app"),
        ("./shops/market/kiosk.py:app", "shops.market.kiosk:app"),
        ("shops/market/__init__.py:app", "shops.market:app"),
    ],
)
def test_a_relative_import_needs_a_module(folder: Path, target: str, module: str) -> None:
    file = folder / target.partition(":")[0]
    (folder / "shops" / "market" / "__init__.py").touch()
    file.write_text(f"from .corner import app\n{APP}", "utf-8")
    (file.parent / "corner.py").write_text(APP, "utf-8")

    assert refusal(target) == f"{Path(target.partition(':')[0])}{RELATIVE}{module}"
    assert len(imported(module)) >= 2


def test_a_module_is_named_where_it_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "kiosk.py").write_text("from . import shop", "utf-8")
    monkeypatch.chdir("/")

    run = command("invoke")(folder / "kiosk.py", folder / "event.json")

    assert run.err == (
        f"error: {folder / 'kiosk.py'}{RELATIVE}{folder.name}.kiosk:app in the folder {folder.parent}\n"
    )


def test_other_import_errors_are_their_own() -> None:
    Path("kiosk.py").write_text("from shop import missing", "utf-8")

    assert refusal("kiosk.py:app").startswith("kiosk.py cannot be imported: ImportError: cannot import name")
