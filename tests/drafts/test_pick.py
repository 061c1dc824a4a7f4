"""Which sentences are asked about, and which of their words are answers."""

from pathlib import Path

import pytest
from samples import article

from bot.articles import read_file
from bot.articles.sentences import split
from bot.drafts.answers import answers
from bot.drafts.pick import order, sources, stands_alone
from bot.schema import Article
from drafts.library import BRIDGE, FERRY, source


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The engineer Ruth Oster led the repairs, which cost 3.2 million crowns.", True),
        ("She led the repairs of the bridge, which cost 3.2 million crowns.", False),
        ("This was the first repair of the bridge at Halden since 1921.", False),
        ("“We held our fares for four years,” said Ruth Oster of Halden.", False),
        ("CLICK HERE TO GET THE APP OF THE HALDEN COURIER, NEW IN 2019.", False),
        ("The Halden bridge, opened in 2019, is", False),
        ("Ruth Oster left in 2019.", False),
        (f"Ruth Oster {'very ' * 80}gladly left Halden in 2019.", False),
    ],
)
def test_sentences_that_can_be_read_alone(sentence: str, expected: bool) -> None:
    assert stands_alone(sentence) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            "The engineer Ruth Oster led the repairs, which cost 3.2 million crowns.",
            ["3.2 million crowns", "Ruth Oster"],
        ),
        ("On 8 November 2025, 512 homes were flooded.", ["8 November 2025", "512 homes"]),
        ("It moved because the lights had become too bright, they said.", ["because the lights had become too bright"]),
        ("It left because of rain.", []),
        ("The museum of Dorn’s sailors opened at Mellin.", ["Mellin"]),
        ("It begins at 7 p.m. on Monday.", ["7 p.m."]),
        ("Rovers won 3-2 in the 80th minute, and 34 drowned.", []),
        ("Profit rose by 7 percent, or 12%, to $5 million.", ["7 percent", "12%", "$5 million"]),
        ("In Halden the mayor met Jon Reyes.", ["Jon Reyes"]),
        ("About 1,200 people came, not 14.", ["1,200 people"]),
    ],
)
def test_answers(sentence: str, expected: list[str]) -> None:
    found = answers(sentence, "Halden bridge opens")
    assert sorted(found) == sorted(expected)
    assert all(one in sentence for one in found)


def test_the_same_seed_draws_the_same_sentences_in_any_order_of_articles() -> None:
    one = order([BRIDGE, FERRY], split, 1)
    assert one == order([FERRY, BRIDGE], split, 1)
    assert {tuple(order([BRIDGE, FERRY], split, seed)) for seed in range(9)} > {tuple(one)}
    assert len({each.id for each in one}) == len(one)


def test_all_articles_come_before_any_comes_again() -> None:
    articles = [read for file in sorted(Path("seeds/articles").iterdir()) for read in read_file(file)]
    drawn = order([one for one in articles if isinstance(one, Article)], split, 0)
    assert len({one.article.id for one in drawn[: len(articles)]}) == len(articles)
    for one in drawn:
        assert one.article.text[one.start : one.end] == one.text
        assert one.answers


def test_the_title_is_not_asked_about_and_the_beginning_goes_along() -> None:
    title, lead = "The bridge of Halden has reopened in 2019", "In Halden it rained in May for nine days."
    text = f"{title}\n\n{lead} Ruth Oster led the work for eleven months."
    found = [(one.text, one.lead) for one in sources(article("b", text, title=title), split)]
    assert found == [(lead, ""), ("Ruth Oster led the work for eleven months.", lead)]


def test_what_goes_along_is_cut_at_words_and_joins_the_sentence() -> None:
    sentence = "Ruth Oster led the repairs of 2019."
    long = article("long", f"{'before ' * 100}{sentence}{' after' * 100}")
    one = source(sentence, long)
    assert one.before.startswith("…before before ")
    assert one.after.endswith(" after …")
    assert one.before[1:] + one.text + one.after[:-1] in long.text
    short = source("It was closed for eleven months in all.")
    assert short.before + short.text + short.after == BRIDGE.text
