"""causes: one for each question, worked by hand from what was found, shown, said and cited."""

import pytest

from bot.evaluate.causes import CAUSES, FINE, MEANING, Cause, cause, count, judged
from bot.evaluate.report import score
from bot.evaluate.run import make_row
from bot.schema import Span

from .library import citation, make_answer, passage, question

FAR = {"retrieved": (passage("inland", 0, 20), passage("coast", 31, 62))}  # the gold article, but not its evidence
HIDDEN = {"evidence": (Span(article="coast", start=0, end=14),)}  # 14 of 30 characters
REFUSED = {"refused": True, "reason": "not_answered"}
BESIDE = citation(31, 41)
ON = citation(0, 30)
NO_PLACES = {"evidence": []}
NO_GOLD = {"answers": []}


@pytest.mark.parametrize(
    ("fields", "text", "cited", "given", "expected"),
    [
        ({}, "Mara.", ON, {}, "good"),
        ({}, "Mara.", BESIDE, {}, "cited_wrong"),
        ({}, "Ivo.", ON, {}, "answered_wrong"),
        ({}, "Ivo.", BESIDE, {}, "answered_wrong"),
        ({}, "Ivo.", BESIDE, HIDDEN, "not_shown"),
        ({}, "Ivo.", BESIDE, FAR, "not_retrieved"),
        ({}, "Ivo.", BESIDE, FAR | HIDDEN, "not_retrieved"),
        ({}, "", None, REFUSED, "refused_wrongly"),
        ({}, "", None, REFUSED | HIDDEN, "not_shown"),
        ({}, "", None, REFUSED | FAR | HIDDEN, "not_retrieved"),
        ({}, "", None, REFUSED | {"retrieved": ()}, "not_retrieved"),
        # what is right and cites the evidence did not fail
        ({}, "Mara.", ON, HIDDEN, "good"),
        ({}, "Mara.", BESIDE, HIDDEN, "not_shown"),
        ({}, "Mara.", BESIDE, FAR, "not_retrieved"),
        # no evidence: the gold article must be found, and the words decide
        (NO_PLACES, "Mara.", BESIDE, {}, "good"),
        (NO_PLACES, "Ivo.", BESIDE, {}, "answered_wrong"),
        (NO_PLACES, "Ivo.", BESIDE, FAR, "answered_wrong"),
        (NO_PLACES, "Ivo.", BESIDE, {"retrieved": (passage("inland", 0, 20),)}, "not_retrieved"),
        (NO_PLACES | {"gold": []}, "Ivo.", BESIDE, {"retrieved": ()}, "answered_wrong"),
        (NO_PLACES, "", None, REFUSED | {"evidence": ()}, "refused_wrongly"),
        # no gold answers: the citations decide
        (NO_GOLD, "Anything.", ON, {}, "good"),
        (NO_GOLD, "Anything.", BESIDE, {}, "cited_wrong"),
        (NO_GOLD | {"answers": ["?!"]}, "Anything.", ON, {}, "good"),
        # neither
        (NO_GOLD | NO_PLACES, "Anything.", ON, {}, "not_judged"),
        (NO_GOLD | NO_PLACES, "", None, REFUSED, "refused_wrongly"),
        ({"answerable": False}, "", None, REFUSED, "refused_rightly"),
        ({"answerable": False}, "Mara.", ON, {}, "answered_unanswerable"),
    ],
)
def test_cause(fields: dict, text: str, cited: object, given: dict, expected: Cause) -> None:
    one = question("q", **({"distractors": []} | fields))
    row = make_row(one, make_answer(one.question, text, 1, *filter(None, [cited]), **given))
    found = judged(one, row, score(one, row, None))
    assert found.cause == expected
    assert found.failed is (expected not in FINE)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"accuracy": 0.0, "option_accuracy": 1.0}, "good"),  # a paraphrase of the gold answer
        ({"accuracy": 1.0, "option_accuracy": 0.0}, "good"),  # it stands there, in a long sentence like all options
        ({"accuracy": 0.0, "option_accuracy": 0.0}, "answered_wrong"),
        ({"accuracy": 0.0}, "answered_wrong"),
    ],
)
def test_words_are_right_as_they_stand_or_by_the_nearest_option(words: dict[str, float], expected: Cause) -> None:
    one = question("q")
    row = make_row(one, make_answer(one.question, "Mara.", 1, ON))
    assert cause(one, row, words | {"citation_hit": 1.0, "evidence_in_context": 1.0}) == expected


def test_counts_are_in_order_and_make_up_all() -> None:
    one, other = question("q"), question("r", answerable=False)
    rows = [make_row(it, make_answer(it.question, "Mara.", 1, ON)) for it in (one, other)]
    told = [judged(it, row, score(it, row, None)) for it, row in zip((one, other), rows, strict=True)]
    assert list(count([*told, told[0]]).items()) == [("answered_unanswerable", 1), ("good", 2)]
    assert set(MEANING) == set(CAUSES)
    assert set(FINE) < set(CAUSES)
