"""Lanes, measured: what waiting handlers gain from concurrency, and what busy ones pay for it.

python benchmarks/concurrency.py [--short]

A handler waits 20 ms for each of 200 records of 100 items, as one that calls a service does, or computes for
about half a millisecond. Rounds go in turn, and the best of them counts.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the benchmarks are found when this is the script

from benchmarks.timing import best, wall_clock
from ddbevents import KeyChange, StreamApp
from ddbevents.testing import event, insert

LANES: Final = 16
WAITS: Final = 0.02
AnyKeys = KeyChange[dict[str, Any]]


def wait(_: AnyKeys) -> None:
    """Wait, as a handler that calls a service does."""
    time.sleep(WAITS)


async def wait_async(_: AnyKeys) -> None:
    """Wait without a thread of its own."""
    await asyncio.sleep(WAITS)


def compute(_: AnyKeys) -> None:
    """Keep the interpreter busy."""
    sum(number * number for number in range(10_000))


def nothing(_: AnyKeys) -> None:
    """Cost nothing, so that only the library's own work is seen."""


HANDLERS: Final[Mapping[str, Callable[[AnyKeys], Any]]] = {
    "sync, waits 20 ms": wait,
    "async, waits 20 ms": wait_async,
    "sync, computes": compute,
    "sync, does nothing": nothing,
}


def compare(handler: Callable[[AnyKeys], Any], batch: object, rounds: int) -> dict[str, float]:
    """The seconds of a batch, one record at a time and in lanes."""
    apps = {f"{lanes}": app_of(handler, lanes) for lanes in (1, LANES)}
    return best({name: wall_clock(partial(app, batch)) for name, app in apps.items()}, rounds)


def app_of(handler: Callable[[AnyKeys], Any], lanes: int) -> StreamApp:
    """An app with one handler."""
    app = StreamApp(concurrency=lanes)
    app.on_keys(dict)(handler)
    return app


def main() -> None:
    """Print a row for each handler."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--short", action="store_true", help="fewer records, one round")
    is_short: bool = options.parse_args().short
    records, items, rounds = (32, 16, 1) if is_short else (200, 100, 5)
    batch = event(*(insert({"pk": f"item-{n % items}", "sk": str(n)}, keys="pk") for n in range(records)))
    print(f"Python {sys.version.split()[0]}: {records} records of {items} items, {LANES} lanes beside 1\n")
    print("| handler | 1 at a time | in lanes | times as fast |\n|---|---|---|---|")
    for name, handler in HANDLERS.items():
        one, many = compare(handler, batch, rounds).values()
        print(f"| {name} | {one * 1000:.1f} ms | {many * 1000:.1f} ms | {one / many:.2f} |")


if __name__ == "__main__":
    main()
