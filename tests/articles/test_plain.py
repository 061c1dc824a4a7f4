"""Plain text and Markdown with its front matter."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.articles.plain import read_markdown, read_text
from bot.errors import ArticleError
from bot.schema import Article

PATH = Path("/news/ferry line.md")
BODY = "# Ferry opens\n\nThe ferry *left* at noon.\n\nNINE CARS WERE ON BOARD TODAY\n\nThe mayor waved."


def test_text() -> None:
    link = "SELM COUNCIL TO VOTE ON FEES"
    story = "Ferry opens\n\nThe ferry left at noon.\n\nThe mayor waved."
    article = read_text(f"date 2024-03-05 {story}\r\n\r\n{link}\r\n\r\nEditing by Mara Voss.\n".encode(), Path("a.txt"))
    assert (article.id, article.title, article.text) == ("a", "Ferry opens", story)
    assert (article.date, article.credit) == (dt.date(2024, 3, 5), "Editing by Mara Voss.")
    assert [piece.text for piece in article.dropped] == ["date 2024-03-05", link, "Editing by Mara Voss."]


@pytest.mark.parametrize("read", [read_text, read_markdown])
@pytest.mark.parametrize(
    ("text", "day", "left"),
    [
        ("date 2024-03-05\n# Ferry\n\nIt left.", 5, "# Ferry\n\nIt left."),
        ("# Ferry\ndate 2024-03-05\n\nIt left.", 5, "# Ferry\n\nIt left."),
        ("# Ferry\n\nDate: 2024-03-05\nIt left.", 5, "# Ferry\n\nIt left."),
        ("Ferry\ndate 2024-03-05\nIt left.", 5, "Ferry\nIt left."),
        ("# Ferry\ndate 2024-02-31\n\nIt left.", None, None),
        ("# Ferry\ndate 2024-03-05 was a day.\n\nIt left.", None, None),
        ("# Ferry\n\nIt left.\n\ndate 2024-03-05\n", None, None),
    ],
)
def test_a_date_line_stands_at_the_start_or_below_the_title(
    read: Callable[[bytes, Path], Article], text: str, day: int | None, left: str | None
) -> None:
    article = read(text.encode(), PATH)
    assert article.date == (dt.date(2024, 3, day) if day else None)
    assert article.text == (left or text.strip())
    assert [piece.reason for piece in article.dropped] == ["date line"] * bool(day)


def test_front_matter_that_names_a_day_leaves_the_text_alone() -> None:
    article = read_markdown(b"---\ndate: 2024-03-06\n---\n# Ferry\ndate 2024-03-05\n\nIt left.", PATH)
    assert (article.date, article.text) == (dt.date(2024, 3, 6), "# Ferry\ndate 2024-03-05\n\nIt left.")


def test_markdown_with_all_fields() -> None:
    header = (
        "title: 'No: a ferry'\ndate: 2024-03-05\nauthor: [Mara Voss, Abe Tarn]\nurl: https://selm.example/a\n"
        "source: Selm Post\nid: 007\ntags: {a: b}\nextra: 1"
    )
    article = read_markdown(f"---\n{header}\n---\n\n{BODY}\n".encode(), PATH)
    assert article.text == BODY
    assert (article.id, article.title, article.date) == ("007", "No: a ferry", dt.date(2024, 3, 5))
    assert (article.author, article.url, article.source) == (
        "Mara Voss, Abe Tarn",
        "https://selm.example/a",
        "Selm Post",
    )
    assert article.dropped == ()


@pytest.mark.parametrize(
    ("text", "title", "body"),
    [
        (BODY, "Ferry opens", BODY),
        ("---\n---\n" + BODY, "Ferry opens", BODY),
        ("---\ntitle:\nurl: ~\n...\n" + BODY, "Ferry opens", BODY),
        ("Intro.\n\n```\n# a comment\n```\n\n# Real title #\n", "Real title", None),
        ("## Only a part\n\nText.", "## Only a part", None),
        ("---\nA rule above, no header.\n---\nText.", None, "---\nA rule above, no header.\n---\nText."),
        ("---\n\nOne rule, no header.", None, "---\n\nOne rule, no header."),
    ],
)
def test_markdown_title_and_body(text: str, title: str | None, body: str | None) -> None:
    article = read_markdown(text.encode(), PATH)
    assert article.id == "ferry-line"
    assert title is None or article.title == title
    assert article.text == (body or text.strip())


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("---\ntitle: a\nnote: [1, 2\ndate: 2024-03-05\n---\nText.", "line 4: the header is not YAML"),
        ("---\ntitle: a\n\tdate: b\n---\nText.", "line 3: the header is not YAML"),
        ("---\ntitle: a\ndate: 5 March\n---\nText.", "line 3: its date '5 March' is not a day"),
        ("---\ntitle: a\n\nText.", "line 1: the header has no end"),
        ("---\n" + "[" * 5000 + "\n---\nText.", "line 1: the header is too long or too nested"),
        ("---\n" + "[" * 400 + "\n---\nText.", "line 2: the header is not YAML"),
        ("---\n" + "a: b\n" * 5000 + "---\nText.", "line 1: the header is too long or too nested"),
        ("---\ntitle: a\n---\n \n", "it has no text"),
        ("---\nid: 'a\\x07'\n---\nText.", None),
        ('---\nid: "a\\x07"\n---\nText.', "its id"),
    ],
)
def test_broken_header_is_told_with_its_line(header: str, reason: str | None) -> None:
    if reason is None:
        assert read_markdown(header.encode(), PATH).id == "a_x07"
        return
    with pytest.raises(ArticleError) as error:
        read_markdown(header.encode(), PATH)
    assert reason in str(error.value)


def test_aliases_that_multiply_take_no_time() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)] + ["title: *a59"]
    article = read_markdown("\n".join(["---", *lines, "---", BODY]).encode(), PATH)
    assert article.title == "Ferry opens"
