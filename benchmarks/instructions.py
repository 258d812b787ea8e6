"""Count instructions with valgrind: figures that repeat to 0.1 % on any machine, however busy it is.

python benchmarks/instructions.py [--only batch-100,flat-100] [--json FILE] [--against FILE] [--python PATH]

Each contender runs some times in one process, and some more times in another one; the difference, divided by
the records, is its figure. Both processes are forks of one that has made everything ready, so they differ in
nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the benchmarks are found when this is the script

from benchmarks.comparing import WORKLOADS
from benchmarks.results import Result, load, save, table, versions_line

UNIT: Final = "instructions"
NO_VALGRIND: Final = (
    "This counts instructions with valgrind, which is not installed. Install it with `apt install valgrind`"
    " (Debian, Ubuntu), `dnf install valgrind` (Fedora) or `brew install valgrind` (Homebrew on Linux; on a"
    " Mac `brew install --HEAD LouisBrunner/valgrind/valgrind`), and run this again. benchmarks/decoding.py"
    " measures CPU time without it."
)
_COUNTED: Final = str(Path(__file__).with_name("counted.py"))


class Counted(NamedTuple):
    """The results of one process, and the installation that it measured."""

    versions: dict[str, str]
    place: str
    results: dict[str, Result]


def main() -> int:
    """Print a table for each workload, and say with the exit code whether valgrind was there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default=",".join(WORKLOADS), help=f"some of {', '.join(WORKLOADS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to save the figures")
    parser.add_argument("--against", type=Path, metavar="FILE", help="saved figures to compare with")
    parser.add_argument("--python", default=sys.executable, help="the interpreter of another installation")
    arguments = parser.parse_args()
    names: list[str] = arguments.only.split(",")
    if unknown := [name for name in names if name not in WORKLOADS]:
        parser.error(f"no workload is called {', '.join(unknown)}: choose from {', '.join(WORKLOADS)}")
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        print(NO_VALGRIND, file=sys.stderr)
        return 2
    earlier = load(arguments.against) if arguments.against else {}
    counted = count(valgrind, arguments.python, names)
    print(versions_line(counted.versions))
    print(f"instructions for each record or item; ddbevents from {counted.place}")
    for name, result in counted.results.items():
        before = earlier[name].figures if name in earlier else None
        print(*table(name, result, UNIT, before), sep="\n")
    if arguments.json:
        save(arguments.json, UNIT, counted.versions, counted.results)
    return 0


def count(valgrind: str, python: str, names: Sequence[str]) -> Counted:
    """Count workloads in two processes, since most machines have two cores."""
    halves = [half for half in (names[::2], names[1::2]) if half]
    with ThreadPoolExecutor() as pool:
        [first, *others] = pool.map(partial(_count, valgrind, python), halves)
    results = dict(chain(first.results.items(), *(other.results.items() for other in others)))
    return Counted(first.versions, first.place, {name: results[name] for name in names})


def _count(valgrind: str, python: str, names: Sequence[str]) -> Counted:
    with TemporaryDirectory() as folder:
        command = [
            *(valgrind, "--quiet", "--tool=cachegrind", "--cache-sim=no"),
            *(f"--cachegrind-out-file={folder}/%p", f"--log-file={folder}/%p.log"),
            *(python, "-P", _COUNTED),
        ]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(
            command,
            env=environment,
            input="\n".join(names),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        about, *lines = map(json.loads, done.stdout.splitlines())
        return Counted(about["versions"], about["place"], dict(_results(lines, Path(folder))))


def _results(lines: Sequence[Any], folder: Path) -> Iterator[tuple[str, Result]]:
    for line in lines:
        figures = {
            contender: (_instructions(folder / str(long)) - _instructions(folder / str(short)))
            / line["records"]
            for contender, (short, long) in line["processes"].items()
        }
        yield line["name"], Result(line["title"], line["base"], figures)


def _instructions(counts: Path) -> int:
    [total] = [line for line in counts.read_text().splitlines() if line.startswith("summary:")]
    return int(total.split()[1])


if __name__ == "__main__":
    sys.exit(main())
