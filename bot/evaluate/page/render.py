"""Fills the page's template. What users, models or articles wrote is escaped there; style and script are ours.

The page's policy names the sums of that style and script, so a browser runs and loads nothing else.
"""

import base64
import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jinja2

from bot.evaluate.causes import FINE, MEANING, Cause, Judged, count
from bot.evaluate.compare import LOWER_IS_BETTER
from bot.evaluate.legal import legal
from bot.evaluate.page.charts import charts
from bot.evaluate.page.passages import Passage, passages
from bot.evaluate.report import group_table, table

if TYPE_CHECKING:
    from bot.evaluate.written import Texts

HERE = Path(__file__).parent
MAIN = {
    "accuracy": "a gold answer stands in the answer",
    "option_accuracy": "the answer is nearer to a gold answer than to every wrong option",
    "citation_hit": "a citation touches the gold evidence",
    "citation_precision": "share of the cited characters that are gold evidence",
    "refusal_recall": "refused, of questions that the articles do not answer",
    "false_refusal": "refused, of questions that they do answer",
    "evidence_in_context": "the model was shown at least half of the evidence",
    "hit@4": "one of the first 4 passages is of a gold article",
}
CUT = 10  # digits of a commit that tell it from others


class Measure(NamedTuple):
    """A mean from 0 to 1 and its interval, if it has one."""

    name: str
    says: str
    value: float
    low: float | None
    high: float | None
    n: int
    lower: bool


class Sentence(NamedTuple):
    text: str
    markers: tuple[int, ...]


class Item(NamedTuple):
    """A question as the page shows it; `place` counts from 1 in the order of the file."""

    place: int
    judged: Judged
    sentences: tuple[Sentence, ...]
    passages: Sequence[Passage]


class Group(NamedTuple):
    """The questions that have one cause."""

    cause: Cause
    meaning: str
    fine: bool
    items: Sequence[Item]


def page(result: Mapping[str, Any], told: Sequence[Judged], texts: "Texts") -> str:
    """The whole page. `result` is report.report's; `texts` gives the texts of articles that are at hand."""
    style, script = _ours("style.css"), _ours("script.js")
    return _template().render(
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src {_sum(style)}; script-src {_sum(script)}; base-uri 'none'; "
        "form-action 'none'",
        run=result["run"],
        facts=_facts(result["run"], len(told)),
        level=f"{result['bootstrap']['level']:.0%}",
        resamples=result["bootstrap"]["resamples"],
        main=_main(result),
        measures=table(result),
        groups={field: (list(of), group_table(of)) for field, of in result.get("groups", {}).items()},
        counts=[(cause, number, MEANING[cause], cause in FINE) for cause, number in count(told).items()],
        total=len(told),
        charts=charts(dict(result), told),
        questions=_groups(told, texts),
        settings=list(_flat(result["run"])),
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_legal,
    )
    return environment.get_template("report.html.jinja")


def _legal(value: Any) -> Any:
    return legal(value) if type(value) is str else value  # what is marked as safe stays so


def _ours(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _sum(text: str) -> str:
    """As Content-Security-Policy wants it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _main(result: Mapping[str, Any]) -> list[Measure]:
    values, found = result["metrics"], []
    for name, says in MAIN.items():
        if (value := values.get(name)) is not None:
            low, high = result["intervals"].get(name) or (None, None)
            found.append(Measure(name, says, value, low, high, values["n"][name], name in LOWER_IS_BETTER))
    return found


def _facts(run: Mapping[str, Any], asked: int) -> list[tuple[str, str]]:
    """The head of the page: what was asked, of what, when and with what; a run may lack any of it."""
    questions, corpus = run.get("questions") or {}, run.get("corpus") or {}
    facts = [
        ("Questions", f"{asked} of {Path(str(questions['file'])).name}" if questions.get("file") else str(asked)),
        ("Articles", Path(str(corpus["path"])).name if corpus.get("path") else ""),
        ("Scope", {"open": "all articles", "article": "the gold articles"}.get(str(run.get("scope")), "")),
        ("Models", ", ".join(map(str, run.get("models") or {}))),
        ("Made", _day(str(run.get("time", "")))),
        ("Revision", _short(str(run.get("revision") or ""))),
    ]
    return [(name, value) for name, value in facts if value]


def _day(time: str) -> str:
    try:
        when = dt.datetime.fromisoformat(time)
    except ValueError:
        return time
    return f"{when.day} {when:%B %Y, %H:%M} {when.tzname() or ''}".strip()


def _short(revision: str) -> str:
    commit, plus, dirty = revision.partition("+")
    return commit[:CUT] + (" with changes" if plus and dirty else "")


def _groups(told: Sequence[Judged], texts: "Texts") -> list[Group]:
    wanted = {span.article for one in told for span in (*one.question.evidence, *one.row.citations)}
    at_hand = texts(sorted(wanted))
    items = [
        Item(place, one, _sentences(one), passages(one.question, one.row, at_hand))
        for place, one in enumerate(told, start=1)
    ]
    return [
        Group(cause, MEANING[cause], cause in FINE, [item for item in items if item.judged.cause == cause])
        for cause in count(told)
    ]


def _sentences(one: Judged) -> tuple[Sentence, ...]:
    """Each with its citations; a row of an earlier version has the answer alone."""
    row = one.row
    said = row.said or (row.answer,)
    return tuple(
        Sentence(text, tuple(dict.fromkeys(cited.marker for cited in row.citations if min(cited.sentence, last) == at)))
        for last in [len(said) - 1]
        for at, text in enumerate(said)
    )


def _flat(value: Any, name: str = "") -> Any:
    """(name, value) of all that a run recorded, nested names joined by a space."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name} {key}".strip())
    else:
        yield name, "none" if value is None else str(value)
