"""A handler replaces that of an earlier run of its module. Two functions of one name in one file are two."""

from __future__ import annotations

import importlib
import importlib.util
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ddbevents import ConfigurationError, StreamApp
from ddbevents.stores import MemoryStore
from tests.stream import batch, insert, remove, user

Way = Callable[[], object]
EVENT = batch(insert(1, user("a")))

HANDLERS = """
from the_app import app, ran

@app.on_insert(dict)
def first(change): ran.append("first {run}")

@app.on_insert(dict)
def second(change): ran.append("second {run}")
"""
WITH_DECORATORS = """
from the_app import app, ran, logged

class Mailer:
    def send(self, change): ran.append("method {run}")

@app.on_insert(dict)
@logged
def wrapped(change): ran.append("wrapped {run}")

app.on_insert(dict)(Mailer().send)
"""
TWICE_REGISTERED = """
from the_app import app, ran

@app.on_insert(dict)
@app.on_remove(dict)
def both(change): ran.append("both {run}")
"""
TWO_OF_ONE_NAME = """
from the_app import app, ran

@app.on_insert(dict)
def first(change): ran.append("first {run}")

@app.on_remove(dict)
def first(change): ran.append("another {run}")
"""
WITH_ROUTER = """
from ddbevents import Router
from the_app import app, ran

router = Router()

@router.on_insert(dict)
def first(change): ran.append("first {run}")

app.include(router)
"""


def imported() -> object:
    return importlib.import_module("the_handlers")


def imported_anew() -> object:
    sys.modules.pop("the_handlers", None)
    return imported()


def reloaded() -> object:
    return importlib.reload(importlib.import_module("the_handlers"))


def run_as_module() -> object:
    return runpy.run_module("the_handlers")


def run_as_script() -> object:
    spec = importlib.util.find_spec("the_handlers")
    assert spec is not None
    return runpy.run_path(str(spec.origin), run_name="the_handlers")


WAYS: dict[str, tuple[Way, Way]] = {
    "reload": (imported, reloaded),
    "import": (imported, imported_anew),
    "runpy's module": (run_as_module, run_as_module),
    "runpy's path": (run_as_script, run_as_script),
    "import, then runpy's path": (imported, run_as_script),
}
each_way = pytest.mark.parametrize(("run", "again"), WAYS.values(), ids=WAYS.keys())


class Project:
    """An app, and a module beside it that registers handlers."""

    def __init__(self, folder: Path) -> None:
        self.app = StreamApp("users", store=MemoryStore())
        self.ran: list[str] = []
        self.folder = folder

    def write(self, module: str, run: str) -> None:
        importlib.invalidate_caches()
        self.folder.joinpath("the_handlers.py").write_text(module.format(run=run), encoding="utf-8")


def logged(function: Callable[..., None]) -> Callable[..., None]:
    def wrapper(*arguments: Any) -> None:
        function(*arguments)

    wrapper.__wrapped__ = function  # type: ignore[attr-defined]  # as functools.wraps does
    wrapper.__qualname__, wrapper.__module__ = function.__qualname__, function.__module__
    return wrapper


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project whose modules can be imported; patched, since modules are of the whole process."""
    project = Project(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "the_handlers", raising=False)
    monkeypatch.setitem(
        sys.modules, "the_app", SimpleNamespace(app=project.app, ran=project.ran, logged=logged)
    )
    return project


@each_way
def test_the_new_handlers_run(project: Project, run: Way, again: Way) -> None:
    project.write(HANDLERS, "before")
    run()
    project.write(HANDLERS, "after")
    again()

    report = project.app.process(EVENT)

    assert project.ran == ["first after", "second after"]
    assert len(report.records[0].handlers) == 2


@each_way
def test_wrappers_and_methods_too(project: Project, run: Way, again: Way) -> None:
    project.write(WITH_DECORATORS, "before")
    run()
    project.write(WITH_DECORATORS, "after")
    again()

    project.app(EVENT)

    assert project.ran == ["wrapped after", "method after"]


@each_way
def test_included_routers_too(project: Project, run: Way, again: Way) -> None:
    project.write(WITH_ROUTER, "before")
    run()
    project.write(WITH_ROUTER, "after")
    again()

    project.app(EVENT)

    assert project.ran == ["first after"]


@each_way
def test_a_rerun_keeps_its_marks(project: Project, run: Way, again: Way) -> None:
    project.write(HANDLERS, "before")
    run()
    project.app(EVENT)
    project.write(HANDLERS, "after")
    again()

    assert project.app.process(EVENT).already_handled == 1
    assert project.ran == ["first before", "second before"]


def test_a_replaced_handler_keeps_its_place(project: Project) -> None:
    project.write(HANDLERS, "before")
    imported()

    @project.app.on_insert(dict)
    def third(change: object) -> None:
        project.ran.append("third")

    project.write(HANDLERS, "after")
    reloaded()
    project.write(HANDLERS, "at last")
    reloaded()
    project.app(EVENT)

    assert project.ran == ["first at last", "second at last", "third"]


def test_each_registration_keeps_its_place(project: Project) -> None:
    project.write(TWICE_REGISTERED, "before")
    imported()

    @project.app.on_change(dict)
    def last(change: object) -> None:
        project.ran.append("last")

    project.write(TWICE_REGISTERED, "after")
    reloaded()
    project.write(TWICE_REGISTERED, "at last")
    reloaded()
    project.app(batch(insert(1, user("a")), remove(2, user("b"))))

    assert project.ran == ["both at last", "last"] * 2


def test_a_dropped_registration_is_gone(project: Project) -> None:
    project.write(TWICE_REGISTERED, "before")
    imported()
    project.write(TWICE_REGISTERED.replace("@app.on_remove(dict)\n", ""), "after")
    reloaded()

    report = project.app.process(batch(insert(1, user("a")), remove(2, user("b"))))

    assert project.ran == ["both after"]
    assert report.ignored == 1


@pytest.mark.parametrize("run", [imported, run_as_module, run_as_script])
def test_two_of_one_file_are_refused(project: Project, run: Way) -> None:
    project.write(TWO_OF_ONE_NAME, "once")

    with pytest.raises(ConfigurationError, match=r"two handlers are called the_handlers\.first, so"):
        run()


@each_way
def test_two_of_a_rerun_are_refused(project: Project, run: Way, again: Way) -> None:
    project.write(HANDLERS, "before")
    run()
    project.write(TWO_OF_ONE_NAME, "after")

    with pytest.raises(ConfigurationError, match=r"two handlers are called the_handlers\.first, so"):
        again()


@pytest.mark.parametrize("run", [imported_anew, run_as_module, run_as_script])
def test_another_file_is_refused(
    project: Project, run: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(HANDLERS, "here")
    run()
    project.folder = tmp_path / "elsewhere"
    project.folder.mkdir()
    project.write(HANDLERS, "there")
    monkeypatch.syspath_prepend(project.folder)

    with pytest.raises(ConfigurationError, match=r"two handlers are called the_handlers\.first, so"):
        run()


def test_two_built_in_methods_are_refused() -> None:
    app = StreamApp()
    one, other = list[object](), list[object]()
    app.on_insert(dict)(one.append)

    with pytest.raises(ConfigurationError, match=r"two handlers are called builtins\.list\.append, so"):
        app.on_insert(dict)(other.append)


# prompts and notebooks

ONE = "@app.on_insert(dict)\ndef note(change): ran.append('one')\n"
OTHER = ONE.replace("'one'", "'other'")
LOWER = f"# edited\n\n{OTHER}"
BOTH = f"{ONE}\n{OTHER}"


class Prompt:
    """A namespace that runs inputs, as a prompt or a notebook does."""

    def __init__(self, **names: object) -> None:
        self.ran: list[str] = []
        self.app = StreamApp()
        self.names = {"app": self.app, "ran": self.ran, **names}

    def enter(self, file: str, text: str) -> None:
        exec(compile(text, file, "exec"), self.names)  # noqa: S102  # text of this file


CELL, NEXT = "/tmp/ipykernel_12/345.py", "/tmp/ipykernel_12/678.py"  # noqa: S108  # names only
AGAIN: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "the same cell": ((CELL, ONE), (CELL, OTHER)),
    "an edited cell": ((CELL, ONE), (NEXT, LOWER)),
    "IPython": (("<ipython-input-1-9f>", ONE), ("<ipython-input-2-3c>", LOWER)),
    "a new prompt": (("<python-input-1>", ONE), ("<python-input-2>", OTHER)),
    "an old console": (("<console>", ONE), ("<console>", OTHER)),
    "an interpreter": (("<input>", ONE), ("<input>", LOWER)),
    "a script, then a prompt": (("/srv/app.py", ONE), ("<console>", OTHER)),
}


@pytest.mark.parametrize(("first", "second"), AGAIN.values(), ids=AGAIN.keys())
@pytest.mark.parametrize("name", ["__main__", "__console__"])
def test_a_cell_replaces_its_handler(name: str, first: tuple[str, str], second: tuple[str, str]) -> None:
    prompt = Prompt(__name__=name)
    prompt.enter(*first)
    prompt.enter(*second)

    prompt.app(EVENT)

    assert prompt.ran == ["other"]


def test_a_prompt_after_a_script_replaces_too() -> None:
    prompt = Prompt(__name__="__main__", __file__="/srv/app.py")
    prompt.enter("/srv/app.py", ONE)
    prompt.enter("<console>", OTHER)

    prompt.app(EVENT)

    assert prompt.ran == ["other"]


NOT_AGAIN: dict[str, tuple[dict[str, object], tuple[str, str]]] = {
    "two in one cell": ({"__name__": "__main__"}, (CELL, BOTH)),
    "two in one input": ({"__name__": "__main__"}, ("<python-input-1>", BOTH)),
    "python -c": ({"__name__": "__main__"}, ("<string>", BOTH)),
    "a piped program": ({"__name__": "__main__"}, ("<stdin>", BOTH)),
    "a script": ({"__name__": "__main__", "__file__": "/srv/app.py"}, ("/srv/app.py", BOTH)),
    "a script's module": ({"__name__": "__main__", "__file__": "/srv/a.pyc"}, ("/srv/a.py", BOTH)),
    "no main": ({"__name__": "module"}, ("<input>", BOTH)),
}


@pytest.mark.parametrize(("names", "entered"), NOT_AGAIN.values(), ids=NOT_AGAIN.keys())
def test_two_of_one_input_are_refused(names: dict[str, object], entered: tuple[str, str]) -> None:
    prompt = Prompt(**names)

    with pytest.raises(ConfigurationError, match="two handlers are called"):
        prompt.enter(*entered)


SESSION = """\
from ddbevents import StreamApp
from tests.stream import batch, insert, user
app, ran = StreamApp(), []
@app.on_insert(dict)
def note(change): ran.append('one')

@app.on_insert(dict)
def note(change): ran.append('other')

answer = app(batch(insert(1, user("a"))))
print(ran)
"""


@pytest.mark.parametrize(
    ("option", "shown"), [("-i", "['other']"), ("-", "two handlers are called __main__.note")]
)
def test_python_itself_agrees(option: str, shown: str) -> None:
    python = subprocess.run(
        [sys.executable, "-q", option],
        input=SESSION,
        text=True,
        capture_output=True,
        cwd=Path(__file__).parents[1],
        check=False,
    )

    assert shown in python.stdout + python.stderr
