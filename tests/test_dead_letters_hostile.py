"""Messages that would fill the memory or take all day, read in a process of their own, under limits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.campaigns import size

MESSAGES: Final = size(short=2, full=4, long=4)
ROOM = 400  # MiB for what is read, beside Python and the messages
SECONDS = 120.0  # generous: each takes some seconds
READ = f"""
import resource
import sys
from pathlib import Path

from ddbevents import StreamApp, UnreadableRecord
from ddbevents.dead_letters import DeadLetters, letter_to_json
from ddbevents.stores import MemoryStore
from tests.letters import Sent, letter, message, packed
from tests.stream import Context, batch

MIB = 1024 * 1024
FULL = 6 * MIB - 1_000
whole = letter_to_json(letter(0))


def with_record(text):
    return whole[:-2] + text + "}}"


bodies = {{
    "lists": lambda: with_record("[" + "[]," * (FULL // 3) + "0]"),
    "objects": lambda: with_record("[" + '{{"":0}},' * (FULL // 8) + "0]"),
    "no letter": lambda: '{{"version": 1, "more": [' + '{{"":0}},' * (FULL // 8) + "0]}}",
    "no version": lambda: '{{"more": [' + '{{"":0}},' * (FULL // 8) + "0]}}",
    "no JSON": lambda: '{{"version": 1, "more": [' + '{{"":0}},' * (FULL // 8),
    "depth": lambda: with_record("[" * (FULL // 2) + "]" * (FULL // 2)),
    "depth of objects": lambda: with_record('{{"":' * (FULL // 6) + "0" + "}}" * (FULL // 6)),
    "an integer": lambda: with_record("1" * FULL),
    "a fraction": lambda: with_record("0." + "1" * FULL),
    "too large": lambda: with_record("[" + "[]," * (32 * MIB // 3) + "0]"),
    "an image": lambda: with_record('{{"dynamodb": [' + '{{"N":"1"}},' * (FULL // 11) + "0]}}"),
}}
body = bodies[sys.argv[1]]()
body = packed(body) if sys.argv[2] == "compressed" else body
event = batch(*(message(str(number), body) for number in range({MESSAGES})))
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + {ROOM} * MIB
sys.set_int_max_str_digits(0)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

app = StreamApp("users", store=MemoryStore(), dead_letter=DeadLetters(Sent()))
report = app.process(event, Context())
assert len(report.records) == {MESSAGES}
assert all(isinstance(each.record, UnreadableRecord) for each in report.records)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limit and /proc are Linux's")


def read(case: str, form: str) -> subprocess.CompletedProcess[str]:
    """Let an app read some such messages in a process with little memory."""
    return subprocess.run(
        [sys.executable, "-c", READ, case, form],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize(
    "case",
    [
        "lists",
        "objects",
        "no letter",
        "no version",
        "no JSON",
        "depth",
        "depth of objects",
        "an integer",
        "a fraction",
        "too large",
        "an image",
    ],
)
def test_small_messages_stay_small(case: str) -> None:
    result = read(case, "compressed")

    assert result.returncode == 0, result.stderr


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("case", ["lists", "no letter", "too large"])
def test_long_messages_are_bounded(case: str) -> None:
    result = read(case, "plain")

    assert result.returncode == 0, result.stderr
