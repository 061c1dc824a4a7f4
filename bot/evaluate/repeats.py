"""Scores of questions that were asked several times: what each question makes, and what asking again would change.

Knows no rows and no measures but by their names.
"""

import statistics
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple


class Scored(NamedTuple):
    """The scores of one answer, by measure; `repeat` says how often the question was asked before."""

    id: str
    repeat: int
    scores: Mapping[str, float]


def of_questions(scored: Sequence[Scored], measure: str) -> list[float]:
    """One value a question that is a case, the mean of its answers': what is resampled is questions, not answers."""
    return _means((one.id, one.scores[measure]) for one in scored if measure in one.scores)


def deviation(scored: Sequence[Scored], measure: str) -> float | None:
    """How far the means of the repetitions lie apart: their standard deviation, None for fewer than two.

    That of a sample (n - 1), as these are some of all repetitions that there could be.
    """
    means = _means((one.repeat, one.scores[measure]) for one in scored if measure in one.scores)
    return statistics.stdev(means) if len(means) > 1 else None


def _means(given: Iterable[tuple[Hashable, float]]) -> list[float]:
    """The mean of each group's values, in the order in which the groups come first."""
    groups: dict[Hashable, list[float]] = {}
    for group, value in given:
        groups.setdefault(group, []).append(value)
    return [statistics.fmean(values) for values in groups.values()]
