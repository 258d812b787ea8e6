"""`import ddbevents` loads pydantic and next to nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import pytest

# Standard library modules that the package may load beyond pydantic's. Any other must be worth its
# milliseconds at every cold start.
ALLOWED: Final = {"binascii", "gc", "threading"}
COSTLY: Final = {
    "boto3",
    "botocore",
    "aws_lambda_powertools",
    "opentelemetry",
    "sqlite3",
    "asyncio",
    "rich",
    "typer",
    "logging",
}


LATE: Final = {
    "ddbevents._engine._journal",
    "ddbevents._engine._progress",
    "ddbevents._routing._near_misses",
    "ddbevents._codec._strict",
    "ddbevents._codec._bounded",
    "pydantic.type_adapter",
}
"""What a first record of a plain app with a pydantic model does without."""

FIRST_RECORD: Final = """
from pydantic import BaseModel
from ddbevents import Insert, StreamApp
class User(BaseModel):
    pk: str
app = StreamApp("users")
@app.on_insert(User)
def greet(change: Insert[User]) -> None:
    taken.append(change.new)
taken = []
dynamodb = {"Keys": {"pk": {"S": "a"}}, "NewImage": {"pk": {"S": "a"}}, "SequenceNumber": "1"}
record = {"eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": dynamodb}
answer = app({"Records": [record]}, None)
assert taken == [User(pk="a")] and answer == {"batchItemFailures": []}
"""


def modules_after(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after a statement, without coverage's own."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTHON"))
    }
    code = f"{statement}\nimport sys; print(*sys.modules)"
    return set(subprocess.check_output([sys.executable, "-c", code], env=environment, text=True).split())


@pytest.mark.parametrize("statement", ["import ddbevents", "import ddbevents, ddbevents.stores"])
def test_import_loads_the_list_only(statement: str) -> None:
    before = modules_after("from pydantic import BaseModel")
    after = modules_after(statement)

    assert {name for name in after - before if not name.startswith("ddbevents")} <= ALLOWED


def test_costly_modules_load_on_demand() -> None:
    loaded = modules_after("import ddbevents, ddbevents.stores")

    assert loaded.isdisjoint(COSTLY)


def test_deployment_is_loaded_on_demand() -> None:
    code = "import sys, ddbevents, ddbevents.stores; print([*sys.modules])"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True)

    assert "'ddbevents.stores'" in loaded
    assert "ddbevents.deploy" not in loaded


def test_making_a_filter_loads_no_extra() -> None:
    extras = "{'boto3', 'botocore', 'rich', 'typer', 'yaml'}"
    code = f"import sys, ddbevents.deploy; print(sorted({extras} & {{*sys.modules}}))"

    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_a_first_record_loads_little() -> None:
    loaded = modules_after(FIRST_RECORD)

    assert loaded.isdisjoint(COSTLY | LATE)
