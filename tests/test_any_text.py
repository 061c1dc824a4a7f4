"""Rules over words, whatever the words: days, figures, doubts, follow-ups and disagreements raise nothing."""

import datetime as dt

import pytest
from anything import texts
from fakes import FakeEmbedder
from hypothesis import example, given
from hypothesis import strategies as st
from samples import article, passage

from bot import dates, disagree
from bot.articles.sentences import split
from bot.cite import Attributor, evidence_sentences
from bot.doubt import opposed, strange
from bot.figures import figures, numbers
from bot.followup import resolve
from bot.schema import Turn
from bot.trace import visible
from bot.words import ascii_case, content_words, is_english

DAYS = st.sampled_from([dt.date.min, dt.date.max, dt.date(1, 1, 7), dt.date(9999, 12, 26)]) | st.dates()
ENGLISH = " The man and the boy were with his friends, and that was from this house."


@pytest.mark.parametrize("day", [dt.date.min, dt.date.max, dt.date(1, 1, 7), dt.date(9999, 12, 26)])
@pytest.mark.parametrize(
    "words",
    [
        *("yesterday", "tomorrow", "last week", "next week", "last month", "next year", "nine years ago"),
        *("last weekend", "the past 999 weeks", "999 weeks from now", "on Monday he said", "on Friday he will go"),
        *("laſt week", "on ſunday he said", "thıs year", "last weeK"),
    ],
)
def test_days_off_the_calendar_are_left_out(words: str, day: dt.date) -> None:
    for one in dates.find(f"It came {words}.", day):
        assert one.first <= one.last
    period = dates.asked(f"What was the news {words}?", day)
    assert period is None or period.first <= period.last <= day


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ſix crowns", [6.0]),
        ("sıx crowns", [6.0]),
        ("5 mİllion", [5e6]),
        ("3 ſept", [3.0]),
        ("9" * 400, [float("inf")]),
    ],
)
def test_letters_that_pass_for_others_are_read_as_those(text: str, found: list[float]) -> None:
    assert numbers(text) == found
    assert all(figure.value > 0 for figure in figures(text))
    assert strange(text, ENGLISH) != ()


@given(texts(), DAYS)
@example("the ſecond thouſand", dt.date.min)
def test_days_of_any_text(text: str, day: dt.date) -> None:
    found = dates.find(text, day)
    assert all(0 <= one.start < one.end <= len(text) and one.first <= one.last for one in found)
    assert all(one.end <= two.start for one, two in zip(found, found[1:], strict=False))
    assert dates.note(dates.days_of(text, day)).count(" = ") >= len(dates.days_of(text, day))
    period = dates.asked(text, day)
    assert period is None or period.first <= period.last <= day


@given(texts(), DAYS)
def test_figures_of_any_text(text: str, day: dt.date) -> None:
    for figure in figures(text, day):
        assert figure.value >= 0
        assert figure.is_like(figure) == bool(figure.unit)
    assert all(number >= 0 for number in numbers(text))
    assert len(ascii_case(text)) == len(text)


@given(texts(10), texts(10), st.booleans())
def test_doubts_of_any_text_are_its_words(said: str, known: str, english: bool) -> None:
    known += ENGLISH * english
    assert strange(said, said + known) == ()
    assert opposed(said, said) == ()
    assert all(word.strip() for word in strange(said, known))
    assert all(word.strip() for word in opposed(said, known))
    assert isinstance(is_english(said), bool)


@given(texts(8), st.lists(st.tuples(texts(8), texts(8), st.booleans()), max_size=3))
def test_a_follow_up_of_any_turns_keeps_the_question(question: str, turns: list[tuple[str, str, bool]]) -> None:
    history = [Turn.model_construct(question=asked, answer=said, refused=no) for asked, said, no in turns]
    found = resolve(question, history)
    assert found.search.endswith(question)
    assert found.thread == tuple(history[len(history) - len(found.thread) :])


@given(texts(8, halves=False), st.lists(texts(12, halves=False), min_size=2, max_size=3), DAYS, DAYS)
def test_disagreement_of_any_articles_quotes_one_of_them(
    question: str, bodies: list[str], one: dt.date, two: dt.date
) -> None:
    made = [
        article(f"a{number}", f"{body} Six stalls burnt.", date=(two if number else one).isoformat())
        for number, body in enumerate(bodies)
    ]
    shown = [passage(each) for each in made]
    evidence = evidence_sentences(shown, split)
    embed = FakeEmbedder().embed_documents
    by = Attributor(question, evidence, embed)
    sentence, citations = by.cite("Six stalls burnt.", 0, by.support("Six stalls burnt."))
    found = disagree.told(question, [sentence], citations, evidence, embed)
    if found:
        quoted = {each.id: each.text for each in made}[found[1].article]
        assert quoted[found[1].start : found[1].end] == found[1].quote


@given(texts())
def test_words_of_any_text(text: str) -> None:
    assert all(content_words(text))
    assert content_words(text) == content_words(text.replace("’", "'"))
    assert visible(text).encode("utf-8").decode().split() == visible(text).split()
