import pytest
from fake_bot import tram_answer
from test_views import NASTY, Parsed

from bot.schema import Answer, LeftOut, Passage, PromptMessage, Span, Trace
from bot.trace import visible
from bot.ui.exchange import Exchange
from bot.ui.how import folded
from bot.ui.views import conversation


def test_how_an_answer_was_made_is_folded_away() -> None:
    parsed = Parsed(folded(tram_answer("When?")))
    details = [attributes for tag, attributes in parsed.elements if tag == "details"]
    assert details == [{"class": "cb-how"}]
    for words in ("Where is the tram? When?", "6 found, 4 shown", "0.0325", "1,140 tokens", "0.310", "drove the first"):
        assert words in parsed.text


def test_an_answer_without_a_trace_has_nothing_to_unfold() -> None:
    assert folded(Answer(question="q", text="a")) == ""


def test_only_the_last_answer_tells_and_only_once_it_is_finished() -> None:
    """The conversation is drawn anew at each word, so that more would slow the words down."""
    answer = tram_answer("q")
    done = Exchange("q", answer.sentences, answer.citations, answer=answer)
    for exchanges, count in [([done], 1), ([done, done], 1), ([done, Exchange("r", tentative="It")], 0)]:
        assert conversation(exchanges, 1).count("cb-how-table") == 2 * count


@pytest.mark.parametrize("text", NASTY)
def test_text_of_others_is_shown_as_text(text: str) -> None:
    passage = Passage(article=text, start=0, end=len(text), title=text, text=text)
    trace = Trace(
        searched=text, messages=(PromptMessage(role="user", content=text),),
        left_out=(LeftOut(text=text, reason="unsupported", nearest=Span(article=text, start=0, end=1)),),
    )  # fmt: skip
    parsed = Parsed(folded(Answer(question="q", text=text, retrieved=(passage,), model=text, trace=trace)))
    parsed.check_harmless()
    assert parsed.text.count(visible(text)) >= 5
