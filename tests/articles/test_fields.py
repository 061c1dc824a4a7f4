"""Ids, dates, addresses, titles and the content hash."""

import datetime as dt
import os
from pathlib import Path

import pytest

from bot.articles import fields
from bot.errors import ArticleError
from bot.schema import Article

HEADLINE = "Ferry line opens to Selm"
STORY = "The ferry to Selm left for the first time on Monday, with nine cars and the mayor on board."


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("ferry-line_2.1", "ferry-line_2.1"),
        ("Ferry line (new)", "Ferry-line-new"),
        ("Überfahrt", "Überfahrt"),
        ("U\u0308berfahrt", "Überfahrt"),
        ("フェリー", "フェリー"),
        ("नाव यात्रा", "नाव-यात्रा"),
        ("..", "article"),
        ("a/b\\c\n", "a-b-c"),
        ("x" * 300, "x" * 200),
    ],
)
def test_slug(stem: str, expected: str) -> None:
    assert fields.slug(stem) == expected


@pytest.mark.parametrize(
    ("given", "expected"), [("a1", "a1"), (" a1 ", "a1"), ("Ferry/Selm\\2", "Ferry_Selm_2"), ("Zoë 7", "Zoë 7")]
)
def test_article_id(given: str, expected: str) -> None:
    assert fields.article_id(given) == expected


@pytest.mark.parametrize("given", ["", "  ", "x" * 201, "a\nb", "a\x00", "a\u202eb", "\ud800"])
def test_article_id_refused(given: str) -> None:
    with pytest.raises(ArticleError, match="its id"):
        fields.article_id(given)


@pytest.mark.parametrize("given", ["2024-03-05", " 2024-03-05 ", "2024-03-05T10:00:00Z", "2024-03-05 10:00"])
def test_parse_date(given: str) -> None:
    assert fields.parse_date(given) == dt.date(2024, 3, 5)


@pytest.mark.parametrize("given", ["", "5 March 2024", "20240305", "2024-W10-2", "2024-02-30", "2024-03-05x"])
def test_parse_date_refused(given: str) -> None:
    with pytest.raises(ArticleError, match="YYYY-MM-DD"):
        fields.parse_date(given)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://lindow.example/a?b=c#d", True),
        ("http://lindow.example", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https://", False),
        ("https://[bad", False),
        ("https://a.example/x y", False),
        ("https://a.example/\x1b", False),
        ("/only/a/path", False),
        ("", False),
        (None, False),
    ],
)
def test_web_address(given: str | None, kept: bool) -> None:
    assert fields.web_address(given) == (given if kept else None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{HEADLINE}\n\n{STORY}", HEADLINE),
        (f"\n {HEADLINE} \n\n{STORY}", HEADLINE),
        (f"{HEADLINE}\n{STORY} {STORY}", HEADLINE),
        (HEADLINE, HEADLINE),
        (f"{HEADLINE}.\n\n{STORY}", f"{HEADLINE}."),
        ("It rained. It was cold.", "It rained."),
        ("It rained\nall day. It was cold.", "It rained all day."),
        (STORY, "The ferry to Selm left for the first time on Monday, with nine cars and the mayor on…"),
        ("x" * 200, "x" * 89 + "…"),
        (f"{'long ' * 30}\n\n{STORY}", "long " * 17 + "long…"),
        ("...", "..."),
    ],
)
def test_title_of(text: str, expected: str) -> None:
    title = fields.title_of(text)
    assert title == expected
    assert len(title) <= 120


def test_one_line() -> None:
    assert fields.one_line(" a\n\tb\x00\ud800 ") == "a b"
    assert fields.one_line("\x00 ") is None
    assert fields.one_line(None) is None


def test_build_derives_id_title_origin_and_hash(tmp_path: Path) -> None:
    article = fields.build(tmp_path / "ferry line.txt", f"{HEADLINE}\n\n{STORY}")
    assert (article.id, article.title) == ("ferry-line", HEADLINE)
    assert article.origin == str(tmp_path / "ferry line.txt")
    assert article.content_hash == fields.content_hash(article)


@pytest.mark.parametrize("text", ["", " \n", "\ud800 text"])
def test_build_refuses_a_text_that_cannot_be_stored(text: str) -> None:
    with pytest.raises(ArticleError):
        fields.build(Path("a.txt"), text)


def test_origin_of_a_name_that_is_not_utf8() -> None:
    assert fields.origin(Path("/folder") / os.fsdecode(b"a\xff.txt")) == "/folder/a\ufffd.txt"


def test_content_hash_covers_what_a_reader_sees() -> None:
    article = Article(id="a", title="T", text="X")
    changes = {"title": "U", "text": "Y", "date": dt.date(2024, 3, 5)} | dict.fromkeys(
        ("url", "source", "author", "credit"), "Z"
    )
    hashes = {fields.content_hash(article.model_copy(update={name: value})) for name, value in changes.items()}
    assert len(hashes | {fields.content_hash(article)}) == 8
    assert fields.content_hash(article.model_copy(update={"id": "b", "origin": "o"})) == fields.content_hash(article)
