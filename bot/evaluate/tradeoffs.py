"""A sweep as one HTML file with plots of what is given up for what; it loads nothing and runs no script.

It imports the plots, and so matplotlib: only what draws imports it. It writes no file.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from bot.evaluate.grid import Plan
from bot.evaluate.plots import Series, draw
from bot.evaluate.sweep import SECONDS, Found, best, settings_told, table

LONGEST = 22  # characters of a name beside a line of a plot
SHARE = (-0.02, 1.02)  # of what goes from 0 to 1: points on the edge are whole
STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-bottom: 0 }
p { max-width: 44rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: 0.85rem }
th, td { text-align: left; padding: 0.25rem 0.8rem 0.25rem 0; border-bottom: 1px solid #8886; vertical-align: top }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 1rem 2rem }
figure { margin: 0 } svg { width: 100%; height: auto }
"""


def page(plan: Plan, found: Sequence[Found]) -> str:
    """The whole file. Names, settings and paths are shown as text, whatever they hold."""
    front = best(found)
    asked = max((one.report["metrics"]["n"]["questions"] for one in found), default=0)
    told = (
        f"{len(found)} points, each asked {asked} questions of {plan.questions} under the scope {plan.scope}. Behind "
        "the values are 95% intervals over the questions. Seconds have the load of the machine in them. The plots "
        "name the points by their numbers."
    )
    numbers = {one.point.name: number for number, one in enumerate(found, start=1)}
    plots = (_quick_and_right(found, front, numbers), _citations(found, numbers), _risk(found), _refusals(found))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sweep of {escape(str(plan.questions))}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Sweep of {escape(str(plan.questions))}</h1>
<p>{escape(told)}</p>
<div class="wide">{_grid(_numbered(table(found)))}</div>
<div class="plots">
{"".join(plots)}</div>
<h2>Settings</h2>
<div class="wide">{_grid(_numbered(_settings(found, front)))}</div>
</body>
</html>
"""


def _quick_and_right(found: Sequence[Found], front: Sequence[str], numbers: Mapping[str, int]) -> str:
    known = [one for one in found if one.value("accuracy") is not None and one.seconds is not None]
    known.sort(key=lambda one: one.seconds or 0)
    groups = {
        "no other is as quick and as accurate": [one for one in known if one.point.name in front],
        "others": [one for one in known if one.point.name not in front],
    }
    series = [
        Series(
            label,
            [one.report["metrics"][SECONDS] for one in group],
            *_with_ends("accuracy", group),
            names=[str(numbers[one.point.name]) for one in group],
            lines=label != "others",
        )
        for label, group in groups.items()
        if group
    ]
    text = "Up and to the left is better. The line joins the points that no other beats (the Pareto front)."
    return _figure("Accuracy against time", text, "median seconds for an answer", "accuracy", series)


def _citations(found: Sequence[Found], numbers: Mapping[str, int]) -> str:
    known = [one for one in found if None not in (one.value("citation_hit"), one.value("citation_precision"))]
    across = [one.report["metrics"]["citation_precision"] for one in known]
    names = [str(numbers[one.point.name]) for one in known]
    series = [Series("points", across, *_with_ends("citation_hit", known), names=names, lines=False)] if known else []
    text = "Up and to the right is better: the words that answer are cited, and little beside them."
    return _figure("Citations", text, "citation_precision", "citation_hit", series, shares=True)


def _risk(found: Sequence[Found]) -> str:
    text = (
        "What refusing more would do: each line is a point with answer.min_answerable raised step by step. Lower is "
        "better: of the questions answered, fewer are answered wrongly."
    )
    series = _curves(found, "risk_coverage", "coverage", "risk")
    return _figure("Risk against coverage", text, "share answered", "share wrong of these", series, shares=True)


def _refusals(found: Sequence[Found]) -> str:
    text = (
        "The same steps: up and to the left is better. What has no answer is refused, and what has one is not. Under "
        "the limit that a point was asked with, nothing is known."
    )
    series = _curves(found, "refusal_curve", "false_refusal", "refusal_recall")
    return _figure("Refusals", text, "false_refusal", "refusal_recall", series, shares=True)


def _curves(found: Sequence[Found], curve: str, across: str, up: str) -> list[Series]:
    series = []
    for number, one in enumerate(found, start=1):
        steps = [(step[across], step[up]) for step in one.report[curve] if None not in (step[across], step[up])]
        if steps:
            label = f"{number} {one.point.name}"[:LONGEST]
            series.append(Series(label, [x for x, _ in steps], [y for _, y in steps]))
    return series


def _numbered(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Rows about the points with their numbers before them."""
    head, *others = rows
    return [("", *head), *((str(number), *row) for number, row in enumerate(others, start=1))]


def _with_ends(measure: str, group: Sequence[Found]) -> tuple[list[float], list[float], list[float]]:
    """Values of a measure that each of the group has, and the ends of their intervals."""
    values = [one.report["metrics"][measure] for one in group]
    low, high = zip(*(one.report["intervals"][measure] for one in group), strict=True)
    return values, list(low), list(high)


def _figure(title: str, text: str, across: str, up: str, series: Sequence[Series], *, shares: bool = False) -> str:
    range_ = SHARE if shares else None
    plot = draw(title, across, up, series, range_, SHARE) if series else "<p>No question was a case for it.</p>"
    return f"<figure><h2>{escape(title)}</h2>\n{plot}\n<figcaption><p>{escape(text)}</p></figcaption></figure>\n"


def _settings(found: Sequence[Found], front: Sequence[str]) -> list[tuple[str, ...]]:
    told = [(one.point.name, settings_told(one.point), "yes" if one.point.name in front else "") for one in found]
    return [("point", "settings", "on the front"), *told]


def _grid(rows: Sequence[Sequence[str]]) -> str:
    head, *others = rows
    return (
        f"<table><thead>{_row('th', head)}</thead><tbody>{''.join(_row('td', row) for row in others)}</tbody></table>"
    )


def _row(cell: str, texts: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{cell}>{escape(text)}</{cell}>' for text in texts)}</tr>"
