"""Draw the chart of docs/explanation/performance.md from saved figures, for light and for dark screens.

python benchmarks/chart.py FIGURES.json CHART.svg
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the benchmarks are found when this is the script

from benchmarks.results import Report, load
from benchmarks.targets import DATA_CLASS, LOOP, OURS

GROUPS: Final[Mapping[str, str]] = {
    "batch-100": "Nested items",
    "flat-100": "Flat items",
    "entities-100": "Ten entities",
}
"""The workloads of the chart, and what they are called there."""

BARS: Final[Mapping[str, tuple[str, str]]] = {
    OURS: ("ours", "ddbevents"),
    LOOP: ("loop", "boto3 loop by hand"),
    DATA_CLASS: ("tools", "Powertools data class"),
}
"""The contenders of the chart, each with its class and what it is called there."""

TITLE: Final = "Time for each record in a batch of 100"

_WIDTH: Final = 720
_LEFT: Final = 130
_RIGHT: Final = 60
_TOP: Final = 96
_BAR: Final = 20
_GAP: Final = 4
_BETWEEN: Final = 26
_BOTTOM: Final = 24
_STYLE: Final = """
text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
.title { font-size: 17px; font-weight: 600; }
.quiet, .unit { font-size: 12px; fill: #57606a; }
.paper { fill: #ffffff; stroke: #d0d7de; }
.unit-line { stroke: #57606a; stroke-dasharray: 3 3; }
.unit-back { stroke: #ffffff; stroke-width: 3; }
.ours { fill: #0a5cc2; }
.loop { fill: #6e7781; }
.tools { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .quiet, .unit { fill: #9da7b3; }
  .paper { fill: #161b22; stroke: #30363d; }
  .unit-line { stroke: #9da7b3; }
  .unit-back { stroke: #161b22; }
  .ours { fill: #58a6ff; }
  .loop { fill: #9da7b3; }
  .tools { fill: #6e7681; }
}
"""


class Bar(NamedTuple):
    """A bar: its contender's class and name, and how many times as long it takes as pydantic alone."""

    style: str
    label: str
    ratio: float


def bars(report: Report) -> dict[str, list[Bar]]:
    """Return the bars of the chart by the label of their group."""
    return {
        label: [
            Bar(*BARS[contender], ratio=result.figures[contender] / result.figures[result.base])
            for contender in BARS
        ]
        for name, label in GROUPS.items()
        for result in [report.results[name]]
    }


def describe(report: Report) -> str:
    """Return the chart in words."""
    groups = (
        f"{label}: " + ", ".join(f"{bar.label} {bar.ratio:.1f}" for bar in group)
        for label, group in bars(report).items()
    )
    return f"CPU time; 1 is pydantic alone, which only validates plain values. {'. '.join(groups)}."


def draw(report: Report) -> str:
    """Return the chart as SVG."""
    groups = bars(report)
    longest = max(bar.ratio for group in groups.values() for bar in group)
    scale = (_WIDTH - _LEFT - _RIGHT) / max(longest, 1)
    group_height = len(BARS) * (_BAR + _GAP) + _BETWEEN
    height = _TOP + len(groups) * group_height + _BOTTOM
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title desc">',
        f'<title id="title">{escape(TITLE)}</title>',
        f'<desc id="desc">{escape(describe(report))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="8"/>',
        _text(20, 32, TITLE, "title"),
        _text(20, 52, "CPU time; 1 is pydantic alone, which only validates plain values", "quiet"),
        *_legend(76),
    ]
    for place, (label, group) in enumerate(groups.items()):
        lines += _group(_TOP + _GAP + place * group_height, label, group, scale)
    at_one = f"{_LEFT + scale:.1f}"
    line = f'x1="{at_one}" y1="{_TOP}" x2="{at_one}" y2="{height - _BOTTOM - _GAP}"'
    lines += [
        f'<line class="unit-back" {line}/>',  # so that it is seen on the bars as well
        f'<line class="unit-line" {line}/>',
        _text(_LEFT + scale, height - 10, "pydantic alone", "unit", anchor="middle"),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _legend(y: float) -> Iterator[str]:
    x = 20.0
    for style, label in BARS.values():
        yield f'<rect class="{style}" x="{x:.1f}" y="{y - 10}" width="12" height="12" rx="2"/>'
        yield _text(x + 18, y, label, "quiet")
        x += 44 + 6.5 * len(label)


def _group(y: float, label: str, group: list[Bar], scale: float) -> Iterator[str]:
    middle = y + len(group) * (_BAR + _GAP) / 2
    yield _text(_LEFT - 12, middle + 3, label, "label", anchor="end")
    for place, bar in enumerate(group):
        top = y + place * (_BAR + _GAP)
        width = bar.ratio * scale
        yield (
            f'<rect class="{bar.style}" x="{_LEFT}" y="{top:.1f}" width="{width:.1f}" height="{_BAR}" rx="2">'
            f"<title>{escape(bar.label)}: {bar.ratio:.1f}</title></rect>"
        )
        yield _text(_LEFT + width + 6, top + _BAR - 5, f"{bar.ratio:.1f}", "value")


def _text(x: float, y: float, content: str, style: str, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("figures", type=Path, help="what decoding.py or instructions.py saved with --json")
    parser.add_argument("chart", type=Path, help="where to write the SVG")
    arguments = parser.parse_args()
    arguments.chart.write_text(draw(load(arguments.figures)), "utf-8")


if __name__ == "__main__":
    main()
