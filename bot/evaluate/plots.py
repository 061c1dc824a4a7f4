"""Plots as SVG text that stands in a page by itself: no script, no font and no address of elsewhere.

Text and axes take the colour of the text around them, so light and dark both work; a style of the page is not needed.
The same values give the same bytes. It knows no runs and no measures, and is the only importer of matplotlib.
"""

import hashlib
import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bot.evaluate.legal import legal

COLOURS = ("#2f7fd6", "#c4701b", "#2f9163", "#a565c9", "#c8527a")  # each seen on white and on black
DASHES = ("-", "--", ":", "-.")  # colour is not the only sign
MARKERS = ("o", "s", "^", "D")
INK = "#010203"  # stands for the colour of the text around, which matplotlib cannot name
POINT = 72  # a unit of the picture's width and height, of which matplotlib has so many in an inch
LONGEST, LONGEST_OF_BAR = 60, 26  # characters of a label
STYLE = {
    "svg.fonttype": "none", "text.parse_math": False, "font.size": 10.5, "axes.linewidth": 0.8,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
    "figure.facecolor": "none", "axes.facecolor": "none", "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": INK, "grid.alpha": 0.15, "grid.linewidth": 0.8,
    "legend.frameon": False, "legend.handlelength": 2.6, "lines.linewidth": 1.8, "lines.markersize": 4.5,
}  # fmt: skip
Range = tuple[float, float]
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE = re.compile(r"(?<=url\(#)[^)]+(?=\))")


class Series(NamedTuple):
    """One line or cloud of points; `low` and `high` are the ends of the interval of each y, or empty.

    `names` are labels by the points, or empty; `lines` says whether the points are joined.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    names: Sequence[str] = ()
    lines: bool = True


class Bar(NamedTuple):
    """One bar with the ends of its value's interval, if it has one; `text` stands behind it."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    text: str = ""


def draw(
    title: str,
    x_label: str,
    y_label: str,
    series: Sequence[Series],
    x_range: Range | None = None,
    y_range: Range | None = None,
    size: tuple[int, int] = (420, 280),
) -> str:
    """Lines and points as an SVG element of the proportions `size`; without ranges, what the values need.

    `title` is its accessible name and is not drawn: it belongs in a heading or caption of the page. A NaN is a gap.
    """
    with _style():
        figure, axes = _figure(size)
        drawn = [_plot(axes, one, place) for place, one in enumerate(series)]
        axes.set_xlabel(_label(x_label))
        axes.set_ylabel(_label(y_label))
        axes.set(xlim=x_range, ylim=y_range)
        if len(series) > 1:
            # "_" hides a label that is given at once
            legend = figure.legend(drawn, ["-"] * len(series), loc="outside upper left", ncols=2)
            for text, one in zip(legend.get_texts(), series, strict=True):
                text.set_text(_label(one.label))
        return _svg(figure, title)


def bars(title: str, x_label: str, given: Sequence[Bar], x_range: Range | None = None, width: int = 420) -> str:
    """Horizontal bars, the first on top, as an SVG element as high as they need; `title` is as in `draw`."""
    with _style():
        figure, axes = _figure((width, 22 * len(given) + 48))
        places = range(len(given))
        axes.barh(places, [one.value for one in given], height=0.62, color=COLOURS[0], alpha=0.8)
        for place, one in zip(places, given, strict=True):
            if one.low is not None and one.high is not None:
                axes.plot((one.low, one.high), (place, place), color=INK, linewidth=1.4, marker="|", markersize=6)
            behind = _label(one.text, LONGEST_OF_BAR)
            axes.annotate(behind, (1, place), (6, 0), ("axes fraction", "data"), "offset points", va="center")
        axes.set_yticks(places, [_label(one.label, LONGEST_OF_BAR) for one in given])
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set(xlim=x_range, ylim=(len(given) - 0.4, -0.6))
        axes.set_xlabel(_label(x_label))
        return _svg(figure, title)


def _plot(axes: Axes, one: Series, place: int) -> Line2D:
    colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
    many = one.lines and len(one.x) > 30
    between = DASHES[place % len(DASHES)] if one.lines else "none"
    (line,) = axes.plot(one.x, one.y, color=colour, linestyle=between, marker="none" if many else marker)
    line.set_clip_on(False)  # or half of a point on the edge is lost
    if one.low and one.high:
        down = [max(0.0, y - low) for y, low in zip(one.y, one.low, strict=True)]
        up = [max(0.0, high - y) for y, high in zip(one.y, one.high, strict=True)]
        axes.errorbar(one.x, one.y, yerr=[down, up], fmt="none", color=colour, ecolor=colour, elinewidth=1, capsize=2.5)
    if one.names:
        for x, y, name in zip(one.x, one.y, one.names, strict=True):
            axes.annotate(_label(name), (x, y), (5, 4), textcoords="offset points", fontsize=9)
    return line


@contextmanager
def _style() -> Iterator[None]:
    """matplotlib's own style and ours, whatever the user's matplotlibrc says."""
    style: dict[Any, Any] = {**mpl.rcParamsDefault, **STYLE, "svg.hashsalt": "citebot"}
    del style["backend"]  # that of the process stays
    with mpl.rc_context(style), warnings.catch_warnings():
        # The browser has the glyphs; here they are only measured.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        warnings.filterwarnings("ignore", "constrained_layout not applied", UserWarning)  # very wide labels are cut off
        yield


def _figure(size: tuple[int, int]) -> tuple[Figure, Axes]:
    """Without pyplot, which would keep the figure and choose a window."""
    figure = Figure(figsize=(size[0] / POINT, size[1] / POINT), dpi=POINT, layout="constrained")
    FigureCanvasSVG(figure)
    return figure, figure.add_subplot()


def _label(text: str, longest: int = LONGEST) -> str:
    """One line of what XML may hold."""
    line = " ".join(legal(text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _svg(figure: Figure, title: str) -> str:
    written = io.BytesIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    root = ET.fromstring(written.getvalue())  # noqa: S314 - matplotlib's own, just made
    _bare(root)
    _rename(root, hashlib.sha256(written.getvalue()).hexdigest()[:8])
    name = ET.Element("title")
    name.text = _label(title)
    root.insert(0, name)
    _, _, width, height = root.attrib["viewBox"].split()
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg", "class": "plot", "role": "img", "viewBox": f"0 0 {width} {height}",
        "fill": "none", "stroke-linejoin": "round", "font-family": "inherit",
    }  # fmt: skip
    return ET.tostring(root, encoding="unicode")


def _bare(root: ET.Element) -> None:
    """Takes out what would reach the page around: style sheets, and style attributes, which a strict page refuses."""
    for parent in root.iter():
        parent.tag = parent.tag.rpartition("}")[2]
        for child in [one for one in parent if one.tag.endswith(("}style", "}metadata"))]:
            parent.remove(child)
        parent.text = parent.text if parent.tag in ("text", "tspan") else None
        parent.tail = None
        for part in filter(None, parent.attrib.pop("style", "").split(";")):
            name, _, value = part.partition(":")
            if name.strip() != "font-family":
                parent.set(name.strip(), value.strip().replace(INK, "currentColor"))
        if parent.tag == "text":
            parent.set("fill", parent.get("fill", "currentColor"))


def _rename(root: ET.Element, word: str) -> None:
    """Shortens numbers, and gives what is referred to an id that no other picture of the page has."""
    href = "{http://www.w3.org/1999/xlink}href"
    used = {element.attrib[href][1:] for element in root.iter() if href in element.attrib}
    used |= {found for element in root.iter() for found in _REFERENCE.findall(element.get("clip-path", ""))}
    names = {old: f"p{word}-{number}" for number, old in enumerate(sorted(used))}
    for element in root.iter():
        if (old := element.attrib.pop("id", None)) in names:
            element.set("id", names[str(old)])
        if href in element.attrib:
            element.set("href", "#" + names[element.attrib.pop(href)[1:]])
        for key, value in element.attrib.items():
            if key == "clip-path":
                element.set(key, _REFERENCE.sub(lambda found: names[found[0]], value))
            elif key not in ("id", "href"):
                element.set(key, _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.2f}", value))
