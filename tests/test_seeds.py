"""The seeds: articles come out of the reader as meant, and the questions about them are sound.

Nothing of ours is tested here but data; that no text was copied is checked in shared_data/test_seeds_are_ours.py.
"""

import datetime as dt
from collections import Counter
from pathlib import Path

import pytest

from bot.articles import read_file, sentences
from bot.evaluate.cases import Question, check_evidence, load_questions
from bot.evaluate.metrics import accuracy, normalise
from bot.schema import Article

SEEDS = Path(__file__).resolve().parent.parent / "seeds"
QUESTIONS = load_questions(SEEDS / "questions.jsonl")
CONVERSATIONS = load_questions(SEEDS / "conversations.jsonl")
ANSWERABLE = [question for question in QUESTIONS + CONVERSATIONS if question.answerable]
UNANSWERABLE = [question for question in QUESTIONS + CONVERSATIONS if not question.answerable]
RETOLD = "rome-talks-after-papal-mass"

# Beside the date line, all that the reader may set aside in the articles that look like a news site's plain text.
LEFT_OUT = {
    RETOLD: [
        "WHAT ‘UNCONDITIONAL’ MEANS IN A CEASEFIRE",
        "FIVE QUESTIONS THAT THE ISTANBUL MEETING LEFT OPEN",
        "NEGOTIATORS HEAD HOME FROM THE BOSPORUS WITH A LIST OF NAMES",
        "CLICK HERE TO GET THE TIDEWATCH NEWS APP",
        "Tidewatch News’s Corvin Ashgrove contributed to this report.",
    ],
    "coastal-cup-final": [
        "TEN GREATEST COMEBACKS IN COASTAL CUP HISTORY",
        "KELSMOUTH TO LOOK FOR NEW STRIKER IN SUMMER",
        "CLICK HERE TO GET THE TIDEWATCH SPORT APP",
        "Tidewatch Sport’s Hollis Verney contributed to this report.",
    ],
    "quillfeather-results": [
        "QUILLFEATHER CHIEF: ‘WE MAKE EYES FOR ROBOTS’",
        "THREE LENS MAKERS TO WATCH THIS YEAR",
        "CLICK HERE TO GET THE LEDGER AND LAMP APP",
        "Ledger and Lamp’s Ottoline Pryce contributed to this report.",
    ],
    "velm-flood-first-count": [
        "HOW TO CLEAN A CELLAR AFTER HIGH WATER",
        "FARMERS ALONG THE VELM COUNT THEIR LOST CATTLE",
        "CLICK HERE TO GET THE VELM VALLEY COURIER APP",
        "The Velm Valley Courier’s Sanna Irridge contributed to this report.",
    ],
}


@pytest.fixture(scope="module")
def articles() -> dict[str, Article]:
    read = [article for path in (SEEDS / "articles").iterdir() for article in read_file(path)]
    assert [item for item in read if not isinstance(item, Article)] == []
    return {article.id: article for article in read if isinstance(article, Article)}


def named(question: Question) -> str:
    return question.id


def test_every_file_is_an_article_named_after_it(articles: dict[str, Article]) -> None:
    files = list((SEEDS / "articles").iterdir())
    assert sorted(articles) == sorted(path.stem for path in files)
    assert Counter(path.suffix for path in files) == {".txt": 16, ".md": 1, ".html": 1}


def test_every_article_is_dated_titled_and_short(articles: dict[str, Article]) -> None:
    assert len({article.title for article in articles.values()}) == len(articles)
    for article in articles.values():
        assert article.date is not None, article.id
        assert dt.date(2024, 1, 1) <= article.date <= dt.date(2026, 12, 31), article.id
        assert 150 <= len(article.text.split()) <= 450, article.id


def test_page_and_front_matter_give_author_and_source(articles: dict[str, Article]) -> None:
    for name in ("orra-cave-shrimp", "tern-satellite"):
        assert articles[name].author, name
        assert articles[name].source, name
    assert "Bees" not in articles["tern-satellite"].text  # the page's list of other stories


def test_only_what_is_no_story_is_left_out(articles: dict[str, Article]) -> None:
    for article in articles.values():
        found = [piece.text for piece in article.dropped if not piece.text.startswith("date ")]
        assert found == LEFT_OUT.get(article.id, []), article.id
        assert article.credit == (found[-1] if found else None)
        assert not article.text.startswith("date ")


def test_the_quotation_in_capitals_stays(articles: dict[str, Article]) -> None:
    assert "10:00 A.M. ON MONDAY" in articles[RETOLD].text
    others = [article.id for article in articles.values() if "10:00" in article.text and article.id != RETOLD]
    assert others == []


def test_counts_of_questions() -> None:
    assert len({question.question for question in QUESTIONS}) == len(QUESTIONS) == 51
    assert sum(question.answerable for question in QUESTIONS) == 39
    assert sum(bool(question.distractors) for question in QUESTIONS) == 23


def test_counts_of_conversations() -> None:
    assert len(CONVERSATIONS) == len({question.id for question in [*QUESTIONS, *CONVERSATIONS]}) - len(QUESTIONS) == 20
    assert {len(question.history) for question in CONVERSATIONS} == {1, 2}
    assert all(earlier.answer for question in CONVERSATIONS for earlier in question.history)
    kinds = Counter((question.model_extra or {})["kind"] for question in CONVERSATIONS)
    assert kinds == {"pronoun": 7, "ellipsis": 4, "reference": 3, "change": 5, "change-then-pronoun": 1}
    assert sum(not question.answerable for question in CONVERSATIONS) == 3


def test_evidence_is_what_the_articles_say(articles: dict[str, Article]) -> None:
    check_evidence(QUESTIONS + CONVERSATIONS, {name: article.text for name, article in articles.items()})


@pytest.mark.parametrize("question", ANSWERABLE, ids=named)
def test_answers_stand_in_evidence_of_whole_sentences(question: Question, articles: dict[str, Article]) -> None:
    assert len(question.gold) == 1
    assert {piece.article for piece in question.evidence} == set(question.gold)
    spans = sentences.split(articles[question.gold[0]].text)
    starts, ends = {start for start, _ in spans}, {end for _, end in spans}
    assert all(piece.start in starts and piece.end in ends for piece in question.evidence)
    assert accuracy(" ".join(piece.text for piece in question.evidence), question.answers[:1]) == 1


@pytest.mark.parametrize("question", ANSWERABLE, ids=named)
def test_distractors_are_three_and_wrong(question: Question) -> None:
    assert len(question.distractors) in (0, 3)
    assert len({normalise(option) for option in question.distractors}) == len(question.distractors)
    assert [option for option in question.distractors if accuracy(option, question.answers)] == []


@pytest.mark.parametrize("question", UNANSWERABLE, ids=named)
def test_the_unanswerable_have_no_gold(question: Question) -> None:
    assert [*question.answers, *question.distractors, *question.gold, *question.evidence] == []
    assert question.id.startswith(("none-", "near-", "talk-none-"))


def test_half_of_the_unanswerable_are_near_misses() -> None:
    kinds = Counter(question.id.split("-")[0] for question in QUESTIONS if not question.answerable)
    assert kinds == {"none": 6, "near": 6}
