"""Attribution: which sentences of the evidence support a sentence of the answer, and how well.

The model writes no citations; marks that it invents are taken out and counted. A sentence is attributed once it is
finished, by the share of its content words that an evidence sentence holds and by the cosine of their embeddings.
Rare words weigh more, and words of the question less: what the answer adds is what needs support. Pure: embeddings
come from a callable.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from bot.dates import days_of
from bot.llama import Vectors
from bot.schema import Citation, Passage, Sentence, Span
from bot.words import content_words

Embed = Callable[[Sequence[str]], Vectors]
Split = Callable[[str], Sequence[tuple[int, int]]]

CANDIDATES = 8  # evidence sentences with the most words in common, of which the embeddings are compared
WORD_WEIGHT = 0.5  # the rest is the embeddings'
QUESTION_WEIGHT = 0.3  # of a word that the answer only repeats from the question
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
        coverage = np.array([self._coverage(words, one.words) for one in self._evidence])
        order = np.argsort(-coverage, kind="stable")[:CANDIDATES]
        order = order[coverage[order] > 0]
        if not len(order):
            return Support(0.0, ())
        similarity = self._similarity(text, order.tolist())
        scores = WORD_WEIGHT * coverage[order] + (1 - WORD_WEIGHT) * np.clip(similarity, 0, 1)
        best = int(order[scores.argmax()])
        chosen = [best, *self._second(words - self._asked, best, order.tolist())]
        return Support(float(scores.max()), tuple(self._evidence[index] for index in chosen))

    def _second(self, added: set[str], best: int, order: Sequence[int]) -> list[int]:
        """The sentence that holds enough of what the answer adds and the best one lacks, if there is one."""
        held = self._evidence[best].words
        gains = [self._coverage(added - held, self._evidence[index].words) for index in order]
        missing = self._coverage(added, frozenset(added - held))
        return [order[int(np.argmax(gains))]] if max(gains) * missing >= SECOND_GAIN else []

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

    def _coverage(self, words: set[str], held: frozenset[str]) -> float:
        total = sum(self._weight(word) for word in words)
        return sum(self._weight(word) for word in words & held) / total if total else 0.0

    def _weight(self, word: str) -> float:
        """How much a word of the answer counts; one that stands nowhere in the evidence as much as the rarest."""
        weight = self._weights.get(word, math.log(1 + len(self._evidence)))
        return weight * QUESTION_WEIGHT if word in self._asked else weight

    def _similarity(self, text: str, indices: Sequence[int]) -> Vectors:
        missing = [index for index in indices if index not in self._vectors]
        # The question goes along: an answer of two words alone says too little to be compared.
        vectors = self._embed([f"{self._question} {text}", *(self._evidence[index].text for index in missing)])
        self._vectors.update(zip(missing, vectors[1:], strict=True))
        similarity: Vectors = np.stack([self._vectors[index] for index in indices]) @ vectors[0]
        return similarity


def _weights(evidence: Sequence[EvidenceSentence]) -> dict[str, float]:
    """Inverse document frequency over the evidence: log(1 + sentences / sentences with the word)."""
    counts = Counter(word for one in evidence for word in one.words)
    return {word: math.log(1 + len(evidence) / count) for word, count in counts.items()}
