"""Timing in turn: each contender once in a round, many rounds, the best of each."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from time import perf_counter
from timeit import Timer
from typing import Any, Final

SPAN: Final = 0.002
"""The seconds that a contender runs in one round, if a single call does not take longer."""

Clock = Callable[[], float]
"""Runs a contender once or often, and returns the seconds of one call."""


def expression_clock(expression: str, names: Mapping[str, Any]) -> Clock:
    """Time an expression without a call around it, over so many repetitions as fill the span."""
    timer = Timer(expression, globals=dict(names))
    timer.timeit(1)
    number = max(1, round(SPAN / timer.timeit(10) * 10))
    return lambda: timer.timeit(number) / number


def call_clock(function: Callable[[Any], object], given: Any, parts: int = 1) -> Clock:
    """Time one call, by part of what is given."""

    def clock() -> float:
        start = perf_counter()
        function(given)
        return (perf_counter() - start) / parts

    return clock


def best(clocks: Mapping[str, Clock], rounds: int) -> dict[str, float]:
    """The shortest time of each, in seconds; the garbage collector rests meanwhile."""
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
