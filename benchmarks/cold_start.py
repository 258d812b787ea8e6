"""What a function takes under Amazon's runtime client: its start, a warm invocation, 6 MB in 10,000 records.

python -m benchmarks.cold_start [--starts 15]
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final

from tests.runtime_api import Function, function
from tests.stream import batch, insert

BARE: Final = "echo.lambda_handler"
OURS: Final = "idle.lambda_handler"
WARM: Final = 200
LARGE: Final = 10


def main() -> None:
    """Print the median of each, in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=15)
    starts = parser.parse_args().starts
    show("start to first answer, a function that echoes", cold(BARE, {"answer": None}, starts))
    show("start to first answer, an app with one record", cold(OURS, records(1), starts))
    with function(OURS) as ours, function(BARE) as bare:
        show("warm, a function that echoes", warm(bare, {"answer": None}, WARM))
        show("warm, an app with one record", warm(ours, records(1), WARM))
        show("warm, an app with 100 records", warm(ours, records(100), WARM))
        show(
            "warm, 10,000 records of 6 MB, not read by anyone", warm(bare, {**large(), "answer": None}, LARGE)
        )
        show("warm, an app with 10,000 records of 6 MB", warm(ours, large(), LARGE))


def cold(handler: str, event: Any, times: int) -> float:
    """The median of fresh processes, in seconds."""
    return statistics.median(first_answer(handler, event) for _ in range(times))


def first_answer(handler: str, event: Any) -> float:
    """From the start of a process to its first answer, in seconds."""
    with function(handler) as started:
        return seconds(lambda: started.invoke(event))


def warm(started: Function, event: Any, times: int) -> float:
    """The median of invocations of one process, in seconds, after one that does not count."""
    started.invoke(event)
    return statistics.median(seconds(lambda: started.invoke(event)) for _ in range(times))


def seconds(call: Callable[[], object]) -> float:
    """What a call takes."""
    start = perf_counter()
    call()
    return perf_counter() - start


def records(count: int, padding: str = "") -> dict[str, Any]:
    """A batch of so many records."""
    return batch(*(insert(number, task(number, padding)) for number in range(count)))


def large() -> dict[str, Any]:
    """A batch of 10,000 records and 6.2 MB, nearly as large as Lambda makes them."""
    return records(10_000, "x" * 100)


def task(number: int, padding: str) -> dict[str, Any]:
    """An item, in typed JSON."""
    return {"pk": {"S": f"{number}"}, "deed": {"S": f"nothing{padding}"}}


def show(what: str, measured: float) -> None:
    """Print a line."""
    print(f"{what:<52} {measured * 1000:8.1f} ms")


if __name__ == "__main__":
    main()
