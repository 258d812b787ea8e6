"""`ddbevents tail`: which fields changed, their values only if asked for, and files that `invoke` takes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from typing_extensions import override

from tests.command_line import Run, command, current_folder, lines
from tests.dynamodb_local import clients
from tests.dynamodb_tables import make_table
from tests.stream import ARN, CANARY
from tests.streaming_tables import AWS, delete, disable, ended_table, put, streaming_table

MODELS: Final = """
from typing import Literal
from pydantic import BaseModel


class User(BaseModel):
    pk: str
    kind: Literal["user"]
    age: int


def not_a_model() -> None: ...
"""
OLD: Final = {
    "pk": {"S": "ada"},
    "email": {"S": CANARY},
    "age": {"N": "36"},
    "tags": {"SS": ["a", "b"]},
    "address": {"M": {"city": {"S": CANARY}, "lines": {"L": [{"S": "x"}, {"S": CANARY}]}}},
}
NEW: Final = {
    "pk": {"S": "ada"},
    "age": {"S": f"{CANARY}-36"},
    "tags": {"SS": ["b", "a"]},
    "nick": {"BOOL": True},
    "address": {"M": {"city": {"S": "Łódź"}, "lines": {"L": [{"S": "x"}]}}},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with current_folder(tmp_path, monkeypatch):
        Path("models.py").write_text(MODELS, "utf-8")
        yield tmp_path


def tail(endpoint: str, table: str, *arguments: str | Path) -> Run:
    return command("tail", 200, **AWS)(table, "--since", "1h", "--endpoint-url", endpoint, *arguments)


def without_times(run: Run) -> list[str]:
    return [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in lines(run)]


@pytest.fixture(scope="module")
def changed_table(dynamodb_endpoint: str) -> str:
    table = streaming_table(dynamodb_endpoint)
    put(dynamodb_endpoint, table, OLD, NEW)
    delete(dynamodb_endpoint, table, "ada")
    disable(dynamodb_endpoint, table)
    return table


def test_a_line_names_the_changed_fields(dynamodb_endpoint: str, changed_table: str) -> None:
    run = tail(dynamodb_endpoint, changed_table)

    assert run.code == 0
    assert [{*line.split("  ")} for line in without_times(run)] == [
        {"INSERT pk=ada", "+email", "+age", "+tags", "+address"},
        {"MODIFY pk=ada", "-email", "~age", "+nick", "~address.city", "-address.lines[1]"},
        {"REMOVE pk=ada", "-age", "-tags", "-nick", "-address"},
    ]
    assert "the stream is disabled, and everything in it was read" in run.err
    assert f"3 records of {changed_table} in " in run.err
    assert run.err.endswith(" s · 1 INSERT · 1 MODIFY · 1 REMOVE\n")


def test_a_difference_has_a_line_each(dynamodb_endpoint: str, changed_table: str) -> None:
    run = tail(dynamodb_endpoint, changed_table, "--diff")

    assert {*without_times(run)} >= {
        "MODIFY pk=ada",
        "  ~ age: N → S",
        "  ~ address.city: S",
        "  - address.lines[1]: S",
        "  + nick: BOOL",
    }


@pytest.mark.parametrize("arguments", [[], ["--diff"], ["--json"]])
def test_values_are_hidden(dynamodb_endpoint: str, changed_table: str, arguments: list[str]) -> None:
    run = tail(dynamodb_endpoint, changed_table, *arguments)

    assert CANARY not in run.out + run.err


def test_values_can_be_shown(dynamodb_endpoint: str, changed_table: str) -> None:
    run = tail(dynamodb_endpoint, changed_table, "--values")

    assert {*without_times(run)} >= {
        f'  ~ age: 36 → "{CANARY}-36"',
        f'  ~ address.city: "{CANARY}" → "Łódź"',
        "  + nick: true",
    }
    assert '  - tags: {"SS": ["' in run.out


def test_records_can_be_json(dynamodb_endpoint: str, changed_table: str) -> None:
    run = tail(dynamodb_endpoint, changed_table, "--json")

    read: list[Any] = [json.loads(line) for line in lines(run)]
    assert [each["kind"] for each in read] == ["INSERT", "MODIFY", "REMOVE"]
    assert read[1]["keys"] == {"pk": {"S": "ada"}}
    assert {"path": "age", "change": "changed", "oldType": "N", "newType": "S"} in read[1]["changes"]
    assert {"path": "nick", "change": "added", "newType": "BOOL"} in read[1]["changes"]


def test_json_can_have_values(dynamodb_endpoint: str, changed_table: str) -> None:
    run = tail(dynamodb_endpoint, changed_table, "--json", "--values")

    changes: Any = json.loads(lines(run)[2])["changes"]
    assert {"path": "nick", "change": "removed", "oldType": "BOOL", "old": {"BOOL": True}} in changes


def test_a_condition_chooses_records(dynamodb_endpoint: str) -> None:
    items = [{"pk": {"S": f"u-{number}"}, "age": {"N": str(number)}} for number in range(5)]
    table = ended_table(dynamodb_endpoint, items)

    run = tail(
        dynamodb_endpoint,
        table,
        "--where",
        "Attr('age').between(1, 3) & ~Attr('pk').eq('u-2') | Attr('x').exists()",
    )

    assert without_times(run) == ["INSERT pk=u-1  +age", "INSERT pk=u-3  +age"]


def test_a_model_chooses_records(dynamodb_endpoint: str) -> None:
    user = {"pk": {"S": "ada"}, "kind": {"S": "user"}, "age": {"N": "36"}}
    table = ended_table(
        dynamodb_endpoint,
        [user, {**user, "pk": {"S": "bob"}, "age": {"S": CANARY}}, {**user, "kind": {"S": "order"}}],
    )

    run = tail(dynamodb_endpoint, table, "--model", "models.py:User")

    assert without_times(run)[:2] == ["INSERT pk=ada  +kind  +age", "INSERT pk=bob  +kind  +age"]
    assert without_times(run)[2].startswith("  the new image is no User: age: ")
    assert CANARY not in run.out
    assert len(lines(run)) == 3


def test_without_images_only_keys_are_shown(dynamodb_endpoint: str) -> None:
    table = ended_table(dynamodb_endpoint, [OLD], "KEYS_ONLY")

    run = tail(dynamodb_endpoint, table)
    as_json = tail(dynamodb_endpoint, table, "--json")
    chosen = tail(dynamodb_endpoint, table, "--where", "Attr('age').exists()")

    assert without_times(run) == ["INSERT pk=ada  the stream has no images that tell which fields changed"]
    assert json.loads(lines(as_json)[0])["changes"] is None
    assert chosen.code == 2
    assert chosen.err.endswith(
        "error: --where and --model look at items, and a stream of KEYS_ONLY lacks the image that they need:"
        " give the stream NEW_AND_OLD_IMAGES, or leave the two out\n"
    )


def test_saved_records_run_again(dynamodb_endpoint: str, changed_table: str) -> None:
    Path("app.py").write_text(
        "from ddbevents import StreamApp\napp = StreamApp()\n\n\n@app.on_record()\ndef see(record): ...\n",
        "utf-8",
    )

    run = tail(dynamodb_endpoint, changed_table, "--save", "events")

    files = sorted(Path("events").iterdir())
    assert [file.name.partition("-")[2] for file in files] == ["insert.json", "modify.json", "remove.json"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert Path("events").stat().st_mode & 0o777 == 0o700
    assert "warning: the files in events hold items with all their values" in run.err
    assert command("invoke")("app.py:app", *files, "--store", "memory").code == 0


def test_a_file_may_be_in_the_way(dynamodb_endpoint: str, changed_table: str) -> None:
    tail(dynamodb_endpoint, changed_table, "--save", "events")
    [first, *_] = sorted(Path("events").iterdir())
    first.unlink()
    first.mkdir()

    run = tail(dynamodb_endpoint, changed_table, "--save", "events")

    assert run.code == 2
    assert f"error: {first} cannot be written: " in run.err


def test_the_environment_may_name_the_endpoint(dynamodb_endpoint: str, changed_table: str) -> None:
    run = command("tail", 200, **AWS, AWS_ENDPOINT_URL=dynamodb_endpoint)(changed_table, "--since", "1h")

    assert len(lines(run)) == 3


def test_the_option_wins_and_passes(dynamodb_endpoint: str, changed_table: str) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")

        run = tail(dynamodb_endpoint, changed_table)

        assert len(lines(run)) == 3
        assert os.environ["AWS_ENDPOINT_URL_DYNAMODB"] == "http://127.0.0.1:9"


def test_a_stream_is_named_by_its_arn(dynamodb_endpoint: str, changed_table: str) -> None:
    dynamodb, _ = clients(dynamodb_endpoint)
    arn = dynamodb.describe_table(TableName=changed_table)["Table"].get("LatestStreamArn", "")

    assert len(lines(tail(dynamodb_endpoint, arn))) == 3


def test_ctrl_c_ends_it(dynamodb_endpoint: str, folder: Path) -> None:
    table = streaming_table(dynamodb_endpoint)
    put(dynamodb_endpoint, table, NEW)
    program = [sys.executable, "-c", "from ddbevents.cli import main; main()", "tail", table]
    with subprocess.Popen(
        [*program, "--since", "1h", "--endpoint-url", dynamodb_endpoint],
        env={**os.environ, **AWS},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)

    assert "INSERT pk=ada" in first
    assert process.returncode == 0
    assert errors.startswith(f"\n1 record of {table} in ")


@contextmanager
def mappings(status: int, *states: str) -> Generator[str]:
    """Be a Lambda with such mappings of every stream, and give its endpoint."""

    class Mappings(BaseHTTPRequestHandler):
        @override
        def log_message(self, format: str, *args: object) -> None: ...  # http.server's name

        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(
                json.dumps({"EventSourceMappings": [{"State": each} for each in states]}).encode()
            )

    with HTTPServer(("127.0.0.1", 0), Mappings) as server, ThreadPoolExecutor() as pool:
        pool.submit(server.serve_forever, 0.01)
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def warnings(lambda_endpoint: str, dynamodb_endpoint: str) -> list[str]:
    environment = {**AWS, "AWS_ENDPOINT_URL_LAMBDA": lambda_endpoint}
    run = command("tail", 200, **environment)(ARN, "--endpoint-url", dynamodb_endpoint)
    *warnings, error = run.err.splitlines()
    assert error.startswith(f"error: the stream {ARN} is not there")  # it is none of DynamoDB Local's
    return warnings


def test_two_readers_are_warned_of(dynamodb_endpoint: str) -> None:
    with mappings(200, "Enabled", "Enabled", "Disabled") as endpoint:
        [warning, *_] = warnings(endpoint, dynamodb_endpoint)

    assert warning == (
        "warning: 2 event source mappings read the stream of Users already, and at most 2 readers may read a"
        " shard: this command may throttle them"
    )


@pytest.mark.parametrize(("status", "states"), [(200, ["Enabled", "Disabled"]), (403, [])])
def test_fewer_readers_are_no_matter(dynamodb_endpoint: str, status: int, states: list[str]) -> None:
    with mappings(status, *states) as endpoint:
        assert warnings(endpoint, dynamodb_endpoint) == ["", "0 records of Users in 0 s"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--since", "soon"], "--since has to be a number with s, m or h, as 90s, 10m or 2h, not 'soon'"),
        (["--since", "25h"], "--since 25h is longer than the 24h for which a stream keeps records"),
        (["--endpoint-url", "localhost:8000"], "--endpoint-url has to be a URL, as http://localhost:8000"),
        (["--endpoint-url", "http://[x"], "--endpoint-url has to be a URL, as http://localhost:8000"),
        (["--where", "Attr('status')"], "--where: where must be a condition: an attribute alone is none"),
        (["--where", "Attr('a') & Attr('b')"], "--where: where must be a condition: an attribute alone"),
        (["--where", "Attr('a').eq()"], "--where: eq takes another number of values"),
        (["--where", "Attr('a').lt({})"], "--where: lt takes text, a number or bytes"),
        (["--where", "status = 'OPEN'"], "--where is no condition: write it as \"Attr('status')"),
        (["--where", "__import__('os').remove('x')"], "--where is no condition"),
        (["--where", "Attr('a').eq(open('x'))"], "--where is no condition"),
        (["--where", "Attr('a').eq(1).eq(1)"], "--where is no condition"),
        (["--model", "models"], "--model has to be module:Model or path/to/file.py:Model, not 'models'"),
        (["--model", "models:User2"], "models has no class User2: --model names the class of the items"),
        (["--model", "models.py:not_a_model"], "models.py has no class not_a_model"),
        (["--model", "builtins:int"], "--model: "),
        (["--save", "models.py"], "--save models.py: the folder cannot be made: File exists"),
    ],
)
def test_a_wrong_option_is_explained(
    changed_table: str, dynamodb_endpoint: str, arguments: list[str], problem: str
) -> None:
    run = tail(dynamodb_endpoint, changed_table, *arguments)

    assert (run.code, run.out) == (2, "")
    assert run.err.startswith(f"error: {problem}")


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("no/table", "no/table is neither a table's name, nor its ARN, nor the ARN of its stream"),
        ("missing", "the table missing is not there: check its name, the account and the region"),
    ],
)
def test_a_wrong_table_is_explained(dynamodb_endpoint: str, table: str, problem: str) -> None:
    assert tail(dynamodb_endpoint, table).err.startswith(f"error: {problem}")


def test_a_table_may_have_no_stream(dynamodb_endpoint: str) -> None:
    dynamodb, _ = clients(dynamodb_endpoint)
    table = make_table(dynamodb, "pk")

    run = tail(dynamodb_endpoint, table)

    assert run.err.startswith(
        f"error: the table {table} has no stream: turn it on with aws dynamodb update-table"
    )
