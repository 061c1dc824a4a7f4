"""intervals: against the distribution that resampling has in theory."""

from math import comb

import pytest

from bot.evaluate.intervals import interval


def quantile(n: int, ones: int, share: float) -> float:
    """Of the mean of `n` values drawn from `n` with so many ones: a binomial's, over n."""
    total, rate = 0.0, ones / n
    for count in range(n + 1):
        total += comb(n, count) * rate**count * (1 - rate) ** (n - count)
        if total >= share:
            return count / n
    return 1.0


@pytest.mark.parametrize(("n", "ones"), [(40, 10), (100, 50), (300, 6)])
def test_ends_are_quantiles_of_the_resampled_mean(n: int, ones: int) -> None:
    ends = interval([1.0] * ones + [0.0] * (n - ones))
    assert ends == pytest.approx((quantile(n, ones, 0.025), quantile(n, ones, 0.975)), abs=1.01 / n)  # a count


def test_small_samples_by_hand() -> None:
    assert interval([]) is None
    assert interval([0.25]) == (0.25, 0.25)
    assert interval([0.5] * 7) == (0.5, 0.5)
    assert interval([0.0, 1.0]) == (0.0, 1.0)  # both ends come up in a quarter of the draws


def test_the_same_values_give_the_same_interval() -> None:
    values = [0.1, 0.9, 0.4, 0.0, 1.0]
    assert interval(values) == interval(values)
