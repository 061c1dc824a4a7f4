"""Saved web pages: the story and what the page says of itself."""

import contextlib
import datetime as dt
import socket
from pathlib import Path

import pytest

from bot.articles.page import read_html
from bot.errors import ArticleError

PATH = Path("/news/page.html")
FIRST = "The ferry to Selm left for the first time on Monday, with nine cars and the mayor of Lindow on board. " * 3
SECOND = "It will run six times a day until October, when the council looks at the numbers and decides again. " * 3
LINK = "LINDOW COUNCIL TO VOTE ON HARBOUR FEES"


def page(body: str, head: str = "") -> str:
    return f"<!doctype html><html><head><title>Ferry opens</title>{head}</head><body>{body}</body></html>"


ARTICLE = f"<nav><a href='/'>Home</a></nav><article><h1>Ferry opens</h1><p>{FIRST}</p><p>{LINK}</p><p>{SECOND}</p>"
META = (
    "<meta property='og:title' content='Ferry opens'><meta property='og:site_name' content='Selm Post'>"
    "<meta name='author' content='Mara Voss'><link rel='canonical' href='https://selm.example/ferry'>"
    "<meta property='article:published_time' content='2024-03-05T08:00:00Z'>"
)


def test_page_with_metadata() -> None:
    credit = "Lindow Radio contributed to this report."
    html = page(f"{ARTICLE}<p>{credit}</p></article><footer>Cookies</footer>", META)
    article = read_html(html.encode(), PATH)
    assert article.text.endswith(f"{FIRST.strip()}\n\n{SECOND.strip()}")
    assert "Home" not in article.text
    assert "Cookies" not in article.text
    assert (article.title, article.author, article.source) == ("Ferry opens", "Mara Voss", "Selm Post")
    assert (article.url, article.date) == ("https://selm.example/ferry", dt.date(2024, 3, 5))
    assert article.credit == credit
    assert [piece.text for piece in article.dropped] == [LINK, credit]


def test_page_without_metadata() -> None:
    article = read_html(
        page(f"<article><p>{FIRST}</p><p>On 2021-01-02 it snowed. {SECOND}</p></article>").encode(), PATH
    )
    assert (article.id, article.title, article.date, article.source) == ("page", "Ferry opens", None, None)


def test_day_that_the_page_shows_outside_the_story() -> None:
    html = page(f"<div class='date'>2024-03-05</div><article><p>{FIRST}</p><p>{SECOND}</p></article>")
    assert read_html(html.encode(), PATH).date == dt.date(2024, 3, 5)


def test_declared_charset() -> None:
    russian = "Паром в Сельм вышел в море в понедельник, на борту был мэр города. " * 6
    head = "<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'>"
    article = read_html(page(f"<article><p>{russian}</p></article>", head).encode("cp1251"), PATH)
    assert article.text == russian.strip()


def test_lists_stay_together() -> None:
    html = page(f"<article><p>{FIRST}</p><ul><li>nine cars</li><li>one mayor</li></ul><p>{SECOND}</p></article>")
    assert "\n\n- nine cars\n- one mayor\n\n" in read_html(html.encode(), PATH).text


def test_hostile_page() -> None:
    head = "<link rel='canonical' href='javascript:alert(1)'>"
    article = read_html(page(f"<script>bad()</script>{ARTICLE}</article>", head).encode(), PATH)
    assert article.url is None
    assert "bad()" not in article.text


@pytest.mark.parametrize("data", [b"", b"<html></html>", b"<html><body><p> </p></body></html>", b"<" * 500, bytes(500)])
def test_no_article(data: bytes) -> None:
    with pytest.raises(ArticleError):
        read_html(data, PATH)


def test_deeply_nested_page_does_no_harm() -> None:
    data = page("<div>" * 20_000 + FIRST + "</div>" * 20_000).encode()
    with contextlib.suppress(ArticleError):
        assert read_html(data, PATH).text


def test_page_that_is_only_an_address_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: asked.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **_: asked.append(address) or [])
    with contextlib.suppress(ArticleError):
        read_html(b"http://127.0.0.1:9/ferry.html", PATH)
    assert asked == []
