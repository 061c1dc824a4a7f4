"""Names as texts write them: what counts as one, and when two are the same. Pure; English."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bot.doubt.numbers import MONTHS
from bot.doubt.peoples import of_people, same_word
from bot.words import plain_letters

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_LETTERS = re.compile(r"\b[^\W\d_](?:\.[^\W\d_])+\b\.?")  # "U.S.", "a.m."
_OPENS = re.compile(r"(?:^|[.!?:;…\"“”‘(\[–—])\s*$")  # what a capital follows whatever word it is of
_SHORTENED = re.compile(r"\b(?:Mrs?|Ms|Dr|St|Prof|Gen|Sen|Gov|Lt|Col|Capt|Rev|Jr|Sr|No|[A-Z])\.\s*$")
_AFTER_DIGIT = re.compile(r"\d\s?°?$")
# What is no name after a digit: "5 MW", "10 AM", "30 EUR". A single letter never is one.
_UNITS = frozenset(
    """am pm ad bc ce bce celsius fahrenheit kelvin km cm mm nm ft mi yd kg lb lbs oz mt gt mph kph kmh kw mw gw tw wh
    kwh mwh gwh twh hp bhp kv mv ah mah hz khz mhz ghz kb mb gb tb pb kbit mbit gbit kbps mbps gbps db dpi pa
    hpa kpa mpa bar psi bq sv msv btu bn mn tn eur usd gbp chf jpy cny inr aud cad nzd sek nok dkk pln""".split()  # noqa: SIM905
)
_POSSESSIVE = re.compile(r"['’]s?$")
_PLURAL = re.compile(r"(?<=[A-Z]{2})s$")  # of an abbreviation: "MPs"
_ROMAN = re.compile(r"[IVX]+")
_OTHER_LETTERS = str.maketrans(
    {"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "ß": "ss", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i"}
)
# Capitals that name nothing by themselves: addresses, and words that a name may have or leave out.
_GENERIC = frozenset(
    """mr mrs ms dr sir lady lord miss prof professor st saint no yes inc ltd co corp company party river ocean sea lake
    city town county state university college street road island islands mount war world second first president prime
    minister king queen prince princess general captain mayor senator the""".split()  # noqa: SIM905
)
_ENDINGS = frozenset(
    """n an ian ean ese ish i ic s y er ers istan land ns ans ians eans is""".split()  # noqa: SIM905
)
_SHORT = 3  # letters of a country's abbreviation, at most: "us", "uae"
_BEFORE = 12  # characters that tell whether a word begins a sentence
_STEM = 3  # letters that two names must share, at least, for one to be of the other
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FULL = {day[:3]: day for day in _DAYS} | {"tues": "tuesday", "weds": "wednesday", "thurs": "thursday"}
_FULL |= {short: name for short, n in MONTHS.items() for name, other in MONTHS.items() if n == other and len(name) > 4}
_FULL |= {"centre": "center", "theatre": "theater", "defence": "defense", "labour": "labor", "harbour": "harbor"}


class Name(NamedTuple):
    """`plain` is in lower case, without accents or possessive; an abbreviation's without its plural."""

    text: str
    plain: str


def plain_names(text: str, *, all_words: bool = False) -> list[Name]:
    """The words of `text` with a capital that it does not owe to its place; or `all_words`."""
    text = _LETTERS.sub(lambda match: match[0].replace(".", ""), text).translate(_OTHER_LETTERS)
    found = []
    for match in _WORD.finditer(text):
        word = _POSSESSIVE.sub("", match[0])
        before = text[max(0, match.start() - _BEFORE) : match.start()]
        if word and (all_words or (word[0].isupper() and _is_name(word, before))):
            found.append(Name(word, plain(_PLURAL.sub("", word))))
    return found


def _is_name(word: str, before: str) -> bool:
    opens = _OPENS.search(before) and not _SHORTENED.search(before)
    single = len(word) == 1 or bool(_ROMAN.fullmatch(word)) or word.startswith(("I'", "I’"))
    unit = word.lower() in _UNITS and _AFTER_DIGIT.search(before)
    return not (opens or single or unit or word.lower() in _GENERIC)


def plain(word: str) -> str:
    letters = plain_letters(word).replace("isation", "ization")
    return _FULL.get(letters, letters)


def like(name: str, there: Sequence[Name]) -> bool:
    """Whether a word that is `there` means the same, whatever its letters: "France" for "french"."""
    people, words = of_people(name), same_word(name)
    return any(
        one.plain in words or (people and one.text[0].isupper() and of_people(one.plain) == people) for one in there
    )


def is_same(one: str, other: str) -> bool:
    """Whether one name is made of the other: "Iranian", "Iran"; "Mondays", "Monday"."""
    shorter, longer = sorted((one, other), key=len)
    root = shorter.rstrip("aeiouy")
    if len(root) < _STEM or not longer.startswith(root) or longer in MONTHS or shorter in MONTHS:
        return False
    return longer[len(root) :] in _ENDINGS or longer[len(shorter) :] in _ENDINGS and longer.startswith(shorter)


def spelled_out(one: Name, said: Sequence[Name], there: Sequence[Name]) -> bool:
    """Whether `one` is an abbreviation of words that are `there`, or one of the words of an abbreviation that is there.

    `said` are all words of the sentence.
    """
    capitals = [other for other in there if other.text[0].isupper()]
    if one.text.isupper() and any(_runs(one.plain, there)):
        return True
    if any(any(_runs(short, capitals)) for short in _short_forms(one.plain)):
        return True
    short = {other.plain for other in capitals if other.text.isupper() and len(other.text) > 1}
    short.update(form for other in capitals for form in _short_forms(other.plain))
    return any(one in run for word in short for run in _runs(word, said))


def _short_forms(name: str) -> Iterator[str]:
    return (word for word in of_people(name) if len(word) <= _SHORT)


def _runs(short: str, words: Sequence[Name]) -> Iterator[Sequence[Name]]:
    """The words that follow each other and begin with the letters of `short`; small ones may be left out."""
    words = [word for word in words if len(word.plain) > 3 or word.text[0].isupper()]
    initials = "".join(word.plain[0] for word in words)
    start = initials.find(short)
    while start >= 0:
        yield words[start : start + len(short)]
        start = initials.find(short, start + 1)
