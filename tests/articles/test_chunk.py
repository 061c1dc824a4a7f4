"""Chunks fit, cover and follow sentences, with tokenisers that add up and with one that does not."""

import datetime as dt
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.articles import chunk, embedding_text, heading
from bot.articles.sentences import split
from bot.schema import Article, Chunk

SENTENCE = "The old ferry left the quay at noon with nine cars."  # 11 words, 12 tokens of `words`


def words(text: str) -> int:
    """Words and marks, and two for the ends, as BERT's tokeniser adds them."""
    return len(re.findall(r"\w+|[^\w\s]", text)) + 2


def letters(text: str) -> int:
    return len(text)


def uneven(text: str) -> int:
    """Its parts count less than the whole: each line end costs five."""
    return len(text.split()) + 5 * text.count("\n")


COUNTERS: dict[str, Callable[[str], int]] = {"words": words, "letters": letters, "uneven": uneven}


def article(text: str, title: str = "Ferry", date: dt.date | None = dt.date(2024, 3, 5)) -> Article:
    return Article(id="a", title=title, text=text, date=date)


def pieces(one: Article, max_tokens: int) -> list[str]:
    return [one.text[part.start : part.end] for part in chunk(one, words, max_tokens)]


def paragraph(sentences: int) -> str:
    return " ".join([SENTENCE] * sentences)


def test_short_article_is_one_chunk() -> None:
    text = f"\n{paragraph(2)}\n\n{paragraph(1)} \n"
    assert chunk(article(text), words, 200) == [Chunk(article="a", start=1, end=len(text) - 2, index=0)]


def test_cuts_at_paragraphs_where_it_can() -> None:
    text = "\n\n".join([paragraph(4)] * 4)
    assert pieces(article(text), 120) == ["\n\n".join([paragraph(4)] * 2)] * 2


def test_leaves_no_tiny_end() -> None:
    sizes = [text.count("ferry") for text in pieces(article(paragraph(11)), 136)]  # room for ten
    assert sum(sizes) == 11
    assert min(sizes) >= 5


def test_heading_line_stays_with_its_paragraph() -> None:
    text = f"{paragraph(3)}\n\nWhat came next\n\n{paragraph(3)}"
    assert pieces(article(text), 65)[-1].startswith("What came next")


def test_follows_sentences() -> None:
    one = article("\n\n".join(paragraph(count) for count in (7, 3, 9, 1)))
    starts, ends = (set(side) for side in zip(*split(one.text), strict=True))
    for part in chunk(one, words, 60):
        assert part.start in starts
        assert part.end in ends


def test_long_sentence_is_cut_between_words() -> None:
    one = article("word " * 300 + "end.")
    parts = pieces(one, 50)
    assert all(set(part.split()) <= {"word", "end."} for part in parts)
    assert sum(len(part.split()) for part in parts) == 301


def test_nothing_to_chunk() -> None:
    assert chunk(article(" \n"), words, 50) == []


@pytest.mark.parametrize(
    ("title", "date", "max_tokens", "expected"),
    [
        ("Ferry stops", dt.date(2024, 3, 5), 200, "Ferry stops (2024-03-05)\n"),
        ("Ferry stops", None, 200, "Ferry stops\n"),
        ("", dt.date(2024, 3, 5), 200, "(2024-03-05)\n"),
        ("", None, 200, ""),
        ("Two\nlines", None, 200, "Two lines\n"),
        (" ".join(["long"] * 40), None, 200, " ".join(["long"] * 24) + "\n"),
        ("one two three four five six seven eight nine", None, 32, "one two three four five six\n"),
        ("a-b-c-d-e-f-g-h", None, 32, "a-b\n"),
    ],
)
def test_heading(title: str, date: dt.date | None, max_tokens: int, expected: str) -> None:
    assert heading(article("x", title, date), words, max_tokens) == expected


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("Ferry", f"Boats\n\n{SENTENCE}", f"Ferry (2024-03-05)\nBoats\n\n{SENTENCE}"),
        ("Ferry", f"Ferry\n\n{SENTENCE}", f"(2024-03-05)\nFerry\n\n{SENTENCE}"),
        ("The old ferry left…", SENTENCE, f"(2024-03-05)\n{SENTENCE}"),
    ],
)
def test_embedding_text_does_not_repeat_the_title(title: str, text: str, expected: str) -> None:
    one = article(text, title)
    (part,) = chunk(one, words, 200)
    assert embedding_text(one, part, heading(one, words, 200)) == expected


TEXTS = st.lists(
    st.sampled_from([SENTENCE, " ", "\n\n", "\n", "Short one. ", "“No.” ", "x" * 90, "é😀 ", "- item\n"])
    | st.text(max_size=12),
    max_size=40,
).map("".join)


@pytest.mark.parametrize("count", COUNTERS.values(), ids=COUNTERS)
@given(text=TEXTS, title=st.text(max_size=60), dated=st.booleans(), max_tokens=st.integers(32, 120))
def test_chunks_cover_fit_and_are_trimmed(
    count: Callable[[str], int], text: str, title: str, dated: bool, max_tokens: int
) -> None:
    one = article(text, title, dt.date(2024, 3, 5) if dated else None)
    head = heading(one, count, max_tokens)
    parts = chunk(one, count, max_tokens)
    position = 0
    for index, part in enumerate(parts):
        assert part.index == index
        assert not text[position : part.start].strip()
        quoted = text[part.start : part.end]
        assert quoted == quoted.strip()
        assert count(embedding_text(one, part, head)) <= max_tokens
        position = part.end
    assert not text[position:].strip()


def test_counts_few_times() -> None:
    calls = 0

    def counting(text: str) -> int:
        nonlocal calls
        calls += 1
        return words(text)

    one = article("\n\n".join([paragraph(5)] * 40))
    parts = chunk(one, counting, 200)
    assert calls <= 200 + len(parts) + 10  # once a sentence, once a chunk
