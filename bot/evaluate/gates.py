"""Gates for CI: conditions on a comparison such as `accuracy < -0.02`, read by a grammar of their own.

    gate  = value ("<" | "<=" | ">" | ">=") number
    value = measure           the difference B - A
          | measure ".low"    the lower end of its interval
          | measure ".high"   the upper end
          | "B." measure      the measure in B

A gate fires where its condition holds. It knows no files.
"""

import operator
import re
from collections.abc import Callable
from typing import NamedTuple

from bot.errors import ConfigError, DatasetError
from bot.evaluate.compare import COMPARED, Comparison, Measured
from bot.schema import Frozen

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
VALUES: dict[str, Callable[[Measured], float | None]] = {
    "": lambda measured: measured.difference,
    "low": lambda measured: measured.low,
    "high": lambda measured: measured.high,
    "B": lambda measured: measured.b,
}
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_NAME = r"(?P<name>[A-Za-z][\w@]*)"
_GATE = re.compile(rf"(?:(?P<run>B)\.)?{_NAME}(?:\.(?P<end>low|high))?\s*(?P<sign>[<>]=?)\s*(?P<limit>{_NUMBER})", re.A)


class Gate(NamedTuple):
    """`text` as it was given; `value` is a key of VALUES, `sign` one of OPERATORS."""

    text: str
    measure: str
    value: str
    sign: str
    limit: float


class Verdict(Frozen):
    """What `gate` found in run `b`: the number that it looks at, and whether it fires."""

    gate: str
    b: str
    value: float
    fired: bool


def parse(text: str) -> Gate:
    """Raises ConfigError for what is no gate, and for a measure that is not compared."""
    found = _GATE.fullmatch(text.strip())
    if found is None or (found["run"] and found["end"]):
        raise ConfigError(
            f"--fail-if {text!r} is no gate. Write a measure, <, <=, > or >=, and a number: "
            '"accuracy < -0.02" for the difference, "accuracy.low < -0.05" or ".high" for the ends of its interval, '
            '"B.accuracy < 0.8" for the second run alone.'
        )
    if found["name"] not in COMPARED:
        raise ConfigError(
            f"--fail-if {text!r}: {found['name']} is not a measure that is compared. Take one of {', '.join(COMPARED)}."
        )
    return Gate(text.strip(), found["name"], found["run"] or found["end"] or "", found["sign"], float(found["limit"]))


def judge(gate: Gate, comparison: Comparison) -> Verdict:
    """Raises DatasetError where the measure has no case in both runs, or only one and so no interval."""
    measured = comparison.measures[gate.measure]
    value = VALUES[gate.value](measured)
    if value is None:
        lack = "only one case, and so no interval," if measured.n else "no case"
        raise DatasetError(
            f'--fail-if "{gate.text}": {gate.measure} has {lack} in both {comparison.a} and {comparison.b}. '
            "Leave the gate out, or ask questions that are a case for it (docs/answer.md)."
        )
    fired = OPERATORS[gate.sign](value, gate.limit)
    return Verdict(gate=gate.text, b=comparison.b, value=value, fired=fired)
