"""Measure everything, and renew the figures and the chart of docs/explanation/performance.md.

pip install -e '.[bench]'
python benchmarks/page.py [--saved]

It takes about a quarter of an hour on a machine with nothing else to do, and needs valgrind. `--saved` only
writes the page again, from the figures in docs/explanation/measured.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the benchmarks are found when this is the script

from benchmarks.chart import TITLE, describe, draw
from benchmarks.instructions import UNIT
from benchmarks.results import Report, Result, load
from benchmarks.targets import BOTO3, DATA_CLASS, LOOP, OURS

PAGE: Final = Path(__file__).parents[1] / "docs/explanation/performance.md"
MEASURED: Final = PAGE.parent / "measured"
TIMES: Final = MEASURED / "times.json"
INSTRUCTIONS: Final = MEASURED / "instructions.json"
CHART: Final = MEASURED / "chart.svg"

_MILLION: Final = 1e6
_REGION: Final = re.compile(r"(<!-- measured: ([a-z-]+) -->\n).*?(<!-- end of measured -->\n)", re.DOTALL)
_DECODING: Final = {
    "decode-full": "12 attributes, nested",
    "decode-narrow": "3 of 42 attributes",
    "decode-flat": "10 texts",
    "decode-unions": "unions, validators",
    "decode-nulls": "8 of 10 NULL",
    "decode-list": "200 ints",
}
_BATCHES: Final = {
    "batch-1": "1 INSERT",
    "batch-100": "100 INSERT",
    "batch-1000": "1,000 INSERT",
    "modify-100": "100 MODIFY",
    "modify-1000": "1,000 MODIFY",
}
_SHAPES: Final = {
    "flat-100": "10 texts",
    "handlers-100": "three handlers",
    "entities-100": "ten entities",
}
_STORES: Final = {"store-first": "first delivery", "store-replay": "second delivery"}
_SUMMARY: Final = {
    "decode-full": "decode a nested item",
    "batch-100": "handle a record of a batch",
    "start": "import, and handle the first record",
}


def regions(times: Report, instructions: Report) -> dict[str, str]:
    """Return the parts of the page that are measured, by name."""
    found, counts = times.results, instructions.results
    return {
        "summary": _summary(found),
        "chart": f"![{TITLE}. {describe(times)}](measured/{CHART.name})",
        "versions": f"{times.versions_line}.",
        "decoding": _columns(found, _DECODING),
        "encoding": _columns(found, {"encode-full": "12 attributes, nested"}),
        "batches": _columns(found, _BATCHES),
        "shapes": _columns(found, _SHAPES),
        "ignored": _columns(found, {"ignored-100": "90 of 100 ignored"}, base=LOOP),
        "stores": _columns(found, _STORES),
        "invocation": _columns(found, {"invocation": "1,000 INSERT, `json.loads` included"}),
        "growth": _growth(found),
        "memory": _columns(found, {"memory-full": "full model", "memory-narrow": "narrow model"}),
        "import": _columns(found, {"import": "CPU time", "import-memory": "memory"}),
        "start": _columns(found, {"start": "CPU time", "start-memory": "memory"}),
        "first": _columns(found, {"first": "CPU time"}),
        "counted-decoding": _columns(counts, _DECODING | {"encode-full": "encode"}),
        "counted-batches": _columns(counts, _BATCHES),
        "counted-shapes": _columns(counts, _SHAPES | _STORES),
        "counted-starts": _columns(counts, {"start": "import and first record"}),
    }


def render(page: str, times: Report, instructions: Report) -> str:
    """Return the page with these figures."""
    contents = regions(times, instructions)
    return _REGION.sub(lambda match: f"{match[1]}\n{contents[match[2]]}\n\n{match[3]}", page)


def _summary(found: Mapping[str, Result]) -> str:
    rows = [["", "`ddbevents`", "boto3 and pydantic, by hand", "Powertools and pydantic"]]
    for name, label in _SUMMARY.items():
        figures = found[name].figures
        by_hand = LOOP if LOOP in figures else BOTO3
        ours, *others = (figures[each] / figures[found[name].base] for each in (OURS, by_hand, DATA_CLASS))
        rows.append([label, f"**{ours:.1f}**", *(f"{ratio:.1f}" for ratio in others)])
    return _table(rows)


def _columns(found: Mapping[str, Result], heads: Mapping[str, str], base: str = "") -> str:
    """Return a table of ratios: a row for each contender, a column for each case, what is 1 first."""
    results = [found[name] for name in heads]
    bases = [base or result.base for result in results]
    contenders = dict.fromkeys(each for result in results for each in result.figures)
    rows = [["", *heads.values()]]
    for contender in contenders:
        cells = [_ratio(result.figures, contender, of) for result, of in zip(results, bases, strict=True)]
        rows.append([contender, *cells])
    sizes = [
        f"*{_amount(result.figures[of], result.unit)}*" for result, of in zip(results, bases, strict=True)
    ]
    return _table([*rows, ["*1 is*", *sizes]])


def _amount(figure: float, unit: str) -> str:
    if unit == UNIT:  # the headings say so
        return f"{figure:,.0f}" if figure < _MILLION else f"{figure / _MILLION:,.0f} million"
    return f"{figure:.3g} {unit}"


def _ratio(figures: Mapping[str, float], contender: str, base: str) -> str:
    return f"{figures[contender] / figures[base]:.2f}" if contender in figures else ""


def _growth(found: Mapping[str, Result]) -> str:
    limit, relative = found["growth-limit"], found["growth"]
    rows = [["records in the batch", "pydantic alone", "`ddbevents`"]]
    for size in limit.figures:
        growth = limit.figures[size] / limit.figures[limit.base]
        ours = growth * relative.figures[size] / relative.figures[relative.base]
        rows.append([size.removesuffix(" records"), f"{growth:.2f}", f"{ours:.2f}"])
    return _table(rows)


def _table(rows: Iterable[list[str]]) -> str:
    head, *others = rows
    ruler = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ruler, *others))


def main() -> int:
    """Measure, unless figures are saved, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--saved", action="store_true", help="measure nothing, take the saved figures")
    if not parser.parse_args().saved:
        for script, figures in (("instructions.py", INSTRUCTIONS), ("decoding.py", TIMES)):
            command = [sys.executable, str(Path(__file__).with_name(script)), "--json", str(figures)]
            if code := subprocess.run(command, check=False).returncode:
                return code
    times, instructions = load(TIMES), load(INSTRUCTIONS)
    CHART.write_text(draw(times), "utf-8")
    PAGE.write_text(render(PAGE.read_text("utf-8"), times, instructions), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
