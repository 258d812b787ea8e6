"""Run workloads under valgrind for `benchmarks/instructions.py`: each contender in two processes of its own.

Reads the names of the workloads, and prints for each the numbers of its processes. With `--about` it prints
the versions of what it would measure, and where that is.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

import ddbevents  # first, from where it is installed: the folder of the benchmarks has a ddbevents as well

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.comparing import WORKLOADS, Libraries, find_libraries
from benchmarks.results import versions
from benchmarks.targets import (
    BOTO3,
    BOTO3_OUT,
    COMPREHENSION,
    DATA_CLASS,
    DUMP,
    FROZEN,
    JSON,
    LIMIT,
    LOOP,
    OURS,
)
from benchmarks.timing import Run

WARM: Final = 300
"""The records or items of the short run, after which Python has specialized its code."""

MEASURED: Final = 2_000
"""Those of the long run beside."""

_CONTENDERS: Final = frozenset(
    {LIMIT, DUMP, JSON, OURS, FROZEN, LOOP, COMPREHENSION, BOTO3, BOTO3_OUT, DATA_CLASS}
)


def main(names: Iterable[str]) -> None:
    """Run each workload."""
    libraries = [*find_libraries(("with_boto3", "with_powertools"))]
    for name in names:
        _fork(partial(_print_run, name, libraries))  # so that none depends on what was measured before


def run(name: str, libraries: Libraries) -> dict[str, object]:
    """Run the contenders of a workload, and return the numbers of their processes."""
    workload = WORKLOADS[name](libraries)
    short = -(-WARM // workload.parts)
    more = MEASURED // workload.parts

    def repeat(run: Run, calls: int) -> None:
        if workload.frozen:
            gc.collect()
            gc.freeze()
        for _ in range(calls):
            run()

    processes = {
        contender: [_fork(partial(repeat, run, calls)) for calls in (short, short + more)]
        for contender, run in workload.runs.items()
        if contender in _CONTENDERS
    }
    return {
        "name": name,
        "title": workload.title,
        "base": workload.base,
        "records": more * workload.parts,
        "processes": processes,
    }


def _print_run(name: str, libraries: Libraries) -> None:
    print(json.dumps(run(name, libraries)), flush=True)


def _fork(work: Run) -> int:
    """Do work in a copy of this process, wait for its end, and return its number."""
    process = os.fork()
    if process:
        _, status = os.waitpid(process, 0)
        if status:
            raise SystemExit(1)
        return process
    try:
        work()
    except BaseException:  # noqa: BLE001  # the copy ends here, whatever happens
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1:] == ["--about"]:
        print(f"ddbevents is in {Path(ddbevents.__file__).parent}", file=sys.stderr)
        print(json.dumps(versions()))
        sys.exit()
    main(map(str.rstrip, sys.stdin))  # arguments would shift all memory, and with it the order of some sets
