"""The formulas: plain functions on one question's values, each with its source. Knows no files, rows or means.

Each gives a number from 0 to 1. Which questions a measure is taken over is the report's business (report.score).
"""

import math
import re
import string
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bot.schema import Span

Embed = Callable[[list[str]], NDArray[np.float32]]
"""n texts → unit vectors of shape (n, dimensions)."""

Quote = TypeVar("Quote")
Supports = Callable[[str, Sequence[Quote]], bool]
"""Whether these quotes together support all of a text. What a quote is, the judge knows."""

TIE = 1e-6  # the same text embedded in two batches differs by about 1e-7


def normalise(text: str) -> str:
    """Lower case, without ASCII punctuation, without the words a, an and the, single spaces: in that order.

    The normalisation of SQuAD's evaluation (Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine Comprehension
    of Text"). Like the original it leaves other punctuation, such as ’ and –, where it is.
    """
    bare = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def worded(golds: Iterable[str]) -> list[str]:
    """Those that have words after normalisation; the others can be compared with nothing."""
    return [gold for gold in golds if normalise(gold)]


def accuracy(answer: str, golds: Sequence[str]) -> float:
    """1 if a gold answer stands in the answer, both normalised, as a run of whole words; golds that are empty don't.

    The containment that Mallen et al. 2023 ("When Not to Trust Language Models") and ALCE's short answers
    (Gao et al. 2023) use, but at word boundaries, so that "art" does not stand in "party".
    """
    words = f" {normalise(answer)} "
    return float(any(gold and f" {gold} " in words for gold in map(normalise, golds)))


def f1(answer: str, golds: Sequence[str]) -> float:
    """The best over golds of 2PR / (P + R), with P and R the shares of normalised words in common, as bags.

    Rajpurkar et al. 2016. Where answer or gold has no words left, 1 if neither has, else 0 (SQuAD 2.0, Rajpurkar et al.
    2018).
    """
    return max((_f1(normalise(answer).split(), normalise(gold).split()) for gold in golds), default=0.0)


def _f1(answer: list[str], gold: list[str]) -> float:
    if not answer or not gold:
        return float(answer == gold)
    common = (Counter(answer) & Counter(gold)).total()
    return 2 * common / (len(answer) + len(gold))  # 2PR / (P + R) with P = common / answer, R = common / gold


def words(text: str) -> list[str]:
    """Runs of letters and digits in lower case. For ASCII, the words of the rouge-score package without its stemmer."""
    return re.findall(r"[^\W_]+", text.lower())


def rouge_l(answer: str, golds: Sequence[str]) -> float:
    """The best over golds of 2 LCS / (|answer| + |gold|) in words, LCS being the longest common subsequence's length.

    ROUGE-L (Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries"), its F-measure with P and R weighing
    alike, as the rouge-score package has it. 0 where answer or gold has no words.
    """
    return max((_rouge_l(words(answer), words(gold)) for gold in golds), default=0.0)


def _rouge_l(answer: list[str], gold: list[str]) -> float:
    if not answer or not gold:
        return 0.0
    return 2 * _longest_common(answer, gold) / (len(answer) + len(gold))  # 2PR / (P + R), P = LCS / |answer|


def _longest_common(one: list[str], other: list[str]) -> int:
    """The length of the longest common subsequence, row by row of the usual table."""
    above = [0] * (len(other) + 1)
    for word in one:
        row = [0]
        for place, its in enumerate(other):
            row.append(above[place] + 1 if word == its else max(row[place], above[place + 1]))
        above = row
    return above[-1]


def option_accuracy(answer: str, golds: Sequence[str], distractors: Sequence[str], embed: Embed) -> float:
    """1 if max over golds of cos(answer, gold) > max over distractors of cos(answer, distractor); a tie is 0.

    Ours, for answers that paraphrase the gold one: the choice that a reader of the answer would make among the options.
    Needs a gold and a distractor. cos is that of `embed`, so compare runs with the same embedder only.
    """
    if not answer.strip():
        return 0.0
    vectors = embed([answer, *golds, *distractors])
    near = vectors[1:] @ vectors[0]
    return float(near[: len(golds)].max() > near[len(golds) :].max() + TIE)


def hit_at(k: int, retrieved: Sequence[Span], gold: Collection[str]) -> float:
    """1 if one of the first `k` passages is of a gold article (TREC's success@k). Ranks are those of passages."""
    return float(any(passage.article in gold for passage in retrieved[:k]))


def reciprocal_rank(retrieved: Sequence[Span], gold: Collection[str], k: int = 10) -> float:
    """1 / rank of the first passage of a gold article, 0 if that is not among the first `k` passages.

    Its mean is the MRR of Voorhees 1999, "The TREC-8 Question Answering Track Report".
    """
    ranks = (rank for rank, passage in enumerate(retrieved[:k], start=1) if passage.article in gold)
    first = next(ranks, None)
    return 1 / first if first else 0.0


def recall_at(k: int, retrieved: Sequence[Span], gold: Collection[str]) -> float:
    """Gold articles that the first `k` passages come from / gold articles; 0 without gold. Ranks are those of passages.

    Recall at a cutoff (Manning, Raghavan & Schütze 2008, "Introduction to Information Retrieval", chapter 8).
    """
    wanted = set(gold)
    return len(wanted & {passage.article for passage in retrieved[:k]}) / len(wanted) if wanted else 0.0


def ndcg_at(k: int, retrieved: Sequence[Span], evidence: Sequence[Span]) -> float:
    """DCG of the first `k` passages / the best that `k` could have; DCG = Σ gain / log2(rank + 1).

    Järvelin & Kekäläinen 2002, "Cumulated Gain-based Evaluation of IR Techniques", with the discount of trec_eval. A
    passage gains 1 if it overlaps the gold evidence, else 0. What there was to find: the passages of `retrieved`, also
    beyond `k`, that gain, and one for each span of evidence that none of them overlaps. 0 without evidence.
    """
    gains = [any(passage.overlap(span) for span in evidence) for passage in retrieved]
    unfound = sum(not any(span.overlap(passage) for passage in retrieved) for span in evidence)
    best = _discounted([True] * min(k, sum(gains) + unfound))
    return _discounted(gains[:k]) / best if best else 0.0


def _discounted(gains: Sequence[bool]) -> float:
    return sum(1 / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1) if gain)


def characters(spans: Iterable[Span]) -> int:
    """How many characters the union of `spans` has; what several of them cover counts once."""
    total = 0
    article, reached = "", 0
    for span in sorted(spans, key=lambda span: (span.article, span.start)):
        if span.article != article:
            article, reached = span.article, 0
        total += max(0, span.end - max(span.start, reached))
        reached = max(reached, span.end)
    return total


def share_covered(spans: Sequence[Span], by: Sequence[Span]) -> float:
    """|U(spans) ∩ U(by)| / |U(spans)| in characters, U being the union; 0 for no spans."""
    whole = characters(spans)
    common = whole + characters(by) - characters([*spans, *by])
    return common / whole if whole else 0.0


def evidence_in_context(evidence: Sequence[Span], shown: Sequence[Span]) -> float:
    """1 if the spans shown to the model cover at least half of the gold evidence's characters. Ours."""
    return float(share_covered(evidence, shown) >= 0.5)


def citation_hit(cited: Sequence[Span], evidence: Sequence[Span]) -> float:
    """1 if a cited span has a character in common with the gold evidence. Ours."""
    return float(any(one.overlap(other) for one in cited for other in evidence))


def citation_precision(cited: Sequence[Span], evidence: Sequence[Span]) -> float:
    """Cited characters that lie in the gold evidence / cited characters, of the unions: share_covered. Ours.

    As highlights are compared with marked rationales, by position, in ERASER (DeYoung et al. 2020), in characters.
    """
    return share_covered(cited, evidence)


def citation_recall(cited: Sequence[Span], evidence: Sequence[Span]) -> float:
    """Characters of the gold evidence that are cited / characters of the gold evidence, of the unions."""
    return share_covered(evidence, cited)


def every_sentence_cited(sentences: int, cited: Collection[int]) -> float:
    """1 if each of the answer's `sentences` is among those `cited` (indices from 0); 0 for an answer without any."""
    return float(sentences > 0 and set(range(sentences)) <= set(cited))


def unsupported_rate(kept: int, left_out: int, uncited: int) -> float:
    """(left_out + uncited) / (kept + left_out): the sentences written that have no support. 0 where none was written.

    `uncited` of the answer's `kept` sentences have no citation. Ours; the counterpart of FActScore's share of supported
    facts (Min et al. 2023), over sentences and by the bot's own check.
    """
    written = kept + left_out
    return (left_out + uncited) / written if written else 0.0


def alce_recall(said: Sequence[str], quotes: Sequence[Sequence[Quote]], supports: Supports[Quote]) -> float:
    """Sentences that their citations together support / sentences; one without citations is not supported.

    Citation recall of ALCE (Gao et al. 2023, "Enabling Large Language Models to Generate Text with Citations").
    `quotes` holds those of each sentence of `said`. 0 without sentences. Raises ValueError where their lengths differ.
    """
    supported = [bool(its) and supports(text, its) for text, its in zip(said, quotes, strict=True)]
    return sum(supported) / len(supported) if supported else 0.0


def alce_precision(said: Sequence[str], quotes: Sequence[Sequence[Quote]], supports: Supports[Quote]) -> float:
    """Citations that count / citations: those of a sentence that its citations support, and that are not irrelevant.

    Citation precision of ALCE (Gao et al. 2023). A citation is irrelevant if it does not support its sentence alone and
    the sentence's others support it without it. 0 without citations. Raises ValueError as alce_recall does.
    """
    right = sum(_relevant(text, its, supports) for text, its in zip(said, quotes, strict=True))
    cited = sum(map(len, quotes))
    return right / cited if cited else 0.0


def _relevant(text: str, quotes: Sequence[Quote], supports: Supports[Quote]) -> int:
    if not quotes or not supports(text, quotes):
        return 0
    if len(quotes) == 1:
        return 1
    others = [[*quotes[:place], *quotes[place + 1 :]] for place in range(len(quotes))]
    return sum(supports(text, [one]) or not supports(text, rest) for one, rest in zip(quotes, others, strict=True))
