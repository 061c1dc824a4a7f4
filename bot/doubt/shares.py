"""Shares of a whole as texts write them: "a third", "two-thirds", "one in three", "1/3". Pure; English."""

import re
from collections.abc import Iterator

_NAMES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {name: n for n, name in enumerate(_NAMES, start=1)}
_PARTS = {"half": 2, "halve": 2, "third": 3, "quarter": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10}
_NUMBER = rf"(?:{'|'.join(_NAMES)}|\d{{1,3}})"
_SHARE = re.compile(
    rf"\b(?:(?P<times>{_NUMBER})[ -])?(?P<part>{'|'.join(_PARTS)})s?\b"
    rf"|\b(?P<some>{_NUMBER})(?:/|[ -]in[ -]| out of )(?P<all>{_NUMBER})\b",
    re.IGNORECASE,
)


def shares(text: str) -> Iterator[float]:
    """Those of one at most."""
    for match in _SHARE.finditer(text):
        if match["part"]:
            share = _value(match["times"] or "one") / _PARTS[match["part"].lower()]
        else:
            share = _value(match["some"]) / (_value(match["all"]) or 1)
        if share <= 1:
            yield share


def _value(number: str) -> float:
    return float(_NUMBERS.get(number.lower()) or number)
