"""judge: the bot's own check, over quotes in place of the whole evidence."""

import datetime as dt

import pytest
from fakes import FakeEmbedder

from bot.evaluate.judge import own_judge
from bot.evaluate.run import RowCitation
from bot.schema import ArticleInfo

from .library import question

FIRST = "The harbour ferry stops at Lindaby from Monday."
SECOND = "A single ticket costs 4 crowns."
STORM = "A storm closed the airport on Friday."
THIRD = "Mayor Ada Quill opened the new quay in June."
INFOS = {"ferry": ArticleInfo(id="ferry", title="Ferry", date=dt.date(2025, 5, 18))}  # a Sunday


def quotes(*texts: str, article: str = "ferry") -> list[RowCitation]:
    starts = {FIRST: 0, SECOND: 48, THIRD: 80, STORM: 126}
    return [
        RowCitation(article=article, start=starts[text], end=starts[text] + len(text), quote=text, marker=1, sentence=0)
        for text in texts
    ]


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        (SECOND, quotes(SECOND), True),
        (SECOND, quotes(THIRD), False),
        (SECOND, quotes(THIRD, SECOND), True),
        ("A single ticket costs 5 crowns.", quotes(SECOND), False),  # the figure stands nowhere
        ("Mayor Ada Quill rides the harbour ferry.", quotes(FIRST), False),
        ("A storm closed the airport on 16 May 2025.", quotes(STORM), True),  # by the article's date
        ("A storm closed the airport on 16 May 2025.", quotes(STORM, article="unknown"), False),
        (SECOND, [], False),
    ],
)
def test_quotes_support_a_sentence(text: str, given: list[RowCitation], expected: bool) -> None:
    supports = own_judge(FakeEmbedder().embed_documents, INFOS, 0.4)(question("q1", question="What of the ferry?"))
    assert supports(text, given) == expected


def test_what_was_said_before_is_known() -> None:
    judge = own_judge(FakeEmbedder().embed_documents, INFOS, 0.4)
    text = "Ada Quill of Orra opened the new quay in June."
    asked = {"question": "What did she open?"}
    assert not judge(question("q1", **asked))(text, quotes(THIRD))
    history = [{"question": "Who is mayor?", "answer": "Ada Quill of Orra."}]
    assert judge(question("q1", history=history, **asked))(text, quotes(THIRD))


def test_support_must_reach_the_limit() -> None:
    given = quotes(SECOND)
    assert not own_judge(FakeEmbedder().embed_documents, INFOS, 1.0)(question("q1"))("A ticket costs money.", given)
