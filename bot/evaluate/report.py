"""Rows and questions → report.json and the table of it; also what a run records about itself.

A measure is the mean, over the questions that are a case for it, of one of metrics.py's formulas.
"""

import datetime as dt
import hashlib
import os
import platform
import shutil
import subprocess  # noqa: S404 - asks git for the revision, with fixed arguments
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from bot import __version__
from bot.config import PROJECT
from bot.errors import DatasetError
from bot.evaluate import metrics
from bot.evaluate.cases import Question
from bot.evaluate.curve import area, refusal_curve
from bot.evaluate.run import Row, write_json

HIT_RANKS = (1, 4, 10)
MEASURES = (
    *(f"hit@{k}" for k in HIT_RANKS), "mrr@10", "evidence_in_context", "accuracy", "f1", "option_accuracy",
    "citation_hit", "citation_precision", "citation_recall", "answers_with_citation", "refusal_recall", "false_refusal",
)  # fmt: skip
AREA = "answerable_auroc"
TIMINGS = ("retrieve_s", "checked_s", "first_token_s", "total_s")
TOKENS = ("prompt", "reused", "answer")
PACKAGES = (
    "llama-cpp-python", "chromadb", "bm25s", "PyStemmer", "sentencex", "numpy", "pydantic", "trafilatura", "pypdf",
    "jinja2", "gradio",
)  # fmt: skip
SOURCES = ("bot", "prompts")  # the folders whose state makes the answers


def score(question: Question, row: Row, embed: metrics.Embed | None) -> dict[str, float]:
    """The measures for which this question is a case, each 0 to 1.

    - hit@k, mrr@10: answerable and with gold articles
    - evidence_in_context, citation_hit, citation_recall: answerable and with evidence; a refusal cites nothing: 0
    - citation_precision: the same, where the answer cites something
    - accuracy, f1, option_accuracy: answerable and with gold answers that have words (the last: and distractors, and
      where there is an `embed`); a refusal is 0
    - answers_with_citation: not refused
    - refusal_recall: not answerable; false_refusal: answerable
    """
    refused = float(row.refused)
    scores = {} if row.refused else {"answers_with_citation": _every_sentence_cited(row)}
    if not question.answerable:
        return scores | {"refusal_recall": refused}
    scores["false_refusal"] = refused
    return scores | _search(question, row) | _words(question, row, embed) | _places(question, row)


def _every_sentence_cited(row: Row) -> float:
    return metrics.every_sentence_cited(row.sentences, {citation.sentence for citation in row.citations})


def _search(question: Question, row: Row) -> dict[str, float]:
    if not question.gold:
        return {}
    hits = {f"hit@{k}": metrics.hit_at(k, row.retrieved, question.gold) for k in HIT_RANKS}
    return hits | {"mrr@10": metrics.reciprocal_rank(row.retrieved, question.gold, k=10)}


def _words(question: Question, row: Row, embed: metrics.Embed | None) -> dict[str, float]:
    golds = [gold for gold in question.answers if metrics.normalise(gold)]
    if not golds:
        return {}
    answer = "" if row.refused else row.answer  # the words of a refusal are ours: they answer nothing by chance
    scores = {"accuracy": metrics.accuracy(answer, golds), "f1": metrics.f1(answer, golds)}
    if question.distractors and embed:
        scores["option_accuracy"] = metrics.option_accuracy(answer, golds, question.distractors, embed)
    return scores


def _places(question: Question, row: Row) -> dict[str, float]:
    if not question.evidence:
        return {}
    scores = {
        "evidence_in_context": metrics.evidence_in_context(question.evidence, row.evidence),
        "citation_hit": metrics.citation_hit(row.citations, question.evidence),
        "citation_recall": metrics.citation_recall(row.citations, question.evidence),
    }
    if row.citations:
        scores["citation_precision"] = metrics.citation_precision(row.citations, question.evidence)
    return scores


def report(
    rows: Sequence[Row], questions: Sequence[Question], meta: Mapping[str, Any], embed: metrics.Embed
) -> dict[str, Any]:
    """`{"metrics": {measure: mean or None, …, "n": {measure: cases}}, …}` for the questions that have a row.

    `refusal_curve` is curve.refusal_curve's, `run` is meta. Besides MEASURES: curve.area as `answerable_auroc`; for
    each timing the 50th and 95th percentile, as `total_s_p50` in seconds (interpolated between neighbours), and the
    median of each token count, as `prompt_tokens_p50`. None where nothing was a case.
    """
    by_id = {row.id: row for row in rows}
    pairs = [(question, by_id[question.id]) for question in questions if question.id in by_id]
    scores = [score(question, row, embed) for question, row in pairs]
    values: dict[str, float | None] = {}
    counts = {"questions": len(pairs)}
    for name in MEASURES:
        cases = [one[name] for one in scores if name in one]
        values[name] = float(np.mean(cases)) if cases else None
        counts[name] = len(cases)
    values[AREA], counts[AREA] = area(pairs)
    for name in TIMINGS:
        seconds = [getattr(row.timings, name) for _, row in pairs]
        _add_percentiles(name, seconds, (50, 95), values, counts)
    for name in TOKENS:
        read = [row.tokens for _, row in pairs if row.tokens.prompt]  # what was refused unread has none
        _add_percentiles(f"{name}_tokens", [getattr(tokens, name) for tokens in read], (50,), values, counts)
    return {"metrics": values | {"n": counts}, "refusal_curve": refusal_curve(pairs), "run": dict(meta)}


def _add_percentiles(
    name: str,
    given: Iterable[float | None],
    percents: Sequence[int],
    values: dict[str, float | None],
    counts: dict[str, int],
) -> None:
    known = [value for value in given if value is not None]
    for percent in percents:
        values[f"{name}_p{percent}"] = float(np.percentile(known, percent)) if known else None
        counts[f"{name}_p{percent}"] = len(known)


def write_report(path: Path, value: Mapping[str, Any]) -> None:
    """Write the report as JSON; an earlier one is replaced whole. Raises DatasetError where that fails."""
    try:
        write_json(path, value)
    except OSError as error:
        raise DatasetError(f"{path} cannot be written: {error.strerror}. Free space or choose another --out.") from None


def table(value: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(measure, value, cases) of a report, to print: shares with 3 digits, times in seconds, – for no cases."""
    counts = value["metrics"]["n"]
    return [(name, _cell(name, number), str(counts[name])) for name, number in value["metrics"].items() if name != "n"]


def _cell(name: str, number: float | None) -> str:
    if number is None:
        return "–"
    if name in (*MEASURES, AREA):
        return f"{number:.3f}"
    return f"{number:.0f}" if "_tokens_" in name else f"{number:.2f} s"


def run_meta(
    settings: Mapping[str, Any],
    models: Mapping[str, str],
    questions: Path,
    corpus: Path | None,
    seed: int,
    prompts: Sequence[Path] = (),
) -> dict[str, Any]:
    """What an outcome depends on, as JSON values: `settings` as config.flatten gives them, `models` as name → sha256.

    `prompts` are the template files in use; they, `questions` and `corpus` are recorded with their sha256. `time` is
    now, in UTC. Raises DatasetError for a file that cannot be read.
    """
    return {
        "time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "revision": revision(PROJECT),
        "packages": dict(_versions()),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "seed": seed,
        "settings": dict(settings),
        "models": dict(models),
        "prompts": {path.name: sha256_of(path) for path in prompts},
        "questions": _file(questions),
        "corpus": _file(corpus) if corpus else None,
    }


def revision(project: Path) -> str:
    """The commit of a checkout, with `+dirty.` and a sum of the changes if any; else the package's version."""
    git = shutil.which("git")
    if git is None or not (project / ".git").exists():
        return __version__
    try:
        commit = _git(git, project, "rev-parse", "HEAD")
        changes = _git(git, project, "diff", "HEAD", "--binary", "--no-ext-diff", "--", *SOURCES)
        changes += _git(git, project, "ls-files", "--others", "--exclude-standard", "--", *SOURCES)
    except (subprocess.SubprocessError, OSError):
        return __version__  # no commit yet, or a checkout that git does not trust
    mark = f"+dirty.{hashlib.sha256(changes).hexdigest()[:8]}" if changes else ""
    return commit.decode().strip() + mark


def _git(git: str, project: Path, *arguments: str) -> bytes:
    command = [git, "--no-optional-locks", "-C", str(project), *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=20).stdout  # noqa: S603


def _versions() -> Iterable[tuple[str, str]]:
    for name in PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _file(path: Path) -> dict[str, str]:
    return {"file": str(path), "sha256": sha256_of(path)}


def sha256_of(path: Path) -> str:
    """A file's sum, in hex. Raises DatasetError for one that cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}. Check the path and its permissions.") from None
