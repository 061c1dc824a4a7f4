"""`answerable` as a confidence: what refusing below another value would have done, and how true it is, from rows.

Values of `answer.min_answerable` below that of the run tell nothing new: what was refused then stays refused.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.evaluate import metrics
from bot.evaluate.cases import Question
from bot.evaluate.run import Row

Pairs = Sequence[tuple[Question, Row]]
Floats = npt.NDArray[np.float64]
THRESHOLDS = tuple(step / 20 for step in range(21))
BINS = 10


def refusal_curve(pairs: Pairs) -> list[dict[str, Any]]:
    """`refusal_recall` and `false_refusal` (None without cases) at each threshold of `min_answerable`.

    A question is refused at a threshold above its probability, and where it was refused as it was asked: below the
    threshold of that run the curve is flat, so ask with `answer.min_answerable = 0` to see all of it. Above, it is the
    curve of `answer.check = always`: with `auto`, some of these refusals would be answered unchecked.
    """
    return [
        {
            "min_answerable": threshold,
            "refusal_recall": _share([_refused(row, threshold) for one, row in pairs if not one.answerable]),
            "false_refusal": _share([_refused(row, threshold) for one, row in pairs if one.answerable]),
        }
        for threshold in THRESHOLDS
    ]


def roc_area(sure: Floats, answerable: Floats) -> float:
    """The area under the ROC curve of `sure`, probabilities of shape (n,); nan without both kinds of questions.

    That is the chance that a question which is answered has the higher probability than one which is not, a tie
    counting half (Hanley & McNeil 1982).
    """
    yes, no = sure[answerable > 0], np.sort(sure[answerable == 0])
    if not len(yes) or not len(no):
        return math.nan
    lower, upper = (np.searchsorted(no, yes, side) for side in ("left", "right"))
    return float((lower + upper).mean() / 2 / len(no))


def risk_coverage(pairs: Pairs) -> list[dict[str, Any]]:
    """`coverage` (share answered) and `risk` (share wrong of those answered) at each threshold of `min_answerable`.

    El-Yaniv & Wiener 2010, "On the Foundations of Noise-free Selective Classification". Over the `n` questions with a
    probability that are not answerable, where any answer is wrong, or have gold answers, where it is by accuracy.
    `answered` is how many were. None where nothing was a case.
    """
    known = _judged(pairs)
    points = []
    for threshold in THRESHOLDS:
        answered = [wrong for row, wrong in known if not _refused(row, threshold)]
        risk = float(np.mean(answered)) if answered else None
        coverage = len(answered) / len(known) if known else None
        point = {"min_answerable": threshold, "coverage": coverage, "risk": risk}
        points.append(point | {"answered": len(answered), "n": len(known)})
    return points


def risk_area(sure: Floats, wrong: Floats) -> float:
    """The area under the risk-coverage curve (AURC) of answers: their probabilities and 1 where wrong, of shape (n,).

    The mean, over the answers, of the risk among those with at least the same probability: Geifman & El-Yaniv 2017,
    "Selective Classification for Deep Neural Networks", in the form of Geifman, Uziel & El-Yaniv 2019. Lower is better:
    0 if nothing is wrong, the plain share of wrong answers if the probability tells nothing. What was refused as it was
    asked is at no coverage and left out. nan without answers.
    """
    if not len(sure):
        return math.nan
    order = np.argsort(-sure, kind="stable")
    falling = -sure[order]
    among = np.searchsorted(falling, falling, "right")  # how many are at least as sure as each
    return float((np.cumsum(wrong[order])[among - 1] / among).mean())


def answered(pairs: Pairs) -> list[tuple[str, float, float]]:
    """Id, probability, and whether it is wrong, of each answer that risk_coverage is over."""
    return [(row.id, row.answerable or 0.0, wrong) for row, wrong in _judged(pairs) if not row.refused]


def confidences(pairs: Pairs) -> list[tuple[str, float, float]]:
    """Id, probability, and whether it is answerable, of each question that has a probability."""
    return [(row.id, row.answerable, float(one.answerable)) for one, row in pairs if row.answerable is not None]


def _judged(pairs: Pairs) -> list[tuple[Row, float]]:
    """Rows with a probability and whether an answer there is wrong: 1, or 0."""
    judged = []
    for one, row in pairs:
        golds = metrics.worded(one.answers)
        if row.answerable is not None and (golds or not one.answerable):
            judged.append((row, 1 - metrics.accuracy(row.answer, golds) if one.answerable else 1.0))
    return judged


def calibration_error(sure: Floats, answerable: Floats) -> float:
    """The expected calibration error of probabilities, of shape (n,); nan without any.

    Σ over bins of |bin| / n × |share that is answerable − mean probability|, in 10 bins of equal width, (0, 0.1] to
    (0.9, 1] and 0 in the first: Naeini et al. 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning";
    Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    if not len(sure):
        return math.nan
    bins = np.digitize(sure, [edge / BINS for edge in range(1, BINS)], right=True)
    return float(np.abs(np.bincount(bins, weights=answerable - sure)).sum() / len(sure))


def _refused(row: Row, threshold: float) -> bool:
    return row.refused or (row.answerable is not None and row.answerable < threshold)


def _share(refused: Sequence[bool]) -> float | None:
    return float(np.mean(refused)) if refused else None
