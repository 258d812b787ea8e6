from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Callable, Generator, Sequence
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from ddbevents import BatchReport, Outcome, Reject, StreamApp, parse_event
from ddbevents.stores import MemoryStore
from ddbevents.testing import Table, event, export_files
from examples.search_mirror.app import app, lambda_handler
from tests.command_line import ROOT, run_beside_examples
from tests.search_server import SearchServer, search_server

MIRROR = ROOT / "examples" / "search_mirror"
EVENTS = sorted(MIRROR.glob("events/*.json"))
[COMMAND, BACKFILL] = re.findall(r"^ddbevents (.*)$", (MIRROR / "README.md").read_text("utf-8"), re.MULTILINE)

PRODUCTS = {
    "p-3": {"product_id": "p-3", "title": "Shelf", "price": 99},
    "p-4": {"product_id": "p-4", "title": "Rug", "price": 45},
}

Json: TypeAlias = dict[str, Any]
Invoke: TypeAlias = Callable[[], subprocess.CompletedProcess[str]]
Backfill: TypeAlias = Callable[[Path], subprocess.CompletedProcess[str]]


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Generator[SearchServer]:
    with search_server() as server:
        monkeypatch.setenv("SEARCH_ENDPOINT", server.url)  # as Lambda's environment names it
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        yield server


@pytest.fixture
def invoke(tmp_path: Path) -> Invoke:
    return partial(run_beside_examples, tmp_path, COMMAND)


@pytest.fixture
def backfill(tmp_path: Path) -> Backfill:
    """Return the README's command for an export on this machine, with a store and a table on it too."""

    def run(export: Path) -> subprocess.CompletedProcess[str]:
        local = f"{export} --keys product_id --store sqlite:marks.sqlite3"
        return run_beside_examples(tmp_path, re.sub(r"s3://\S+", local, BACKFILL))

    return run


@pytest.fixture
def mirror() -> StreamApp:
    return app.with_store(MemoryStore())


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def outcomes(report: BatchReport) -> list[str]:
    return [each.outcome.value for each in report.records]


def product(name: str, version: int, *, listed: bool = True) -> Json:
    return {
        "product_id": name,
        "title": f"{name} {version}",
        "price": 5,
        "listed": listed,
        "version": version,
    }


def titles(search: SearchServer) -> dict[str, str]:
    return {name: document["title"] for name, document in search.documents.items()}


@pytest.fixture
def table() -> Table:
    return Table("Products", "product_id")


def test_the_readme_fills_the_index(search: SearchServer, invoke: Invoke) -> None:
    run = invoke()

    assert (run.returncode, run.stderr) == (0, "")
    assert "11 records in 2 events · 10 handled · 1 ignored · " in run.stdout
    assert search.documents == PRODUCTS
    assert search.requests == [["p-2", "p-4", "p-1"], ["p-2", "p-3", "p-4", "p-1"]]


def test_a_retry_sends_nothing(search: SearchServer, mirror: StreamApp) -> None:
    first = [mirror.process(read(path)) for path in EVENTS]
    search.requests.clear()

    second = [mirror.process(read(path)) for path in EVENTS]

    assert [sum(report.handled for report in reports) for reports in (first, second)] == [10, 0]
    assert search.requests == []


def test_running_twice_does_no_harm(search: SearchServer) -> None:
    for path in [*EVENTS, *EVENTS]:
        app.with_store(None)(read(path))

    assert search.documents == PRODUCTS


def test_a_busy_index_is_asked_again(search: SearchServer, mirror: StreamApp, table: Table) -> None:
    batch = event(*(table.insert(product(name, 1)) for name in "abc"))
    search.busy = {"b"}

    first, second = mirror.process(batch), mirror.process(batch)

    assert outcomes(first) == ["handled", "failed", "handled"]
    assert outcomes(second) == ["already handled", "handled", "already handled"]
    assert search.requests == [["a", "b", "c"], ["b"]]


def test_an_unfit_product_is_rejected(search: SearchServer, mirror: StreamApp, table: Table) -> None:
    search.unfit = {"a"}

    report = mirror.process(event(table.insert(product("a", 1)), table.insert(product("b", 1))))

    error = report.records[0].error
    assert outcomes(report) == ["failed", "handled"]
    assert isinstance(error, Reject)
    assert str(error) == "the index refuses the product: mapper_parsing_exception"


def test_a_product_without_a_version(search: SearchServer, mirror: StreamApp, table: Table) -> None:
    odd = {"product_id": "a", "title": "a", "price": 5, "listed": True}

    report = mirror.process(event(table.insert(odd), table.insert(product("b", 1))))

    assert outcomes(report) == ["failed", "handled"]


def test_an_older_state_changes_nothing(search: SearchServer, table: Table) -> None:
    redriven = event(table.insert(product("a", 1)))
    removal = event(table.remove(product("a", 1)))
    newest = event(table.insert(product("a", 2)))
    mirror = app.with_store(None)

    answers = [mirror(each) for each in (newest, redriven, removal)]

    assert answers == [{"batchItemFailures": []}] * 3
    assert titles(search) == {"a": "a 2"}


def test_a_removal_outlasts_the_last_write(search: SearchServer, table: Table) -> None:
    last = event(table.insert(product("a", 7)))
    mirror = app.with_store(None)

    for each in (event(table.remove(product("a", 7))), last):
        mirror(each)

    assert search.documents == {}


def test_an_export_fills_the_index(search: SearchServer, backfill: Backfill, tmp_path: Path) -> None:
    products = [product("a", 1), product("b", 1, listed=False), product("c", 1)]
    export = export_files(tmp_path, *products, table="Products", files=2)

    first, second = backfill(export), backfill(export)

    assert (first.returncode, first.stderr) == (0, "")
    assert "3 handled" in first.stdout
    assert titles(search) == {"a": "a 1", "c": "c 1"}
    assert "3 already handled" in second.stdout
    assert sum(map(len, search.requests)) == 3


@pytest.mark.parametrize("order", [1, -1], ids=["export first", "stream first"])
def test_an_export_and_the_stream_agree(
    search: SearchServer,
    mirror: StreamApp,
    table: Table,
    backfill: Backfill,
    tmp_path: Path,
    order: int,
) -> None:
    old = {name: product(name, 1, listed=name != "c") for name in "abcd"}
    export = export_files(tmp_path, *old.values(), table="Products")
    since = [
        table.modify(old["a"], product("a", 2)),
        table.remove(old["b"]),
        table.modify(old["c"], product("c", 2)),
        table.insert(product("e", 1)),
    ]
    steps: list[Callable[[], object]] = [lambda: backfill(export), lambda: mirror(event(*since))]

    first, second = steps[::order]
    first()
    second()

    assert titles(search) == {"a": "a 2", "c": "c 2", "d": "d 1", "e": "e 1"}


@pytest.mark.parametrize("status", [403, 503])
def test_nothing_is_handled_in_an_outage(
    search: SearchServer, mirror: StreamApp, table: Table, status: int
) -> None:
    batch = event(*(table.insert(product(name, 1)) for name in "abc"))
    search.status = status

    during = mirror.process(batch)
    search.status = 200
    after = mirror.process(batch)

    assert {each.outcome for each in during.records} == {Outcome.FAILED}
    assert outcomes(after) == ["handled"] * 3


def history(chance: random.Random, table: Table) -> tuple[list[Json], dict[str, str]]:
    """Return the records of random writes to a table, and the titles of what is listed in the end."""
    items: dict[str, Json] = {}
    records: list[Json] = []
    for version in range(1, 80):
        name = chance.choice("abcd")
        before, item = items.pop(name, None), product(name, version, listed=chance.random() < 0.7)
        if before is None:
            records.append(table.insert(item))
        elif chance.random() < 0.3:
            records.append(table.remove(before))
            continue
        else:
            records.append(table.modify(before, item))
        items[name] = item
    return records, {name: item["title"] for name, item in items.items() if item["listed"]}


def deliver(mirror: StreamApp, search: SearchServer, records: Sequence[Json], chance: random.Random) -> None:
    """Deliver records in batches, each as often as it takes, to an index that is busy now and then."""
    while records:
        size = chance.randint(1, 20)
        search.busy = {name for name in "abcd" if chance.random() < 0.3}
        while any(report.is_open for report in mirror.process(event(*records[:size])).records):
            pass
        records = records[size:]


@pytest.mark.parametrize("seed", range(4))
def test_the_index_ends_as_the_table(
    search: SearchServer, mirror: StreamApp, table: Table, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  # no secret
    records, listed = history(chance, table)

    deliver(mirror, search, records, chance)

    assert titles(search) == listed


SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=local/20261123/eu-central-1/es/aws4_request"}
LINES = {"Content-Type": "application/x-ndjson"}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (LINES, "{}\n", 403),
        (SIGNED, "{}\n", 403),
        ({**SIGNED, **LINES}, "{}", 400),
        ({**SIGNED, **LINES}, '{"delete": {"_id": "a", "version_type": "external"}}\n', 400),
    ],
    ids=["not signed", "no lines", "no last newline", "another version type"],
)
def test_the_server_is_strict(search: SearchServer, headers: dict[str, str], body: str, status: int) -> None:
    connection = HTTPConnection("127.0.0.1", search.server_port)

    connection.request("POST", "/products/_bulk", body, headers)

    assert connection.getresponse().status == status
    connection.close()


def test_lambda_calls_the_app() -> None:
    assert lambda_handler is app


def test_records_rise_and_never_repeat() -> None:
    records = [record for path in EVENTS for record in parse_event(read(path))]
    numbers = [int(record.sequence_number) for record in records]

    assert numbers == sorted(set(numbers))
    assert len({record.event_id for record in records}) == len(records)
