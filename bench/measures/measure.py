"""One line of the table: ours, what it is measured against, and how both are counted."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

UNITS = {"ms": 1000.0, "s": 1.0, "MB": 1e-6}


class Measure(NamedTuple):
    """`ours` and `beneath` are seconds, or bytes for memory; less is better. `against` says what `beneath` is."""

    name: str
    ours: float
    beneath: float
    against: str
    unit: str = "s"

    @property
    def ratio(self) -> float:
        return self.ours / self.beneath

    def shown(self, value: float) -> str:
        scaled = value * UNITS[self.unit]
        return f"{scaled:,.{0 if self.unit == 'MB' else 1 if self.unit == 'ms' else 2}f} {self.unit}"


def seconds(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def middle(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The pair whose ratio is the median: a machine's speed drifts, and both of a pair were measured together."""
    return sorted(pairs, key=lambda pair: pair[0] / pair[1])[(len(pairs) - 1) // 2]


def medians(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The median of each side."""
    ours, beneath = zip(*pairs, strict=True)
    return statistics.median(ours), statistics.median(beneath)
