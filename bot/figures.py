"""Figures of a text: numbers with what they count, and days, so that two sentences can be compared. English.

A figure without a thing counted ("in 2023", "of 58", "3-2"), ordinals, times of the clock, "one" and round words ("a
hundred") are left out. Of people it matters what befell them: three dead are no other count of 23 who were hurt. Days
are explicit ("18 October") or relative ("on Monday", seen from the article's date).
"""

import calendar
import datetime as dt
import re
from collections.abc import Iterator
from typing import NamedTuple

from bot.dates import find
from bot.doubt.numbers import is_rounded
from bot.doubt.numbers import numbers as spoken
from bot.words import ascii_case, content_words

OF_DAY = "day of "  # in the unit of a day, before the stem of what happens then
UNIT_WORDS = 3  # "74 burnt market stalls"
NEAR = 6  # words from a number of people to what befell them
SAME = 0.02  # share by which a rounded number and the exact one differ, at most

_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "m": 1e6, "bn": 1e9, "dozen": 12.0}
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name[:3]: number for name, number in _MONTHS.items()} | {"sept": 9}

_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\.?"
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_DATES = tuple(re.compile(rf"\b{form}\b", re.IGNORECASE) for form in (rf"{_DAY}\s+{_MONTH}", rf"{_MONTH}\s+{_DAY}"))
_NOT_AFTER = r"(?<![\w.,:/–-])"  # within a word, a time of the clock, a range
_AFTER = r"(?![\w:]|[.,–/-]\d)(?P<percent>\s?%|\s+per\s?cent\b)?"
_DIGITS = re.compile(
    rf"{_NOT_AFTER}(?P<sign>[$£€])?(?P<digits>\d+(?:,\d{{3}})*(?:\.\d+)?)(?:\s?(?P<scale>{'|'.join(_SCALES)})\b)?{_AFTER}",
    re.IGNORECASE,
)
_BEFORE_WORDS, _AFTER_WORDS = re.compile(_NOT_AFTER), re.compile(_AFTER, re.IGNORECASE)
# "A hundred" and "half a million" are no counts, and "a year and a half" counts nothing that follows.
_LOOSE = re.compile(
    r"(?:(?:\w+ quarters? of )?an?|(?:a[ -])?half(?:[ -]an?)?)[ -][a-z]+|an? \w+ and a half", re.IGNORECASE
)
_YEAR = re.compile(r"1[5-9]\d\d|20\d\d")
_NO_UNIT = re.compile(r"\s*(?:[ap]\.?m\b|o['’]clock)", re.IGNORECASE)
_COUNTED = re.compile(
    r"\b(?:number|toll|count|total)\s+of\s+([\w\s]{1,40}?)\s+(?:\w+\s+){0,4}?(?:at|to|was|is|of)\s+$", re.IGNORECASE
)
_PEOPLE = frozenset(
    content_words(
        """people person persons man men woman women child children boys girls passengers workers soldiers civilians
        students victims residents protesters suspects others"""
    )
)
# What befalls people, by the stems of its words; those of a line say the same.
_FATES = {
    stem: line.split()[0]
    for line in (
        "die died dying dead death deaths kill killed killing fatally murdered drowned perished",
        "hurt hurting injured injuring injury injuries wounded wounding burned",
        "arrested detained detaining custody",
        "charged charging accused",
        "jailed convicted sentenced imprisoned",
        "carried carrying aboard transported travelled",
        "attended attending gathered marched protested demonstrated rallied",
        "evacuated evacuating fled displaced homeless",
        "rescued rescuing saved",
        "missing",
        "infected sick",
        "employs employed hired",
        "sacked dismissed laid redundant",
        "lived living inhabited",
    )
    for stem in content_words(line)
}
_CLAUSE = re.compile(r"[,;:.?!]\s|[()–—]|\b(?:and|but|while|when|after|before|as|since)\b")
_PLAIN_WORD = re.compile(r"\b[a-z][a-z’'-]*")
_NEXT = re.compile(r"[\s-]*([^\W\d_][\w’'-]*)")


class Figure(NamedTuple):
    """`value` is the number, or month * 100 + day; `unit` are the stems of what is counted or happens on that day.

    `fate` is what befell people who are counted, "" where that is not known.
    """

    value: float
    unit: frozenset[str]
    fate: str = ""

    @property
    def is_day(self) -> bool:
        return any(word.startswith(OF_DAY) for word in self.unit)

    def is_like(self, other: "Figure") -> bool:
        """Whether both count the same sort of thing, or are days of the same event."""
        return bool(self.unit & other.unit) and (not (self.fate and other.fate) or self.fate == other.fate)

    def agrees(self, other: "Figure") -> bool:
        """Whether both say the same number, one of them rounded perhaps, or the same day."""
        if self.is_day or other.is_day:
            return self.value == other.value
        near = abs(self.value - other.value) <= SAME * max(self.value, other.value)
        return near and (is_rounded(self.value, other.value) or is_rounded(other.value, self.value))


def figures(text: str, written: dt.date | None = None) -> list[Figure]:
    """The figures of `text`, in no order; `written` is its article's date, without which no relative day is known."""
    text = ascii_case(text)
    found = list(_days(text, written))
    for pattern in _DATES:
        text = pattern.sub(lambda match: " " * len(match[0]), text)
    return found + list(_numbers(text))


def numbers(text: str) -> list[float]:
    """The numbers of `text`, whatever they count."""
    return [one.value for one in _all(ascii_case(text))]


def _days(text: str, written: dt.date | None) -> Iterator[Figure]:
    for pattern in _DATES:
        for match in pattern.finditer(text):
            value = _MONTHS[match["month"].lower()] * 100 + int(match["day"])
            yield Figure(value, _event(text, match.start(), match.end()))
    for one in find(text, written) if written else ():
        if one.first == one.last:
            yield Figure(one.first.month * 100 + one.first.day, _event(text, one.start, one.end))


def _event(text: str, start: int, end: int) -> frozenset[str]:
    """What happens on a day: the nearest word before it that carries content and is no name, else the nearest after."""
    words = [*reversed(_PLAIN_WORD.findall(text, 0, start)), *_PLAIN_WORD.findall(text, end)]
    stem = next((stems[0] for word in words if (stems := content_words(word))), "")
    return frozenset({OF_DAY + stem} if stem else ())


class _Number(NamedTuple):
    """It stands at `text[start:end]`, with what tells its unit there: a `sign` of money before, or `percent`."""

    value: float
    start: int
    end: int
    sign: str = ""
    percent: bool = False


def _all(text: str) -> Iterator[_Number]:
    for match in _DIGITS.finditer(text):
        value = float(match["digits"].replace(",", "")) * _SCALES.get((match["scale"] or "").lower(), 1.0)
        yield _Number(value, *match.span(), match["sign"] or "", bool(match["percent"]))
    for one in spoken(text):
        after = _AFTER_WORDS.match(text, one.end)
        if one.in_words and not (one.ordinal or one.decade) and after and _BEFORE_WORDS.match(text, one.start):
            yield _Number(one.values[0], one.start, after.end(), percent=bool(after["percent"]))


def _numbers(text: str) -> Iterator[Figure]:
    for one in _all(text):
        words = text[one.start : one.end].strip()
        unit = _unit(text, one)
        if unit and not (words.lower() == "one" or _YEAR.fullmatch(words) or _LOOSE.fullmatch(words)):
            yield Figure(one.value, unit, _fate(text, one.start, one.end) if unit & _PEOPLE else "")


def _fate(text: str, start: int, end: int) -> str:
    """What befalls people whose number stands there, by the nearest word of its clause that tells."""
    before = _PLAIN_WORD.findall(_CLAUSE.split(text[:start].lower())[-1])[::-1]
    after = _PLAIN_WORD.findall(_CLAUSE.split(text[end:].lower())[0])
    nearest = (words[at] for at in range(NEAR) for words in (before, after) if at < len(words))
    return next((_FATES[stem] for word in nearest for stem in content_words(word) if stem in _FATES), "")


def _unit(text: str, number: _Number) -> frozenset[str]:
    if number.sign:
        return frozenset(number.sign)
    if number.percent:
        return frozenset("%")
    if _NO_UNIT.match(text, number.end):
        return frozenset()
    if before := _COUNTED.search(text, 0, number.start):
        return frozenset(content_words(before[1]))
    stems: list[str] = []
    position = number.end
    while len(stems) < UNIT_WORDS and (word := _NEXT.match(text, position)):
        stem = content_words(word[1])
        if len(stem) != 1:
            break  # a function word: what is counted has been named
        stems += stem
        position = word.end()
    return frozenset(stems)
