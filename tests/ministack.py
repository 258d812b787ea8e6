"""MiniStack, an emulator of AWS in Python: fetched, started, and given tables, functions and mappings.

It runs functions and applies filters, but ignores partial batch responses of streams.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.config import Config
from botocore.session import Session

from tests.downloads import cached, pip
from tests.dynamodb_local import free_port
from tests.runtime_emulator import wait_until_listening

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.literals import StreamViewTypeType

PACKAGES: Final = (  # as `pip install ministack` resolves them
    "botocore==1.43.106",  # pinned by MiniStack; the project has another
    "defusedxml==0.7.1",
    "graphql-core==3.2.12",
    "h11==0.16.0",
    "h2==4.4.1",
    "hpack==4.2.0",
    "Hypercorn==0.18.0",
    "hyperframe==6.1.0",
    "jmespath==1.1.0",
    "jsonata-python==0.7.1",
    "ministack==1.5.33",
    "priority==2.0.0",
    "python-dateutil==2.9.0.post0",
    "PyYAML==6.0.3",
    "six==1.17.0",
    "urllib3==2.8.0",
    "wsproto==1.3.2",
)
PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
_KEY: Final = "000000000000"  # MiniStack uses it as the account
_REGION: Final = "eu-central-1"


class MiniStack:
    """A MiniStack that is listening, with a folder that its functions can write to."""

    def __init__(self, port: int, folder: Path) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.folder = folder
        self.dynamodb = cast("DynamoDBClient", self.client("dynamodb"))  # botocore's clients have no types
        self._functions = self.client("lambda")

    def create_table(self, name: str, key: str, view_type: StreamViewTypeType) -> str:
        """Create a table, and return the ARN of its stream."""
        made = self.dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view_type},
        )
        return made["TableDescription"].get("LatestStreamArn", "")

    def create_function(self, name: str, handler: str, **variables: str) -> None:
        """Deploy a single module of `tests/lambda_functions`."""
        self._functions.create_function(
            FunctionName=name,
            Runtime=f"python{PYTHON}",
            Role=f"arn:aws:iam::{_KEY}:role/any",
            Handler=handler,
            Code={"ZipFile": zipped(Path(__file__).parent / "lambda_functions" / handler.partition(".")[0])},
            Environment={"Variables": variables},
            Timeout=30,
        )

    def connect(self, stream_arn: str, function: str, patterns: Sequence[Mapping[str, Any]] = ()) -> None:
        """Map a stream to a function, from the beginning of the stream."""
        filters = [{"Pattern": json.dumps(pattern)} for pattern in patterns]
        self._functions.create_event_source_mapping(
            FunctionName=function,
            EventSourceArn=stream_arn,
            StartingPosition="TRIM_HORIZON",
            BatchSize=100,  # AWS's default, but not MiniStack's
            FilterCriteria={"Filters": filters},
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )

    def client(self, service: str) -> Any:
        """Return a client of botocore, as `boto3.Session.client` does."""
        no_file = (None, None, os.devnull, None)
        session = Session(session_vars={"config_file": no_file, "credentials_file": no_file})
        session.set_credentials(_KEY, "local")
        config = Config(region_name=_REGION, proxies={})
        return session.create_client(service, endpoint_url=self.endpoint, config=config)


def zipped(module: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(module.with_suffix(".py"), f"{module.name}.py")
    return packed.getvalue()


def ministack_python(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the Python of a virtual environment with MiniStack, from the cache.

    Raises:
        NotFetchedError: A package cannot be downloaded.
    """

    def install(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        pip(["--python", str(folder / "bin" / "python"), "install", "--no-deps", *PACKAGES], environment)

    release = next(package for package in PACKAGES if package.startswith("ministack"))
    return cached(f"{release}-python{PYTHON}", install, environment) / "bin" / "python"


@contextmanager
def ministack(*services: str) -> Generator[MiniStack]:
    """Run an empty MiniStack until the end of the block, with more services than those of streams."""
    python, port = ministack_python(), free_port()
    with TemporaryDirectory() as folder:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": folder,
            "TMPDIR": folder,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "SERVICES": ",".join(["dynamodb", "dynamodbstreams", "lambda", *services]),
            "AWS_ACCESS_KEY_ID": _KEY,
        }
        output = Path(folder, "output.txt")
        command = [str(python), "-m", "ministack"]
        with (
            output.open("wb") as file,
            subprocess.Popen(
                command, cwd=folder, env=environment, stdout=file, stderr=file, start_new_session=True
            ) as process,
        ):
            try:
                wait_until_listening(process, port, output)
                yield MiniStack(port, Path(folder))
            finally:
                stop_with_workers(process)


def stop_with_workers(process: subprocess.Popen[bytes]) -> None:
    """End a process and the session that it leads: functions may outlive it."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
