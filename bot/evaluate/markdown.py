"""A run's report as GitHub Markdown for a pull request: the main measures, failures by cause, how it was made.

What users or articles wrote stands in code spans only, where nothing of it is markup, a mention or a link.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.evaluate.causes import MEANING, Judged, count
from bot.evaluate.legal import legal
from bot.evaluate.report import table

MAIN = (
    "accuracy", "option_accuracy", "citation_hit", "citation_precision", "refusal_recall", "false_refusal",
    "evidence_in_context", "hit@4", "first_token_s_p50", "total_s_p50",
)  # fmt: skip
IDS = 5  # questions that a cause names
LONGEST = 80


def markdown(result: Mapping[str, Any], told: Sequence[Judged]) -> str:
    """Two tables and a line; measures without a case are left out."""
    lines = [f"### Evaluation: {_questions(len(told))}", "", *_measures(result), "", *_causes(told), "", _made(result)]
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """The text as a code span that may stand in a table's cell; long ones are cut, line breaks are spaces."""
    line = " ".join(legal(text).replace("`", "'").split())
    short = line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
    return "`" + short.replace("|", "\\|") + "`" if short else "–"


def _questions(number: int) -> str:
    return "1 question" if number == 1 else f"{number} questions"


def _measures(result: Mapping[str, Any]) -> list[str]:
    level = f"{result['bootstrap']['level']:.0%}"
    rows = {name: (value, ends, n) for name, value, ends, n in table(result)}
    lines = [f"| measure | value | {level} interval | n |", "| --- | ---: | --- | ---: |"]
    for name in MAIN:
        if name in rows and rows[name][2] != "0":
            lines.append(f"| {code(name)} | {' | '.join(rows[name])} |")
    return lines


def _causes(told: Sequence[Judged]) -> list[str]:
    lines = ["| outcome | questions | what it means | such as |", "| --- | ---: | --- | --- |"]
    for cause, number in count(told).items():
        ids = [one.question.id for one in told if one.cause == cause and one.failed][:IDS]
        lines.append(f"| {code(cause)} | {number} | {MEANING[cause]} | {' '.join(map(code, ids))} |")
    return lines


def _made(result: Mapping[str, Any]) -> str:
    run = result["run"]
    models = " and ".join(code(str(name)) for name in run.get("models", {}))
    told = [("Revision", run.get("revision")), ("made", run.get("time")), ("scope", run.get("scope"))]
    parts = [f"{name} {code(str(value))}" for name, value in told if value]
    return "; ".join([*parts, *([f"models {models}"] if models else [])]) + "."
