"""Questions made of others that no article should answer."""

import random

import pytest
from samples import article

from bot.articles.sentences import split
from bot.drafts.near import Names, Near
from bot.schema import Article
from drafts.library import BRIDGE, FERRY

TRAM = article(
    "tram",
    "A tram runs in Vell and in Lomel, and stops in Brede’s yard. Ada Quill leads the company. Quill came in 2003.",
)


@pytest.mark.parametrize(
    ("question", "article", "was", "nows"),
    [
        ("Who led the repairs with Ruth Oster?", "bridge", "Ruth Oster", {"Jon Reyes", "Ada Quill"}),
        ("What did the ferry Aurelia strike at Mellin?", "ferry", "Mellin", {"Vell", "Lomel"}),
        ("What did Reyes blame in 2021?", "ferry", "2021", {"2019", "2003"}),
    ],
)
def test_a_name_is_exchanged_for_one_of_its_kind(question: str, article: str, was: str, nows: set[str]) -> None:
    names = Names([BRIDGE, FERRY, TRAM], split)
    found = [names.near(question, article, random.Random(seed)) for seed in range(20)]
    assert {one.now for one in found if one} == nows
    assert all(one and one.was == was and one.question == question.replace(was, one.now) for one in found)


def test_nothing_is_made_where_no_name_is_known_or_fits() -> None:
    assert Names([BRIDGE, FERRY], split).near("How many passengers were hurt?", "ferry", random.Random(0)) is None
    assert Names([BRIDGE], split).near("Who worked with Ruth Oster?", "bridge", random.Random(0)) is None


def test_a_name_is_not_taken_whose_article_is_about_the_same() -> None:
    question, other = "Which pier did the ferry strike in Mellin?", "Another ferry struck another pier in Dorn."
    one = article("ferry", "The ferry struck the pier in Mellin.")

    def made(*articles: Article) -> set[str]:
        names = Names([one, *articles], split)
        return {near.now for seed in range(20) if (near := names.near(question, "ferry", random.Random(seed)))}

    assert made(article("dorn", other), TRAM) == {"Vell", "Lomel"}
    assert made(article("dorn", "They sing in Dorn."), TRAM) == {"Vell", "Lomel", "Dorn"}


@pytest.mark.parametrize("question", ["Who leads Mellin College?", "Who leads Old Mellin?", "Who leads Mellins?"])
def test_a_part_of_a_longer_name_stays(question: str) -> None:
    assert Names([FERRY, TRAM], split).near(question, "ferry", random.Random(0)) is None


def test_only_sentences_with_the_new_name_are_near_and_the_nearest_come_first() -> None:
    names = Names([BRIDGE, article("oster", "Oster sings. Oster led the repairs. It cost much.")], split)
    found = names.nearest(Near("Who led the repairs after Oster?", "Reyes", "Oster"), 2)
    assert found == [
        "The engineer Ruth Oster led the repairs, which cost 3.2 million crowns.",
        "Oster led the repairs.",
    ]
