"""Attribution: which sentences of the evidence support a sentence of the answer, and how well.

The model writes no citations; marks that it invents are taken out and counted. A sentence is attributed once it is
finished. Which evidence is cited goes by the words and the meaning that an evidence sentence has in common with the
answer and with the question. How well it supports the answer is another matter: there, words of the question weigh
less, as what the answer adds is what needs support. Rare words weigh more. Most of the support is lost where a figure
or name stands nowhere near, where a word says the opposite, or where the answer has words of its own and the model,
asked whether the evidence states it, says No. Pure: embeddings and the model's word come from callables.
"""

import calendar
import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bot.dates import days_of, label
from bot.doubt import opposed, strange
from bot.doubt.numbers import numbers
from bot.schema import Citation, Passage, Sentence, Span
from bot.words import content_words, is_english

if TYPE_CHECKING:  # or whoever checks a sentence would load llama.cpp for the name of a type
    from bot.llama import Vectors

Embed = Callable[[Sequence[str]], "Vectors"]
Says = Callable[[str, "Sequence[EvidenceSentence]"], float | None]
Split = Callable[[str], Sequence[tuple[int, int]]]

CANDIDATES = 8  # evidence sentences with the most words in common, of which the embeddings are compared
# A sentence of the evidence is as fit to be cited as the weighted sum of these says: the shares of the answer's and of
# the question's content words that it holds, its cosine to both together, and to the question alone. Chosen on halves
# of the dev sets (docs/experiments.md); an answer that went wrong leads astray, the question less so.
ANSWER_WORDS, QUESTION_WORDS, BOTH_COSINE, QUESTION_COSINE = 0.7, 0.3, 0.6, 0.3
WORD_WEIGHT = 0.5  # in support: the rest is the cosine's
REPEATED = 0.3  # in support: weight of a word that the answer only repeats from the question
# A second sentence is cited if it adds SECOND_GAIN of what the answer adds to the question, or is as fit less AS_FIT.
SECOND_GAIN = 0.3
AS_FIT = 0.1
NEAREST = 2  # evidence sentences among which the opposite of an answer is looked for
GAP = 3  # characters between two sentences that follow each other, at most
READ = 4  # evidence sentences that figures and names must stand in or beside, and that the model is asked about
SPELLED = 1e6  # numbers in words up to here are also written in figures; "five million" is mostly "5 million"
DOUBTED = 0.4  # what is left of the support where a word, figure or name speaks against it

# "No. 7", "no one" and "no-one" answer nothing.
_YES_OR_NO = re.compile(r"\W*(?P<said>yes|no(?!\.? ?\d))(?:\s*[,.:;!?…–—]\s*|\s+-\s*|\W*$)", re.IGNORECASE)
_LETTER = re.compile(r"\w")
_MARKER = re.compile(r"(?<!\s)\s*(?:\[\s*\^?\d+(?:\s*[,;–-]\s*\d+)*\s*\]|【[^】]{0,40}】)")
# Marks within marks that are still open, each ended by the next in one way only: else the search could take for ever.
_OPEN_MARKER = re.compile(r"(?<!\s)\s*(?:(?:\[[\s^\d,;–-]*|【[^】【\[]{0,40})*(?:\[[\s^\d,;–-]*|【[^】【]{0,40}))?$")


class EvidenceSentence(NamedTuple):
    """A sentence of an article that the model was shown."""

    span: Span
    text: str
    passage: Passage
    words: frozenset[str]


class Support(NamedTuple):
    """`score` is 0 to 1; `sentences` are those to cite, best first, empty where nothing has a word in common.

    `doubts` are words of the answer: figures and names that the evidence near it lacks, opposites of what that says.
    `odds` are the model's own log-odds that the evidence states it; None where it was not asked.
    """

    score: float
    sentences: tuple[EvidenceSentence, ...]
    doubts: tuple[str, ...] = ()
    odds: float | None = None


def parted(text: str) -> tuple[str, str]:
    """The "yes" or "no" that `text` begins with and what follows it; "" and `text` where it begins with neither."""
    match = _YES_OR_NO.match(text)
    return (match["said"].lower(), text[match.end() :]) if match else ("", text)


def is_yes_or_no(text: str) -> bool:
    """Whether `text` is a Yes or No and nothing else."""
    said, rest = parted(text)
    return bool(said) and not _LETTER.search(rest)


class MarkerFilter:
    """Takes citation marks that the model invented out of a stream of text, and counts them."""

    def __init__(self) -> None:
        self.dropped = 0
        self._held = ""

    def feed(self, text: str, *, last: bool = False) -> str:
        """What can be shown so far; what may still become a mark is held back until it is clear.

        The same comes of a text however it is cut into pieces, as it is taken letter by letter.
        """
        shown = "".join(map(self._take, text))
        if last:
            shown, self._held = shown + self._held, ""
        return shown

    def _take(self, letter: str) -> str:
        clean, dropped = _MARKER.subn("", self._held + letter)
        while dropped:  # what stood round a mark may now be one, as in [[1]2]
            self.dropped += dropped
            clean, dropped = _MARKER.subn("", clean)
        tail = _OPEN_MARKER.search(clean)
        self._held = tail[0] if tail else ""
        return clean[: len(clean) - len(self._held)]


def evidence_sentences(passages: Sequence[Passage], split: Split) -> list[EvidenceSentence]:
    """The sentences of `passages`; `split` gives their character ranges within a passage's text."""
    found: dict[Span, EvidenceSentence] = {}
    for passage in passages:
        for start, end in split(passage.text):
            span = Span(article=passage.article, start=passage.start + start, end=passage.start + end)
            text = passage.text[start:end]
            days = _written((day.first, day.last) for day in days_of(text, passage.date))  # for "on Monday"
            words = frozenset(_words(f"{text} {days}"))
            found.setdefault(span, EvidenceSentence(span, text, passage, words))
    return list(found.values())


def joined(sentences: Sequence[EvidenceSentence]) -> list[Passage]:
    """Passages of these sentences, those that follow each other in one, in the order of the text."""
    made: list[Passage] = []
    for one in sorted(sentences, key=lambda one: (one.span.article, one.span.start)):
        text, end = one.text, one.span.end
        if made and made[-1].article == one.span.article and one.span.start - made[-1].end <= GAP:
            last = made.pop()
            made.append(last.model_copy(update={"text": f"{last.text} {text}", "end": end}))
        else:
            made.append(one.passage.model_copy(update={"start": one.span.start, "end": end, "text": text}))
    return made


class Attributor:
    """Attributes the sentences of one answer to `question` and numbers their citations.

    `says` gives the log-odds that evidence sentences state all of a text, None if that is not known; below `min_odds`
    they do not. `earlier` is what was said before the question: its words are no more the answer's own than those of
    the question.
    """

    def __init__(
        self,
        question: str,
        evidence: Sequence[EvidenceSentence],
        embed: Embed,
        says: Says | None = None,
        min_odds: float = 0.0,
        earlier: str = "",
    ) -> None:
        self._question, self._evidence, self._embed = question, evidence, embed
        self._says, self._min_odds, self._earlier = says, min_odds, earlier
        self._asked = frozenset(_words(question))
        self._weights = _weights(evidence)
        self._vectors: dict[int, Vectors] = {}
        self._markers: dict[Span, int] = {}

    def support(self, text: str) -> Support:
        """The evidence for `text`, one sentence of the answer.

        A Yes or No alone says nothing without the question: the words of that count as the answer's, and what the
        model says must speak for it.
        """
        said, rest = parted(text)
        alone = is_yes_or_no(text)
        words = set(self._asked if alone else _words(rest))
        if not words or not self._evidence:
            return Support(0.0, ())
        held = [one.words for one in self._evidence]
        answered = np.array([self._share(words, words & one) for one in held])
        fit = ANSWER_WORDS * answered + QUESTION_WORDS * np.array([self._share(self._asked, one) for one in held])
        order = [index for index in np.argsort(-fit, kind="stable").tolist() if answered[index] > 0][:CANDIDATES]
        if not order:
            return Support(0.0, ())
        both, asked = self._similarities(text, order)
        fitness = fit[order] + BOTH_COSINE * both + QUESTION_COSINE * asked
        ranked = np.argsort(-fitness, kind="stable").tolist()
        best = ranked[0]
        close = [order[rank] for rank in ranked[1:2] if fitness[rank] >= fitness[best] - AS_FIT]
        chosen = [order[best], *(self._second(words - self._asked, order[best], order) or close)]
        score = WORD_WEIGHT * self._supported(words, chosen) + (1 - WORD_WEIGHT) * max(0.0, float(both[best]))
        nearest = [order[rank] for rank in ranked]
        doubts = () if alone else self._doubts(text, nearest)
        # That the rest is so is a word of the answer's own, too.
        if alone:
            odds, least = self._ask_alone(said, nearest[:READ]), 0.0
            if odds is None:  # its words tell nothing
                return Support(0.0, ())
        else:
            wanted = not doubts and (said == "yes" or self._own(words))
            odds, least = (self._ask(text, nearest[:READ]) if wanted else None), self._min_odds
        doubted = doubts or (odds is not None and odds < least)
        score = min(1.0, score) * (DOUBTED if doubted else 1.0)
        return Support(score, tuple(self._evidence[index] for index in chosen), doubts, odds)

    def has(self, words: str) -> bool:
        """Whether the evidence has these very words, whatever their case."""
        return any(words.lower() in " ".join(one.text.lower().split()) for one in self._evidence)

    def _own(self, words: Set[str]) -> bool:
        """Whether some of `words` stand neither in what was asked nor in the evidence: they may be made up."""
        return not words <= self._asked.union(_words(self._earlier), *(one.words for one in self._evidence))

    def _ask(self, text: str, nearest: Sequence[int]) -> float | None:
        return self._says(text, [self._evidence[index] for index in nearest]) if self._says else None

    def _ask_alone(self, said: str, nearest: Sequence[int]) -> float | None:
        """By how much a Yes or No alone is likelier than the other: the model says Yes to most claims of the kind."""
        yes, no = (self._ask(f"{self._question} {answer}.", nearest) for answer in ("Yes", "No"))
        return None if yes is None or no is None else yes - no if said == "yes" else no - yes

    def _doubts(self, text: str, nearest: Sequence[int]) -> tuple[str, ...]:
        """Words of `text` that speak against it; `nearest` are the evidence's sentences, the fittest first."""
        around = [self._evidence[index] for index in self._around(nearest[:READ])]
        shown = " ".join([self._earlier, self._question, *(one.text for one in around), *_titles(around)])
        # "on Monday" may have become a date
        unknown = strange(text, shown) and strange(text, shown, _days(around))
        if not is_english(shown):
            return unknown
        return (*unknown, *opposed(text, " ".join(self._evidence[index].text for index in nearest[:NEAREST])))

    def _around(self, indices: Sequence[int]) -> list[int]:
        """These sentences of the evidence and those beside them, in its order: "he" may have his name there."""
        found = set(indices)
        for index in indices:
            found.update(one for one in (index - 1, index + 1) if self._follow(min(index, one), max(index, one)))
        return sorted(found)

    def _follow(self, first: int, second: int) -> bool:
        """Whether one of these sentences of the evidence follows the other in their article."""
        if first < 0 or second >= len(self._evidence):
            return False
        one, other = self._evidence[first].span, self._evidence[second].span
        return one.article == other.article and 0 <= other.start - one.end <= GAP

    def _second(self, added: set[str], best: int, order: Sequence[int]) -> list[int]:
        """The sentence that holds enough of what the answer adds and the best one lacks, if there is one."""
        missing = added - self._evidence[best].words
        gains = [self._share(added, missing & self._evidence[index].words) for index in order]
        return [order[int(np.argmax(gains))]] if max(gains) >= SECOND_GAIN else []

    def _supported(self, words: set[str], chosen: Sequence[int]) -> float:
        """The share of `words` that the `chosen` sentences hold together, those of the question counting less."""
        held = words & frozenset[str]().union(*(self._evidence[index].words for index in chosen))
        weights = {word: self._weight(word) * (REPEATED if word in self._asked else 1.0) for word in words}
        return sum(weights[word] for word in held) / (sum(weights.values()) or 1.0)

    def cite(self, text: str, index: int, support: Support) -> tuple[Sentence, list[Citation]]:
        """Sentence `index` of the answer with its markers, and its citations; a quote keeps its marker."""
        citations = [
            Citation(
                marker=self._markers.setdefault(one.span, len(self._markers) + 1),
                article=one.span.article,
                start=one.span.start,
                end=one.span.end,
                quote=one.text,
                sentence=index,
                title=one.passage.title,
                date=one.passage.date,
                url=one.passage.url,
                score=round(support.score, 4),
                days=days_of(one.text, one.passage.date),
            )
            for one in support.sentences
        ]
        citations.sort(key=lambda citation: citation.marker)
        markers = tuple(citation.marker for citation in citations)
        return settled(text, support, markers), citations

    def _share(self, words: Set[str], held: Set[str]) -> float:
        """The weighted share of `words` that `held` has."""
        total = sum(self._weight(word) for word in words)
        return sum(self._weight(word) for word in words & held) / total if total else 0.0

    def _weight(self, word: str) -> float:
        """How much a word counts; one that stands nowhere in the evidence as much as the rarest."""
        return self._weights.get(word, math.log(1 + len(self._evidence)))

    def _similarities(self, text: str, indices: Sequence[int]) -> "tuple[Vectors, Vectors]":
        """Cosines of these evidence sentences to question and `text` together, and to the question."""
        missing = [index for index in indices if index not in self._vectors]
        # The question goes along: an answer of two words alone says too little to be compared.
        asked = [self._question, f"{self._question} {text}"]
        vectors = self._embed([*asked, *(self._evidence[index].text for index in missing)])
        self._vectors.update(zip(missing, vectors[2:], strict=True))
        evidence = np.stack([self._vectors[index] for index in indices])
        return evidence @ vectors[1], evidence @ vectors[0]


def settled(text: str, support: Support, markers: tuple[int, ...] = ()) -> Sentence:
    """A sentence of the answer with what is known of it."""
    return Sentence(
        text=text, markers=markers, support=round(support.score, 4), doubts=support.doubts, odds=rounded(support.odds)
    )


def rounded(odds: float | None) -> float | None:
    return None if odds is None else round(odds, 4)


def _weights(evidence: Sequence[EvidenceSentence]) -> dict[str, float]:
    """Inverse document frequency over the evidence: log(1 + sentences / sentences with the word)."""
    counts = Counter(word for one in evidence for word in one.words)
    return {word: math.log(1 + len(evidence) / count) for word, count in counts.items()}


def _words(text: str) -> list[str]:
    """The content words of `text`, with "three" as "3": an article has one, an answer the other."""
    spelled = (one for one in numbers(text) if one.in_words and not one.ordinal)
    for one in sorted(spelled, key=lambda number: -number.start):
        if one.values[0] < SPELLED and one.values[0] != 1:  # "one" is seldom a figure
            text = f"{text[: one.start]}{one.values[0]:.0f}{text[one.end :]}"
    return content_words(text)


def _titles(evidence: Sequence[EvidenceSentence]) -> list[str]:
    return list(dict.fromkeys(one.passage.title for one in evidence))


def _days(evidence: Sequence[EvidenceSentence]) -> str:
    """The days of the articles and those that words such as "on Monday" mean there, written out."""
    dates = {one.passage.date for one in evidence if one.passage.date}
    named = ((day.first, day.last) for one in evidence for day in days_of(one.text, one.passage.date))
    return _written([*((day, day) for day in dates), *named])


def _written(days: Iterable[tuple[dt.date, dt.date]]) -> str:
    """With its weekday only where it is one day: "last week" does not say "on Monday"."""
    return " ".join(
        f"{_weekday(first)} {label(first, last)}" if first == last else label(first, last)
        for first, last in sorted(set(days))
    )


def _weekday(day: dt.date) -> str:
    return calendar.day_name[day.weekday()]
