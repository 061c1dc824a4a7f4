"""Figures and names of a sentence that a text does not have: where a model goes wrong, it is mostly in these. Pure.

It knows no meaning: "22 people" and "22 years" are the same figure to it. Where a figure may be meant, it is known: a
doubt must be worth it. In other languages than English only digits are looked at: in German, for one, every noun looks
like a name.
"""

import re
from collections.abc import Iterable, Iterator, Set

from bot.doubt.names import is_same, like, plain_names, spelled_out
from bot.doubt.numbers import MONTHS, Number, dates, is_rounded, numbers
from bot.doubt.shares import shares
from bot.words import is_english

# Shares by which a figure may differ: one rounded to its own digits, one after "about", and after "over".
ROUNDED, ABOUT, OVER = 0.02, 0.1, 0.25
SMALL, SMALL_ABOUT = 20, 12  # smaller figures must be the same, bare or after "about"
LAST_DAY = 31

_PARTS = re.compile(r"\d+")
_IN_DIGITS = re.compile(r"\d+(?:[-/.]\d+){2}")  # a date such as 12/05/2025
_ABOUT = re.compile(r"\b(?:about|around|nearly|almost|roughly|some|approximately|close to|up to)\s+\W?$", re.IGNORECASE)
_OVER = re.compile(r"\b(?:over|more than|at least|above|exceed\w*)\s+\W?$", re.IGNORECASE)
_ROUND = re.compile(r"(?:half[ -]|a quarter of )?a[ -](?:half[ -])?[a-z]+", re.IGNORECASE)  # "a hundred"
_COUNTS = {  # what a text may say without a figure
    word: n
    for n, words in (
        (0, "nil goalless scoreless"),
        (2, "both couple pair twins duo twice double fortnight"),
        (3, "trio triple treble triplets hat-trick"),
        (10, "decade"),
        (12, "noon midday midnight"),
        (100, "century"),
    )
    for word in words.split()
}
_COUNT = re.compile(rf"\b(?:{'|'.join(_COUNTS)})\b", re.IGNORECASE)
_PERCENT = re.compile(r"\s*(?:%|per ?cent\b)", re.IGNORECASE)
_OF_FRACTION = re.compile(r"\s*(?:and a half|halves|thirds|quarters|fifths)\b", re.IGNORECASE)
_TIME = re.compile(r"(?:[:.]\d\d)?\s*[ap]\.?m\b|:\d\d|\s*o['’]clock", re.IGNORECASE)
_ONE = re.compile(r"\b(?:an?|one)[ -]$", re.IGNORECASE)
_LIST_MARK = re.compile(r"\s*\d+[.)]\s")
_YEAR = re.compile(r"(?:1\d|20)\d\d")


def strange(sentence: str, known: str, days: str = "") -> tuple[str, ...]:
    """The figures and names of `sentence` that `known` does not have, in order, figures first.

    `days` are dates that are known, too, but only as dates.
    """
    english = is_english(known)
    found = [*_figures(sentence, known, days, words=english)]
    if english:
        found += _names(sentence, known, days)
    return tuple(dict.fromkeys(found))


def _figures(sentence: str, known: str, days: str, *, words: bool) -> Iterator[str]:
    values, calendar = _values(known), _values(days)
    if mark := _LIST_MARK.match(sentence):
        sentence = " " * mark.end() + sentence[mark.end() :]
    spans = dates(sentence)
    months = {*map(float, _written_months(f"{known} . {days}"))}
    for one in sorted(numbers(sentence), key=lambda number: number.start):
        if one.in_words and (not words or one.values[0] <= 1 + one.ordinal or one.text.lower() == "one"):
            continue  # "one of them", "at first", "a second": no figures
        if _known(one, sentence, values, known):
            continue
        date = next((sentence[start:end] for start, end in spans if start <= one.start and one.end <= end), "")
        # "05" may be May in a date that is written in digits, and in no other.
        also = values | calendar | months if _IN_DIGITS.fullmatch(date) else calendar
        if not (date and _known(one, sentence, also, "")):
            yield one.text


def _written_months(text: str) -> Iterator[int]:
    """The months of the dates that `text` writes out: "12 May"; the verb "may" is none."""
    for start, end in dates(text):
        yield from (MONTHS[word] for word in re.findall(r"[a-z]+", text[start:end].lower()) if word in MONTHS)


def _values(text: str) -> set[float]:
    """What the figures of a text may mean, and what their parts do: the 10 and the 30 of "10.30 am"."""
    values = {value for one in numbers(text) for value in one.values}
    values.update(_COUNTS[word.lower()] for word in _COUNT.findall(text))
    return (
        values
        | {float(part) for part in _PARTS.findall(text.replace(",", ""))}
        | {float(part) for part in _PARTS.findall(text)}
    )


def _known(one: Number, sentence: str, values: Set[float], known: str) -> bool:
    before, after = sentence[: one.start], sentence[one.end :]
    parts = {float(part) for part in _PARTS.findall(one.text)} if "." in one.text and not one.scaled else set()
    if any(value in values for value in one.values) or (parts and parts <= values):
        return True
    if _OF_FRACTION.match(after):
        return True
    value = one.values[0]
    if _PERCENT.match(after) and _near(value, (100 * share for share in shares(known)), ABOUT):
        return True
    if 0 < value < 1 and _near(value, shares(known), ABOUT):
        return True
    if one.ordinal and _ONE.search(before) and after.startswith(" of "):  # "a third of them"
        return _near(1 / value, shares(known), ABOUT) or _near(100 / value, values, ABOUT)
    if one.decade:
        return any(value <= other < value + 10 for value in one.values for other in values)
    if _TIME.match(after) and (value + 12 in values or value - 12 in values):
        return True
    about = bool(_ABOUT.search(before) or _ROUND.fullmatch(one.text))
    if (
        one.ordinal
        or value < (SMALL_ABOUT if about else SMALL)
        or (_YEAR.fullmatch(one.text) and not _PERCENT.match(after))
    ):
        return False
    if _OVER.search(before):
        return any(value <= other <= value * (1 + OVER) for other in values)
    if about:
        return _near(value, values, ABOUT)
    return _near(value, (other for other in values if is_rounded(value, other)), ROUNDED)


def _near(value: float, others: Iterable[float], share: float) -> bool:
    return any(abs(value - other) <= share * max(value, other) for other in others)


def _names(sentence: str, known: str, days: str) -> Iterator[str]:
    there = plain_names(known, all_words=True) + plain_names(days, all_words=True)
    stock = {one.plain for one in there}
    capital = {one.plain for one in there if one.text[0].isupper()}
    numeric = _numeric_months(known)
    months = {name for name, number in MONTHS.items() if number in numeric}
    words = plain_names(sentence, all_words=True)
    for one in plain_names(sentence):
        # The verb "may" is no month.
        same = one.plain in ((capital if one.plain in MONTHS else stock) | months) or like(one.plain, there)
        same = same or any(is_same(one.plain, other) for other in capital)
        if not same and not spelled_out(one, words, there):
            yield one.text


def _numeric_months(text: str) -> Set[int]:
    """The months that dates of `text` such as 12/05/2025 may be in: the day may stand first or second."""
    written = (text[start:end] for start, end in dates(text))
    parts = ([int(part) for part in _PARTS.findall(date)] for date in written if _IN_DIGITS.fullmatch(date))
    return {month for first, second, _ in parts for month in ((second,) if first > LAST_DAY else (first, second))}
