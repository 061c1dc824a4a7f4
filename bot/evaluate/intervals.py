"""How far a mean over these questions may be off, had others like them been asked. Knows no questions or measures."""

from collections.abc import Sequence

import numpy as np

SEED = 0
RESAMPLES = 2000
LEVEL = 0.95


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The percentile bootstrap interval of the mean of `values`, one a question; None without values.

    Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13: the means of RESAMPLES samples as large as
    `values`, drawn from them with replacement; of these, LEVEL in the middle. The same values give the same interval.
    Where all are equal it has no width, however few they are.
    """
    if not values:
        return None
    drawn = np.random.default_rng(SEED).integers(0, len(values), size=(RESAMPLES, len(values)))
    means = np.asarray(values, dtype=float)[drawn].mean(axis=1)
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(means, (tail, 100 - tail))
    return float(low), float(high)
