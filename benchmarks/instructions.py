"""Count instructions with valgrind: figures that repeat to 0.1 % on any machine, however busy it is.

python benchmarks/instructions.py [--only batch-100,flat-100] [--json FILE] [--against FILE] [--python PATH]

Each contender runs some times in one process, and some more times in another one; the difference, divided by
the records, is its figure. Both processes are forks of one that has made everything ready, so they differ in
nothing else. `import` and `start` are counted in fresh interpreters, less what an empty one takes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple, TypeAlias

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the benchmarks are found when this is the script

from benchmarks.comparing import WORKLOADS
from benchmarks.costs import FIRST_RECORDS, IMPORTS, PYDANTIC, with_bytecode
from benchmarks.results import Report, Result, earlier_figures, print_table, save, unknown
from benchmarks.targets import LIMIT

UNIT: Final = "instructions"
NO_VALGRIND: Final = (
    "This counts instructions with valgrind, which is not installed. Install it with `apt install valgrind`"
    " (Debian, Ubuntu), `dnf install valgrind` (Fedora) or `brew install valgrind` (Homebrew on Linux; on a"
    " Mac `brew install --HEAD LouisBrunner/valgrind/valgrind`), and run this again. benchmarks/decoding.py"
    " measures CPU time without it."
)
Environment: TypeAlias = Mapping[str, str]

_COUNTED: Final = str(Path(__file__).with_name("counted.py"))


class Fresh(NamedTuple):
    """What fresh interpreters do."""

    title: str
    base: str
    codes: Mapping[str, str]


FRESH: Final[Mapping[str, Fresh]] = {
    "import": Fresh("import in a fresh interpreter, each beside pydantic", PYDANTIC, IMPORTS),
    "start": Fresh("import, and the first record, in a fresh interpreter, full model", LIMIT, FIRST_RECORDS),
}
CASES: Final = (*WORKLOADS, *FRESH)


def main() -> int:
    """Print a table for each case, and say with the exit code whether valgrind was there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default=",".join(CASES), help=f"some of {', '.join(CASES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to save the figures")
    parser.add_argument("--against", type=Path, metavar="FILE", help="saved figures to compare with")
    parser.add_argument("--python", default=sys.executable, help="the interpreter of another installation")
    arguments = parser.parse_args()
    names: list[str] = arguments.only.split(",")
    if mistake := unknown(names, CASES):
        parser.error(mistake)
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        print(NO_VALGRIND, file=sys.stderr)
        return 2
    earlier = earlier_figures(arguments.against)
    report = count(Installation(valgrind, arguments.python), names)
    print(f"{report.versions_line}\ninstructions for each record or item")
    for name, result in report.results.items():
        print_table(name, result, earlier.get(name))
    if arguments.json:
        save(arguments.json, report)
    return 0


class Installation(NamedTuple):
    """What counts, and whose interpreter is counted."""

    valgrind: str
    python: str

    def run(self, folder: str, *arguments: str, text: str = "", environment: Environment = os.environ) -> str:
        """Count what the interpreter does, in a file for each process, and return its output."""
        command = [
            *(self.valgrind, "--quiet", "--tool=cachegrind", "--cache-sim=no"),
            *(f"--cachegrind-out-file={folder}/%p", f"--log-file={folder}/%p.log"),
            *(self.python, "-P", *arguments),
        ]
        fixed = {**environment, "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=fixed, input=text, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout


def count(installation: Installation, names: Sequence[str]) -> Report:
    """Count the cases, in two processes at a time."""
    workloads = [name for name in names if name in WORKLOADS]
    with ThreadPoolExecutor(2) as pool:
        about = pool.submit(_about, installation)
        parts = [
            pool.submit(partial(_count, installation, half))
            for half in (workloads[::2], workloads[1::2])
            if half
        ]
        parts += [pool.submit(partial(_count_fresh, installation, name)) for name in names if name in FRESH]
        results = {name: result for part in parts for name, result in part.result().items()}
    return Report(about.result(), {name: results[name] for name in names})


def _about(installation: Installation) -> dict[str, str]:
    done = subprocess.run(
        [installation.python, "-P", _COUNTED, "--about"], stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _count(installation: Installation, names: Sequence[str]) -> dict[str, Result]:
    with TemporaryDirectory() as folder:
        lines = installation.run(folder, _COUNTED, text="\n".join(names)).splitlines()
        return dict(_results(map(json.loads, lines), Path(folder)))


def _results(lines: Iterator[Any], folder: Path) -> Iterator[tuple[str, Result]]:
    for line in lines:
        figures = {
            contender: (_instructions(folder / str(long)) - _instructions(folder / str(short)))
            / line["records"]
            for contender, (short, long) in line["processes"].items()
        }
        yield line["name"], Result(line["title"], UNIT, line["base"], figures)


def _count_fresh(installation: Installation, name: str) -> dict[str, Result]:
    fresh = FRESH[name]
    with TemporaryDirectory() as folder:
        environment = with_bytecode(folder)
        there = {each: code for each, code in fresh.codes.items() if _runs(installation, code, environment)}
        empty = _count_code(installation, "pass", environment)
        figures = {
            each: float(_count_code(installation, code, environment) - empty) for each, code in there.items()
        }
    return {name: Result(fresh.title, UNIT, fresh.base, figures)}


def _runs(installation: Installation, code: str, environment: Environment) -> bool:
    """Whether all is there that code imports; now its bytecode is as well."""
    command = [installation.python, "-P", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    return done.returncode == 0


def _count_code(installation: Installation, code: str, environment: Environment) -> int:
    with TemporaryDirectory() as folder:
        installation.run(folder, "-c", code, environment=environment)
        [counts] = [path for path in Path(folder).iterdir() if not path.suffix]
        return _instructions(counts)


def _instructions(counts: Path) -> int:
    [total] = [line for line in counts.read_text().splitlines() if line.startswith("summary:")]
    return int(total.split()[1])


if __name__ == "__main__":
    sys.exit(main())
