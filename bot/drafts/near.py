"""Questions that the articles should not answer: an answerable one with a name or a year exchanged; pure, English.

What a name names is guessed from the words around it. Whether the articles truly leave the question open, only a
person can say: an article may answer it in other words.
"""

import heapq
import random
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bot.drafts.pick import Split
from bot.followup.lexicon import CALENDAR, FUNCTION
from bot.schema import Article
from bot.words import content_words

ABOUT_IT = 0.5  # of the question's other words; an article with the new name and more of them may be about it

_NAME = re.compile(r"[^\W\d_a-z][\w-]*[^\W_](?:[ ][^\W\d_a-z][\w-]*[^\W_])*")
_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
_IN = re.compile(r"\b(?:in|at|near) $")
_THE = re.compile(r"\bthe $", re.IGNORECASE)
_TITLES = frozenset(
    """mayor captain judge president minister director professor doctor councillor coach chief mr mrs ms dr""".split()  # noqa: SIM905
)


class Near(NamedTuple):
    """The question with `was` exchanged for `now`."""

    question: str
    was: str
    now: str


class Names:
    """The persons, places and years of the articles, by kind, and the articles' sentences."""

    def __init__(self, articles: Sequence[Article], split: Split) -> None:
        self._texts = {one.id: f"{one.title}\n{one.text}" for one in articles}
        self._words = {id: set(content_words(text)) for id, text in self._texts.items()}
        self._kinds: dict[str, dict[str, None]] = {"place": {}, "year": {}, "person": {}}  # each once, in order
        for text in self._texts.values():
            for kind, name in _names(text):
                self._kinds[kind].setdefault(name)
        parts = {part for place in self._kinds["place"] for part in place.split()}
        people = self._kinds["person"]  # not "Brannhold Rovers"
        self._kinds["person"] = {name: None for name in people if parts.isdisjoint(name.split())}
        self._sentences = [one.text[start:end] for one in articles for start, end in split(one.text)]

    def near(self, question: str, article: str, chance: random.Random) -> Near | None:
        """The question with a name exchanged for another of its kind that its article lacks; None where none fits.

        What fits is drawn by `chance`, and in no article does it come with most of the question's other words.
        """
        for names in self._kinds.values():
            for was in (name for name in names if _has(question, name)):
                others = [name for name in names if name not in self._texts[article] and name not in question]
                others = [name for name in others if name.count(" ") == was.count(" ")]
                chance.shuffle(others)
                fitting = (self._exchanged(question, was, now) for now in others if now not in was and was not in now)
                if found := next((near for near in fitting if not self._is_about(near)), None):
                    return found
        return None

    def nearest(self, near: Near, count: int) -> list[str]:
        """Of the sentences with the new name, the `count` that have most words of the question, the best first."""
        words = set(content_words(near.question))
        naming = (text for text in self._sentences if near.now in text)
        return heapq.nlargest(count, naming, key=lambda text: len(words.intersection(content_words(text))))

    def _exchanged(self, question: str, was: str, now: str) -> Near:
        return Near(now.join(re.split(rf"\b{re.escape(was)}\b", question)), was, now)

    def _is_about(self, near: Near) -> bool:
        """Whether an article has the new name and more than a part of the question's other words."""
        rest = set(content_words(near.question)) - set(content_words(near.now))
        having = (id for id, text in self._texts.items() if near.now in text)
        return any(len(rest & self._words[id]) > ABOUT_IT * len(rest) for id in having)


def _has(question: str, name: str) -> bool:
    """Whether it stands there by itself, and is no part of a longer name."""
    if not (found := re.search(rf"(?:(\S+) )?\b{re.escape(name)}\b(?:['’]s)?(?: (\w))?", question)):
        return False
    before, after = found[1] or "", found[2] or ""
    return not after.isupper() and not (found.start() and before[:1].isupper())


def _names(text: str) -> Iterator[tuple[str, str]]:
    """Kind and name, where both are clear: a person's last name also stands alone, a place stands after "in"."""
    for year in _YEAR.findall(text):
        yield "year", year
    found = [(match.end(), _bare(match[0])) for match in _NAME.finditer(text)]
    alone = {name for _, name in found if " " not in name}
    for end, name in found:
        before, owner = text[max(0, end - len(name) - 6) : end - len(name)], text[end : end + 2] in ("’s", "'s")
        words = name.split()
        if not words or words[0].lower() in CALENDAR or name.isupper():
            continue
        if _IN.search(before) and not owner:  # not "in Saint Brede’s church"
            yield "place", name
        elif len(words) == 2 and words[1] in alone and not _THE.search(before):
            yield "person", name


def _bare(name: str) -> str:
    """Without a title before it, or a small word that begins a sentence."""
    words = name.split()
    return " ".join(words[1:] if len(words) > 1 and words[0].lower() in _TITLES | FUNCTION else words)
