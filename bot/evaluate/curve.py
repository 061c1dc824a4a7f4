"""Refusals as a curve: what `answer.min_answerable` at another value would have refused, from the same rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bot.evaluate.cases import Question
from bot.evaluate.run import Row

Pairs = Sequence[tuple[Question, Row]]
THRESHOLDS = tuple(step / 20 for step in range(21))


def refusal_curve(pairs: Pairs) -> list[dict[str, Any]]:
    """`refusal_recall` and `false_refusal` (None without cases) at each threshold of `min_answerable`.

    A question is refused at a threshold above its probability, and where it was refused as it was asked: below the
    threshold of that run the curve is flat, so ask with `answer.min_answerable = 0` to see all of it.
    """
    return [
        {
            "min_answerable": threshold,
            "refusal_recall": _share([_refused(row, threshold) for one, row in pairs if not one.answerable]),
            "false_refusal": _share([_refused(row, threshold) for one, row in pairs if one.answerable]),
        }
        for threshold in THRESHOLDS
    ]


def area(pairs: Pairs) -> tuple[float | None, int]:
    """The area under the ROC curve of `answerable`, and how many questions have one; None without both kinds.

    That is the chance that a question which is answered has the higher probability than one which is not, a tie
    counting half (Hanley & McNeil 1982).
    """
    known = [(one.answerable, row.answerable) for one, row in pairs if row.answerable is not None]
    yes = np.array([probability for answerable, probability in known if answerable])
    no = np.array([probability for answerable, probability in known if not answerable])
    if not len(yes) or not len(no):
        return None, len(known)
    higher = (yes[:, None] > no[None, :]).mean()
    return float(higher + (yes[:, None] == no[None, :]).mean() / 2), len(known)


def _refused(row: Row, threshold: float) -> bool:
    return row.refused or (row.answerable is not None and row.answerable < threshold)


def _share(refused: Sequence[bool]) -> float | None:
    return float(np.mean(refused)) if refused else None
