"""What of the passages found the model is shown: the sentences that bear on the question, with their neighbours.

Whole chunks hold much that a question does not ask for, and a long prompt is slow to read and hard for a small model.
So the sentences of the best chunks compete one by one. Pure; it knows no store, model or prompt.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from bot.schema import Passage, Span
from bot.words import content_words

SIMILARITY_WEIGHT = 0.5  # of the sentence's own cosine, beside its chunk's score
WORDS_WEIGHT = 0.3  # of the share of the question's words that it holds
NEIGHBOUR_WEIGHT = 0.6  # of the better of its two neighbours: an answer often stands beside what is asked about
GAP = 3  # characters between two sentences that follow each other, at most
SPREAD = 0.6  # a sentence whose score is so much below the best one's is not shown, however much room there is


class Candidate(NamedTuple):
    """A sentence of `passage` (one that was found for the question); `similarity` is its cosine to the question."""

    span: Span
    similarity: float
    passage: Passage


class Evidence(NamedTuple):
    """`passages` are runs of sentences, the article of the best sentence first, an article's in the text's order.

    `nearest` are the same sentences one by one, best first; `closest` is the best of them
    with both its neighbours, None where there is nothing. A run has the score of its best sentence, and all else from
    the passage that this sentence is of. `texts` are the articles', by id.
    """

    passages: list[Passage]
    nearest: list[Passage]
    closest: Passage | None
    texts: Mapping[str, str]


def select(
    question: str,
    candidates: Sequence[Candidate],
    texts: Mapping[str, str],
    characters: float,
    spread: float = SPREAD,
    among: Sequence[Span] | None = None,
) -> Evidence:
    """At most `characters` of the candidates, but at least one sentence; `texts` are the articles', by id.

    What scores less than the best sentence by more than `spread` is left out, and with `among` what overlaps none of
    these.
    """
    ordered = sorted(candidates, key=lambda one: (one.span.article, one.span.start))
    scores = _scores(question, ordered, texts)
    allowed = [among is None or any(one.span.overlap(span) for span in among) for one in ordered]
    best_first = sorted((index for index, yes in enumerate(allowed) if yes), key=lambda index: (-scores[index], index))
    chosen = _chosen(ordered, scores, best_first, characters, spread)
    runs = [_run(ordered, scores, run, texts) for run in _runs(ordered, sorted(chosen))]
    best: dict[str, float] = {}
    for run in runs:
        best[run.article] = max(best.get(run.article, -math.inf), run.score)
    return Evidence(
        sorted(runs, key=lambda run: (-best[run.article], run.article, run.start)),
        [_run(ordered, scores, [index], texts) for index in chosen],
        _run(ordered, scores, _with_neighbours(ordered, chosen[0]), texts) if chosen else None,
        {run.article: texts[run.article] for run in runs},
    )


def _chosen(
    ordered: Sequence[Candidate], scores: Sequence[float], best_first: Sequence[int], characters: float, spread: float
) -> list[int]:
    """Those of the indices `best_first` that are shown."""
    chosen: list[int] = []
    room = characters
    for index in best_first:
        size = ordered[index].span.end - ordered[index].span.start
        if chosen and scores[index] < scores[chosen[0]] - spread:
            break
        if size <= room or not chosen:
            chosen.append(index)
            room -= size
    return chosen


def _scores(question: str, ordered: Sequence[Candidate], texts: Mapping[str, str]) -> list[float]:
    own = _relevance(question, ordered, texts)
    scores = []
    for index, one in enumerate(ordered):
        beside = [
            own[left + right - index]
            for left, right in ((index - 1, index), (index, index + 1))
            if _adjoin(ordered, left, right)
        ]
        scores.append(one.passage.score + own[index] + NEIGHBOUR_WEIGHT * max(beside, default=0.0))
    return scores


def _relevance(question: str, ordered: Sequence[Candidate], texts: Mapping[str, str]) -> list[float]:
    """How much each sentence itself is about the question; rare words of it weigh more."""
    words = [set(content_words(texts[one.span.article][one.span.start : one.span.end])) for one in ordered]
    counts = Counter(word for held in words for word in held)
    asked = {word: math.log(1 + len(ordered) / max(1, counts[word])) for word in content_words(question)}
    whole = sum(asked.values()) or 1.0
    return [
        SIMILARITY_WEIGHT * one.similarity + WORDS_WEIGHT * sum(asked.get(word, 0.0) for word in held) / whole
        for one, held in zip(ordered, words, strict=True)
    ]


def _with_neighbours(ordered: Sequence[Candidate], index: int) -> list[int]:
    before = [index - 1] if _adjoin(ordered, index - 1, index) else []
    after = [index + 1] if _adjoin(ordered, index, index + 1) else []
    return [*before, index, *after]


def _adjoin(ordered: Sequence[Candidate], left: int, right: int) -> bool:
    """Whether the candidates at both indices follow each other in one article."""
    if left < 0 or right >= len(ordered):
        return False
    first, second = ordered[left].span, ordered[right].span
    return first.article == second.article and 0 <= second.start - first.end <= GAP


def _runs(ordered: Sequence[Candidate], chosen: Sequence[int]) -> Iterator[list[int]]:
    """`chosen` (ascending) cut where sentences between were left out."""
    run: list[int] = []
    for index in chosen:
        if run and not (index == run[-1] + 1 and _adjoin(ordered, run[-1], index)):
            yield run
            run = []
        run.append(index)
    if run:
        yield run


def _run(
    ordered: Sequence[Candidate], scores: Sequence[float], run: Sequence[int], texts: Mapping[str, str]
) -> Passage:
    best = max(run, key=lambda index: scores[index])
    text = texts[ordered[best].span.article]
    start, end = ordered[run[0]].span.start, ordered[run[-1]].span.end
    place = {"start": start, "end": end, "text": text[start:end], "score": scores[best]}
    return ordered[best].passage.model_copy(update=place)
