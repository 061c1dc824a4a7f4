"""What went wrong with a question, as one cause each: the first stage of the way to an answer that failed.

A cause is looked for only where something failed, so an answer that is right and cites the evidence is good, however it
was found. docs/report.md says how each is decided. It knows no files, and no means over questions.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from bot.evaluate.cases import Question
from bot.evaluate.run import Row

Cause = Literal[
    "not_retrieved", "not_shown", "refused_wrongly", "answered_wrong", "cited_wrong", "answered_unanswerable",
    "good", "refused_rightly", "not_judged",
]  # fmt: skip
CAUSES: tuple[Cause, ...] = get_args(Cause)
FINE: tuple[Cause, ...] = ("good", "refused_rightly", "not_judged")
MEANING: dict[Cause, str] = {
    "not_retrieved": "the search did not find the evidence",
    "not_shown": "found, but less than half of it was shown to the model",
    "refused_wrongly": "shown, yet refused",
    "answered_wrong": "shown, but the answer is wrong",
    "cited_wrong": "the words are right, but no citation touches the evidence",
    "answered_unanswerable": "the articles do not answer it, yet it was answered",
    "good": "right words, and a citation that touches the evidence",
    "refused_rightly": "the articles do not answer it, and it was refused",
    "not_judged": "answered, but the question file has neither gold answers nor evidence",
}


class Judged(NamedTuple):
    """A question with its row, its scores (report.score) and the cause that follows from them."""

    question: Question
    row: Row
    scores: Mapping[str, float]
    cause: Cause

    @property
    def failed(self) -> bool:
        return self.cause not in FINE


def judged(question: Question, row: Row, scores: Mapping[str, float]) -> Judged:
    return Judged(question, row, scores, cause(question, row, scores))


def count(all_judged: Sequence[Judged]) -> dict[Cause, int]:
    """How many questions have each cause, in the order of CAUSES; those that none has are left out."""
    counts = {name: sum(one.cause == name for one in all_judged) for name in CAUSES}
    return {name: number for name, number in counts.items() if number}


def cause(question: Question, row: Row, scores: Mapping[str, float]) -> Cause:
    """The one cause, from `scores` as report.score gives them for this question and row.

    The words are right by accuracy, or by option_accuracy where it is a case: a gold answer stands there, or is meant
    in other words. The citations are by citation_hit. What is no case cannot fail: without gold answers the words count
    as right, without evidence the citations do and nothing is said of what was shown.
    """
    if not question.answerable:
        return "refused_rightly" if row.refused else "answered_unanswerable"
    words = max((scores[name] for name in ("accuracy", "option_accuracy") if name in scores), default=None)
    cited = scores.get("citation_hit")
    if not row.refused:
        if words is None and cited is None:
            return "not_judged"
        if words != 0 and cited != 0:
            return "good"
    if not _retrieved(question, row):
        return "not_retrieved"
    if scores.get("evidence_in_context") == 0:
        return "not_shown"
    if row.refused:
        return "refused_wrongly"
    return "answered_wrong" if words == 0 else "cited_wrong"


def _retrieved(question: Question, row: Row) -> bool:
    """Whether a passage overlaps the evidence; without evidence, whether one is of a gold article; without, yes."""
    if question.evidence:
        return any(passage.overlap(span) for passage in row.retrieved for span in question.evidence)
    return not question.gold or any(passage.article in question.gold for passage in row.retrieved)
