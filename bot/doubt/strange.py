"""Figures and names of a sentence that a text does not have: where a model goes wrong, it is mostly in these. Pure.

It knows no meaning: "22 people" and "22 years" are the same figure to it. In other languages than English only digits
are looked at: in German, for one, every noun looks like a name.
"""

import re
from collections.abc import Iterator, Sequence

from bot.figures import written_numbers
from bot.words import is_english, plain_letters

ROUNDED = 0.02  # share by which a rounded number may differ; small numbers and years must be the same
SMALL = 100
SAME_NAME = 5  # letters that make one name of two: "Ukraine", "Ukrainian"

_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_YEAR = re.compile(r"1\d{3}|20\d\d")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_OPENS = re.compile(r"(?:^|[.!?:;…\"“”‘(\[–—])\s*$")  # what a capital follows whatever word it is of
_POSSESSIVE = re.compile(r"['’]s?$")
_LETTERS = re.compile(r"\b[^\W\d_](?:\.[^\W\d_])+\b\.?")  # "U.S.", "a.m."
_INITIALS = 2  # letters that an abbreviation has at least
_CALENDAR = re.compile(
    r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"(uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?|(mon|tue|wed|thu|fri|sat|sun)(s|rs|sday|nesday|rsday|urday|day)?"
)
_ADDRESS = {"mr", "mrs", "ms", "dr", "sir", "lady", "i"}


def strange(sentence: str, known: str) -> tuple[str, ...]:
    """The figures and names of `sentence` that `known` does not have, in order, figures first."""
    names = _names(_joined(sentence), _joined(known)) if is_english(known) else ()
    return tuple(dict.fromkeys((*_figures(sentence, known), *names)))


def _figures(sentence: str, known: str) -> Iterator[str]:
    digits = {_bare(one) for one in _DIGITS.findall(known)}
    values = [value for _, value in written_numbers(known)]
    for text, value in written_numbers(sentence):
        whole = value == _value(_bare(text))  # "3 million" is not the 3 of "3 billion"
        same = (whole and _bare(text) in digits) or any(_agree(value, other) for other in values)
        if not same and text.lower() != "one":
            yield text
        sentence = sentence.replace(text, " ", 1)
    yield from (one for one in _DIGITS.findall(sentence) if _bare(one) not in digits)


def _agree(one: float, other: float) -> bool:
    if min(one, other) < SMALL or _YEAR.fullmatch(f"{one:g}"):
        return one == other
    return abs(one - other) <= ROUNDED * max(one, other)


def _value(digits: str) -> float | None:
    return float(digits) if digits.replace(".", "", 1).isdigit() else None


def _bare(figure: str) -> str:
    return "".join(_DIGITS.findall(figure)).replace(",", "")


def _names(sentence: str, known: str) -> Iterator[str]:
    words = [match[0] for match in _WORD.finditer(known)]
    stems = {_stem(word) for word in words} | _ADDRESS
    said = [match[0] for match in _WORD.finditer(sentence)]
    for at, match in enumerate(_WORD.finditer(sentence)):
        opens = _OPENS.search(sentence, 0, match.start())
        if match[0][0].isupper() and not opens and _stem(match[0]) not in stems and not _spelled(said, at, words):
            yield match[0]


def _spelled(said: Sequence[str], at: int, words: Sequence[str]) -> bool:
    """Whether the word at `at` abbreviates some of `words`, or one of them abbreviates it and its neighbours."""
    if len(said[at]) >= _INITIALS and said[at].isupper():
        return said[at] in _initials(words)
    short = {word for word in words if len(word) >= _INITIALS and word.isupper()}
    near = _initials(said[max(0, at - SAME_NAME) : at + SAME_NAME])
    return any(said[at][0] in word and word in near for word in short)


def _initials(words: Sequence[str]) -> str:
    return "".join(word[0] for word in words if word[0].isupper())


def _joined(text: str) -> str:
    """Abbreviations without their dots."""
    return _LETTERS.sub(lambda match: match[0].replace(".", "").upper(), text)


def _stem(word: str) -> str:
    plain = plain_letters(_POSSESSIVE.sub("", word))
    return plain[:3] if _CALENDAR.fullmatch(plain) else plain[:SAME_NAME]
