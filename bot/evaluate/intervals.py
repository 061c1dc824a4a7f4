"""How far a number over these questions may be off, had others like them been asked. Knows no questions or measures."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

SEED = 0
RESAMPLES = 2000
LEVEL = 0.95
BLOCK = 4_000_000  # values of samples that are drawn at once: 32 MB

Floats = npt.NDArray[np.float64]


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The percentile bootstrap interval of the mean of `values`, one a question; None without values.

    Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13: the means of RESAMPLES samples as large as
    `values`, drawn from them with replacement; of these, LEVEL in the middle. The same values give the same interval.
    Where all are equal it has no width, however few they are.
    """
    if not values:
        return None
    return interval_of([np.array([[value]]) for value in values], lambda samples: samples[:, :, 0].mean(axis=1))


def interval_of(questions: Sequence[Floats], of: Callable[[Floats], Floats]) -> tuple[float, float] | None:
    """The same of another number: `of` makes one, or nan for none, of each sample of shape (samples, rows, columns).

    `questions` are the rows of each question, (1, columns), or more where it was asked several times: questions are
    drawn, with all their rows. Where some have more rows than others, rows are drawn. None where no sample has one.
    """
    if not questions:
        return None
    even = len({len(rows) for rows in questions}) == 1
    rows = np.stack(questions) if even else np.concatenate(questions)[:, None]
    drawn = np.random.default_rng(SEED).integers(0, len(rows), size=(RESAMPLES, len(rows)))
    numbers = np.concatenate(
        [
            of(rows[part].reshape(len(part), -1, rows.shape[-1]))
            for part in np.array_split(drawn, max(1, drawn.size * rows[0].size // BLOCK))
        ]
    )
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return None
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(known, (tail, 100 - tail))
    return float(low), float(high)
