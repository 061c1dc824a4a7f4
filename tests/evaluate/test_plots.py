"""plots: SVG that is well-formed, takes the page's colours, holds no script or address, and is the same each time."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.config import PROJECT
from bot.evaluate.plots import COLOURS, Bar, Series, bars, draw

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</title><script>alert("$x$")</script>\x00\ud800_&amp; 日本'
LEFT = '</title><script>alert("$x$")</script>_&amp; 日本'


def curve() -> str:
    line = Series("_recall $x$", [0, 0.5, 1], [0.2, 0.6, 1], [0.1, 0.5, 0.9], [0.3, 0.7, 1], ["a", HOSTILE, "c"])
    return draw("A curve", "threshold", HOSTILE, [line, Series(HOSTILE, [0, 1], [1, 0], lines=False)], (0, 1), (0, 1))


def measures() -> str:
    return bars("Bars", "share", [Bar("accuracy", 0.8, 0.7, 0.9, "0.80"), Bar(HOSTILE, 0.0, text=HOSTILE)], (0, 1))


def empty() -> str:
    return draw("Nothing", "x", "y", [])


PLOTS = pytest.mark.parametrize("plot", [curve, measures, empty, lambda: bars("None", "x", [])])


def texts(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ET.fromstring(svg).iter(f"{SVG}text")]


@PLOTS
def test_it_stands_in_a_strict_page_by_itself(plot: Callable[[], str]) -> None:
    root = ET.fromstring(plot())
    assert root.tag == f"{SVG}svg"
    assert (root.attrib["role"], root[0].tag) == ("img", f"{SVG}title")
    assert not {"width", "height", "style"} & root.attrib.keys()
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in {"svg", "title", "g", "defs", "path", "use", "text", "clipPath", "rect"}
        assert not [name for name in element.attrib if name.startswith("on") or name == "style"]
        assert element.get("href", "#").startswith("#")
    assert re.findall(r"https?://[^\"]*", plot()) == ["http://www.w3.org/2000/svg"]


@PLOTS
def test_what_is_referred_to_is_there_under_an_id_of_its_own(plot: Callable[[], str]) -> None:
    svg = plot()
    ids = re.findall(r' id="([^"]*)"', svg)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) == set(ids)
    assert not set(ids) & set(re.findall(r' id="([^"]*)"', draw("Other", "x", "y", [Series("one", [1], [2])])))


def test_words_are_as_given_but_for_what_xml_forbids() -> None:
    assert {"_recall $x$", "threshold", LEFT, "a", "c"} <= set(texts(curve()))
    assert {"accuracy", "0.80", LEFT[:25] + "…"} <= set(texts(measures()))
    assert ET.fromstring(draw(HOSTILE, "x", "y", []))[0].text == LEFT


def test_text_and_axes_have_the_colour_of_the_page() -> None:
    named = set(re.findall(r'"(#[0-9a-f]{6}|currentColor)"', curve() + measures()))
    assert named == {"currentColor", *COLOURS[:2]}


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("ground", ["#ffffff", "#15181c"])
def test_colours_are_seen_in_light_and_dark(colour: str, ground: str) -> None:
    high, low = sorted((luminance(colour), luminance(ground)), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 3  # WCAG 2.2, 1.4.11


def luminance(colour: str) -> float:
    """WCAG 2.2, "relative luminance"."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_points_lie_where_their_values_say() -> None:
    svg = draw("Line", "x", "y", [Series("one", [0, 1, 2], [0, 1, 0])], (0, 2), (0, 1))
    line = next(path for path in ET.fromstring(svg).iter(f"{SVG}path") if path.get("stroke") == COLOURS[0])
    (x0, y0), (x1, y1), (x2, y2) = re.findall(r"([\d.]+) ([\d.]+)", line.attrib["d"])
    assert float(x1) == pytest.approx((float(x0) + float(x2)) / 2, abs=0.02)
    assert y0 == y2
    assert float(y1) < float(y0)  # SVG counts from the top


def test_the_same_bytes_in_another_process_with_another_style(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 9\nsvg.fonttype: path\n", encoding="utf-8")
    code = "from tests.evaluate.test_plots import curve, measures; print(ascii(curve() + measures()))"
    environment = os.environ | {"MPLCONFIGDIR": str(tmp_path), "PYTHONHASHSEED": "7", "PYTHONPATH": str(PROJECT)}
    told = subprocess.run([sys.executable, "-c", code], env=environment, cwd=PROJECT, capture_output=True, check=True)
    assert told.stdout.decode().strip() == ascii(curve() + measures())


def test_the_commands_that_draw_nothing_do_not_load_it() -> None:
    code = "import sys, bot.cli.app; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0
