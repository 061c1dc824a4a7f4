"""Figures as texts write them: digits with or without a scale, words, ordinals, dates and times. Pure; English."""

import calendar
import re
from collections.abc import Iterator
from typing import NamedTuple

from bot.words import ascii_case

_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen""".split()  # noqa: SIM905 - a list literal of it would fill the page
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_CARDINALS = {word: n for n, word in enumerate(_ONES)} | {word: 10 * n for n, word in enumerate(_TENS, start=2)}
_ORDINALS = {
    word: n
    for n, word in enumerate(
        """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
        fifteenth sixteenth seventeenth eighteenth nineteenth twentieth""".split(),  # noqa: SIM905
        start=1,
    )
} | {"thirtieth": 30, "fortieth": 40, "fiftieth": 50, "hundredth": 100}
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "dozen": 12.0}
_SHORT_SCALES = {"k": 1e3, "m": 1e6, "mn": 1e6, "bn": 1e9, "tn": 1e12}
MONTHS = {name.lower(): n for n, name in enumerate(calendar.month_name) if n}
MONTHS |= {name[:3]: n for name, n in MONTHS.items()} | {"sept": 9}

_MONTH = rf"(?:{'|'.join(sorted(MONTHS, key=len, reverse=True))})\b\.?"
_DATE = re.compile(
    rf"\d{{1,4}}([-/.])\d{{1,2}}\1\d{{1,4}}|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH},?(?: \d{{4}})?"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?\b(?:,? \d{{4}})?|{_MONTH} \d{{4}}\b|\b(?:1\d|20)\d\d\b(?!,)",
    re.IGNORECASE,
)
_SCALE = rf"(?:[ -]?(?P<scale>{'|'.join(_SCALES)})s?\b|(?P<short>[ ]?(?:{'|'.join(_SHORT_SCALES)}))(?![a-z]))"
_DIGITS = re.compile(rf"(?P<digits>\d+(?:,\d{{3}})*(?:\.\d+)?|\.\d+){_SCALE}?(?P<decade>s\b)?", re.IGNORECASE)
_NUMBER_WORD = rf"(?:{'|'.join([*_TENS, *reversed(_ONES)])})"
_BETWEEN = "(?: ?- ?| )"  # some texts have spaces round a hyphen
_ORDINAL_WORD = "|".join(sorted(_ORDINALS, key=len, reverse=True))
_WORDS = re.compile(
    rf"\b(?:(?P<cardinal>{_NUMBER_WORD}(?:{_BETWEEN}(?:and )?(?:{_NUMBER_WORD}|{'|'.join(_SCALES)}))*)"
    rf"(?:{_BETWEEN}(?P<last>{_ORDINAL_WORD}))?|(?P<ordinal>{_ORDINAL_WORD}))\b",
    re.IGNORECASE,
)


class Number(NamedTuple):
    """`values` are what it may mean, the likeliest first: "5 m" is 5 metres or 5 million."""

    text: str
    start: int
    end: int
    values: tuple[float, ...]
    in_words: bool = False
    ordinal: bool = False
    decade: bool = False
    scaled: bool = False


def numbers(text: str) -> Iterator[Number]:
    """All of them, in no order."""
    text = ascii_case(text)
    for match in _DIGITS.finditer(text):
        plain = float(match["digits"].replace(",", ""))
        short = (match["short"] or "").strip().lower()
        scale = _SCALES.get((match["scale"] or "").lower()) or _SHORT_SCALES.get(short)
        values = (plain * scale, *([plain] if short == "m" else [])) if scale else (plain,)
        decade = bool(match["decade"]) and plain % 10 == 0
        yield Number(match[0].strip(), *match.span(), values, decade=decade, scaled=bool(scale))
    for match in _WORDS.finditer(text):
        if match["ordinal"]:
            value = float(_ORDINALS[match["ordinal"].lower()])
        else:
            value = _spoken(match["cardinal"].lower()) + _ORDINALS.get((match["last"] or "").lower(), 0)
        ordinal = bool(match["ordinal"] or match["last"])
        yield Number(match[0], *match.span(), (value,), in_words=True, ordinal=ordinal)


def _spoken(words: str) -> float:
    """The value of "one hundred and fifty thousand"."""
    total = group = 0.0
    for word in re.findall(r"[a-z]+", words):
        if word in _CARDINALS:
            group += _CARDINALS[word]
        elif word == "hundred":
            group = (group or 1) * 100
        elif word in _SCALES:
            total += (group or 1) * _SCALES[word]
            group = 0.0
    return total + group


def dates(text: str) -> list[tuple[int, int]]:
    """Where days, months and years stand in `text`."""
    return [match.span() for match in _DATE.finditer(text)]
