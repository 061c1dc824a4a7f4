"""The user's own article and the public sets, read from the data folder beside the checkout: none of it is in here."""

import json
import time
from pathlib import Path

import pytest

from bot.articles import chunk, embedding_text, heading, read_file
from bot.articles.clean import CREDIT, DATE, HEADLINE, PLUG
from bot.articles.sentences import split
from bot.schema import Article

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
MAX_TOKENS = 200

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no {DATA.name} folder beside the checkout")


def count_tokens(text: str) -> int:
    return len(text) // 4


def read(path: Path) -> list[Article]:
    results = list(read_file(path))
    assert all(isinstance(result, Article) for result in results), results
    return [result for result in results if isinstance(result, Article)]


@pytest.fixture
def user_file() -> Path:
    (path,) = (DATA / "user_article").glob("*.txt")
    return path


def test_user_article_is_cleaned(user_file: Path) -> None:
    (article,) = read(user_file)
    raw = user_file.read_text(encoding="utf-8").strip()
    blocks = raw.split("\n\n")
    assert [piece.reason for piece in article.dropped] == [DATE, HEADLINE, HEADLINE, HEADLINE, PLUG, CREDIT]
    assert article.date is not None
    assert article.dropped[0].text == f"date {article.date}"
    assert article.credit == blocks[-1]
    left_out = {piece.text for piece in article.dropped}
    assert all(block in article.text for block in blocks[1:] if block not in left_out)
    # The quotation in capitals stays, with the words before and after it.
    quotation = next(block for block in blocks if block.startswith("“") and "10:00 A.M." in block)
    assert quotation in article.text
    assert article.text.count("“") == sum(block.count("“") for block in blocks if block not in left_out)
    assert raw.startswith(f"date {article.date} {article.text[:40]}")
    assert article.title.endswith("…")


def test_user_article_is_cut_into_sentences_of_its_paragraphs(user_file: Path) -> None:
    (article,) = read(user_file)
    found = [article.text[start:end] for start, end in split(article.text)]
    assert len(found) == 14
    assert all(sentence[-1] in ".”" for sentence in found)


@pytest.mark.parametrize("name", ["news_dev", "squad_dev", "wiki_dev"])
def test_sets_are_read_as_they_stand_and_chunked(name: str) -> None:
    path = DATA / name / "corpus.jsonl"
    began = time.perf_counter()
    articles = read(path)
    chunked = [chunk(article, count_tokens, MAX_TOKENS) for article in articles]
    assert time.perf_counter() - began < 5  # 0.5 s where this was written
    with path.open(encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    assert [(article.id, article.text) for article in articles] == [(row["id"], row["text"]) for row in records]
    for article, chunks in zip(articles, chunked, strict=True):
        head = heading(article, count_tokens, MAX_TOKENS)
        assert all(count_tokens(embedding_text(article, part, head)) <= MAX_TOKENS for part in chunks)
        kept = "".join(article.text[part.start : part.end] for part in chunks)
        assert "".join(kept.split()) == "".join(article.text.split())
