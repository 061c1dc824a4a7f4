"""Whatever bytes a file of any kind holds: an article that can be stored, cut and quoted, or a reason in one line."""

import json
import tempfile
import unicodedata
from pathlib import Path

import pytest
import remedies
from anything import JSON, damaged, texts
from hypothesis import given, settings
from hypothesis import strategies as st
from soak import rounds

from bot.articles import Skipped, chunk, read_file
from bot.articles.sentences import split
from bot.schema import Article

from .test_pdf import PAGE, make_pdf

STORY = "The ferry left at noon on Monday. “It was full,” said Ada Quill.\n\nSix crowns a ticket, the mayor said.\n"
WHOLE: dict[str, tuple[bytes, ...]] = {
    ".txt": (
        f"date 2025-05-18\n\n{STORY}".encode(),
        STORY.encode("utf-16"),
        STORY.encode("utf-16-be"),
        STORY.encode("cp1252"),
        b"\xef\xbb\xbf" + STORY.encode(),
    ),
    ".md": (
        f"---\ntitle: The ferry\ndate: 2025-05-18\ntags: [a, b]\n---\n# The ferry\n\n{STORY}".encode(),
        f"# The ferry\ndate 2025-05-18\n\n```\ncode\n```\n{STORY}".encode(),
    ),
    ".html": (
        f'<!doctype html><html><head><meta charset="utf-8"><title>The ferry</title>'
        f'<meta property="article:published_time" content="2025-05-18"></head><body><article><h1>The ferry</h1>'
        f"<p>{STORY * 4}</p><ul><li>One</li></ul><table><tr><td>Two</td></tr></table></article></body></html>".encode(),
    ),
    ".pdf": (make_pdf([PAGE, ["The second page."]], title="Ferry report"),),
    ".jsonl": (
        json.dumps({"id": "a/b", "title": "The ferry", "date": "2025-05-18", "text": STORY}).encode() + b"\n{}\n",
    ),
}


def check(article: Article) -> None:
    article.text.encode("utf-8")
    assert article.text.strip()
    assert article.title.strip()
    assert "\n" not in article.title
    assert 1 <= len(article.id) <= 200
    assert article.id.isprintable()
    assert not set(article.id) & set("/\\")
    assert article.url is None or article.url.startswith(("http://", "https://"))
    assert article.source is None or unicodedata.category(article.source[0]) != "Cc"
    assert Article.model_validate_json(article.model_dump_json()) == article
    at = 0
    for start, end in split(article.text):
        assert not article.text[at:start].strip()
        assert article.text[start:end].strip() == article.text[start:end] != ""
        at = end
    assert not article.text[at:].strip()
    cut = chunk(article, lambda text: len(text.split()) + 2, 60)
    assert "".join("".join(article.text[one.start : one.end].split()) for one in cut) == "".join(article.text.split())


def read(suffix: str, data: bytes) -> list[Article | Skipped]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"any{suffix}"
        path.write_bytes(data)
        found = list(read_file(path))
    for one in found:
        if isinstance(one, Article):
            check(one)
        else:
            remedies.check(one.reason)
    return found


@pytest.mark.parametrize("suffix", WHOLE)
def test_what_is_damaged_below_is_whole_here(suffix: str) -> None:
    for data in WHOLE[suffix]:
        assert isinstance(read(suffix, data)[0], Article)


@pytest.mark.parametrize("suffix", WHOLE)
@settings(max_examples=rounds(25, 2000))
@given(data=st.data())
def test_any_bytes_make_an_article_or_a_reason(suffix: str, data: st.DataObject) -> None:
    found = read(suffix, data.draw(damaged(*WHOLE[suffix])))
    assert suffix == ".jsonl" or len(found) == 1


@pytest.mark.parametrize("suffix", [".txt", ".md", ".html"])
@given(text=texts(40, halves=False))
def test_any_text_makes_an_article_or_a_reason(suffix: str, text: str) -> None:
    read(suffix, text.encode())


@given(st.dictionaries(st.sampled_from(["id", "title", "date", "url", "source", "author"]), JSON), texts(10))
def test_any_object_of_a_line_makes_an_article_or_a_reason(fields: dict[str, object], text: str) -> None:
    (found,) = read(".jsonl", json.dumps({"text": text, **fields}).encode())
    if isinstance(found, Article):
        assert found.text == text, "offsets of evaluation sets point into it"


@given(st.dictionaries(st.sampled_from(["id", "title", "date", "url", "source", "author"]), texts(4, halves=False)))
def test_any_front_matter_makes_an_article_or_a_reason(fields: dict[str, str]) -> None:
    header = "".join(f"{name}: {value}\n" for name, value in fields.items())
    read(".md", f"---\n{header}---\n{STORY}".encode())
