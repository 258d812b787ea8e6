"""Timing in turn: each contender once in a round, many rounds, the best of each."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter, process_time
from typing import Final

SPAN: Final = 0.002
"""The seconds that a contender computes in one round, if a single call does not take longer."""

Run = Callable[[], object]
"""A contender's work."""

Clock = Callable[[], float]
"""Runs a contender once or often, and returns the seconds of one call."""


def cpu_clock(run: Run, parts: int = 1) -> Clock:
    """Return a clock of CPU time, by part of the work, over as many calls as fill the span."""

    def seconds(calls: int) -> float:
        start = process_time()
        for _ in range(calls):
            run()
        return process_time() - start

    seconds(1)
    calls = max(1, round(SPAN / max(seconds(1), 1e-9)))
    return lambda: seconds(calls) / calls / parts


def wall_clock(run: Run) -> Clock:
    """Return a clock of one call that may wait."""

    def clock() -> float:
        start = perf_counter()
        run()
        return perf_counter() - start

    return clock


def best(clocks: Mapping[str, Clock], rounds: int) -> dict[str, float]:
    """Return the shortest time of each, in seconds; the garbage collector rests meanwhile."""
    shortest = dict.fromkeys(clocks, float("inf"))
    enabled = gc.isenabled()
    try:
        for _ in range(rounds):
            gc.collect()
            gc.disable()
            for name, clock in clocks.items():
                shortest[name] = min(shortest[name], clock())
    finally:
        if enabled:
            gc.enable()
    return shortest


def best_apart(runs: Mapping[str, Run], parts: int, rounds: int) -> dict[str, float]:
    """Return the median CPU time of each, in seconds, each in a fork of this process.

    Its garbage collector works as ever there, and what one contender leaves behind does not slow the next.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(_apart(run) / parts)
    return {name: median(each) for name, each in times.items()}


def _apart(run: Run) -> float:
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        run()
        start = process_time()
        for _ in range(3):
            run()
        os.write(writer, str((process_time() - start) / 3).encode())
        os._exit(0)
    os.waitpid(process, 0)
    os.close(writer)
    with os.fdopen(reader) as result:
        return float(result.read())
