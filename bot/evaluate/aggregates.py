"""What is told of a run and is no mean over its questions: areas, percentiles of times and tokens, with intervals.

Knows no measures of single answers.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from bot.evaluate.curve import Floats, Pairs, answered, calibration_error, confidences, risk_area, roc_area
from bot.evaluate.intervals import interval_of
from bot.evaluate.stages import seconds

AREAS: dict[str, tuple[Callable[[Pairs], list[tuple[str, float, float]]], Callable[[Floats, Floats], float]]] = {
    "answerable_auroc": (confidences, roc_area),
    "answerable_aurc": (answered, risk_area),
    "answerable_ece": (confidences, calibration_error),
}
TIMINGS = ("retrieve_s", "checked_s", "first_token_s", "total_s")
TOKENS = ("prompt", "reused", "answer")


class Aggregate(NamedTuple):
    """A number, None without cases; its interval, and over how many cases it is."""

    value: float | None
    interval: tuple[float, float] | None
    n: int


def aggregates(pairs: Pairs) -> dict[str, Aggregate]:
    """By name: AREAS; the 50th and 95th percentile of each timing, as `total_s_p50`; the median of each count."""
    found = {name: _area(of(pairs), area) for name, (of, area) in AREAS.items()}
    for name in TIMINGS:
        known = [(row.id, second) for _, row in pairs if (second := seconds(row, name)) is not None]
        found |= {f"{name}_p{percent}": _percentile(known, percent) for percent in (50, 95)}
    for name in TOKENS:  # what was refused unread has none
        counts = [(row.id, float(getattr(row.tokens, name))) for _, row in pairs if row.tokens.prompt]
        found[f"{name}_tokens_p50"] = _percentile(counts, 50)
    return found


def _area(cases: Sequence[tuple[str, float, float]], area: Callable[[Floats, Floats], float]) -> Aggregate:
    def of(samples: Floats) -> Floats:
        return np.array([area(sample[:, 0], sample[:, 1]) for sample in samples])

    rows = np.array([case[1:] for case in cases], dtype=float).reshape(-1, 2)
    value = area(rows[:, 0], rows[:, 1])
    ends = None if np.isnan(value) else interval_of(_by_question((one, case) for one, *case in cases), of)
    return Aggregate(None if np.isnan(value) else value, ends, len(cases))


def _percentile(cases: Sequence[tuple[str, float]], percent: int) -> Aggregate:
    """Interpolated between neighbours."""
    if not cases:
        return Aggregate(None, None, 0)
    grouped = _by_question((question, (value,)) for question, value in cases)
    ends = interval_of(grouped, lambda samples: np.percentile(samples[:, :, 0], percent, axis=1))
    return Aggregate(float(np.percentile([value for _, value in cases], percent)), ends, len(cases))


def _by_question(cases: Iterable[tuple[Hashable, Sequence[float]]]) -> list[Floats]:
    groups: dict[Hashable, list[Sequence[float]]] = {}
    for question, row in cases:
        groups.setdefault(question, []).append(row)
    return [np.array(rows, dtype=float) for rows in groups.values()]
