"""The chart and the tables of the performance page show the saved figures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.chart import BARS, GROUPS, describe, draw
from benchmarks.page import CHART, INSTRUCTIONS, PAGE, TIMES, render
from benchmarks.results import Report, Result, load, save
from benchmarks.targets import DATA_CLASS, LIMIT, LOOP, OURS

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"
FIGURES = {LIMIT: 10.0, OURS: 14.0, LOOP: 45.0, DATA_CLASS: 60.0}
REPORT = Report({"Python": "3.11"}, {name: Result("a batch", "µs", LIMIT, FIGURES) for name in GROUPS})
DRAWN = ET.fromstring(draw(REPORT))  # noqa: S314  # drawn by our script
STYLE = DRAWN.findtext(f"{SVG}style") or ""
LIGHT, DARK = STYLE.split("@media (prefers-color-scheme: dark)")


def rects(style: str) -> list[ET.Element]:
    return [rect for rect in DRAWN.iter(f"{SVG}rect") if rect.get("class") == style and len(rect)]


def widths(style: str) -> list[float]:
    return [float(rect.get("width", "")) for rect in rects(style)]


def colour(style: str, name: str) -> str:
    [found] = re.findall(rf"{re.escape(name)} {{[^}}]*fill: (#[0-9a-f]{{6}})", style)
    return str(found)


def luminance(colour: str) -> float:
    shares = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG's: https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio."""
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def test_each_contender_has_a_bar_in_each_group() -> None:
    assert [len(rects(style)) for style, _ in BARS.values()] == [len(GROUPS)] * len(BARS)


def test_bars_are_in_proportion() -> None:
    [ours, *_], [loop, *_], [tools, *_] = widths("ours"), widths("loop"), widths("tools")

    assert ours / loop == pytest.approx(14 / 45, abs=0.001)
    assert ours / tools == pytest.approx(14 / 60, abs=0.001)


def test_a_line_shows_pydantic_alone() -> None:
    _, line = DRAWN.iter(f"{SVG}line")
    [ours, *_] = rects("ours")

    length = float(line.get("x1", "")) - float(ours.get("x", ""))
    assert float(ours.get("width", "")) / length == pytest.approx(1.4, abs=0.002)


def test_bars_stay_in_the_picture() -> None:
    [longest, *_] = rects("tools")

    end = float(longest.get("x", "")) + float(longest.get("width", ""))
    assert end + 40 < float(DRAWN.get("width", ""))


def test_the_chart_is_told_in_words() -> None:
    assert DRAWN.get("role") == "img"
    assert [DRAWN.find(f"*[@id='{each}']") is None for each in DRAWN.get("aria-labelledby", "").split()] == [
        False,
        False,
    ]
    words = DRAWN.findtext(f"{SVG}desc") or ""
    assert words == describe(REPORT)
    assert "Flat items: ddbevents 1.4, boto3 loop by hand 4.5, Powertools data class 6.0." in words


@pytest.mark.parametrize("style", [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark")])
@pytest.mark.parametrize(
    ("name", "least"),
    [("text", 4.5), (".unit", 4.5), (".ours", 3), (".loop", 3), (".tools", 3)],
)
def test_the_chart_is_readable(style: str, name: str, least: float) -> None:
    assert contrast(colour(style, name), colour(style, ".paper")) >= least


def test_the_script_draws_a_saved_report(tmp_path: Path) -> None:
    saved, chart = tmp_path / "figures.json", tmp_path / "chart.svg"
    save(saved, REPORT)

    subprocess.run([sys.executable, str(ROOT / "benchmarks/chart.py"), str(saved), str(chart)], check=True)

    assert chart.read_text() == draw(REPORT)


def test_a_saved_report_is_the_same_when_loaded(tmp_path: Path) -> None:
    save(tmp_path / "figures.json", REPORT)

    assert load(tmp_path / "figures.json") == REPORT


def test_figures_come_into_the_page() -> None:
    page = "# Speed\n<!-- measured: batches -->\nold\n<!-- end of measured -->\nThe end.\n"

    rendered = render(page, load(TIMES), load(INSTRUCTIONS))

    first, *_, last = rendered.splitlines()
    assert (first, last) == ("# Speed", "The end.")
    assert "old" not in rendered
    assert "| ddbevents |" in rendered


def test_the_page_shows_the_saved_figures() -> None:
    page = PAGE.read_text("utf-8")

    assert render(page, load(TIMES), load(INSTRUCTIONS)) == page
    assert CHART.read_text("utf-8") == draw(load(TIMES))
