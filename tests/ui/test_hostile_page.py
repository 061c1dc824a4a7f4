"""The whole page over hostile articles, in a real browser: nothing of them runs, loads, or turns what is around it."""

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from conftest import Visit, reload, served
from fake_bot import FakeBot, found, trace
from hostile.files import FILES, SCRIPT, STORY
from markdown_it import MarkdownIt
from playwright.sync_api import Page, expect

from bot.articles import read_file
from bot.schema import (
    Answer,
    AnswerEvent,
    Article,
    Citation,
    Event,
    Filters,
    Sentence,
    SentenceEvent,
    Span,
    StageEvent,
    TextEvent,
    Turn,
)

Open = Callable[..., Visit]
ORDERS = Path(__file__).parent.parent / "hostile" / "orders.toml"
EVERY = 1 if os.environ.get("BOT_SOAK") == "1" else 6  # so many-th article is opened from the list
SLOW = ("words.pdf", "spaces.pdf")
LARGEST = 60_000  # bytes of a file
SHOWN = 400  # characters of each that the answer repeats
NASTY = (
    f"{SCRIPT} <a href=javascript:alert(3)>x</a> </script><iframe src=http://leak.example/> ![i](http://leak.example/i)"
)
TURNED = "\u202esdrawkcab daer \u2066si siht"

# The elements that our HTML may hold; what articles say makes none, allowed or not, as their own count shows.
FOREIGN = """() => {
  const ours = [...document.querySelectorAll(
    '.cb-header, .cb-chat, .cb-status, .cb-list, .cb-report, .cb-article, .cb-chips, .cb-settings')];
  const bad = 'script, img, svg, iframe, object, embed, link, base, meta, style, form, input, video, audio, b';
  const all = ours.flatMap((one) => [...one.querySelectorAll('*')]);
  return [
    ...all.filter((one) => one.matches(bad)).map((one) => one.outerHTML.slice(0, 200)),
    ...all.filter((one) => one.getAttributeNames().some((name) => name.startsWith('on'))).map((one) => one.outerHTML),
    ...all.filter((one) => one.matches('a') && !/^(https?:|conversations\\/|logout)/.test(one.getAttribute('href')))
      .map((one) => one.outerHTML),
    ...(document.title === 'Citebot' ? [] : [document.title]),
  ];
}"""
# Where the letters of the first text node with these words are drawn: their left edges, in reading order.
LEFTS = """([selector, words]) => {
  for (const box of document.querySelectorAll(selector)) {
    const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const at = walker.currentNode.data.indexOf(words);
      if (at < 0) continue;
      return [...words].map((_, index) => {
        const range = document.createRange();
        range.setStart(walker.currentNode, at + index);
        range.setEnd(walker.currentNode, at + index + 1);
        return range.getBoundingClientRect().left;
      });
    }
  }
  return [];
}"""


class HostileBot(FakeBot):
    """Repeats what the articles say, cites each of them, and tells all of it in the trace."""

    model_name = f"<b>{SCRIPT}"

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        filters: Filters = Filters(),  # noqa: B008 - frozen
        stop: object = None,
    ) -> Iterator[Event]:
        articles = list(self._articles.values())
        texts = [f"{one.title} says {one.text[:SHOWN]}" for one in articles]
        passages = [found(one, 0, min(SHOWN, len(one.text)), 1, 1) for one in articles]
        answer = Answer(
            question=question, text=" ".join(texts), retrieved=tuple(passages), model=NASTY,
            sentences=tuple(Sentence(text=text, markers=(n,), support=0.9) for n, text in enumerate(texts, 1)),
            citations=tuple(
                Citation(
                    marker=n, article=one.article, start=0, end=one.end, quote=one.text, sentence=n - 1,
                    title=one.title, url="javascript:alert(5)",
                )
                for n, one in enumerate(passages, 1)
            ),
            evidence=tuple(Span(article=one.article, start=0, end=one.end) for one in passages),
            dropped_sentences=(NASTY,), trace=trace(question, passages),
        )  # fmt: skip
        yield StageEvent(stage="answering")
        yield TextEvent(text=NASTY)
        for sentence in answer.sentences[:3]:
            yield SentenceEvent(sentence=sentence, citations=answer.citations[:1])
        yield AnswerEvent(answer=answer)


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> list[Article]:
    """All orders, what can be read of the hostile files, and some that only a fault of ours could make."""
    folder = tmp_path_factory.mktemp("hostile")
    made = [
        Article(id=one["id"], title=one["title"], text=one["text"])
        for one in tomllib.loads(ORDERS.read_text("utf-8"))["article"]
    ]
    for file in FILES:
        if file.name not in SLOW and not file.reason and "linked" not in file.name:
            path = folder / file.name
            file.make(path)
            if path.is_file() and path.stat().st_size < LARGEST:
                made += [one for one in read_file(path) if isinstance(one, Article)]
    made.append(Article(id=NASTY[:200], title=NASTY, text=NASTY, source=NASTY, author=NASTY, credit=NASTY, url=NASTY))
    made.append(Article(id="turned", title=TURNED, text=f"{TURNED}. {STORY}", source=TURNED, url="javascript:alert(4)"))
    return list({one.id: one for one in made}.values())


def test_nothing_of_hostile_articles_runs_loads_or_becomes_an_element(
    visit: Open, articles: list[Article], tmp_path: Path
) -> None:
    assert len(articles) >= 60
    with served(HostileBot(articles, pause=0), tmp_path) as address:
        seen = visit(address)
        page = seen.page
        expect(page.get_by_text(f"Ask about your {len(articles)} articles")).to_be_visible()
        ask(page, NASTY)
        expect(page.locator(".cb-source")).to_have_count(len(articles))
        check(seen)
        page.locator(".cb-how summary").click()
        expect(page.locator(".cb-how pre").last).to_contain_text("<|im_start|>system")
        page.locator(".cb-note summary").click()
        for number in (1, len(articles) // 2, len(articles) - 1):
            page.locator(f'.cb-answer p button[data-marker="{number}"]').hover()
            page.locator(f'.cb-answer p button[data-marker="{number}"]').click()
            expect(page.locator("mark.cb-here").first).to_be_visible()
            check(seen)
        rate(page)
        list_and_panel(seen, articles)
        add_files(page, tmp_path)
        exports(page, address)
        page.get_by_role("tab", name="Settings").click()
        check(seen)
        reload(page)
        expect(page.locator(".cb-source")).to_have_count(len(articles))
        check(seen)


def test_turned_letters_turn_nothing_around_them(visit: Open, tmp_path: Path) -> None:
    """Right-to-left override in a title, a sentence and a quote: what follows reads from left to right all the same."""
    turned = Article(id="turned", title=TURNED, text=f"{TURNED} ends here.", source=TURNED)
    plain = Article(id="plain", title="Plain words", text=STORY)
    with served(HostileBot([turned, plain], pause=0), tmp_path) as address:
        page = visit(address).page
        ask(page, "What does it say?")
        expect(page.locator(".cb-source")).to_have_count(2)
        expect(page.locator(".cb-article .cb-text")).to_be_visible()
        for selector, words in (
            (".cb-answer p", "ends here"),
            (".cb-answer p", "Plain words says"),
            (".cb-source q", "ends here"),
            (".cb-article .cb-text", "ends here"),
        ):
            lefts = page.evaluate(LEFTS, [selector, words])
            assert lefts == sorted(lefts), (selector, words)
            assert len(lefts) == len(words)
        numbers = page.locator(".cb-answer p .cb-marker").evaluate_all(
            "all => all.map(o => o.getBoundingClientRect().left)"
        )
        assert numbers[0] < numbers[1]
        quote = page.locator('mark.cb-here[data-number="1"]').text_content()
        assert quote == turned.text, "shown with codes, but copied as it is"
        assert (
            page.locator(".cb-unseen").first.evaluate("one => getComputedStyle(one, '::before').content") == '"U+202E"'
        )


def ask(page: Page, question: str) -> None:
    box = page.get_by_placeholder("Ask your articles")
    box.fill(question)
    box.press("Enter")


def check(seen: Visit) -> None:
    assert seen.page.evaluate(FOREIGN) == []
    assert seen.dialogs == []
    assert seen.hosts <= {"127.0.0.1", None}


def rate(page: Page) -> None:
    page.get_by_role("button", name="Bad answer").click()
    page.get_by_label("Why?").fill(NASTY)
    page.get_by_label("Why?").press("Enter")
    expect(page.get_by_label("Why?")).to_be_hidden()


def list_and_panel(seen: Visit, articles: Sequence[Article]) -> None:
    page = seen.page
    page.get_by_role("tab", name="Articles").click()
    buttons = page.locator(".cb-list button[data-article]")
    expect(buttons).to_have_count(len(articles))
    check(seen)
    last = len(articles) - 1
    for number in sorted({*range(0, len(articles), EVERY), last - 1, last}):
        wanted = buttons.nth(number).get_attribute("data-article")
        article = next(one for one in articles if one.id == wanted)
        buttons.nth(number).click()
        only = page.locator(".cb-article button[data-only]")  # titles may be alike
        expect(only).to_have_attribute("data-only", article.id)
        expect(page.locator(".cb-article h2")).to_have_text(article.title or "Untitled")
        assert page.locator(".cb-text").text_content() == article.text.replace("\0", "")  # of no use to a browser
        check(seen)
    page.get_by_role("button", name="Ask only this article").click()
    expect(page.locator(".cb-chips")).to_be_visible()
    check(seen)


def add_files(page: Page, folder: Path) -> None:
    names = ["<img src=x onerror=alert(6)>.txt", "\u202egnp.odd", "'\"><svg onload=alert(7)>.txt"]
    page.get_by_role("tab", name="Articles").click()
    page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "text/plain", "buffer": STORY.encode()} for name in names]
    )
    expect(page.locator(".cb-report li")).to_have_count(3)


def exports(page: Page, address: str) -> None:
    """The conversation's name is the question; exported Markdown has no link or image of the articles' making."""
    page.get_by_role("tab", name="Chats").click()
    expect(page.locator(".cb-talk bdi").first).to_contain_text("<script>")
    for link in page.locator(".cb-talk a").all():
        answer = page.request.get(f"{address}/{link.get_attribute('href')}")
        assert answer.ok
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "html" not in answer.headers["content-type"]
        if answer.headers["content-type"].startswith("text/markdown"):
            tags = set(re.findall(r"<(\w+)", MarkdownIt().render(answer.text())))
            assert tags == {"h2", "p", "br"}, (
                "as CommonMark, with its HTML, it holds no link, image or element of theirs"
            )
