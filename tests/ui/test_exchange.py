import datetime as dt

from fake_bot import ARTICLES, COST, cite, tram_answer

from bot.schema import Answer, AnswerEvent, Event, Sentence, SentenceEvent, StageEvent, TextEvent, Turn
from bot.ui.exchange import Exchange, grow, history

FIRST = Sentence(text="It cost much.", markers=(1,))
CITED = (cite(1, ARTICLES[0], COST, 0),)


def grown(*events: Event) -> Exchange:
    exchange = Exchange("q")
    for event in events:
        exchange = grow(exchange, event)
    return exchange


def test_words_are_tentative_until_their_sentence_is_settled() -> None:
    words = grown(StageEvent(stage="answering"), TextEvent(text="It cost "), TextEvent(text="mu"))
    assert words == Exchange("q", tentative="It cost mu")
    settled = grow(words, SentenceEvent(sentence=FIRST, citations=CITED))
    assert settled == Exchange("q", (FIRST,), CITED)
    assert settled.running
    assert settled.citation(1) == CITED[0]
    assert settled.citation(2) is None


def test_a_sentence_left_out_takes_its_words_along() -> None:
    assert grown(TextEvent(text="The mayor"), SentenceEvent(sentence=None)) == Exchange("q")


def test_the_answer_has_the_last_word() -> None:
    answer = tram_answer("q")
    exchange = grown(SentenceEvent(sentence=FIRST), TextEvent(text="And"), AnswerEvent(answer=answer))
    assert (exchange.sentences, exchange.citations, exchange.tentative) == (answer.sentences, answer.citations, "")
    assert not exchange.running


def test_history_holds_what_was_answered() -> None:
    noon = dt.datetime(2025, 5, 14, 12).astimezone()
    refusal = Answer(question="b", text="Not there.", refused=True)
    exchanges = [
        Exchange("a", answer=Answer(question="a", text="Yes."), at=noon),
        Exchange("b", answer=refusal),
        Exchange("c", problem="It broke."),
        Exchange("d", answer=Answer(question="d", text="", stopped=True)),
    ]
    assert history(exchanges) == [
        Turn(question="a", answer="Yes.", day=noon.date()),
        Turn(question="b", answer="Not there.", refused=True),
    ]
