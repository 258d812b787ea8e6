from __future__ import annotations

import json
import re
import shlex
from decimal import Decimal
from importlib import import_module
from types import ModuleType
from typing import Any

import cfnlint.api  # type: ignore[import-untyped]  # it has no types
import pytest

from ddbevents.stores import MemoryStore
from ddbevents.testing import MemorySink, Table, event
from tests.command_line import ROOT, command

PROJECT = ROOT / "examples" / "deploy"
README = (PROJECT / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"^ddbevents template (.*?) -o (\S+)$", README, re.MULTILINE)


@pytest.fixture
def app_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The project's module, which reads names from the environment."""
    monkeypatch.setenv("IDEMPOTENCY_TABLE", "handled-events")
    monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/123456789012/letters")
    return import_module("examples.deploy.app")


@pytest.fixture(autouse=True)
def _project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)  # the README's commands run there
    for name in ("IDEMPOTENCY_TABLE", "DEAD_LETTER_QUEUE_URL"):
        monkeypatch.setenv(name, "")  # so that it is as before, whatever the command sets
        monkeypatch.delenv(name)


@pytest.mark.parametrize(("arguments", "file"), COMMANDS, ids=[file for _, file in COMMANDS])
def test_the_template_is_the_command_s(arguments: str, file: str) -> None:
    run = command("template")(*shlex.split(arguments))

    assert run.code == 0
    assert run.out == (PROJECT / file).read_text("utf-8")


def test_both_templates_are_there() -> None:
    assert [file for _, file in COMMANDS] == ["template.yaml", "cloudformation.yaml"]


def test_the_templates_are_clean() -> None:
    problems = [
        (path.name, str(problem))
        for path in sorted(PROJECT.glob("*.yaml"))
        for problem in cfnlint.api.lint(path.read_text("utf-8"), regions=["eu-central-1"])
    ]

    assert problems == []


def items() -> list[dict[str, Any]]:
    table = Table("orders", ("pk", "sk"))
    order = {"pk": "C#1", "sk": "ORDER#1", "kind": "order", "customer": "Ada", "status": "OPEN"}
    placed = {**order, "amount": Decimal("19.90")}
    return [
        table.insert({"pk": "C#1", "sk": "PROFILE", "kind": "customer", "name": "Ada", "email": "a@b.c"}),
        table.insert(placed),
        table.modify(placed, {**placed, "status": "SHIPPED"}),
        table.insert({**order, "sk": "ORDER#2", "amount": "12,50"}),
    ]


def test_the_app_counts_each_order_once(app_module: ModuleType) -> None:
    store, sink = MemoryStore(), MemorySink()
    app = app_module.app.with_store(store).with_sink(sink)
    batch = event(*items())

    first, second = app.process(batch), app.process(batch)

    assert (first.handled, first.dead_lettered, second.already_handled) == (3, 1, 4)
    assert store.items("totals") == [{"customer": "Ada", "orders": 1, "amount": Decimal("19.90")}]
    assert [letter.path for letter in sink.letters] == ["dynamodb.NewImage.amount"]


def test_lambda_calls_the_app(app_module: ModuleType) -> None:
    assert app_module.lambda_handler is app_module.app


def test_the_filter_is_in_the_template(app_module: ModuleType) -> None:
    patterns = re.findall(r"Pattern: '(.*)'", (PROJECT / "template.yaml").read_text("utf-8"))

    assert [json.loads(pattern)["eventName"] for pattern in patterns] == [["INSERT"], ["INSERT"], ["MODIFY"]]
