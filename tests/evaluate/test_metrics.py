"""metrics: against examples worked by hand, ir_measures, and plain restatements of the definitions."""

import itertools
import random
from collections.abc import Sequence

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bot.evaluate import metrics
from bot.schema import Span


def spans(*places: tuple[str, int, int]) -> list[Span]:
    return [Span(article=article, start=start, end=end) for article, start, end in places]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Cat,  sat\ton a\nmat.", "cat sat on mat"),
        ("An apple a day", "apple day"),
        ("theatre analysis", "theatre analysis"),  # articles inside words stay
        ("U.S.A. $1,000.50", "usa 100050"),  # punctuation leaves no space
        ("well-known o'clock", "wellknown oclock"),
        ("A.", ""),  # punctuation goes before articles
        ("“The” Nile’s—a river", "“ ” nile’s— river"),  # only ASCII punctuation goes, yet a word ends there
        ("", ""),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert metrics.normalise(text) == expected


@pytest.mark.parametrize(
    ("answer", "golds", "expected"),
    [
        ("They met in Riga, on Monday.", ["the Riga"], 1),
        ("They met in Riga.", ["Oslo", "riga!"], 1),
        ("A big party", ["art"], 0),  # not inside a word
        ("In 1,066 it fell.", ["1066"], 1),
        ("By the sea wall", ["sea the wall"], 1),
        ("Sea and wall", ["sea wall"], 0),  # one run of words
        ("Anything", ["The", "..."], 0),  # a gold answer without words stands nowhere
        ("", ["Riga"], 0),
        ("Riga", [], 0),
    ],
)
def test_accuracy(answer: str, golds: list[str], expected: float) -> None:
    assert metrics.accuracy(answer, golds) == expected


@pytest.mark.parametrize(
    ("answer", "golds", "expected"),
    [
        ("The Riga harbour", ["Riga harbour"], 1.0),
        ("in Riga harbour", ["Riga"], 0.5),  # P 1/3, R 1
        ("red red blue", ["red green"], 0.4),  # red counts once: P 1/3, R 1/2
        ("red red", ["red red green"], 0.8),  # P 1, R 2/3
        ("Riga", ["Oslo", "old Riga"], 2 / 3),  # the best gold
        ("the", ["a"], 1.0),
        ("the", ["Riga"], 0.0),
        ("Riga", [], 0.0),
    ],
)
def test_f1(answer: str, golds: list[str], expected: float) -> None:
    assert metrics.f1(answer, golds) == pytest.approx(expected)


words = st.lists(st.sampled_from(["sea", "wall", "Gull", "tide", "the"]), max_size=6)


@given(words, words)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(answer: list[str], gold: list[str]) -> None:
    said, wanted = ([word.lower() for word in text if word != "the"] for text in (answer, gold))
    left, common = list(wanted), 0
    for word in said:
        if word in left:
            left.remove(word)
            common += 1
    if common:
        precision, recall = common / len(said), common / len(wanted)
        expected = 2 / (1 / precision + 1 / recall)
    else:
        expected = float(said == wanted)
    assert metrics.f1(" ".join(answer), [" ".join(gold)]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "golds", "expected"),
    [
        ("police kill the gunman", ["police killed the gunman"], 3 / 4),  # these three: Lin 2004, section 3
        ("the gunman kill police", ["police killed the gunman"], 2 / 4),
        ("the gunman police killed", ["police killed the gunman"], 2 / 4),
        ("testing", ["testing one two"], 2 / 4),  # P 1, R 1/3
        # the values of rouge_score 0.1.2, RougeScorer(["rougeL"]), for the next four
        ("It's U.S.-made: 1,000 units", ["its us made 1000 units"], 0.3076923076923077),
        ("The cat sat on the mat.", ["the mat sat on a cat", "On the mat, the cat!"], 0.5454545454545454),
        ("", ["a cat"], 0.0),
        ("!", ["?"], 0.0),
        ("Käthe läuft", ["Käthe schläft"], 2 / 4),  # letters beyond ASCII make words, too
        ("a cat", [], 0.0),
    ],
)
def test_rouge_l(answer: str, golds: list[str], expected: float) -> None:
    assert metrics.rouge_l(answer, golds) == pytest.approx(expected)


@given(words, words)
def test_rouge_l_is_by_the_longest_common_subsequence(answer: list[str], gold: list[str]) -> None:
    of_gold = {one for size in range(len(gold) + 1) for one in itertools.combinations(gold, size)}
    of_answer = {one for size in range(len(answer) + 1) for one in itertools.combinations(answer, size)}
    longest = max(map(len, of_gold & of_answer))
    expected = 2 * longest / (len(answer) + len(gold)) if longest else 0.0
    assert metrics.rouge_l(" ".join(answer), [" ".join(gold)]) == pytest.approx(expected)


DIRECTIONS = {
    "north": (0, 1),
    "Nord": (0, 1),
    "north by east": (0.28, 0.96),
    "north-east": (0.6, 0.8),
    "Nordost": (0.6000001, 0.8),  # as far apart as one text embedded in two batches
    "east": (1, 0),
}


def by_compass(texts: list[str]) -> NDArray[np.float32]:
    return np.array([DIRECTIONS[text] for text in texts], dtype=np.float32)


@pytest.mark.parametrize(
    ("answer", "golds", "distractors", "expected"),
    [
        ("north by east", ["north"], ["east"], 1),
        ("north by east", ["east"], ["north"], 0),
        ("north by east", ["east", "north"], ["north-east"], 1),  # .96 against .936: the nearest gold counts
        ("north by east", ["north"], ["east", "north", "north-east"], 0),  # as near to a distractor: a tie
        ("north", ["north"], ["Nord"], 0),
        ("east", ["Nordost"], ["north-east"], 0),
        (" ", ["north"], ["east"], 0),
    ],
)
def test_option_accuracy(answer: str, golds: list[str], distractors: list[str], expected: float) -> None:
    assert metrics.option_accuracy(answer, golds, distractors, by_compass) == expected


def test_ranking_measures_agree_with_ir_measures() -> None:
    draw = random.Random(7)
    qrels, scored, ours = [], [], {}
    for query in map(str, range(200)):
        gold = set(draw.sample("abcdefghijklmnop", draw.randint(1, 3)))
        ranking = spans(*((draw.choice("abcdefghijklmnop"), 10 * i, 10 * i + 10) for i in range(draw.randint(0, 25))))
        # Passages are ir_measures' documents; one that no ranking holds stands for gold that was not found.
        qrels.append(ir_measures.Qrel(query, "missing", 1))
        for place, passage in enumerate(ranking):
            qrels.append(ir_measures.Qrel(query, str(place), int(passage.article in gold)))
            scored.append(ir_measures.ScoredDoc(query, str(place), -float(place)))
        hits = {f"Success@{k}": metrics.hit_at(k, ranking, gold) for k in (1, 4, 10)}
        ours[query] = hits | {"RR@10": metrics.reciprocal_rank(ranking, gold)}
    measures = [ir_measures.Success @ 1, ir_measures.Success @ 4, ir_measures.Success @ 10, ir_measures.RR @ 10]
    theirs = list(ir_measures.iter_calc(measures, qrels, scored))
    assert len(theirs) == 4 * len(ours)
    for one in theirs:
        assert ours[one.query_id][str(one.measure)] == pytest.approx(one.value), one


def test_recall_agrees_with_ir_measures() -> None:
    draw = random.Random(8)
    for cut in (1, 4, 10):
        qrels, scored, ours = [], [], {}
        for query in map(str, range(100)):
            gold = draw.sample("abcdefghij", draw.randint(1, 4))
            ranking = spans(*((draw.choice("abcdefghij"), 9 * i, 9 * i + 9) for i in range(draw.randint(0, 15))))
            qrels += [ir_measures.Qrel(query, article, 1) for article in gold]
            # Articles are its documents; ranks are those of passages, so the cut comes first.
            articles = dict.fromkeys(passage.article for passage in ranking[:cut])
            scored += [ir_measures.ScoredDoc(query, article, -float(rank)) for rank, article in enumerate(articles)]
            ours[query] = metrics.recall_at(cut, ranking, [*gold, gold[0]])
        theirs = {one.query_id: one.value for one in ir_measures.iter_calc([ir_measures.R @ cut], qrels, scored)}
        assert theirs == pytest.approx(ours)


def test_ndcg_agrees_with_ir_measures() -> None:
    draw = random.Random(9)
    qrels, scored, ours = [], [], {}
    for query in map(str, range(200)):
        evidence = spans(*((draw.choice("abcd"), 100 * i, 100 * i + 5) for i in range(draw.randint(1, 6))))
        ranking = [
            Span(article=draw.choice("abcd"), start=start, end=start + 100)
            for start in (100 * draw.randrange(6) for _ in range(draw.randint(0, 20)))
        ]
        overlapping = [any(set(range(one.start, one.end)) & set(range(other.start, other.end))
                           and one.article == other.article for other in evidence) for one in ranking]  # fmt: skip
        qrels += [ir_measures.Qrel(query, str(place), int(gain)) for place, gain in enumerate(overlapping)]
        qrels += [  # evidence that was not found
            ir_measures.Qrel(query, f"missing {span.start}", 1)
            for span in evidence
            if not places([span]) & places(ranking)
        ]
        scored += [ir_measures.ScoredDoc(query, str(place), -float(place)) for place in range(len(ranking))]
        ours[query] = metrics.ndcg_at(10, ranking, evidence)
    theirs = {one.query_id: one.value for one in ir_measures.iter_calc([ir_measures.nDCG @ 10], qrels, scored)}
    assert theirs == pytest.approx(ours)
    assert 0 < np.mean(list(ours.values())) < 1


def test_ndcg_by_hand() -> None:
    ranking = spans(("a", 0, 10), ("b", 0, 10), ("a", 10, 20))
    evidence = spans(("a", 5, 15), ("c", 0, 9))  # first and third overlap; c is not found: 3 to find
    best = 1 + 1 / np.log2(3) + 1 / 2
    assert metrics.ndcg_at(10, ranking, evidence) == pytest.approx((1 + 1 / 2) / best)
    assert metrics.ndcg_at(2, ranking, evidence) == pytest.approx(1 / (1 + 1 / np.log2(3)))
    assert metrics.ndcg_at(10, ranking, []) == metrics.ndcg_at(10, [], evidence) == 0


def test_ranks_are_those_of_passages_not_of_articles() -> None:
    ranking = spans(("a", 0, 5), ("a", 5, 9), ("a", 9, 12), ("a", 12, 15), ("b", 0, 4))
    assert (metrics.hit_at(4, ranking, ["b"]), metrics.hit_at(10, ranking, ["b"])) == (0, 1)
    assert metrics.reciprocal_rank(ranking, ["b"]) == pytest.approx(1 / 5)
    assert metrics.reciprocal_rank(ranking, ["b"], k=4) == 0


@st.composite
def some_spans(draw: st.DrawFn) -> list[Span]:
    place = st.tuples(st.sampled_from("xy"), st.integers(0, 30), st.integers(1, 12))
    return spans(*((article, start, start + length) for article, start, length in draw(st.lists(place, max_size=6))))


def places(some: Sequence[Span]) -> set[tuple[str, int]]:
    return {(span.article, place) for span in some for place in range(span.start, span.end)}


@given(some_spans(), some_spans())
def test_unions_are_those_of_sets_of_characters(one: list[Span], other: list[Span]) -> None:
    assert metrics.characters(one) == len(places(one))
    common = len(places(one) & places(other))
    assert metrics.share_covered(one, other) == pytest.approx(common / len(places(one)) if one else 0)
    assert metrics.citation_hit(one, other) == float(common > 0)
    assert metrics.citation_precision(one, other) == metrics.citation_recall(other, one)
    assert metrics.evidence_in_context(one, other) == float(bool(one) and 2 * common >= len(places(one)))


def test_citation_measures_by_hand() -> None:
    evidence = spans(("a", 10, 30), ("a", 20, 40), ("b", 0, 10))  # 30 + 10 characters
    cited = spans(("a", 35, 55), ("a", 35, 45), ("b", 5, 10), ("c", 0, 5))  # 20 + 5 + 5, of them 5 + 5 in the evidence
    assert metrics.citation_hit(cited, evidence) == 1
    assert metrics.citation_precision(cited, evidence) == pytest.approx(10 / 30)
    assert metrics.citation_recall(cited, evidence) == pytest.approx(10 / 40)
    assert metrics.citation_hit(spans(("a", 40, 50), ("c", 10, 30)), evidence) == 0  # touching is not overlapping


@pytest.mark.parametrize(("end", "expected"), [(19, 0), (20, 1), (40, 1)])
def test_evidence_in_context_needs_half(end: int, expected: float) -> None:
    assert metrics.evidence_in_context(spans(("a", 0, 30), ("a", 10, 40)), spans(("a", 0, end))) == expected


@pytest.mark.parametrize(
    ("sentences", "cited", "expected"),
    [(2, [0, 1, 1], 1), (2, [1], 0), (1, [0], 1), (1, [], 0), (0, [], 0)],
)
def test_every_sentence_cited(sentences: int, cited: list[int], expected: float) -> None:
    assert metrics.every_sentence_cited(sentences, cited) == expected


@pytest.mark.parametrize(
    ("kept", "left_out", "uncited", "expected"), [(3, 1, 0, 1 / 4), (3, 1, 1, 2 / 4), (0, 2, 0, 1), (0, 0, 0, 0)]
)
def test_unsupported_rate(kept: int, left_out: int, uncited: int, expected: float) -> None:
    assert metrics.unsupported_rate(kept, left_out, uncited) == expected


def spells(text: str, quotes: Sequence[str]) -> bool:
    """A judge for whom quotes support a text if they have all its letters."""
    return set(text) <= set("".join(quotes))


@pytest.mark.parametrize(
    ("said", "quotes", "recall", "precision"),
    [
        (["ab"], [["a", "b"]], 1, 1),  # neither does it alone, nor without the other
        (["a"], [["a", "b"]], 1, 1 / 2),  # b is irrelevant
        (["a"], [["a", "a"]], 1, 1),  # the others do it without one, but each does it alone
        (["ab"], [["ab", "a"]], 1, 1 / 2),
        (["abc"], [["a", "b", "ab", "c"]], 1, 1 / 4),  # without a, b or ab the others still do; only c is needed
        (["ab"], [["a"]], 0, 0),
        (["abc"], [["a", "b"]], 0, 0),  # of a sentence that is not supported no citation counts
        (["ab", "c", "d"], [["a", "b"], [], ["c", "d", "d"]], 2 / 3, 4 / 5),  # as a whole: 2 + 2 of 5 citations
        (["a", "b"], [[], []], 0, 0),
        ([], [], 0, 0),
    ],
)
def test_alce(said: list[str], quotes: list[list[str]], recall: float, precision: float) -> None:
    assert metrics.alce_recall(said, quotes, spells) == pytest.approx(recall)
    assert metrics.alce_precision(said, quotes, spells) == pytest.approx(precision)


def test_alce_wants_quotes_for_each_sentence() -> None:
    with pytest.raises(ValueError, match="shorter"):
        metrics.alce_recall(["a", "b"], [["a"]], spells)
