"""Attribution: which sentences of the evidence support a sentence of the answer, and how well.

The model writes no citations; marks that it invents are taken out and counted. A sentence is attributed once it is
finished. Which evidence is cited goes by the words and the meaning that an evidence sentence has in common with the
answer and with the question. How well it supports the answer is another matter: there, words of the question weigh
less, as what the answer adds is what needs support. Rare words weigh more. Pure: embeddings come from a callable.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence, Set
from typing import NamedTuple

import numpy as np

from bot.dates import days_of
from bot.llama import Vectors
from bot.schema import Citation, Passage, Sentence, Span
from bot.words import content_words

Embed = Callable[[Sequence[str]], Vectors]
Split = Callable[[str], Sequence[tuple[int, int]]]

CANDIDATES = 8  # evidence sentences with the most words in common, of which the embeddings are compared
# A sentence of the evidence is as fit to be cited as the weighted sum of these says: the shares of the answer's and of
# the question's content words that it holds, its cosine to both together, and to the question alone. Chosen on halves
# of the dev sets (docs/experiments.md); an answer that went wrong leads astray, the question less so.
ANSWER_WORDS, QUESTION_WORDS, BOTH_COSINE, QUESTION_COSINE = 0.7, 0.3, 0.6, 0.3
WORD_WEIGHT = 0.5  # in support: the rest is the cosine's
REPEATED = 0.3  # in support: weight of a word that the answer only repeats from the question
SECOND_GAIN = 0.3  # a second sentence is cited if it adds this share of what the answer adds to the question

_MARKER = re.compile(r"\s*(?:\[\s*\^?\d+(?:\s*[,;–-]\s*\d+)*\s*\]|【[^】]{0,40}】)")
_OPEN_MARKER = re.compile(r"\s*(?:(?:\[[\s^\d,;–-]*)+|【[^】]{0,40})$|\s+$")


class EvidenceSentence(NamedTuple):
    """A sentence of an article that the model was shown."""

    span: Span
    text: str
    passage: Passage
    words: frozenset[str]


class Support(NamedTuple):
    """`score` is 0 to 1; `sentences` are those to cite, best first, empty where nothing has a word in common."""

    score: float
    sentences: tuple[EvidenceSentence, ...]


class MarkerFilter:
    """Takes citation marks that the model invented out of a stream of text, and counts them."""

    def __init__(self) -> None:
        self.dropped = 0
        self._held = ""

    def feed(self, text: str, *, last: bool = False) -> str:
        """What can be shown so far; what may still become a mark is held back until it is clear."""
        clean, dropped = _MARKER.subn("", self._held + text)
        while dropped:  # what stood round a mark may now be one, as in [[1]2]
            self.dropped += dropped
            clean, dropped = _MARKER.subn("", clean)
        tail = None if last else _OPEN_MARKER.search(clean)
        self._held = tail[0] if tail else ""
        return clean[: len(clean) - len(self._held)]


def evidence_sentences(passages: Sequence[Passage], split: Split) -> list[EvidenceSentence]:
    """The sentences of `passages`; `split` gives their character ranges within a passage's text."""
    found: dict[Span, EvidenceSentence] = {}
    for passage in passages:
        for start, end in split(passage.text):
            span = Span(article=passage.article, start=passage.start + start, end=passage.start + end)
            text = passage.text[start:end]
            found.setdefault(span, EvidenceSentence(span, text, passage, frozenset(content_words(text))))
    return list(found.values())


class Attributor:
    """Attributes the sentences of one answer to `question` and numbers their citations."""

    def __init__(self, question: str, evidence: Sequence[EvidenceSentence], embed: Embed) -> None:
        self._question, self._evidence, self._embed = question, evidence, embed
        self._asked = frozenset(content_words(question))
        self._weights = _weights(evidence)
        self._vectors: dict[int, Vectors] = {}
        self._markers: dict[Span, int] = {}

    def support(self, text: str) -> Support:
        """The evidence for `text`, one sentence of the answer."""
        words = set(content_words(text))
        if not words or not self._evidence:
            return Support(0.0, ())
        held = [one.words for one in self._evidence]
        answered = np.array([self._share(words, words & one) for one in held])
        fit = ANSWER_WORDS * answered + QUESTION_WORDS * np.array([self._share(self._asked, one) for one in held])
        order = [index for index in np.argsort(-fit, kind="stable").tolist() if answered[index] > 0][:CANDIDATES]
        if not order:
            return Support(0.0, ())
        both, asked = self._similarities(text, order)
        best = int((fit[order] + BOTH_COSINE * both + QUESTION_COSINE * asked).argmax())
        chosen = [order[best], *self._second(words - self._asked, order[best], order)]
        score = WORD_WEIGHT * self._supported(words, chosen) + (1 - WORD_WEIGHT) * max(0.0, float(both[best]))
        return Support(min(1.0, score), tuple(self._evidence[index] for index in chosen))

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
        return Sentence(text=text, markers=markers, support=round(support.score, 4)), citations

    def _share(self, words: Set[str], held: Set[str]) -> float:
        """The weighted share of `words` that `held` has."""
        total = sum(self._weight(word) for word in words)
        return sum(self._weight(word) for word in words & held) / total if total else 0.0

    def _weight(self, word: str) -> float:
        """How much a word counts; one that stands nowhere in the evidence as much as the rarest."""
        return self._weights.get(word, math.log(1 + len(self._evidence)))

    def _similarities(self, text: str, indices: Sequence[int]) -> tuple[Vectors, Vectors]:
        """Cosines of these evidence sentences to question and `text` together, and to the question."""
        missing = [index for index in indices if index not in self._vectors]
        # The question goes along: an answer of two words alone says too little to be compared.
        asked = [self._question, f"{self._question} {text}"]
        vectors = self._embed([*asked, *(self._evidence[index].text for index in missing)])
        self._vectors.update(zip(missing, vectors[2:], strict=True))
        evidence = np.stack([self._vectors[index] for index in indices])
        return evidence @ vectors[1], evidence @ vectors[0]


def _weights(evidence: Sequence[EvidenceSentence]) -> dict[str, float]:
    """Inverse document frequency over the evidence: log(1 + sentences / sentences with the word)."""
    counts = Counter(word for one in evidence for word in one.words)
    return {word: math.log(1 + len(evidence) / count) for word, count in counts.items()}
