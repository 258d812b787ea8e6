"""What is paid in memory, and what is paid once: imports, and the first use of a model."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, create_model

from benchmarks.orders import Order, insert, order
from benchmarks.targets import DATA_CLASS, LIMIT, LOOP, OURS
from ddbevents import Insert, StreamApp, decode

ROOT: Final = Path(__file__).parents[1]

_PYDANTIC: Final = "from pydantic import BaseModel"
PYDANTIC: Final = "pydantic alone"
IMPORTS: Final[Mapping[str, str]] = {
    PYDANTIC: _PYDANTIC,
    OURS: f"{_PYDANTIC}; import ddbevents",
    "boto3's TypeDeserializer": f"{_PYDANTIC}; from boto3.dynamodb.types import TypeDeserializer",
    "Powertools batch and data classes": f"{_PYDANTIC}; from aws_lambda_powertools.utilities.batch import"
    " BatchProcessor, EventType, process_partial_response; from"
    " aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord",
    "Powertools parser": f"{_PYDANTIC}; from aws_lambda_powertools.utilities.parser import parse;"
    " from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamModel",
    "dynamodb-json": f"{_PYDANTIC}; from dynamodb_json.json_util import loads",
    "dynamodb-stream-router": f"{_PYDANTIC}; from dynamodb_stream_router import on_insert, route_records",
}
"""The code to import each library beside pydantic."""

_HANDLE: Final = """
import sys
sys.path.append({root!r})  # behind the installed packages, since the folder has a ddbevents as well
from benchmarks import targets
from benchmarks.contenders import interface
from benchmarks.orders import Order, insert, order, plain_map
image = order(1)
{code}
"""
_BY_LIBRARY: Final = """
from benchmarks.contenders import {module}
{module}.handlers(Order, id)[targets.{name}]({{"Records": [insert(image)]}})
"""
FIRST_RECORDS: Final[Mapping[str, str]] = {
    name: _HANDLE.format(root=str(ROOT), code=code)
    for name, code in {
        LIMIT: "Order.model_validate(plain_map(image))",
        OURS: _BY_LIBRARY.format(module="ours", name="OURS"),
        LOOP: _BY_LIBRARY.format(module="with_boto3", name="LOOP"),
        DATA_CLASS: _BY_LIBRARY.format(module="with_powertools", name="DATA_CLASS"),
    }.items()
}
"""The code to import each contender and handle a first record with the full model."""

_MEASURED: Final = """
import time
start = time.process_time()
{}
seconds = time.process_time() - start
with open("/proc/self/status") as status:  # getrusage would tell the peak of the parent
    print(seconds, *(line.split()[1] for line in status if line.startswith("VmHWM")))
"""
_LAMBDA_LIMIT: Final = 6_000_000
_LARGEST_BATCH: Final = 10_000


class Start(NamedTuple):
    """A fresh interpreter: the seconds that it computed, and the most memory, in KiB. Linux only."""

    seconds: float
    kibibytes: float


def starts(codes: Mapping[str, str], rounds: int) -> dict[str, Start]:
    """The medians of the code of each library that is there, in turn, bytecode ready."""
    with TemporaryDirectory() as folder:
        environment = with_bytecode(folder)
        there = {name: code for name, code in codes.items() if _run(code, environment)}
        runs = [{name: _run(code, environment) for name, code in there.items()} for _ in range(rounds)]
    return {
        name: Start(*map(statistics.median, zip(*(run[name] for run in runs), strict=True))) for name in there
    }


def with_bytecode(folder: str) -> dict[str, str]:
    """An environment in which the first run of a code writes bytecode, as an installation has it."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": folder}


def _run(code: str, environment: Mapping[str, str]) -> list[float]:
    command = [sys.executable, "-P", "-c", _MEASURED.format(code)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return [float(number) for number in done.stdout.split()]


class Peaks(NamedTuple):
    """The most memory in bytes: of the parsed JSON and one item at a time, and of an app with its event."""

    records: int
    one_by_one: int
    app: int


def peaks(model: type[BaseModel], share: float) -> Peaks:
    """Of a batch that is as large as Lambda takes, or a share of it."""
    make: Callable[[int], dict[str, Any]] = order if model is Order else _contact
    records: list[str] = []
    room = _LAMBDA_LIMIT * share
    while room > 0 and len(records) < _LARGEST_BATCH:
        records.append(json.dumps(insert(make(len(records)), len(records))))
        room -= len(records[-1])
    text = f'{{"Records": [{", ".join(records)}]}}'
    app = StreamApp("benchmark")

    @app.on_insert(model)
    def inserted(change: Insert[Any]) -> None:
        pass

    def one_by_one(event: Any) -> None:
        for record in event["Records"]:
            decode(model, record["dynamodb"]["NewImage"])

    return Peaks(len(records), _peak(text, one_by_one), _peak(text, app))


def _contact(index: int) -> dict[str, Any]:
    return {
        "user_id": {"S": f"u-{index}"},
        "email": {"S": f"u-{index}@example.com"},
        "logins": {"N": f"{index}"},
    }


def _peak(text: str, handle: Callable[[Any], object]) -> int:
    handle({"Records": json.loads(text)["Records"][:1]})  # what is made once is no part of it
    tracemalloc.start()
    handle(json.loads(text))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def first_use(model: type[BaseModel], image: dict[str, Any], rounds: int) -> tuple[float, float, float]:
    """Seconds: to make a subclass of a model, to decode with it for the first time, and the second time."""
    times: list[tuple[float, float, float]] = []
    for number in range(rounds):
        start = perf_counter()
        fresh = create_model(f"Fresh{number}", __base__=model)
        made = perf_counter()
        decode(fresh, image)
        decoded = perf_counter()
        decode(fresh, image)
        times.append((made - start, decoded - made, perf_counter() - decoded))
    making, first, second = zip(*times, strict=True)
    return statistics.median(making), statistics.median(first), statistics.median(second)
