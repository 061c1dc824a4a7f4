"""limits: what questions are limited to, as chips, in words and as typed; and on the page, in sight."""

import datetime as dt
from collections.abc import Callable

import pytest
from conftest import Visit
from fake_bot import ARTICLES, FakeBot
from playwright.sync_api import Page, expect
from test_app import CITED, ask_and_wait, until

from bot.schema import ArticleInfo, Filters
from bot.ui import limits

Open = Callable[..., Visit]
JAN, FEB, MAR = (dt.date(2025, month, 1) for month in (1, 2, 3))
INFOS = [
    ArticleInfo(id="tram", title="Tram opens", source="Courier", date=MAR),
    ArticleInfo(id="bees", title="Bees winter", source="Courier", date=FEB),
    ArticleInfo(id="fair", title="Fair", source="gazette", date=JAN),
    ArticleInfo(id="old", title="An old tram"),
]


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        (Filters(), ""),
        (Filters(articles=("tram",)), "Asked only of the article “Tram <line>”."),
        (Filters(articles=("tram", "fair")), "Asked only of the articles “Tram <line>”, “fair”."),
        (Filters(sources=("Courier", "")), "Asked only of articles of Courier, no source."),
        (Filters(since=JAN), "Asked only of articles from 2025-01-01 on."),
        (Filters(until=FEB), "Asked only of articles up to 2025-02-01."),
        (Filters(since=JAN, until=JAN), "Asked only of articles of 2025-01-01."),
        (
            Filters(articles=("x",), sources=("y",), since=JAN, until=FEB),
            "Asked only of the article “x”, and articles of y, and articles from 2025-01-01 to 2025-02-01.",
        ),
        (Filters(today=JAN), ""),
    ],
)
def test_limits_in_words(filters: Filters, words: str) -> None:
    assert limits.said(filters, {"tram": "Tram <line>"}) == words
    assert bool(limits.chips(filters, {})) == bool(words)


@pytest.mark.parametrize(
    ("what", "left"),
    [
        ("article:a:1", Filters(articles=("b",), sources=("s",), since=JAN)),
        ("article:nosuch", Filters(articles=("a:1", "b"), sources=("s",), since=JAN)),
        ("source:s", Filters(articles=("a:1", "b"), since=JAN)),
        ("days", Filters(articles=("a:1", "b"), sources=("s",))),
        ("nonsense", Filters(articles=("a:1", "b"), sources=("s",), since=JAN)),
        ("", Filters(articles=("a:1", "b"), sources=("s",), since=JAN)),
    ],
)
def test_a_limit_is_dropped(what: str, left: Filters) -> None:
    assert limits.without(Filters(articles=("a:1", "b"), sources=("s",), since=JAN), what) == left


def test_articles_are_added_once() -> None:
    one = limits.only(Filters(since=JAN, sources=("Courier",)), "a")
    assert one == Filters(articles=("a",)), "the reader wants it, whatever it is of"
    assert limits.only(limits.only(one, "b"), "a") == Filters(articles=("a", "b"))


@pytest.mark.parametrize(
    ("query", "fields", "found"),
    [
        ("", ([], "", ""), ["tram", "bees", "fair", "old"]),
        ("TRAM", ([], "", ""), ["tram", "old"]),
        ("tram courier", ([], "", ""), ["tram"]),
        ("", (["Courier"], "", ""), ["tram", "bees"]),
        ("", (["Courier", "gazette"], " 2025-02-01 ", ""), ["tram", "bees"]),
        ("", ([], "2025-01-01", "2025-02-01"), ["bees", "fair"]),
        ("fair", (["Courier"], "", ""), []),
    ],
)
def test_what_the_list_finds(query: str, fields: tuple[list[str], str, str], found: list[str]) -> None:
    assert [info.id for info in limits.found(INFOS, query, limits.typed(*fields))] == found


@pytest.mark.parametrize(
    ("since", "until", "told"),
    [
        ("yesterday", "", "“yesterday” is no day. Write it as 2025-01-31."),
        ("", "2025-02-30", "“2025-02-30” is no day"),
        ("2025-03-01", "2025-02-01", "2025-03-01 is after 2025-02-01. Swap them."),
    ],
)
def test_days_that_are_none(since: str, until: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        limits.typed([], since, until)


def test_sources_in_order() -> None:
    assert limits.sources(INFOS) == ["Courier", "gazette"]


# -- on the page --


@pytest.fixture
def page(visit: Open, address: str) -> Page:
    return visit(address).page


def test_a_question_is_asked_only_of_a_chosen_article(page: Page, bot: FakeBot) -> None:
    page.get_by_role("tab", name="Articles").click()
    page.get_by_role("button", name="City bees winter well").click()
    page.get_by_role("button", name="Ask only this article").click()
    chip = page.get_by_role("button", name="No longer only: City bees winter well")
    expect(chip).to_be_visible()
    ask_and_wait(page, CITED)
    assert bot.filters[-1] == Filters(articles=("bees",))
    chip.click()
    expect(page.locator(".cb-chips")).to_have_count(0)
    ask_and_wait(page, CITED, exchanges=2)
    assert bot.filters[-1] == Filters()
    page.get_by_role("button", name="Ask only this article").click()
    expect(page.locator(".cb-chips")).to_have_count(1)
    page.get_by_role("button", name="New chat").click()
    expect(page.locator(".cb-chips")).to_have_count(0)
    ask_and_wait(page, CITED)
    assert bot.filters[-1] == Filters()


def test_a_question_is_asked_only_of_what_the_list_shows(page: Page, bot: FakeBot) -> None:
    page.get_by_role("tab", name="Articles").click()
    items = page.locator(".cb-list li")
    page.get_by_label("From").fill("2025-02-01")
    expect(items).to_have_count(2)
    page.get_by_label("To", exact=True).fill("2025-02-30")
    expect(page.get_by_text("“2025-02-30” is no day")).to_be_visible()
    page.get_by_label("To", exact=True).fill("2025-02-28")
    expect(items).to_have_count(1)
    page.get_by_role("button", name="Ask only these").click()
    expect(page.locator(".cb-chips")).to_contain_text("from 2025-02-01 to 2025-02-28")
    ask_and_wait(page, CITED)
    assert bot.filters[-1] == Filters(since=dt.date(2025, 2, 1), until=dt.date(2025, 2, 28))
    asked = len(bot.filters)
    page.get_by_role("button", name="Ask again").click()
    until(lambda: len(bot.filters) > asked, 20)
    assert bot.filters[-1] == bot.filters[-2]


def test_words_of_the_list_choose_articles(page: Page, bot: FakeBot) -> None:
    page.get_by_role("tab", name="Articles").click()
    page.get_by_placeholder("Find by title").fill("zebra")
    expect(page.locator(".cb-list li")).to_have_count(0)
    page.get_by_role("button", name="Ask only these").click()
    expect(page.get_by_text("0 articles have these words.")).to_be_visible()
    page.get_by_placeholder("Find by title").fill("courier bees")
    expect(page.locator(".cb-list li")).to_have_count(1)
    page.get_by_role("button", name="Ask only these").click()
    expect(page.locator(".cb-chips")).to_contain_text(ARTICLES[1].title)
    ask_and_wait(page, CITED)
    assert bot.filters[-1] == Filters(articles=("bees",))


def test_sources_limit_the_list(page: Page) -> None:
    page.get_by_role("tab", name="Articles").click()
    expect(page.locator(".cb-list li")).to_have_count(3)
    page.get_by_label("Source").click()
    page.get_by_role("option", name="Harbour Courier").click()
    expect(page.locator(".cb-list li")).to_have_count(2)
    expect(page.locator(".cb-list")).to_contain_text("2 of 3 articles")
