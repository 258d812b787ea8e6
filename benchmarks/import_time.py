"""What `import ddbevents` takes beside `from pydantic import BaseModel`: paired runs, bytecode ready.

python benchmarks/import_time.py [--pairs 25]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import ddbevents

TIMED = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
OURS = TIMED.format("import ddbevents")
PYDANTICS = TIMED.format("from pydantic import BaseModel")


def main() -> None:
    """Print the median of each, and of their ratio within a pair."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=25)
    pairs = parser.parse_args().pairs
    with TemporaryDirectory() as folder:
        install(Path(folder))
        times = [(seconds(PYDANTICS, folder), seconds(OURS, folder)) for _ in range(pairs)]
    pydantics, ours = (statistics.median(column) * 1000 for column in zip(*times, strict=True))
    ratio = statistics.median(our / their for their, our in times)
    print(f"from pydantic import BaseModel {pydantics:6.1f} ms")
    print(f"import ddbevents               {ours:6.1f} ms")
    print(f"ratio, median of {pairs} pairs {ratio:6.2f}")


def install(folder: Path) -> None:
    """As pip does it: with bytecode, which an editable install may lack."""
    shutil.copytree(Path(ddbevents.__file__).parent, folder / "ddbevents")
    subprocess.run([sys.executable, "-m", "compileall", "-q", folder], check=True)


def seconds(code: str, folder: str) -> float:
    """The time of a fresh interpreter that finds this package first."""
    environment = {**os.environ, "PYTHONPATH": folder}
    return float(subprocess.check_output([sys.executable, "-P", "-c", code], env=environment))


if __name__ == "__main__":
    main()
