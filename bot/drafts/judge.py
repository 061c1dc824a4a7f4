"""What is wrong with a question and its answer, by rules over their words; pure, for English, and it knows no model.

It cannot tell whether the answer is right, nor whether another article answers the question otherwise.
"""

import re
from collections.abc import Iterable

from bot.doubt import strange
from bot.doubt.names import plain_names
from bot.drafts.pick import Source
from bot.evaluate.metrics import accuracy, normalise
from bot.followup.grammar import leans
from bot.followup.lexicon import NOW, WH
from bot.words import content_words

WORDS = (4, 30)  # of a question
ANSWER_WORDS = 12  # a longer answer seldom stands in another one word for word
SHARED = 2  # content words of the sentence, beside the answer's, that its question must have
SAME = 0.7  # share of two questions' words in common, from which they are one

_TOKEN = re.compile(r"\S+")
_STRAIGHT = str.maketrans("’‘“”–—", "''\"\"--")
_OF_THE_TEXT = re.compile(
    r"\b(?:article|passage|text|sentence|paragraph|excerpt|story|author|mentioned|described|according to the)\b", re.I
)
_DAY = re.compile(
    rf"\b(?:{'|'.join(sorted(NOW))}|(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
    r"|(?:this|last|next) (?:week|weekend|month|year|spring|summer|autumn|winter|morning|night))\b",
    re.I,
)
_ABBREVIATED = re.compile(r"\b\w\.\w\.$")


def fault(question: str, answer: str, source: Source, earlier: Iterable[str] = ()) -> str | None:
    """Why the draft is left out, in a few words, None if it may stay; `earlier` are the questions that there are."""
    evidence = source.text
    known = " ".join((source.article.title, str(source.article.date or ""), source.article.text))
    if not _asks(question):
        return "is no question"
    if not WORDS[0] <= len(question.split()) <= WORDS[1] or len(normalise(answer).split()) > ANSWER_WORDS:
        return "is too short or too long"
    if standing(answer, evidence) is None:
        return "has an answer that does not stand in the evidence"
    if _gives_away(question, answer):
        return "gives its answer away"
    if any(match[0].lower() not in evidence.lower() for match in _OF_THE_TEXT.finditer(question)):
        return "speaks of the text"
    if _DAY.search(question) or _DAY.search(answer):
        return "names a day that only the article's date tells"
    if strange(question, known):
        return "names what the article does not"
    if not plain_names(question):
        return "names nothing"
    if len(set(content_words(question)) & (set(content_words(evidence)) - set(content_words(answer)))) < SHARED:
        return "asks about something else than its sentence"
    if leans(question):
        return "leans on what it does not name"
    return "was asked before" if is_repeated(question, earlier) else None


def standing(answer: str, evidence: str) -> str | None:
    """The evidence's own words that are the answer, compared as `accuracy` compares; None if it has none such."""
    wanted = _normal(answer).split()
    places = [(words, match) for match in _TOKEN.finditer(evidence) if (words := _normal(match[0]))]
    for first in range(len(places) - len(wanted) + 1):
        run = places[first : first + len(wanted)]
        if wanted and [words for words, _ in run] == wanted:
            return _trimmed(evidence[run[0][1].start() : run[-1][1].end()])
    return None


def is_repeated(question: str, earlier: Iterable[str]) -> bool:
    """Whether one of the `earlier` has nearly the same words: a Jaccard index of SAME, over content words."""
    words = set(content_words(question))
    return any(_alike(words, set(content_words(one))) for one in earlier)


def _alike(one: set[str], other: set[str]) -> bool:
    return len(one & other) >= SAME * len(one | other)


def _asks(question: str) -> bool:
    """For more than Yes or No, and one thing."""
    words = set(re.findall(r"[a-z]+", question.lower()))
    return question.endswith("?") and question.count("?") == 1 and not words.isdisjoint(WH)


def _gives_away(question: str, answer: str) -> bool:
    asked, told = content_words(question), content_words(answer)
    return accuracy(question, [answer]) == 1 or (bool(told) and set(told) <= set(asked))


def _normal(text: str) -> str:
    return normalise(text.translate(_STRAIGHT))


def _trimmed(words: str) -> str:
    """Without the punctuation around them."""
    words = " ".join(words.split()).lstrip("(\"“‘'«").rstrip(",;:!?)\"”’'»")
    return words if _ABBREVIATED.search(words) else words.rstrip(".")
