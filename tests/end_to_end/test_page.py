"""The page as a newcomer meets it: `bot chat` with the default model, the sample articles and a real browser."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest
from browsers import chromium
from playwright.sync_api import Page, expect
from servers import free_port

from bot.articles import read_file
from bot.config import PROJECT

ARTICLES = PROJECT / "seeds" / "articles"
ANSWER_MS = 300_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page served by the command line over a fresh data folder with the samples in it."""
    environment = os.environ | {"BOT_DATA_DIR": str(tmp_path_factory.mktemp("data"))}
    bot = [sys.executable, "-m", "bot"]
    subprocess.run([*bot, "ingest", "--samples"], env=environment, cwd=PROJECT, check=True, timeout=600)
    url = f"http://127.0.0.1:{(port := free_port())}"
    server = subprocess.Popen([*bot, "chat", "--port", str(port)], env=environment, cwd=PROJECT)
    try:
        wait_until_served(url, server)
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0


def wait_until_served(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended by itself"
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail("the page was not served within five minutes")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as browser:
        yield browser.new_page(viewport={"width": 1280, "height": 800})


def ask(page: Page, question: str) -> None:
    page.get_by_placeholder("Ask your articles").fill(question)
    page.keyboard.press("Enter")
    page.locator("[role=log][aria-busy=false] .cb-exchange").last.wait_for(timeout=ANSWER_MS)


def test_an_answer_is_cited_with_words_of_its_article(page: Page, address: str) -> None:
    page.goto(address)
    ask(page, "Where did Vance and Rubio meet Zelenskyy?")
    answer = page.locator(".cb-exchange").last
    expect(answer).to_contain_text("Rome")
    answer.locator('p button[data-marker="1"]').click()
    marked = page.locator('mark.cb-here[data-number="1"]')
    marked.first.wait_for()
    quote = "".join(marked.all_text_contents())
    texts = [article.text for path in ARTICLES.iterdir() for article in read_file(path)]
    assert any(squeezed(quote) in squeezed(text) for text in texts)


def test_a_question_that_no_article_answers_is_refused(page: Page, address: str) -> None:
    page.goto(address)
    ask(page, "Who is the president of France?")
    answer = page.locator(".cb-exchange").last
    expect(answer).to_contain_text(re.compile("The articles do not|No article"))
    assert answer.locator("p button[data-marker]").count() == 0


def squeezed(text: str) -> str:
    return " ".join(text.split())
