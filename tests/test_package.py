"""Packages: what is in them, that they are equal to the byte, and the command. Wheels are made here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from ddbevents import ConfigurationError
from ddbevents.deploy import DeployError, package
from tests.campaigns import IN_FULL
from tests.command_line import ROOT, command, current_folder

GIT = shutil.which("git") or ""
PURE = "py3-none-any"
BINARY = "cp313-cp313-manylinux_2_17_aarch64.manylinux2014_aarch64"


def wheel(folder: Path, name: str, tag: str = PURE, requires: str = "", files: str = "__init__.py") -> None:
    """Make a wheel with a single file."""
    version = "2.99.0" if name == "pydantic" else "4.99.0"
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}"
    with ZipFile(folder / f"{name}-{version}-{tag}.whl", "w") as archive:
        archive.writestr(f"{name}/{files}", "x = 1\n")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    wheels, folder = tmp_path / "wheels", tmp_path / "project"
    monkeypatch.delenv("PIP_CONSTRAINT", raising=False)  # it would choose other versions than these
    wheels.mkdir()
    folder.mkdir()
    wheel(wheels, "pydantic")
    wheel(wheels, "typing_extensions")
    wheel(wheels, "mailer", BINARY, "Requires-Dist: botocore\n")
    wheel(wheels, "botocore")
    (folder / "app.py").write_text("app = None\n")
    (folder / "requirements.txt").write_text(
        "--no-index\n--find-links ../wheels\nddbevents[aws]\nboto3>=1\n-r more.txt\n"
    )
    (folder / "more.txt").write_text("mailer>=4  # sends\n")
    with current_folder(folder, monkeypatch):
        yield folder


def names(path: Path) -> list[str]:
    with ZipFile(path) as archive:
        return archive.namelist()


def own(path: Path) -> list[str]:
    with_own = [name for name in names(path) if not name.startswith(("ddbevents/", "pydantic", "typing_ext"))]
    return [name for name in with_own if "mailer" not in name]


APPS = ["app.py", "more.txt", "requirements.txt"]


def test_a_package_has_all_that_runs(project: Path) -> None:
    path = package("app.py:app")

    packed = names(path)
    assert path == Path("function.zip")
    assert packed == sorted(packed)
    assert {
        "app.py",
        "ddbevents/_app/__init__.py",
        "ddbevents/py.typed",
        "mailer/__init__.py",
        "mailer-4.99.0.dist-info/METADATA",
        "pydantic/__init__.py",
        "typing_extensions/__init__.py",
    } <= {*packed}


def test_what_the_runtime_has_is_left_out(project: Path) -> None:
    packed = names(package("app.py:app"))

    assert [name for name in packed if "boto" in name and not name.startswith("ddbevents/")] == []
    assert [name for name in packed if name.endswith((".pyc", "RECORD", "INSTALLER", ".lock"))] == []


def test_packages_are_equal_to_the_byte(project: Path) -> None:
    first = package("app.py:app", output="first.zip").read_bytes()
    (project / "first.zip").unlink()
    os.utime(project / "app.py", (0, time.time()))
    (project / "app.py").chmod(0o700)

    second = package("app.py:app", output=project / "second.zip").read_bytes()

    assert first == second


SECRET = [".env", ".env.local", ".ddbevents/marks.sqlite3", ".git/config", ".venv/lib/x.py", "venv/lib/x.py"]
MADE = ["__pycache__/app.cpython-313.pyc", "app.pyc", "node_modules/left/index.js", "inner/.secret"]


def test_secrets_are_never_shipped(project: Path) -> None:
    write(project, *SECRET, *MADE, "venv/pyvenv.cfg", "function.zip")
    shutil.rmtree(project / ".git")

    assert own(package("app.py:app")) == APPS


@pytest.mark.parametrize("is_repository", [True, False])
def test_ignored_files_are_never_shipped(project: Path, is_repository: Any) -> None:
    write(project, "secrets.toml", "inner/key.pem", "inner/kept.py", "build/x.py")
    (project / ".gitignore").write_text("secrets.toml\n*.pem\nbuild/\n")
    subprocess.run([GIT, "init", "-q", "." if is_repository else "../elsewhere"], check=True)

    assert own(package("app.py:app")) == sorted([*APPS, "inner/kept.py"])


def test_ignored_files_need_git(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, ".gitignore")
    monkeypatch.setattr(shutil, "which", lambda name, **_: None)  # no machine of the tests lacks git

    with pytest.raises(DeployError, match="git is not installed"):
        package("app.py:app")


def test_a_broken_repository_is_an_error(project: Path) -> None:
    write(project, ".git/config")

    with pytest.raises(DeployError, match="git cannot say what it ignores: fatal"):
        package("app.py:app")


def test_links_to_the_outside_are_refused(project: Path) -> None:
    (project / "key.py").symlink_to(project.parent / "wheels" / f"botocore-4.99.0-{PURE}.whl")

    with pytest.raises(DeployError, match=r"key.py is a link out of"):
        package("app.py:app")


def write(project: Path, *files: str) -> None:
    for name in files:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("x = 1\n")


@IN_FULL
def test_pip_does_it_too(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_uv = package("app.py:app", python="3.13", output="../uv.zip")
    monkeypatch.setattr(shutil, "which", lambda name, **_: None)  # the environment of the tests has uv

    with_pip = package("app.py:app", python="3.13", output="../pip.zip")

    assert names(with_pip) == names(with_uv)


def test_without_either_there_is_no_package(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, **_: None)  # as above
    monkeypatch.setitem(sys.modules, "pip", None)

    with pytest.raises(DeployError, match="neither uv nor pip"):
        package("app.py:app")


@pytest.mark.parametrize("settings", [{"architecture": "x86_64"}, {"python": "3.11"}])
@pytest.mark.parametrize("has_uv", [True, False])
def test_other_wheels_do_not_run_there(
    project: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, has_uv: Any
) -> None:
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **more: found(name, **more) if has_uv else None)

    with pytest.raises(DeployError, match=r"cannot install the dependencies for Python 3.1\d on .*mailer"):
        package("app.py:app", **settings)


def test_a_package_of_modules_has_its_folder(project: Path) -> None:
    write(project, "shop/__init__.py", "shop/handlers.py", "elsewhere/x.py")

    assert own(package("shop.handlers:app")) == ["shop/__init__.py", "shop/handlers.py"]


def test_a_single_module_stands_alone(project: Path) -> None:
    assert own(package("app:app")) == ["app.py"]


@pytest.mark.parametrize(
    ("target", "message"),
    [("elsewhere.py:app", "there is no file elsewhere.py"), ("shop:app", "there is no module shop")],
)
def test_a_missing_app_is_an_error(project: Path, target: str, message: str) -> None:
    with pytest.raises(DeployError, match=message):
        package(target)


def test_no_requirements_are_needed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "requirements.txt").unlink()
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(project.parent / "wheels"))

    packed = names(package("app.py:app"))

    assert "pydantic/__init__.py" in packed
    assert "mailer/__init__.py" not in packed


def test_a_name_that_is_taken_is_refused(project: Path) -> None:
    write(project, "mailer/__init__.py")

    with pytest.raises(DeployError, match=r"mailer/__init__\.py is a file of the app and of a dependency"):
        package("app.py:app")


def test_a_large_package_is_refused(project: Path) -> None:
    with (project / "model.bin").open("wb") as file:
        file.truncate(251 * 2**20)  # sparse

    with pytest.raises(DeployError, match="252 MB unzipped, and Lambda takes 250"):
        package("app.py:app")


@pytest.mark.parametrize(
    "settings", [{"architecture": "arm"}, {"python": "3"}, {"python": "python3.13"}], ids=str
)
def test_wrong_settings_are_refused(project: Path, settings: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be"):
        package("app.py:app", **settings)


def test_the_command_prints_the_size(project: Path) -> None:
    run = command("package")("app.py:app", "-o", "orders.zip")

    size = (project / "orders.zip").stat().st_size
    assert run.code == 0
    assert run.out.startswith(f"orders.zip: {size / 1e6:.2f} MB, ")
    assert run.out.endswith(" MB unzipped, for Python 3.13 on arm64\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["elsewhere.py"], "there is no file elsewhere.py"),
        (["app.py", "-o", "missing/function.zip"], "missing/function.zip cannot be written: No such file"),
        (["app.py", "--python", "3"], "python must be a version"),
    ],
)
def test_the_command_says_why_not(project: Path, arguments: list[str], message: str) -> None:
    run = command("package")(*arguments)

    assert run.code == 2
    assert message in run.err


def test_an_example_runs_from_its_package(tmp_path: Path) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    orders, target = ROOT / "examples" / "orders", tmp_path / "unzipped"

    path = package(
        f"{orders / 'app.py'}:app", output=tmp_path / "orders.zip", architecture="x86_64", python=version
    )

    shutil.unpack_archive(path, target)
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); import app;"
        "print(app.lambda_handler(json.load(open(sys.argv[2])), None))"
    )
    event = orders / "events" / "1-customer-added.json"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, target, event], capture_output=True, text=True, check=False
    )
    assert ran.stdout == "{'batchItemFailures': []}\n", ran.stderr
    assert path.stat().st_size < 3_500_000
