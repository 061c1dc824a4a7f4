"""Names as texts write them: what counts as one, and when two are the same. Pure; English."""

import re
from collections.abc import Sequence, Set
from typing import NamedTuple

from bot.doubt.numbers import MONTHS
from bot.words import plain_letters

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_LETTERS = re.compile(r"\b[^\W\d_](?:\.[^\W\d_])+\b\.?")  # "U.S.", "a.m."
_OPENS = re.compile(r"(?:^|[.!?:;…\"“”‘(\[–—])\s*$")  # what a capital follows whatever word it is of
_SHORTENED = re.compile(r"\b(?:Mrs?|Ms|Dr|St|Prof|Gen|Sen|Gov|Lt|Col|Capt|Rev|Jr|Sr|No|[A-Z])\.\s*$")
_UNIT = re.compile(r"\d\s?°?$")  # a capital of "5 MW" or "10 AM"
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
_ENDINGS = ("n", "an", "ian", "ean", "ese", "ish", "i", "ic", "s", "y", "er", "ers", "istan", "land")
_BEFORE = 12  # characters that tell whether a word begins a sentence
_STEM = 3  # letters that two names must share, at least, for one to be of the other
_SAME = tuple(
    frozenset(group.split())
    for group in (
        "france french frenchman",
        "netherlands dutch holland",
        "spain spanish spaniard spaniards",
        "britain british briton britons uk gb",
        "england english",
        "poland polish pole poles",
        "china chinese",
        "wales welsh",
        "denmark danish dane danes",
        "switzerland swiss",
        "greece greek greeks",
        "ireland irish",
        "scotland scottish scots scot",
        "finland finnish finn finns",
        "sweden swedish swede swedes",
        "turkey turkish turk turks",
        "norway norwegian norwegians",
        "portugal portuguese",
        "peru peruvian peruvians",
        "belgium belgian belgians",
        "asia asian asians",
        "europe european europeans eu",
        "germany german germans",
        "us usa america american americans",
        "philippines filipino filipinos philippine",
        "argentina argentine argentines",
        "slovakia slovak slovaks",
        "canada canadian canadians",
        "kyiv kiev",
        "west western",
        "east eastern",
        "north northern",
        "south southern",
    )
)
_GROUP = {word: group for group in _SAME for word in group}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FULL = {day[:3]: day for day in _DAYS} | {"tues": "tuesday", "weds": "wednesday", "thurs": "thursday"}
_FULL |= {short: name for short, n in MONTHS.items() for name, other in MONTHS.items() if n == other and len(name) > 4}


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
    return not (opens or single or _UNIT.search(before) or word.lower() in _GENERIC)


def plain(word: str) -> str:
    letters = plain_letters(word)
    return _FULL.get(letters, letters)


def like(name: str) -> Set[str]:
    """The words that mean the same, whatever their letters: "france" for "french"."""
    return _GROUP.get(name, frozenset())


def is_same(one: str, other: str) -> bool:
    """Whether one name is made of the other: "Iranian", "Iran"; "Mondays", "Monday"."""
    shorter, longer = sorted((one, other), key=len)
    root = shorter.rstrip("aeiouy")
    if len(root) < _STEM or not longer.startswith(root) or longer in MONTHS or shorter in MONTHS:
        return False
    return longer[len(root) :] in _ENDINGS or longer[len(shorter) :] in _ENDINGS and longer.startswith(shorter)


def spelled_out(one: Name, said: Sequence[Name], there: Sequence[Name]) -> bool:
    """Whether `one` is an abbreviation of words that are `there`, or part of the words of one that is there."""
    if one.text.isupper():
        return any(_initials_of(word, there) for word in (one.plain, *like(one.plain)))
    short = {other.plain for other in there if other.text.isupper() and len(other.text) > 1}
    return any(one.plain[0] in word and _initials_of(word, said) for word in short)


def _initials_of(short: str, words: Sequence[Name]) -> bool:
    """Whether some words that follow each other begin with the letters of `short`; small ones may be left out."""
    initials = "".join(word.plain[0] for word in words if len(word.plain) > 3 or word.text[0].isupper())
    return short in initials
