from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.dynamodb_local import clients, stop
from tests.moto_server import wait_for_endpoint


def test_motos_server_answers(moto_endpoint: str) -> None:
    dynamodb, _ = clients(moto_endpoint)

    assert "TableNames" in dynamodb.list_tables()


def test_a_dead_server_shows_its_output(tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.write_text("no such module")
    process = subprocess.Popen([sys.executable, "-c", ""])

    with pytest.raises(RuntimeError, match="no such module"):
        wait_for_endpoint(process, output)
    stop(process)
