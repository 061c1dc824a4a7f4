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
_SIGNS = {"½": 0.5, "¼": 0.25, "¾": 0.75}
_DECADES = {
    word: 10 * n
    for n, word in enumerate("twenties thirties forties fifties sixties seventies eighties nineties".split(), start=2)  # noqa: SIM905
}
_PER = {"decade": 10, "year": 12, "week": 7, "day": 24, "hour": 60, "minute": 60}  # of the next smaller unit
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
_DIGITS = re.compile(
    rf"(?P<digits>\d+(?:,\d{{3}})*(?:\.\d+)?|\.\d+)(?P<sign>[½¼¾])?{_SCALE}?(?P<decade>s\b)?", re.IGNORECASE
)
_YEARS = re.compile(r"\b(?P<first>(?:1\d|20)\d\d) ?[-/–] ?(?P<last>\d\d)\b(?![-/–.]\d)")  # "2023-24"
_BETWEEN = "(?: ?- ?| )"  # some texts have spaces round a hyphen
_ONE = "|".join(reversed(_ONES))
_LARGE = "(?:thousand|million|billion|trillion|dozen)"
_SMALL = rf"(?:(?:{'|'.join(_TENS)})(?:{_BETWEEN}(?:{_ONE}))?|{_ONE})"
_AND = rf"\b{_BETWEEN}(?:and )?"
# Two numbers, and not one: "two hundred and three hundred", "two thousand and three thousand".
_GROUP = rf"(?:(?:{_SMALL}|a){_BETWEEN}hundred(?:{_AND}{_SMALL}\b(?!{_BETWEEN}hundred))?|{_SMALL})"
_HALF = rf"(?:{_BETWEEN}and{_BETWEEN}a{_BETWEEN}half)"
_PART = rf"(?:(?:a{_BETWEEN})?half(?:{_BETWEEN}a)?|(?:a|one|three){_BETWEEN}quarters? of a|(?:{_GROUP}|a){_HALF}?)"
_CARDINAL = (
    rf"(?:{_PART}{_BETWEEN}{_LARGE}\b(?:{_BETWEEN}{_GROUP}{_BETWEEN}{_LARGE}\b)*"
    rf"(?:{_AND}{_GROUP}\b(?!{_BETWEEN}{_LARGE}))?|{_GROUP}){_HALF}?"
)
_ORDINAL_WORD = "|".join(sorted(_ORDINALS, key=len, reverse=True))
_UNIT = rf"(?P<unit>{'|'.join(_PER)})s?"
_WORDS = re.compile(
    rf"\b(?:(?P<cardinal>{_CARDINAL})(?:(?<=[yd]){_AND}(?P<last>{_ORDINAL_WORD}))?|(?P<ordinal>{_ORDINAL_WORD})"
    rf"|(?P<decade>{'|'.join(_DECADES)})|an? {_UNIT} and a half)\b",
    re.IGNORECASE,
)
_OF_UNIT = re.compile(rf"{_BETWEEN}{_UNIT}\b", re.IGNORECASE)


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
    years = {match.start("last"): _last_year(match["first"], match["last"]) for match in _YEARS.finditer(text)}
    for match in _DIGITS.finditer(text):
        plain = float(match["digits"].replace(",", "")) + _SIGNS.get(match["sign"], 0)
        short = (match["short"] or "").strip().lower()
        scale = _SCALES.get((match["scale"] or "").lower()) or _SHORT_SCALES.get(short)
        values = (plain * scale, *([plain] if short == "m" else [])) if scale else (plain,)
        values += (years[match.start()],) if match.start() in years else _in_unit(plain, text, match.end())
        decade = bool(match["decade"]) and plain % 10 == 0
        values += _decade(plain) if decade else ()
        yield Number(match[0].strip(), *match.span(), values, decade=decade, scaled=bool(scale))
    for match in _WORDS.finditer(text):
        yield _in_words(match, text)


def _in_words(match: re.Match[str], text: str) -> Number:
    word = (match["decade"] or match["unit"] or "").lower()
    ordinal = bool(match["ordinal"] or match["last"])
    values: tuple[float, ...]
    if match["decade"]:
        values = (_DECADES[word], *_decade(_DECADES[word]))
    elif match["unit"]:
        values = (1.5, 1.5 * _PER[word])
    else:
        last = (match["ordinal"] or match["last"] or "").lower()
        value = _spoken((match["cardinal"] or "").lower()) + _ORDINALS.get(last, 0)
        values = (value, *_in_unit(value, text, match.end()))
    return Number(match[0], *match.span(), values, in_words=True, ordinal=ordinal, decade=bool(match["decade"]))


def _in_unit(value: float, text: str, end: int) -> tuple[float, ...]:
    """What else a text may say for `value` if a unit follows: 30 months, 20 years for 2.5 years, two decades."""
    unit = _OF_UNIT.match(text, end)
    if not unit or not (value % 1 or unit["unit"].lower() == "decade"):
        return ()
    return (value * _PER[unit["unit"].lower()],)


def _decade(value: float) -> tuple[float, ...]:
    """The year that "the 90s" begin with, which may be of the last century or of this one."""
    return (1900 + value, 2000 + value) if value < 100 else ()


def _last_year(first: str, last: str) -> float:
    """2024 for the 24 of "2023-24"; 2000 for the 00 of "1999-00"."""
    century = int(first) // 100 + (last <= first[2:])
    return 100.0 * century + int(last)


def _spoken(words: str) -> float:
    """The value of "one hundred and fifty thousand"."""
    total = group = 0.0
    scale = 1.0  # of the word before
    for word in re.findall(r"[a-z]+", words):
        if word in _CARDINALS:
            group += _CARDINALS[word]
        elif word == "half":
            group += 0.5 * (scale if total and not group else 1)
        elif word in ("quarter", "quarters"):
            group = (group or 1) / 4
        elif word == "hundred":
            group = (group or 1) * 100
        elif word in _SCALES:
            scale = _SCALES[word]
            total += (group or 1) * scale
            group = 0.0
    return total + group


def is_rounded(value: float, exact: float) -> bool:
    """Whether `value` is `exact` rounded to the last of its digits that is no 0: 400 for 405, and not 412."""
    mantissa, exponent = f"{value:.9e}".split("e")
    place = int(exponent) + 2 - len(mantissa.rstrip("0"))  # the power of ten of that digit; "4." for 400
    return abs(value - exact) <= 10.0**place / 2 * (1 + 1e-9)


def dates(text: str) -> list[tuple[int, int]]:
    """Where days, months and years stand in `text`."""
    return [match.span() for match in _DATE.finditer(text)]
