"""Words of a sentence that may be the answer to a question about it: figures, days, names, reasons; pure, English.

A small model asked to choose an answer chooses badly (docs/drafts.md); asked for the question to a given one, less so.
"""

import re
from collections.abc import Iterator

from bot.doubt.names import plain_names
from bot.doubt.numbers import dates, numbers
from bot.followup.lexicon import CALENDAR, FUNCTION, NOW, TIME, VAGUE

LONGEST_REASON = 12  # words

_BECAUSE = re.compile(r"\b(?:because|in order to)\b(?! of)[^,;:.]+")
_NAME = re.compile(r"[^\W\d_a-z][\w-]*\w(?:(?: (?:of|and|and the|de|van|von))? [^\W\d_a-z][\w-]*\w)*")
_UNIT = re.compile(r" ?%| [^\W\d_A-Z]+(?:-[^\W\d_]+)*(?: cents?\b)?")
_MONEY = re.compile(r"[$£€]$")
_PEOPLE = frozenset({"people", "persons"})
_CLOCK = re.compile(r"\s?(?:[ap]\.m\.|[ap]m\b)")


def answers(sentence: str, known: str = "") -> list[str]:
    """The words that may be asked for, each once, in no special order; no names that stand in what is `known`.

    The question needs those: it has to name what it is about.
    """
    named = (
        name for name in names(sentence) if name not in known and not re.search(f"{re.escape(name)}['’]s", sentence)
    )
    found = [*_reasons(sentence), *_days(sentence), *_figures(sentence), *named]
    return list(dict.fromkeys(found))


def _reasons(sentence: str) -> Iterator[str]:
    found = (match[0].strip() for match in _BECAUSE.finditer(sentence))
    return (reason for reason in found if len(reason.split()) <= LONGEST_REASON)


def _days(sentence: str) -> Iterator[str]:
    return (sentence[start:end].rstrip(",.") for start, end in dates(sentence))


def _figures(sentence: str) -> Iterator[str]:
    """Numbers with the word that they count, or with the time that they are of; bare ones tell too little."""
    taken = dates(sentence)
    for one in numbers(sentence):
        if any(start <= one.start < end for start, end in taken) or one.ordinal:
            continue
        if sentence[one.start - 1 : one.start] in ("-", "–"):
            continue  # a part of "3-2"
        if _MONEY.search(sentence[: one.start]):
            yield sentence[one.start - 1 : one.end]
        elif end := _CLOCK.match(sentence, one.end) or _counted(sentence, one.end):
            yield sentence[one.start : end.end()]


def _counted(sentence: str, at: int) -> re.Match[str] | None:
    unit = _UNIT.match(sentence, at)
    word = unit[0].strip().lower() if unit else ""
    return None if word in FUNCTION | VAGUE - TIME - _PEOPLE or word.endswith(("ed", "ing")) else unit


def names(sentence: str) -> Iterator[str]:
    """Runs of capitals, those that owe one to their place left out."""
    known = {one.text for one in plain_names(sentence)}
    for match in _NAME.finditer(sentence):
        words = match[0].split()
        while words and words[0].lower() in FUNCTION | CALENDAR | NOW:
            del words[0]
        if not known.isdisjoint(words):
            yield " ".join(words)
