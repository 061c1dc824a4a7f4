"""What the points of a sweep gave, side by side: a table, sweep.json, and which points no other beats.

It reads reports as `bot eval` writes them; it asks nothing and knows no page.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bot.config import without_password
from bot.errors import DatasetError
from bot.evaluate.cases import Question
from bot.evaluate.grid import Plan, Point
from bot.evaluate.run import differences, read_meta, read_rows

SHOWN_MEASURES = (
    "accuracy", "f1", "evidence_in_context", "citation_hit", "citation_precision", "refusal_recall", "false_refusal",
)  # fmt: skip
SECONDS = "total_s_p50"


class Found(NamedTuple):
    """A point with its report, as `bot eval` writes it."""

    point: Point
    report: Mapping[str, Any]

    @property
    def seconds(self) -> float | None:
        """The median time of an answer."""
        return self.value(SECONDS)

    def value(self, measure: str) -> float | None:
        number: float | None = self.report["metrics"][measure]
        return number


def answered(folder: Path, questions: Sequence[Question], meta: Mapping[str, Any]) -> int:
    """How many of `questions` have a row in `folder`; `meta` holds `scope`, `questions` and `settings` of the run now.

    Raises DatasetError where the rows were made with others.
    """
    remedy = "Name the point otherwise, choose another `out`, or pass --fresh to start it over."
    try:
        rows, _ = read_rows(folder, remedy)
    except OSError as error:
        raise DatasetError(f"{folder} cannot be read: {error.strerror}. {remedy}") from None
    if not rows:
        return 0
    if other := differences(read_meta(folder, remedy), meta, tuple(meta)):
        name, before, now = other[0]
        raise DatasetError(f"{folder} holds a run made with {name} {before!r}, not {now!r}. {remedy}")
    return sum(question.id in rows for question in questions)


def best(found: Sequence[Found], measure: str = "accuracy") -> list[str]:
    """Names of the points that no other beats: none is as quick and better, or as good and quicker (the Pareto front).

    In the order of `found`; a point without a value or a time is on no front.
    """
    known = [(one.point.name, one.value(measure), one.seconds) for one in found]
    pairs = [(name, value, seconds) for name, value, seconds in known if value is not None and seconds is not None]
    return [
        name
        for name, value, seconds in pairs
        if not any(v >= value and s <= seconds and (v, s) != (value, seconds) for _, v, s in pairs)
    ]


def summary(plan: Plan, found: Sequence[Found]) -> dict[str, Any]:
    """What sweep.json holds, as JSON values: of each point its settings, measures, intervals and place."""
    front = best(found)
    return {
        "questions": str(plan.questions),
        "corpus": str(plan.corpus),
        "scope": plan.scope,
        "points": [
            {
                "name": one.point.name,
                "settings": _without_passwords(one.point),
                "on_front": one.point.name in front,
                "metrics": one.report["metrics"],
                "intervals": one.report["intervals"],
                "revision": one.report["run"].get("revision"),
                "models": one.report["run"].get("models"),
            }
            for one in found
        ],
    }


def table(found: Sequence[Found]) -> list[tuple[str, ...]]:
    """A row a point: its name, SHOWN_MEASURES with their intervals, the median seconds; the first row has the names."""
    measures = [name for name in SHOWN_MEASURES if any(one.value(name) is not None for one in found)]
    rows = [
        (one.point.name, *(_cell(one, name) for name in measures), _seconds(one.seconds), _count(one)) for one in found
    ]
    return [("point", *measures, "median seconds", "n"), *rows]


def settings_told(point: Point) -> str:
    """A point's own settings in one line."""
    return ", ".join(f"{name} = {value}" for name, value in _without_passwords(point).items()) or "as they are"


def _without_passwords(point: Point) -> dict[str, Any]:
    return {
        name: without_password(value) if isinstance(value, str) else value for name, value in point.settings.items()
    }


def _cell(one: Found, measure: str) -> str:
    value, ends = one.value(measure), one.report["intervals"].get(measure)
    if value is None:
        return "–"
    return f"{value:.3f} ({ends[0]:.3f} to {ends[1]:.3f})" if ends else f"{value:.3f}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _count(one: Found) -> str:
    return str(one.report["metrics"]["n"]["questions"])
