"""disagree: articles that give another figure for the same thing are told, and nothing else is.

Pairs of our own, with the real embedder.
"""

import pytest
from samples import article, passage

from bot.articles.sentences import split
from bot.cite import Attributor, EvidenceSentence, evidence_sentences
from bot.disagree import SAME_STORY, find, newer_first, newest_figures_first, told
from bot.embed import LlamaEmbedder
from bot.schema import Article, Citation, Passage, Sentence

FIRST = article(
    "first", "Fourteen people were hurt when the market burnt on Monday. It began in a bakery.", date="2026-03-10"
)
LATER = article(
    "later", "The market fire of Monday hurt 23 people, doctors said. The bakery had no chimney.", date="2026-03-13"
)
OTHER = article(
    "other", "A storm closed the airport for two days. Some 200 people slept in the hall.", date="2026-03-12"
)
QUESTION = "How many people were hurt in the market fire?"


def evidence(*articles: Article) -> list[EvidenceSentence]:
    return evidence_sentences([passage(one) for one in articles], split)


def said(
    embedder: LlamaEmbedder, question: str, answer: str, *articles: Article
) -> tuple[list[Citation], tuple[Sentence, Citation] | None]:
    """The citations of an answer of one sentence, which must be supported, and what is told after it."""
    shown = evidence(*articles)
    by = Attributor(question, shown, embedder.embed_documents)
    sentence, citations = by.cite(answer, 0, by.support(answer))
    return citations, told(question, [sentence], citations, shown, embedder.embed_documents)


@pytest.mark.parametrize(
    ("answer", "cited", "text"),
    [
        (
            "The market fire hurt 23 people.",
            "later",
            "An earlier article, of 10 March 2026, gives another figure: "
            "“Fourteen people were hurt when the market burnt on Monday.”",
        ),
        (
            "Fourteen people were hurt when the market burnt.",
            "first",
            "A newer article, of 13 March 2026, gives another figure: "
            "“The market fire of Monday hurt 23 people, doctors said.”",
        ),
    ],
)
def test_another_figure_is_told_with_its_date_and_words(
    embedder: LlamaEmbedder, answer: str, cited: str, text: str
) -> None:
    citations, found = said(embedder, QUESTION, answer, FIRST, LATER, OTHER)
    assert citations[0].article == cited
    assert found is not None
    sentence, citation = found
    assert sentence == Sentence(text=text, markers=(citation.marker,), support=1.0)
    assert citation.marker == max(one.marker for one in citations) + 1
    assert citation.sentence == 1
    source = {"first": FIRST, "later": LATER}[citation.article]
    assert source.text[citation.start : citation.end] == citation.quote
    assert [(day.text, str(day.first)) for day in citation.days] == [("Monday", "2026-03-09")]


PAIRS = [
    ("How many homes burnt?", "40 homes")
    + ("The blaze in Velm destroyed 40 homes.", "In Velm 52 homes were destroyed by the blaze."),
    ("When does the museum open?", "It opens on 6 May.")
    + ("The museum of the sea opens on 6 May.", "The museum of the sea opens on 18 June."),
    ("What does the tunnel cost?", "$4 million")
    + ("The tunnel will cost $4 million.", "The cost of the tunnel is now $5.5m."),
    ("By how much did rents rise?", "By 7 percent.")
    + ("Rents in Hallin rose by 7 percent.", "In Hallin rents rose by 9%."),
    ("When was the vote?", "The council voted on Monday.")
    + ("The council voted on the tram on Monday.", "The council voted on the tram on Tuesday."),
    ("How many were killed?", "Six people.")
    + ("The number of people killed by the storm is at six.", "Nine people were killed by the storm."),
    ("How many were killed?", "Six people.")
    + ("Six people died in the storm at Velm.", "The storm at Velm killed nine people and hurt 40."),
    ("How many were hurt in the fire?", "14 people.")
    + ("The market fire hurt 14 people, said Ada Quill.", "The market fire hurt 23 people, Bram Oxley told reporters."),
    ("How many homes burnt?", "40 homes")
    + ("The blaze in Velm destroyed 40 homes.", "A second count shows that the blaze in Velm destroyed 52 homes."),
    ("How many people were hurt in the fire?", "14 people.")
    + ("The fire in Velm hurt 14 people.", "Doctors in Velm say that 23 people were hurt in the fire."),
    ("How many homes burnt?", "98 homes")
    + ("The blaze in Velm destroyed 98 homes.", "In Velm 97 homes were destroyed by the blaze."),
    ("How many people did the fire hurt?", "14 people.")
    + ("The fire hurt 14 people in Iran.", "The fire hurt 23 people, Iranian doctors found."),
]


@pytest.mark.parametrize(("question", "answer", "one", "other"), PAIRS)
def test_pairs_that_disagree(embedder: LlamaEmbedder, question: str, answer: str, one: str, other: str) -> None:
    shown = evidence(article("one", one, date="2026-03-13"), article("other", other, date="2026-03-14"))
    assert [found.other.text for found in find(question, answer, shown[0], shown, embedder.embed_documents)] == [other]


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [
        ("The blaze in Velm destroyed 40 homes.", "In Velm 40 homes were destroyed by the blaze.", "40 homes"),
        ("The blaze in Velm destroyed 5,000 homes.", "In Velm 5,012 homes were destroyed by the blaze.", "5,000 homes"),
        ("The blaze in Velm destroyed 98 homes.", "In Velm 100 homes were destroyed by the blaze.", "98 homes"),
        ("The blaze in Velm destroyed 40 homes.", "In Velm 52 cars were destroyed by the blaze.", "40 homes"),
        ("The blaze in Velm destroyed 40 homes.", "The builders of Orra sold 52 homes.", "40 homes"),
        ("The blaze in Velm destroyed 40 homes.", "In Velm 52 homes were destroyed by the blaze.", "The blaze did."),
        ("The blaze in 1921 destroyed 40 homes.", "The blaze in 1987 destroyed 52 homes.", "40 homes"),
        ("A single ticket costs 4 crowns.", "The new bridge costs 31 million crowns.", "4 crowns"),
        ("The fair opened on 3 May.", "The ferry stopped on 9 May.", "On 3 May."),
        ("The fair opens on 3 May.", "The fair of Orra was announced on 9 April.", "On 3 May."),
        ("23 people were hurt in the market fire.", "Three people were killed in the market fire.", "23 people"),
        ("Three people were killed in the market fire.", "The market fire left 23 people injured.", "Three people"),
        ("Police arrested two people after the market fire.", "The market fire hurt 23 people.", "two people"),
        (
            "Six people died when a bus crashed in Velm.",
            "The bus that crashed in Velm carried 40 people.",
            "Six people",
        ),
        ("A man was arrested in Velm on Monday.", "A second man was arrested in Velm on Friday.", "On Monday."),
        ("In the final, Rovers scored three goals.", "In the final, Athletic scored two goals.", "three goals"),
        ("The fire hurt 14 people.", "The fire hurt another nine people.", "14 people"),
        ("The fire hurt two hundred and fifty people.", "The fire hurt 250 people.", "250 people"),
    ],
)
def test_pairs_that_do_not(embedder: LlamaEmbedder, one: str, other: str, answer: str) -> None:
    shown = evidence(article("one", one, date="2026-03-13"), article("other", other, date="2026-03-14"))
    for question in ("What happened to the homes in Velm?", one):
        assert find(question, answer, shown[0], shown, embedder.embed_documents) == []


def test_a_name_that_begins_a_sentence_is_known_from_the_others(embedder: LlamaEmbedder) -> None:
    cup = article("cup", "Rovers scored three goals in the final.", date="2026-03-13")
    for more, told_of in (("It was a bad day for Athletic.", False), ("It was a bad day.", True)):
        shown = evidence(cup, article("other", f"Athletic scored two goals in the final. {more}", date="2026-03-14"))
        found = find("How many goals did Rovers score?", "Three goals.", shown[0], shown, embedder.embed_documents)
        assert bool(found) == told_of


def test_an_article_does_not_disagree_with_itself(embedder: LlamaEmbedder) -> None:
    both = article("both", f"{FIRST.text} {LATER.text}", date="2026-03-13")
    assert said(embedder, QUESTION, "The market fire hurt 23 people.", both)[1] is None


def test_years_lie_between_two_stories(embedder: LlamaEmbedder) -> None:
    assert FIRST.date is not None
    old = FIRST.model_copy(update={"date": FIRST.date - 2 * SAME_STORY})
    assert said(embedder, QUESTION, "The market fire hurt 23 people.", old, LATER)[1] is None


def test_articles_without_a_date_are_neither_newer_nor_earlier(embedder: LlamaEmbedder) -> None:
    undated = FIRST.model_copy(update={"date": None})
    _, found = said(embedder, QUESTION, "The market fire hurt 23 people.", undated, LATER)
    assert found is not None
    assert found[0].text.startswith("Another article gives another figure: “Fourteen")


def test_what_the_answer_cites_itself_is_not_told_again(embedder: LlamaEmbedder) -> None:
    answers = ("The market fire hurt 23 people.", "Fourteen people were hurt when the market burnt.")
    shown = evidence(FIRST, LATER)
    by = Attributor(QUESTION, shown, embedder.embed_documents)
    cited = [by.cite(text, index, by.support(text)) for index, text in enumerate(answers)]
    sentences, citations = [one for one, _ in cited], [one for _, more in cited for one in more]
    assert told(QUESTION, sentences, citations, shown, embedder.embed_documents) is None
    assert told(QUESTION, [], [], shown, embedder.embed_documents) is None


def ranked(*articles: tuple[Article, float]) -> list[Passage]:
    return [passage(one).model_copy(update={"similarity": similarity}) for one, similarity in articles]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([(FIRST, 0.6), (LATER, 0.58)], ["later", "first"]),
        ([(LATER, 0.6), (FIRST, 0.58)], ["later", "first"]),
        ([(FIRST, 0.6), (LATER, 0.4)], ["first", "later"]),
        ([(OTHER, 0.6), (LATER, 0.6)], ["other", "later"]),
        ([(OTHER, 0.6), (FIRST, 0.6), (LATER, 0.6)], ["other", "later", "first"]),
        ([(FIRST.model_copy(update={"date": None}), 0.6), (LATER, 0.6)], ["first", "later"]),
        ([], []),
    ],
)
def test_the_newer_of_two_near_equals_leads(given: list[tuple[Article, float]], expected: list[str]) -> None:
    assert [one.article for one in newer_first(ranked(*given))] == expected


@pytest.mark.parametrize(
    ("older", "newer", "leads"),
    [
        ("The fire in the market hurt 14 people.", "The market fire hurt 23 people.", "newer"),
        ("The fire in the market hurt 14 people.", "The market fire hurt 14 people.", "older"),
        ("The fire in the market hurt 14 people.", "The market fire hurt 23 people, up from 14 people.", "newer"),
        ("The fire in the market hurt 14 people.", "The market fire burnt 74 stalls.", "older"),
        ("The market will open on 6 September.", "The market is to open on 18 October.", "newer"),
        ("A ticket to the market costs 11 crowns.", "A ticket to the market costs 12 crowns.", "newer"),
        # Crowns are paid for anything, and words of the two days were said.
        (
            "A ticket to the market costs 11 crowns.",
            "The market’s new roof will cost the town 29 million crowns.",
            "older",
        ),
        ("The market burnt, the mayor said on Monday.", "The market burnt, the mayor said yesterday.", "older"),
    ],
)
def test_the_newer_figure_leads(older: str, newer: str, leads: str) -> None:
    given = ranked(
        (article("older", older, date="2026-03-10"), 0.6), (article("newer", newer, date="2026-03-13"), 0.58)
    )
    found = newest_figures_first("What does a ticket to the market cost?", given, newer_first(given))
    assert [one.article for one in found][0] == leads
    assert sorted(found, key=str) == sorted(given, key=str)


def test_a_figure_gives_way_only_within_a_story_to_a_newer_article_nearly_as_good() -> None:
    older = article("older", "The fire in the market hurt 14 people.", date="2026-03-10")
    newer = article("newer", "The market fire hurt 23 people.", date="2026-03-13")
    much_later = newer.model_copy(update={"date": older.date + SAME_STORY * 2 if older.date else None})
    for given in (
        ranked((newer, 0.6), (older, 0.58)),
        ranked((older, 0.6), (newer, 0.5)),
        ranked((older, 0.6), (much_later, 0.6)),
        ranked((older, 0.6), (older, 0.6)),
        [],
    ):
        assert (
            newest_figures_first("How many people did the fire in the market hurt?", given, newer_first(given)) == given
        )
    given = ranked((older, 0.6), (newer, 0.6))
    assert newest_figures_first("When were 14 people hurt?", given, newer_first(given)) == given
