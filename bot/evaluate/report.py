"""Rows and questions → report.json and the table of it; also what a run records about itself.

A measure is the mean, over the questions that are a case for it, of one of metrics.py's formulas.
"""

import datetime as dt
import hashlib
import json
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
from bot.evaluate.aggregates import AREAS, Aggregate, aggregates
from bot.evaluate.cases import Question
from bot.evaluate.curve import refusal_curve, risk_coverage
from bot.evaluate.intervals import LEVEL, RESAMPLES, SEED, interval
from bot.evaluate.judge import Judge
from bot.evaluate.repeats import Scored, deviation, of_questions
from bot.evaluate.run import Row, write_json
from bot.evaluate.stages import tells

HIT_RANKS = (1, 4, 10)
LONG = 12  # words of a gold answer that wants a long one
MEASURES = (
    *(f"hit@{k}" for k in HIT_RANKS), *(f"recall@{k}" for k in HIT_RANKS), "mrr@10", "ndcg@10", "evidence_in_context",
    "accuracy", "f1", "rouge_l", "option_accuracy", "citation_hit", "citation_precision", "citation_recall",
    "alce_precision_own_judge", "alce_recall_own_judge", "answers_with_citation", "unsupported_rate", "refusal_recall",
    "false_refusal",
)  # fmt: skip
PACKAGES = (
    "llama-cpp-python", "chromadb", "bm25s", "PyStemmer", "sentencex", "numpy", "pydantic", "trafilatura", "pypdf",
    "jinja2", "gradio",
)  # fmt: skip
SOURCES = ("bot", "prompts")  # the folders whose state makes the answers


def score(question: Question, row: Row, embed: metrics.Embed | None, judge: Judge | None = None) -> dict[str, float]:
    """The measures for which this question is a case, each 0 to 1.

    - hit@k, recall@k, mrr@10: answerable and with gold articles
    - ndcg@10, evidence_in_context, citation_hit, citation_recall: answerable and with evidence; a refusal cites
      nothing: 0
    - citation_precision: the same, where the answer cites something
    - accuracy, f1, rouge_l, option_accuracy: answerable and with gold answers that have words (rouge_l: all of them at
      least 12; option_accuracy: and distractors, and where there is an `embed`); a refusal is 0
    - answers_with_citation: not refused; alce_…: the same, with a judge and the sentences' texts
    - unsupported_rate: where the model wrote a sentence, refused afterwards or not
    - refusal_recall: not answerable; false_refusal: answerable

    Of a row of one stage alone only what tells something there: see stages.tells.
    """
    if row.stage == "retrieve":
        embed = judge = None
    scores = _score(question, row, embed, judge)
    return {name: value for name, value in scores.items() if tells(row.stage, name)}


def _score(question: Question, row: Row, embed: metrics.Embed | None, judge: Judge | None) -> dict[str, float]:
    refused = float(row.refused)
    scores = _sentences(row) | ({} if judge is None else _judged(question, row, judge))
    if not question.answerable:
        return scores | {"refusal_recall": refused}
    scores["false_refusal"] = refused
    return scores | _search(question, row) | _words(question, row, embed) | _places(question, row)


def _sentences(row: Row) -> dict[str, float]:
    cited = {citation.sentence for citation in row.citations}
    kept = 0 if row.refused else row.sentences
    scores = {} if row.refused else {"answers_with_citation": metrics.every_sentence_cited(kept, cited)}
    if kept or row.unsupported:
        uncited = len(set(range(kept)) - cited)
        scores["unsupported_rate"] = metrics.unsupported_rate(kept, len(row.unsupported), uncited)
    return scores


def _judged(question: Question, row: Row, judge: Judge) -> dict[str, float]:
    if row.refused or not row.said:
        return {}
    quotes = [[one for one in row.citations if one.sentence == index] for index in range(len(row.said))]
    supports = judge(question)
    return {
        "alce_recall_own_judge": metrics.alce_recall(row.said, quotes, supports),
        "alce_precision_own_judge": metrics.alce_precision(row.said, quotes, supports),
    }


def _search(question: Question, row: Row) -> dict[str, float]:
    if not question.gold:
        return {}
    hits = {f"hit@{k}": metrics.hit_at(k, row.retrieved, question.gold) for k in HIT_RANKS}
    hits |= {f"recall@{k}": metrics.recall_at(k, row.retrieved, question.gold) for k in HIT_RANKS}
    return hits | {"mrr@10": metrics.reciprocal_rank(row.retrieved, question.gold, k=10)}


def _words(question: Question, row: Row, embed: metrics.Embed | None) -> dict[str, float]:
    golds = metrics.worded(question.answers)
    if not golds:
        return {}
    answer = "" if row.refused else row.answer  # the words of a refusal are ours: they answer nothing by chance
    scores = {"accuracy": metrics.accuracy(answer, golds), "f1": metrics.f1(answer, golds)}
    if min(len(metrics.words(gold)) for gold in golds) >= LONG:
        scores["rouge_l"] = metrics.rouge_l(answer, golds)
    if question.distractors and embed:
        scores["option_accuracy"] = metrics.option_accuracy(answer, golds, question.distractors, embed)
    return scores


def _places(question: Question, row: Row) -> dict[str, float]:
    if not question.evidence:
        return {}
    scores = {
        "ndcg@10": metrics.ndcg_at(10, row.retrieved, question.evidence),
        "evidence_in_context": metrics.evidence_in_context(question.evidence, row.evidence),
        "citation_hit": metrics.citation_hit(row.citations, question.evidence),
        "citation_recall": metrics.citation_recall(row.citations, question.evidence),
    }
    if row.citations:
        scores["citation_precision"] = metrics.citation_precision(row.citations, question.evidence)
    return scores


def report(
    rows: Sequence[Row],
    questions: Sequence[Question],
    meta: Mapping[str, Any],
    embed: metrics.Embed | None = None,
    by: Sequence[str] = (),
    judge: Judge | None = None,
) -> dict[str, Any]:
    """`{"metrics": {measure: mean or None, …, "n": {measure: cases}}, …}` for the questions that have a row.

    `refusal_curve` and `risk_coverage` are curve.py's, `run` is meta. Besides MEASURES: the AREAS; for each timing the
    50th and 95th percentile, as `total_s_p50` in seconds (interpolated between neighbours), and the median of each
    token count, as `prompt_tokens_p50`. None where nothing was a case. `intervals` has `[low, high]` of each of
    them, `bootstrap` how they were made. `groups` has `{field: {value: …}}` for each field of `by`, in the form of
    `metrics`, MEASURES alone. A question that was asked several times counts by its mean; `repeats` has the standard
    deviation of each of MEASURES over repetitions, and nothing where there is but one. Raises DatasetError for a field
    that no question has.
    """
    check_fields(questions, by)
    by_id: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.repeat):
        by_id.setdefault(row.id, []).append(row)
    pairs = [(question, row) for question in questions for row in by_id.get(question.id, ())]
    scored = [Scored(question.id, row.repeat, score(question, row, embed, judge)) for question, row in pairs]
    asked = [pair for pair in pairs if pair[1].stage != "retrieve"]
    again = MEASURES if any(row.repeat for row in rows) else ()
    others = aggregates(pairs)
    return {
        "metrics": _metrics(scored, others),
        "intervals": _intervals(scored) | {name: one.interval for name, one in others.items()},
        "repeats": {name: deviation(scored, name) for name in again},
        "bootstrap": {"level": LEVEL, "resamples": RESAMPLES, "seed": SEED},
        "groups": {field: _groups([_value(one, field) for one, _ in pairs], scored) for field in by},
        "refusal_curve": refusal_curve(asked),
        "risk_coverage": risk_coverage(asked),
        "run": dict(meta),
    }


def check_fields(questions: Sequence[Question], by: Iterable[str]) -> None:
    """Raise DatasetError for a field of `by` by which nothing can be grouped, as no question has it."""
    known = {"answerable"}.union(*(question.model_extra or {} for question in questions))
    for field in by:
        if field not in known:
            raise DatasetError(f"No question has a field {field!r}. Group by one of {', '.join(sorted(known))}.")


def _value(question: Question, field: str) -> str:
    """The field's value as a key of JSON; null for a question without the field."""
    value = question.answerable if field == "answerable" else (question.model_extra or {}).get(field)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _groups(keys: Sequence[str], scored: Sequence[Scored]) -> dict[str, Any]:
    """Means by key, in the order of the keys; `keys` are those of the rows that `scored` are of."""
    groups: dict[str, Any] = {}
    for key in sorted(set(keys)):
        own = [one for its, one in zip(keys, scored, strict=True) if its == key]
        values, counts = _means(own)
        groups[key] = values | {"n": counts, "intervals": _intervals(own)}
    return groups


def _means(scored: Sequence[Scored]) -> tuple[dict[str, float | None], dict[str, int]]:
    cases = {name: of_questions(scored, name) for name in MEASURES}
    values = {name: float(np.mean(given)) if given else None for name, given in cases.items()}
    counts = {name: len(given) for name, given in cases.items()}
    return values, {"questions": len({one.id for one in scored})} | counts


def _metrics(scored: Sequence[Scored], others: Mapping[str, Aggregate]) -> dict[str, Any]:
    values, counts = _means(scored)
    values |= {name: one.value for name, one in others.items()}
    return values | {"n": counts | {name: one.n for name, one in others.items()}}


def _intervals(scored: Sequence[Scored]) -> dict[str, tuple[float, float] | None]:
    return {name: interval(of_questions(scored, name)) for name in MEASURES}


def write_report(path: Path, value: Mapping[str, Any]) -> None:
    """Write the report as JSON; an earlier one is replaced whole. Raises DatasetError where that fails."""
    try:
        write_json(path, value)
    except OSError as error:
        raise DatasetError(f"{path} cannot be written: {error.strerror}. Free space or choose another --out.") from None


def table(value: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """(measure, value, interval, cases) of a report, to print: shares with 3 digits, seconds with 2, – for no cases."""
    counts = value["metrics"]["n"]
    return [
        (name, _cell(name, number), _range(name, value["intervals"].get(name)), str(counts[name]))
        for name, number in value["metrics"].items()
        if name != "n"
    ]


def group_table(groups: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """One field's groups, to print: each measure that has cases and its value (cases) in each group, in their order."""
    return [
        (name, *(f"{_cell(name, one[name])} ({one['n'][name]})" for one in groups.values()))
        for name in MEASURES
        if any(one["n"][name] for one in groups.values())
    ]


def _range(name: str, ends: Sequence[float] | None) -> str:
    return f"{_cell(name, ends[0]).removesuffix(' s')} to {_cell(name, ends[1])}" if ends else ""


def _cell(name: str, number: float | None) -> str:
    if number is None:
        return "–"
    if name in MEASURES or name in AREAS:
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
