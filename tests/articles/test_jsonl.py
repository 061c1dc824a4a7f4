"""Lines of a .jsonl file: text as it stands, and each way to be wrong."""

import datetime as dt
import json
from pathlib import Path

import pytest

from bot.articles.jsonl import read_line
from bot.errors import ArticleError

PATH = Path("/news/all news.jsonl")
TEXT = " date 2024-03-05 One.\r\n\r\nCLICK HERE TO GET THE TIDE APP\n\n\x07 Two. 😀 "


def line(**record: object) -> bytes:
    return json.dumps(record).encode()


def test_all_fields() -> None:
    article = read_line(
        line(
            id="a/1", title="T", date="2024-03-05", url="https://selm.example", text=TEXT, source="S", author="A", x=1
        ),
        7,
        PATH,
    )
    assert article.text == TEXT
    assert (article.id, article.title, article.date) == ("a_1", "T", dt.date(2024, 3, 5))
    assert (article.url, article.source, article.author) == ("https://selm.example", "S", "A")
    assert (article.origin, article.dropped, article.credit) == (str(PATH), (), None)


def test_only_text() -> None:
    article = read_line(line(text="One here. Two here.", title=None, date=None, url=None), 7, PATH)
    assert (article.id, article.title, article.date) == ("all-news-7", "One here.", None)


def test_number_as_id() -> None:
    assert read_line(line(id=12, text="One."), 1, PATH).id == "12"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"text": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "JSON"),
        (b'{"n": ' + b"9" * 10_000 + b"}", "JSON"),
        (line(id="a"), "no text"),
        (line(id="a", text=" \n"), "no text"),
        (line(id="a", text=None), "no text"),
        (line(id="a", text=["x"]), "its text is not a string"),
        (line(id=True, text="x"), "its id is not a string"),
        (line(id="a\nb", text="x"), "its id"),
        (line(id="a", text="x", date="soon"), "YYYY-MM-DD"),
        (line(id="a", text="x", date=20240305), "its date is not a string"),
        (b'{"id": "a", "text": "\\ud800"}', "half a character"),
    ],
)
def test_wrong_lines(data: bytes, reason: str) -> None:
    with pytest.raises(ArticleError) as error:
        read_line(data, 1, PATH)
    assert reason in str(error.value)
    assert str(error.value).endswith((".", "…}."))
