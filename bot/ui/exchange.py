"""One question and what has come back so far, grown event by event; pure, and ignorant of HTML and Gradio."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bot.schema import Answer, AnswerEvent, Citation, Event, Sentence, SentenceEvent, TextEvent, Turn


@dataclass(frozen=True)
class Exchange:
    """`tentative` are words not yet settled; `problem` is one line on why there is no (whole) answer.

    `at` is when it was finished. `kept` is when it was kept, and names what is on disk in its place; None where nothing
    is. `good` is what the reader said of it, and `reason` why.
    """

    question: str
    sentences: tuple[Sentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    tentative: str = ""
    answer: Answer | None = None
    problem: str = ""
    at: dt.datetime | None = None
    kept: dt.datetime | None = None
    good: bool | None = None
    reason: str = ""

    @property
    def running(self) -> bool:
        return self.answer is None and not self.problem

    def citation(self, marker: int) -> Citation | None:
        return next((citation for citation in self.citations if citation.marker == marker), None)


def grow(exchange: Exchange, event: Event) -> Exchange:
    """The exchange after `event`; stages change nothing."""
    match event:
        case TextEvent():
            return replace(exchange, tentative=exchange.tentative + event.text)
        case SentenceEvent(sentence=None):
            return replace(exchange, tentative="")
        case SentenceEvent(sentence=Sentence() as sentence):
            return replace(
                exchange,
                sentences=(*exchange.sentences, sentence),
                citations=(*exchange.citations, *event.citations),
                tentative="",
            )
        case AnswerEvent(answer=answer):
            return replace(
                exchange, answer=answer, sentences=answer.sentences, citations=answer.citations, tentative=""
            )
    return exchange


def history(exchanges: Iterable[Exchange]) -> list[Turn]:
    """The finished exchanges, as the bot wants them for a follow-up question; not those stopped before any word."""
    return [
        Turn(
            question=exchange.question,
            answer=exchange.answer.text,
            refused=exchange.answer.refused,
            day=exchange.at and exchange.at.astimezone().date(),
        )
        for exchange in exchanges
        if exchange.answer and exchange.answer.text.strip()
    ]
