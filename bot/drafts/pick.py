"""Which sentences of the articles are asked about, and in which order; pure, and it knows no model.

A sentence is worth asking about if it can be read by itself and has words that make a short answer.
"""

import hashlib
import random
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from bot.drafts.answers import answers, names
from bot.followup.lexicon import DEMONSTRATIVE, PRONOUNS
from bot.schema import Article

SHORTEST, LONGEST = 40, 320  # characters of a sentence
AROUND = 300  # characters of the article that a draft carries on either side of its sentence

Split = Callable[[str], Sequence[tuple[int, int]]]

_WORD = re.compile(r"\w+")
_QUOTED = "“\"'‘«"


class Source(NamedTuple):
    """A sentence of an article, `article.text[start:end]`; `lead` is how the article begins, "" if so."""

    article: Article
    start: int
    end: int
    lead: str = ""

    @property
    def text(self) -> str:
        return self.article.text[self.start : self.end]

    @property
    def answers(self) -> list[str]:
        """Words of it that a question may ask for, and still name something."""
        found = answers(self.words, f"{self.article.title} {self.lead}")
        return [answer for answer in found if self.name(answer)]

    @property
    def words(self) -> str:
        """The sentence on one line."""
        return " ".join(self.text.split())

    def name(self, answer: str) -> str:
        """What a question with this answer should name: what the sentence shares with title or lead, or else theirs.

        The sentence's other names come last: they may be those of whoever said it.
        """
        story = [*names(self.article.title), *names(self.lead)]
        own = list(names(self.words))
        told = " ".join(story)
        ranked = [*(name for name in own if name in told), *story, *own]
        return next((name for name in ranked if name not in answer and answer not in name), "")

    @property
    def id(self) -> str:
        """The same for the same words at the same place of the same article."""
        said = f"{self.article.id} {self.start} {self.text}"
        return f"draft-{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()[:12]}"

    @property
    def before(self) -> str:
        """What stands before it, at most AROUND characters, from a word's beginning."""
        cut = max(0, self.start - AROUND)
        text = self.article.text[cut : self.start]
        return text if cut == 0 else "…" + text[text.find(" ") + 1 :]

    @property
    def after(self) -> str:
        text = self.article.text[self.end : self.end + AROUND]
        return text if self.end + AROUND >= len(self.article.text) else text[: text.rfind(" ") + 1] + "…"


def order(articles: Sequence[Article], split: Split, seed: int) -> list[Source]:
    """The sentences to ask about, drawn with `seed`: one of each article, then a second one of each, and so on."""
    chance = random.Random(seed)
    columns = []
    for article in sorted(articles, key=lambda one: one.id):
        found = list(sources(article, split))
        chance.shuffle(found)
        columns.append(found)
    chance.shuffle(columns)
    return [source for row in zip_longest(*columns) for source in row if source]


def sources(article: Article, split: Split) -> Iterator[Source]:
    """The sentences of an article that are worth asking about."""
    spans = [span for span in split(article.text) if not _is_title(article, span)]
    first = " ".join(article.text[slice(*spans[0])].split())[:LONGEST] if spans else ""
    for number, (start, end) in enumerate(spans):
        source = Source(article, start, end, first if number else "")
        if stands_alone(source.text) and source.answers:
            yield source


def stands_alone(sentence: str) -> bool:
    """Whether it is a sentence of the writer's, of a fit length, that does not begin with a word that points back."""
    words = _WORD.findall(sentence)
    if not SHORTEST <= len(sentence) <= LONGEST or not words or sentence[0] in _QUOTED:
        return False
    if not sentence.rstrip("”\"')’").endswith((".", "!")) or sentence.upper() == sentence:
        return False
    return words[0].lower() not in PRONOUNS | DEMONSTRATIVE


def _is_title(article: Article, span: tuple[int, int]) -> bool:
    return _WORD.findall(article.text[slice(*span)].lower()) == _WORD.findall(article.title.lower())
