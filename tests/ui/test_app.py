"""The page in a real browser, over a real server, with a fake bot."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from conftest import Visit, found, reload, served
from fake_bot import ARTICLES, COST, HOSTILE, OPENED, FakeBot
from playwright.sync_api import Page, expect

from bot.errors import StoreError
from bot.schema import Article

Open = Callable[..., Visit]
CITED = "When did the tram line open, and what did its bridge cost?"
LONG = "A long question: what did the bridge cost?"
SLOW = "Tell me slowly: when did the tram line open?"


def ask(page: Page, question: str) -> None:
    box = page.get_by_placeholder("Ask your articles")
    box.fill(question)
    box.press("Enter")


def ask_and_wait(page: Page, question: str, exchanges: int = 1) -> None:
    ask(page, question)
    expect(page.locator(".cb-exchange")).to_have_count(exchanges)
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
    expect(page.get_by_role("log")).to_have_attribute("aria-busy", "false")


def marker(page: Page, number: int) -> None:
    page.locator(f'.cb-answer p button[data-marker="{number}"]').click()


RECORD = """() => {
  window.seen = [];
  const text = (selector) => document.querySelector(selector)?.textContent ?? '';
  new MutationObserver(() => window.seen.push([text('.cb-status'), text('.cb-answer')]))
    .observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


def until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)


def in_sight(page: Page, selector: str) -> bool:
    """Whether the whole element lies within the window and within the article's scrolled text."""
    return bool(page.evaluate(
        """(selector) => {
          const mark = document.querySelector(selector).getBoundingClientRect();
          const text = document.querySelector('.cb-text').getBoundingClientRect();
          return mark.top >= Math.max(0, text.top) && mark.bottom <= Math.min(innerHeight, text.bottom);
        }""",
        selector,
    ))  # fmt: skip


@pytest.fixture
def page(visit: Open, address: str) -> Page:
    return visit(address).page


def test_an_answer_streams_and_ends_with_its_sources(page: Page, bot: FakeBot) -> None:
    expect(page.get_by_text("Ask about your")).to_be_visible()
    page.evaluate(RECORD)
    ask(page, CITED)
    expect(page.locator(".cb-sources li")).to_have_count(4)
    expect(page.locator(".cb-sources li").nth(1)).to_contain_text(COST)
    expect(page.locator(".cb-sources li").nth(1)).to_contain_text("Tram crosses the Orla at last · 10 Mar 2025")
    expect(page.locator(".cb-status")).to_contain_text("Took 3.4 s")
    expect(page.locator("mark.cb-here")).to_have_text(OPENED)
    seen = page.evaluate("window.seen")
    assert any("Reading the passages found" in status and "of 1,200 tokens" in status for status, _ in seen)
    growing = {text for _, text in seen if text and "beehives" not in text}
    assert len(growing) > 4
    assert any("Sunday.[1]" in text for text in growing)
    ask_and_wait(page, CITED, exchanges=2)
    assert [turn.question for turn in bot.asked[-1][1]] == [CITED]


def test_a_marker_opens_its_article_at_the_quoted_words(page: Page, capfd: pytest.CaptureFixture[str]) -> None:
    ask_and_wait(page, CITED)
    marker(page, 2)
    here = page.locator("mark.cb-here")
    expect(here).to_have_text(COST)
    until(lambda: in_sight(page, "mark.cb-here"), 20)
    page.locator(".cb-text").evaluate("element => { element.scrollTop = 0; }")
    assert not in_sight(page, "mark.cb-here")
    marker(page, 2)
    until(lambda: in_sight(page, "mark.cb-here"), 20)
    page.locator(".cb-source").nth(3).press("Enter")
    expect(page.locator(".cb-article h2")).to_have_text("City bees winter well")
    expect(here).to_have_text(ARTICLES[1].text)
    page.locator('.cb-marker-row button[data-marker="1"]').press("Enter")
    expect(here).to_have_text(OPENED)
    expect(page.locator(".toast-wrap .toast-body, .toast-body")).to_have_count(0)
    assert "didn't return enough" not in capfd.readouterr().err, "a click that is not for it is no error"


def test_markers_of_settled_sentences_work_while_the_answer_grows(page: Page) -> None:
    ask(page, SLOW)
    marker(page, 1)
    expect(page.locator("mark.cb-here")).to_have_text(OPENED)
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped here.")).to_be_visible()
    expect(page.locator(".cb-answer")).to_contain_text("until Sunday.[1]")


def test_a_refusal_looks_different_and_offers_the_nearest_article(page: Page) -> None:
    ask_and_wait(page, "Who is the president of France?")
    expect(page.locator(".cb-refusal")).to_contain_text("Your articles do not answer this question.")
    expect(page.locator(".cb-sources")).to_have_count(0)
    page.locator(".cb-nearest button").click()
    expect(page.locator(".cb-article h2")).to_have_text("Tram crosses the Orla at last")


@pytest.mark.parametrize(("question", "moment"), [(LONG, "Reading"), (SLOW, "Answering")])
def test_stop_takes_effect_within_a_second(page: Page, bot: FakeBot, question: str, moment: str) -> None:
    ask(page, question)
    expect(page.locator(".cb-status")).to_contain_text(moment)
    page.get_by_role("button", name="Stop").click()
    until(lambda: not bot.busy, 1)
    expect(page.get_by_text("Stopped here.")).to_be_visible(timeout=1000)
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible(timeout=1000)
    ask_and_wait(page, CITED, exchanges=2)
    expect(page.locator(".cb-sources")).to_be_visible()


def test_leaving_the_page_frees_the_model(page: Page, bot: FakeBot) -> None:
    ask(page, LONG)
    expect(page.locator(".cb-status")).to_contain_text("Reading")
    assert bot.busy
    page.close()
    until(lambda: not bot.busy, 1)


def test_an_error_is_told_and_the_next_question_works(page: Page) -> None:
    ask_and_wait(page, "Does this break?")
    expect(page.locator(".cb-problem")).to_have_text("The model broke. Start the bot again.")
    ask_and_wait(page, CITED, exchanges=2)
    expect(page.locator(".cb-sources")).to_be_visible()


def test_new_chat_and_an_empty_question(page: Page) -> None:
    ask_and_wait(page, "Who is the president of France?")
    page.get_by_role("button", name="New chat").click()
    expect(page.locator(".cb-exchange")).to_have_count(0)
    ask(page, "  ")
    expect(page.locator(".cb-status")).to_have_text("Type a question first.")


def test_two_visitors_queue_and_do_not_see_each_other(visit: Open, address: str) -> None:
    first, second = visit(address).page, visit(address).page
    ask(first, LONG)
    expect(first.locator(".cb-status")).to_contain_text("Reading")
    ask(second, CITED)
    expect(second.locator(".cb-status")).to_contain_text("Waiting: 1 other question first")
    second.get_by_role("tab", name="Articles").click()
    second.get_by_role("button", name="City bees winter well").click()
    expect(second.locator(".cb-article h2")).to_have_text("City bees winter well")
    expect(first.get_by_role("button", name="Stop")).to_be_visible()
    first.get_by_role("button", name="Stop").click()
    expect(second.locator(".cb-sources")).to_be_attached()
    expect(second.locator(".cb-question")).to_have_text([CITED])
    expect(first.locator(".cb-question")).to_have_text([LONG])


@pytest.mark.parametrize("width", [1280, 390])
def test_a_marker_that_is_pointed_at_shows_quote_title_and_date(visit: Open, address: str, width: int) -> None:
    page = visit(address, viewport={"width": width, "height": 700}).page
    ask_and_wait(page, CITED)
    card = page.locator(".cb-card:visible")
    expect(card).to_have_count(0)
    page.locator('.cb-answer p button[data-marker="2"]').hover()
    expect(card).to_contain_text(f"{COST} Tram crosses the Orla at last · 10 Mar 2025")
    assert page.evaluate(
        """() => {
          const card = [...document.querySelectorAll('.cb-card')].find((one) => one.checkVisibility());
          const {left, right, top, bottom} = card.getBoundingClientRect();
          const seen = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
          return left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight && card.contains(seen);
        }"""
    ), "the whole card is in sight, before everything else"
    page.mouse.move(2, 2)
    expect(card).to_have_count(0)


def test_a_card_is_reached_and_left_by_keyboard(page: Page) -> None:
    ask_and_wait(page, CITED)
    page.locator('.cb-answer p button[data-marker="1"]').focus()
    page.keyboard.press("Tab")
    expect(page.locator(".cb-card:visible")).to_contain_text(COST)
    expect(page.locator(":focus")).to_have_accessible_description(re.compile(re.escape(COST)))
    page.keyboard.press("Escape")
    expect(page.locator(".cb-card:visible")).to_have_count(0)
    page.keyboard.press("Tab")
    expect(page.locator(".cb-card:visible")).to_have_count(1)


def test_hostile_text_is_shown_as_text(page: Page) -> None:
    ask_and_wait(page, f"{HOSTILE} hostile")
    expect(page.locator(".cb-question")).to_have_text(f"{HOSTILE} hostile")
    expect(page.locator(".cb-answer p").first).to_have_text(f"It says {HOSTILE} and **bold**.[1]", use_inner_text=True)
    page.locator(".cb-answer .cb-cite").hover()
    expect(page.locator(".cb-card:visible")).to_contain_text(HOSTILE)
    page.get_by_role("tab", name="Articles").click()
    page.locator(".cb-list").get_by_role("button", name=HOSTILE).click()
    expect(page.locator(".cb-article h2")).to_have_text(HOSTILE)
    expect(page.locator(".cb-text")).to_have_text(ARTICLES[2].text)
    expect(page.locator(".cb-article .cb-meta").first).to_contain_text("javascript:alert(4)")
    assert page.locator(".cb-article a, .cb-article img, .cb-list img, .cb-chat img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_how_an_answer_was_made_can_be_unfolded(visit: Open, address: str, scheme: str) -> None:
    page = visit(address, color_scheme=scheme).page
    ask_and_wait(page, CITED)
    how, prompt = page.locator(".cb-how"), page.locator(".cb-how pre").last
    expect(prompt).to_be_hidden()
    how.locator("summary").press("Enter")
    expect(how).to_contain_text(f"searched for: Where is the tram? {CITED}", use_inner_text=True)
    rows = how.locator("table").first.locator("tbody tr")
    expect(rows).to_have_count(6)
    expect(rows.nth(1).locator("td")).to_contain_text(["2", "4", "1", "0.0320", "0.620", "90", "characters"])
    expect(rows.last).to_contain_text(HOSTILE)
    prompt.scroll_into_view_if_needed()
    expect(prompt).to_be_in_viewport()
    expect(prompt).to_contain_text(f'Passage from "{HOSTILE}"')
    assert how.locator("img, script, a").count() == 0
    for part in ["summary", "dt", "dd", "th", "td:last-child div + div", "pre"]:
        assert page.evaluate(CONTRAST, f".cb-how {part}") >= 4.5, part
    ask(page, SLOW)
    expect(how).to_have_count(0)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Stopped here.")).to_be_visible()


class SlowReader(FakeBot):
    """Reads no file before `go` is set."""

    def __init__(self, articles: Sequence[Article]) -> None:
        super().__init__(articles)
        self.go = threading.Event()

    def add_files(self, paths: Sequence[Path]) -> list[str]:
        assert self.go.wait(20)
        return super().add_files(paths)


@pytest.fixture
def empty(visit: Open, tmp_path: Path) -> Iterator[tuple[Page, Path]]:
    with served(FakeBot(articles=[]), tmp_path) as address:
        yield visit(address).page, tmp_path


def test_articles_are_added_from_files(empty: tuple[Page, Path]) -> None:
    page, folder = empty
    expect(page.locator("#cb-conversation")).to_contain_text("There are no articles yet")
    page.get_by_role("tab", name="Articles").click()
    expect(page.locator(".cb-list")).to_contain_text("There are no articles yet")
    files = {"fair.txt": f"Autumn fair {HOSTILE}\nIt rained.", "ferry.txt": "Ferry sold\nAt last.", "odd.xyz": "?"}
    for name, text in files.items():
        (folder / name).write_text(text)
    page.locator("input[type=file]").set_input_files([folder / name for name in files])
    expect(page.locator(".cb-report li")).to_have_text(
        ["added: fair.txt", "added: ferry.txt", "skipped: odd.xyz (.xyz files cannot be read)"]
    )
    expect(page.locator(".cb-list li")).to_have_count(2)
    page.get_by_placeholder("Find by title").fill("ferry")
    expect(page.locator(".cb-list li")).to_have_count(1)
    page.locator(".cb-list button").click()
    expect(page.locator(".cb-text")).to_have_text("Ferry sold\nAt last.")
    page.get_by_role("tab", name="Ask").click()
    expect(page.locator("#cb-conversation")).to_contain_text("Ask about your 2 articles")
    assert [path for path in (folder / "uploads").rglob("*") if path.is_file() and path.stat().st_size] == []


def test_adding_files_tells_how_far_it_is(visit: Open, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(f"Title {name}\nWords.")
    bot = SlowReader(articles=[])
    with served(bot, tmp_path / "data") as address:
        page = visit(address).page
        page.get_by_role("tab", name="Articles").click()
        page.locator("input[type=file]").set_input_files([tmp_path / "a.txt", tmp_path / "b.txt"])
        expect(page.locator(".cb-adding")).to_contain_text("Adding 1 of 2: a.txt")
        expect(page.get_by_role("progressbar", name="Adding articles")).to_have_attribute("max", "2")
        bot.go.set()
        expect(page.locator(".cb-report li")).to_have_text(["added: a.txt", "added: b.txt"])


def test_a_text_is_pasted(empty: tuple[Page, Path]) -> None:
    page, _ = empty
    page.get_by_role("tab", name="Articles").click()
    page.get_by_role("button", name="Paste a text").click()
    page.get_by_role("button", name="Add this text").click()
    expect(page.locator(".cb-problem")).to_contain_text("There is no text yet")
    page.get_by_label("Title").fill("Mill / sold?")
    page.get_by_label("Text", exact=True).fill("The old mill was sold.")
    page.get_by_role("button", name="Add this text").click()
    expect(page.locator(".cb-report li")).to_have_text(["added: Mill sold.txt"])
    expect(page.get_by_label("Text", exact=True)).to_have_value("")
    page.locator(".cb-list").get_by_role("button", name="Mill / sold?").click()
    expect(page.locator(".cb-text")).to_contain_text("The old mill was sold.")


def test_addresses_are_added_where_the_settings_allow_it(page: Page, visit: Open, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Articles").click()
    expect(page.locator(".cb-list li")).to_have_count(len(ARTICLES))
    expect(page.get_by_label("Web address")).to_have_count(0)
    with served(FakeBot(), tmp_path, add_by_url=True) as address:
        page = visit(address).page
        page.get_by_role("tab", name="Articles").click()
        page.get_by_label("Web address").fill("https://example.org/missing")
        page.get_by_role("button", name="Add this page").click()
        expect(page.locator(".cb-report li")).to_contain_text(["https://example.org/missing is not there (404)"])
        page.get_by_label("Web address").fill("https://example.org/a")
        page.get_by_label("Web address").press("Enter")
        expect(page.locator(".cb-report li")).to_have_text(["added: page"])
        expect(page.locator(".cb-list li")).to_have_count(len(ARTICLES) + 1)


def test_an_article_is_removed_after_one_more_question(visit: Open, tmp_path: Path) -> None:
    with served(FakeBot(), tmp_path) as address:
        page = visit(address).page
        page.get_by_role("tab", name="Articles").click()
        page.get_by_role("button", name="City bees winter well").click()
        remove = page.get_by_role("button", name="Remove it from the bot's articles")
        expect(remove).to_be_hidden()
        page.locator(".cb-article summary", has_text="Remove").click()
        remove.click()
        expect(page.locator(".cb-article")).to_contain_text("The article is removed.")
        expect(page.locator(".cb-list li")).to_have_count(len(ARTICLES) - 1)
        reload(page)
        page.get_by_role("tab", name="Articles").click()
        expect(page.locator(".cb-list li")).to_have_count(len(ARTICLES) - 1)


def test_the_list_is_ordered(page: Page) -> None:
    page.get_by_role("tab", name="Articles").click()
    titles = page.locator(".cb-list li bdi:first-child")
    for order, numbers in [("Oldest first", (2, 1, 0)), ("Newest first", (0, 1, 2)), ("By title", (2, 1, 0))]:
        page.get_by_label("Order").click()
        page.get_by_role("option", name=order).click()
        expect(titles).to_have_text([ARTICLES[number].title for number in numbers])


def test_the_samples_are_offered_where_there_are_no_articles(visit: Open, tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    samples.mkdir()
    for name in ("one", "two"):
        (samples / f"{name}.txt").write_text(f"Sample {name}\nWords.")
    with served(FakeBot(articles=[]), tmp_path / "data", samples) as address:
        page = visit(address).page
        page.get_by_role("button", name="Add the sample articles").click()
        expect(page.locator("#cb-conversation")).to_contain_text("Ask about your 2 articles")
        page.get_by_role("tab", name="Articles").click()
        expect(page.locator(".cb-list li")).to_have_count(2)
        expect(page.locator(".cb-report li")).to_have_text(["added: one.txt", "added: two.txt"])
    assert sorted(path.name for path in samples.iterdir()) == ["one.txt", "two.txt"], "they are not moved away"


def test_a_fault_while_adding_is_told_and_the_next_files_are_added(
    empty: tuple[Page, Path], caplog: pytest.LogCaptureFixture
) -> None:
    page, folder = empty
    page.get_by_role("tab", name="Articles").click()
    for name, line in [("bug.txt", "The bot failed (ZeroDivisionError)"), ("ferry.txt", "added: ferry.txt")]:
        (folder / name).write_text("Ferry sold\nAt last.")
        page.locator("input[type=file]").set_input_files(folder / name)
        expect(page.locator(".cb-report, .cb-problem")).to_contain_text(line)
    assert "ZeroDivisionError" in caplog.text
    assert "in add_files" in caplog.text


def test_two_visitors_add_the_same_file_at_once(visit: Open, tmp_path: Path) -> None:
    (tmp_path / "ferry.txt").write_text("Ferry sold\nAt last.")
    bot = SlowReader(articles=[])
    with served(bot, tmp_path / "data") as address:
        pages = [visit(address).page for _ in range(2)]
        for reading, page in enumerate(pages):
            page.get_by_role("tab", name="Articles").click()
            page.locator("input[type=file]").set_input_files(tmp_path / "ferry.txt")
            expect(page.locator(".cb-adding")).to_contain_text("Adding ferry.txt")
            until(lambda reading=reading: len(found(tmp_path / "data", "claim-*")) == reading + 1, 20)
        bot.go.set()
        for page in pages:
            expect(page.locator(".cb-report")).to_have_text("added: ferry.txt")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_and_a_marker_brings_the_article(visit: Open, address: str, scheme: str) -> None:
    page = visit(address, viewport={"width": 390, "height": 844}, color_scheme=scheme).page
    ask_and_wait(page, CITED)
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("scrollY") == 0
    ask_and_wait(page, CITED, exchanges=2)
    expect(page.locator(".cb-question").nth(1)).to_be_in_viewport()
    expect(page.locator(".cb-question").nth(0)).not_to_be_in_viewport()
    page.locator('.cb-answer p button[data-exchange="1"][data-marker="2"]').click()
    expect(page.locator("mark.cb-here")).to_have_text(COST)
    until(lambda: in_sight(page, "mark.cb-here"), 20)
    page.get_by_role("button", name="Back to the answer").click()
    expect(page.locator('.cb-answer p button[data-exchange="1"][data-marker="2"]')).to_be_in_viewport()


CONTRAST = """(selector) => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let element = document.querySelector(selector), behind = element;
  while (/^rgba.*, 0\\)$/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
  const pair = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor].map(light);
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_for(visit: Open, address: str, scheme: str) -> None:
    page = visit(address, color_scheme=scheme).page
    ask_and_wait(page, CITED)
    ask_and_wait(page, "Who is the president of France?", exchanges=2)
    expect(page.locator(".cb-text")).to_have_count(0)
    marker(page, 1)
    expect(page.locator("mark.cb-here")).to_be_visible()
    parts = [".cb-answer p", ".cb-refusal p", ".cb-question", ".cb-meta", ".cb-status", ".cb-text", ".cb-note"]
    for selector in [*parts, "button.cb-marker", "mark.cb-here", "mark:not(.cb-here)", ".cb-article a"]:
        assert page.evaluate(CONTRAST, selector) >= 4.5, selector


def test_an_article_that_goes_while_it_is_cited_costs_no_answer(visit: Open, tmp_path: Path) -> None:
    bot = FakeBot()
    with served(bot, tmp_path) as address:
        page = visit(address).page
        ask(page, SLOW)
        expect(page.locator(".cb-status")).to_contain_text("Answering")
        bot.remove("tram")
        expect(page.locator(".cb-sources li")).to_have_count(4)
        expect(page.locator("#cb-panel")).to_contain_text("This article has been removed.")
        expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
        reload(page)
        expect(page.locator(".cb-sources li")).to_have_count(4)


def test_what_is_added_meanwhile_leaves_the_conversation_alone(visit: Open, tmp_path: Path) -> None:
    (tmp_path / "ferry.txt").write_text("Ferry sold\nAt last.")
    bot = SlowReader(articles=ARTICLES)
    with served(bot, tmp_path / "data") as address:
        page = visit(address).page
        page.get_by_role("tab", name="Articles").click()
        page.locator("input[type=file]").set_input_files(tmp_path / "ferry.txt")
        expect(page.locator(".cb-adding")).to_be_visible()
        page.get_by_role("tab", name="Ask").click()
        ask_and_wait(page, CITED)
        bot.go.set()
        page.get_by_role("tab", name="Articles").click()
        expect(page.locator(".cb-list li")).to_have_count(len(ARTICLES) + 1)
        page.get_by_role("tab", name="Ask").click()
        expect(page.locator(".cb-sources li")).to_have_count(4)
        assert "?c=" in page.url


def test_all_files_are_added_even_if_the_visitor_leaves(visit: Open, tmp_path: Path) -> None:
    names = [f"n{number}.txt" for number in range(4)]
    for name in names:
        (tmp_path / name).write_text(f"Title {name}\nWords.")
    bot = SlowReader(articles=[])
    with served(bot, tmp_path / "data") as address:
        page = visit(address).page
        page.get_by_role("tab", name="Articles").click()
        page.locator("input[type=file]").set_input_files([tmp_path / name for name in names])
        expect(page.locator(".cb-adding")).to_contain_text("Adding 1 of 4")
        page.close()
        bot.go.set()
        until(lambda: len(bot.articles()) == 4, 20)
        until(lambda: not found(tmp_path / "data", "n*.txt"), 20)


def test_a_source_that_goes_while_it_is_chosen_breaks_nothing(visit: Open, tmp_path: Path) -> None:
    (tmp_path / "ferry.txt").write_text("Ferry sold\nAt last.")
    bot = FakeBot()
    with served(bot, tmp_path / "data") as address:
        page = visit(address).page
        page.get_by_role("tab", name="Articles").click()
        page.get_by_label("Source").click()
        page.get_by_role("option", name="Harbour Courier").click()
        expect(page.locator(".cb-list li")).to_have_count(2)
        for article in ("tram", "bees"):
            bot.remove(article)
        page.locator("input[type=file]").set_input_files(tmp_path / "ferry.txt")
        expect(page.locator(".cb-report li")).to_have_text(["added: ferry.txt"])
        expect(page.locator(".cb-list li")).to_have_count(0)


def test_a_text_that_could_not_be_added_stays(visit: Open, tmp_path: Path) -> None:
    class Busy(FakeBot):
        def add_files(self, paths: Sequence[Path]) -> list[str]:
            raise StoreError("Another process is changing the articles. Try again when it has finished.")

    with served(Busy(), tmp_path) as address:
        page = visit(address).page
        page.get_by_role("tab", name="Articles").click()
        page.get_by_role("button", name="Paste a text").click()
        page.get_by_label("Text", exact=True).fill("The old mill was sold.")
        page.get_by_role("button", name="Add this text").click()
        expect(page.locator(".cb-report")).to_contain_text("skipped: pasted.txt: Another process is changing")
        expect(page.get_by_label("Text", exact=True)).to_have_value("The old mill was sold.")
    assert list(tmp_path.rglob("pasted*")) == []


def test_a_removed_article_is_asked_no_more(visit: Open, tmp_path: Path) -> None:
    bot = FakeBot()
    with served(bot, tmp_path) as address:
        page = visit(address).page
        page.get_by_role("tab", name="Articles").click()
        page.get_by_role("button", name="City bees winter well").click()
        page.get_by_role("button", name="Ask only this article").click()
        expect(page.locator(".cb-chips")).to_contain_text("City bees")
        page.locator(".cb-article summary", has_text="Remove").click()
        page.get_by_role("button", name="Remove it from the bot's articles").click()
        expect(page.locator(".cb-chips")).to_have_count(0)
        ask_and_wait(page, CITED)
        assert not bot.filters[-1].articles


def test_editing_is_in_sight_and_can_be_left(page: Page, bot: FakeBot) -> None:
    ask_and_wait(page, CITED)
    page.get_by_role("button", name="Edit the question").click()
    expect(page.locator("#cb-edited")).to_contain_text("Editing the last question")
    expect(page.get_by_placeholder("Ask your articles")).to_be_focused()
    expect(page.get_by_placeholder("Ask your articles")).to_have_value(CITED)
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("#cb-edited .cb-chips")).to_have_count(0)
    expect(page.get_by_placeholder("Ask your articles")).to_have_value("")
    ask_and_wait(page, "Who is the president of France?", exchanges=2)


def test_the_question_stays_in_sight_beneath_notes(page: Page) -> None:
    ask_and_wait(page, CITED)
    page.get_by_role("tab", name="Articles").click()
    page.locator(".cb-list").get_by_role("button", name="City bees winter well").click()
    page.get_by_role("button", name="Ask only this article").click()
    page.get_by_role("button", name="Bad answer").click()
    expect(page.get_by_label("Why?")).to_be_visible()
    page.get_by_role("button", name="Edit the question").click()
    expect(page.locator("#cb-edited .cb-chips")).to_be_visible()
    box = page.get_by_placeholder("Ask your articles").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= page.evaluate("innerHeight")


def test_arrow_keys_move_between_tabs(page: Page) -> None:
    page.get_by_role("tab", name="Ask").focus()
    for key, name in [("ArrowRight", "Articles"), ("End", "Settings"), ("ArrowRight", "Settings"), ("Home", "Ask")]:
        page.keyboard.press(key)
        tab = page.get_by_role("tab", name=name, exact=True)
        expect(tab).to_be_focused()
        expect(tab).to_have_attribute("aria-selected", "true")


def test_half_an_emoji_is_no_obstacle(page: Page) -> None:
    ask_and_wait(page, f"{CITED} \ud83d")
    expect(page.locator(".cb-sources li")).to_have_count(4)


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    expect(page.get_by_placeholder("Ask your articles")).to_be_focused()
    page.keyboard.type(CITED)
    page.keyboard.press("Enter")
    expect(page.locator(".cb-sources")).to_be_visible()
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.dataset.marker") == "3":
            break
    page.keyboard.press("Enter")
    expect(page.locator('mark.cb-here[data-number="3"]')).to_be_visible()
