"""Two runs of the same questions side by side: each measure's difference with its interval, times, and what flipped.

It reads what `bot eval` wrote and asks nothing. It knows no embedder, so option_accuracy is left out, nor why a run
differs from another. docs/evaluation.md tells how to read what it gives.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from bot.errors import DatasetError
from bot.evaluate.aggregates import TIMINGS
from bot.evaluate.cases import Question, explain, load_questions
from bot.evaluate.report import HIT_RANKS, MEASURES, score, sha256_of
from bot.evaluate.run import ANSWERS, DECISIVE, META, TELLING, Row, differences, read_meta, read_rows
from bot.evaluate.stages import seconds
from bot.schema import Frozen

SEED = 0
RESAMPLES = 10_000
CONFIDENCE = 0.95
BLOCK = 1_000_000  # questions drawn at once: 8 MB
COMPARED = tuple(name for name in MEASURES if name != "option_accuracy")
LOWER_IS_BETTER = ("unsupported_rate", "false_refusal")
FLIPPING = (
    "refused", *(f"hit@{k}" for k in HIT_RANKS), "evidence_in_context", "accuracy", "citation_hit",
    "answers_with_citation", "refusal_recall", "false_refusal",
)  # fmt: skip
"""What is 0 or 1 for a question; `refused` is not a measure, as it is neither good nor bad by itself."""

REMEDY = "Name a folder that `bot eval --out` wrote, or run it anew."
UNTOLD = ("time", "seed", "resumed")  # differs always; is among the settings; is told with the revision

Floats = NDArray[np.float64]
Pair = tuple[Question, Row, Row]
Scores = Mapping[str, float]


class _File(BaseModel):
    file: str
    sha256: str


class _Again(BaseModel):
    revision: str | None = None


class _Made(BaseModel):
    """What is needed of run.json."""

    model_config = ConfigDict(extra="ignore")

    questions: _File
    revision: str | None = None
    resumed: tuple[_Again, ...] = ()


class Run(NamedTuple):
    """`rows` by question id; `meta` is run.json, where `revision` names those of all parts of the run."""

    folder: Path
    meta: dict[str, Any]
    rows: dict[str, Row]
    questions: Path
    questions_sha256: str


class Asked(NamedTuple):
    """The question file that the runs are scored by; `same` says whether it is the very file of the first run."""

    path: Path
    sha256: str
    same: bool
    questions: list[Question]


class Different(Frozen):
    """Something that the runs were not made alike with; None for what a run does not have."""

    name: str
    a: Any
    b: Any


class Measured(Frozen):
    """Means over the `n` questions that are a case in both runs; `difference` is B - A, all None without any.

    `low` and `high` are the ends of its interval, None for less than two cases. `better` and `worse` count questions.
    """

    a: float | None = None
    b: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    better: int = 0
    worse: int = 0


class Timed(Frozen):
    """Medians in seconds over the `n` questions that have the time in both runs; `ratio` is B / A, None if A is 0."""

    a: float | None = None
    b: float | None = None
    ratio: float | None = None
    n: int = 0


class Flip(Frozen):
    """A question with both answers."""

    id: str
    question: str
    a: str
    b: str


class Flips(Frozen):
    """Questions for which something went from 0 in A to 1 in B, and from 1 to 0."""

    up: tuple[Flip, ...] = ()
    down: tuple[Flip, ...] = ()


class Comparison(Frozen):
    """Run `b` beside run `a` (their folders): `shared` questions have a row in both; measures and timings by name."""

    a: str
    b: str
    different: tuple[Different, ...]
    shared: int
    only_a: int
    only_b: int
    measures: dict[str, Measured]
    timings: dict[str, Timed]
    flips: dict[str, Flips]


def load_run(folder: Path) -> Run:
    """What `bot eval --out` wrote to `folder`: of repetitions the first; a half-written last row does not count.

    Raises DatasetError where there is no run or a file of it is damaged.
    """
    try:
        rows, _ = read_rows(folder, REMEDY)
    except OSError as error:
        raise DatasetError(f"{folder / ANSWERS} cannot be read: {error.strerror}. {REMEDY}") from None
    meta = read_meta(folder, REMEDY)
    if not rows or not meta:
        missing = META if rows else ANSWERS
        raise DatasetError(f"{folder} holds no run: {missing} is missing or empty. {REMEDY}")
    try:
        made = _Made.model_validate(meta)
    except ValidationError as error:
        raise DatasetError(f"{folder / META} is damaged: {explain(error)}. {REMEDY}") from None
    revisions = dict.fromkeys([made.revision, *(again.revision for again in made.resumed)])
    meta["revision"] = ", then ".join(map(str, filter(None, revisions))) or None
    return Run(folder, meta, rows, Path(made.questions.file), made.questions.sha256)


def load_asked(run: Run, moved: Path | None = None) -> Asked:
    """The question file of `run`, or `moved` in its place. Raises DatasetError where there is none or it is damaged."""
    path = moved or run.questions
    if not path.is_file():
        raise DatasetError(f"The question file {path} of {run.folder} is not there. Pass it with --questions FILE.")
    sha256 = sha256_of(path)
    return Asked(path, sha256, sha256 == run.questions_sha256, load_questions(path))


def compare(a: Run, b: Run, questions: Sequence[Question]) -> Comparison:
    """B beside A, over the questions that have a row in both, scored anew by the gold answers of `questions`.

    Raises DatasetError where the runs share no question, or where one that they share has another text in a run or in
    `questions`, or is not there.
    """
    pairs = _pairs(a, b, questions)
    scored = [(_scores(question, one), _scores(question, other)) for question, one, other in pairs]
    return Comparison(
        a=str(a.folder),
        b=str(b.folder),
        different=_different(a.meta, b.meta),
        shared=len(pairs),
        only_a=len(a.rows.keys() - b.rows.keys()),
        only_b=len(b.rows.keys() - a.rows.keys()),
        measures={name: _measured(name, scored) for name in COMPARED},
        timings={name: _timed(name, pairs) for name in TIMINGS},
        flips={name: _flips(name, pairs, scored) for name in FLIPPING},
    )


def interval(changes: Floats, seed: int = SEED, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The ends of the mean's 95% interval over questions, from `changes` of shape (n,), n at least 1.

    The paired bootstrap of Koehn 2004 ("Statistical Significance Tests for Machine Translation Evaluation") with the
    percentile method (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13): questions are drawn
    with replacement, with what both runs made of each. The same seed gives the same interval.
    """
    means = [changes[drawn].mean(axis=1) for drawn in draws(len(changes), seed, resamples)]
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(np.concatenate(means), (tail, 100 - tail))
    return float(low), float(high)


def draws(n: int, seed: int, resamples: int) -> Iterator[NDArray[np.int64]]:
    """Indices of the questions in each resample, in blocks of shape (up to `resamples` in all, n)."""
    random = np.random.Generator(np.random.PCG64(seed))  # by name: numpy's default may become another
    at_once = max(1, BLOCK // n)
    for start in range(0, resamples, at_once):
        yield random.integers(n, size=(min(at_once, resamples - start), n))


def _pairs(a: Run, b: Run, questions: Sequence[Question]) -> list[Pair]:
    """In the order of `questions`, so that intervals do not depend on the order of asking."""
    shared = a.rows.keys() & b.rows.keys()
    if not shared:
        raise DatasetError(f"{a.folder} and {b.folder} have no question in common. Compare runs of the same questions.")
    pairs = [(one, a.rows[one.id], b.rows[one.id]) for one in questions if one.id in shared]
    for question, one, other in pairs:
        if one.question != other.question:
            raise DatasetError(
                f"Question {question.id!r} has other words in {b.folder} than in {a.folder}. "
                "Compare runs of the same questions."
            )
        if question.question != one.question:
            raise DatasetError(
                f"Question {question.id!r} has other words in the question file than in {a.folder}. "
                "Pass the file that was asked with --questions."
            )
    if unknown := shared - {question.id for question, _, _ in pairs}:
        raise DatasetError(
            f"The question file lacks {len(unknown)} of the questions that both runs answered, such as "
            f"{min(unknown)!r}. Pass the file that was asked with --questions."
        )
    return pairs


def _scores(question: Question, row: Row) -> Scores:
    refused = {} if row.stage == "retrieve" else {"refused": float(row.refused)}
    return score(question, row, None) | refused


def _measured(name: str, scored: Sequence[tuple[Scores, Scores]]) -> Measured:
    both = np.array([(one[name], other[name]) for one, other in scored if name in one and name in other])
    if not len(both):
        return Measured()
    # The mean of whole numbers meets the limit of a gate exactly, where b - a may miss it by a rounding.
    changes = both[:, 1] - both[:, 0]
    low, high = interval(changes) if len(changes) > 1 else (None, None)
    more, fewer = int((changes > 0).sum()), int((changes < 0).sum())
    better, worse = (fewer, more) if name in LOWER_IS_BETTER else (more, fewer)
    a, b = both.mean(axis=0)
    return Measured(a=a, b=b, difference=changes.mean(), low=low, high=high, n=len(both), better=better, worse=worse)


def _timed(name: str, pairs: Sequence[Pair]) -> Timed:
    times = [(seconds(one, name), seconds(other, name)) for _, one, other in pairs]
    known = [both for both in times if all(value is not None and isfinite(value) for value in both)]
    if not known:
        return Timed()
    a, b = (float(value) for value in np.median(np.array(known), axis=0))
    return Timed(a=a, b=b, ratio=b / a if a > 0 else None, n=len(known))


def _flips(name: str, pairs: Sequence[Pair], scored: Sequence[tuple[Scores, Scores]]) -> Flips:
    ways: dict[tuple[float | None, float | None], list[Flip]] = {}
    for (question, one, other), (old, new) in zip(pairs, scored, strict=True):
        flip = Flip(id=question.id, question=question.question, a=one.answer, b=other.answer)
        ways.setdefault((old.get(name), new.get(name)), []).append(flip)
    return Flips(up=tuple(ways.get((0, 1), ())), down=tuple(ways.get((1, 0), ())))


def _different(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Different, ...]:
    """What decides on answers first, then versions, then whatever else a run recorded."""
    names = [name for name in dict.fromkeys([*DECISIVE, *TELLING, *a, *b]) if name not in UNTOLD]
    return tuple(Different(name=name, a=old, b=new) for name, old, new in differences(a, b, names))
