"""One question, answered: search, prompt, model, attribution, as a stream of events that ends with the Answer.

It decides when an answer is a refusal: nothing was found, the model said that it does not know, or nothing of what
it said is supported by the evidence.
"""

import datetime as dt
import logging
import re
import threading
import time
from collections.abc import Iterator, Sequence

from bot.cite import Attributor, EvidenceSentence, MarkerFilter, Split, evidence_sentences
from bot.config import Settings
from bot.dates import asked, keeps
from bot.disagree import newer_first, told
from bot.embed import Embedder
from bot.errors import PromptError, Stopped
from bot.llm import LLM, Finished, Piece, Reading
from bot.prompt import Prompt, PromptFile, build
from bot.retrieve import Retriever
from bot.schema import (
    Answer,
    AnswerEvent,
    Citation,
    Days,
    Event,
    Filters,
    Passage,
    Refusal,
    Sentence,
    SentenceEvent,
    Span,
    StageEvent,
    TextEvent,
    Timings,
    Tokens,
    Turn,
)

log = logging.getLogger("bot.answer")

RETRIEVED = 20  # passages listed in an Answer at least, of which the first few were shown to the model

ENDS = ".!?…”\"')"
REFUSALS: dict[Refusal, str] = {
    "nothing_found": "No article matches this question.",
    "not_answered": "The articles do not answer this question.",
    "not_supported": "The articles do not support an answer to this question.",
}
# Ways of a model to say that it does not know; news says such things of others, but not in so few words.
_DECLINES = re.compile(
    r"(i (do not|don't|cannot|can't) (know|answer|say)|i'm (not sure|sorry)|unknown$"
    r"|(the |these |this )?(passages?|articles?|texts?|information)( provided| given| above)? (do|does) not "
    r"(\w+ ){0,2}(answer|mention|state|say|specify|provide|contain|give|include)"
    r"|there is (no|not enough) (information|mention|answer)"
    r"|(it|this|that) is not (mentioned|stated|specified)( \w+){0,4}$)"
)


class Answerer:
    """Holds what answering needs; `ask` may be called from several threads."""

    def __init__(
        self, retriever: Retriever, llm: LLM, embedder: Embedder, prompt: PromptFile, split: Split, settings: Settings
    ) -> None:
        self._retriever, self._llm, self._embedder = retriever, llm, embedder
        self._prompt, self._split, self._settings = prompt, split, settings

    def ask(
        self,
        question: str,
        *,
        search: str | None = None,
        history: Sequence[Turn] = (),
        filters: Filters | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Events up to the AnswerEvent; `search` replaces the question when passages are looked for.

        Raises PromptError for a question that is empty or too long, LLMError and StoreError where those rooms fail.
        """
        question = question.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be embedded or printed
        if not question.strip():
            raise PromptError("The question is empty. Type one.")
        job = _Job(question, self._llm.name)
        stop = stop or threading.Event()
        yield StageEvent(stage="searching")
        filters = filters or Filters()
        today = filters.today or dt.date.today()
        job.period, job.retrieved = self._search(search or question, asked(question, today), filters)
        job.retrieve_s = job.elapsed()
        if not job.retrieved:
            yield AnswerEvent(answer=job.refuse("nothing_found"))
            return
        prompt = self._build(question, job.retrieved, history, today)
        job.evidence = tuple(Span(article=one.article, start=one.start, end=one.end) for one in prompt.shown)
        evidence = evidence_sentences(prompt.shown, self._split)
        writer = _Writer(
            Attributor(question, evidence, self._embedder.embed_documents),
            self._split,
            self._prompt.header.refusal,
            self._settings.cite.min_support,
        )
        yield StageEvent(stage="waiting")
        try:
            yield from self._write(prompt, writer, job, stop)
        except Stopped:
            job.stopped = True
        if not job.stopped:
            yield from self._compare(question, writer, evidence)
        yield AnswerEvent(answer=job.finish(writer))

    def warm(self) -> None:
        """Make the search ready, so that the first question does not wait for it."""
        self._retriever.warm()

    def _search(self, question: str, period: Days | None, filters: Filters) -> tuple[Days | None, tuple[Passage, ...]]:
        """The passages, and `period` if it limits them: not where the user set limits, or it holds nothing near."""
        count = max(RETRIEVED, self._settings.retrieve.passages)
        filters = filters.model_copy(update={"today": None})
        anywhere = tuple(self._retriever.search(question, count, filters))
        if period is None or filters != Filters():
            return None, anywhere
        within = tuple(self._retriever.search(question, count, Filters(since=period.first, until=period.last)))
        return (period, within) if keeps(within, anywhere) else (None, anywhere)

    def _build(self, question: str, passages: Sequence[Passage], history: Sequence[Turn], today: dt.date) -> Prompt:
        return build(
            self._prompt,
            question,
            newer_first(passages[: self._settings.retrieve.passages]),
            history,
            count_tokens=self._llm.count_tokens,
            budget=self._llm.context_tokens - self._settings.llm.answer_tokens,
            today=today,
        )

    def _compare(
        self, question: str, writer: "_Writer", evidence: Sequence[EvidenceSentence]
    ) -> Iterator[SentenceEvent]:
        """Add what another article says otherwise, if one does."""
        if found := told(question, writer.sentences, writer.citations, evidence, self._embedder.embed_documents):
            sentence, citation = found
            writer.sentences.append(sentence)
            writer.citations.append(citation)
            yield SentenceEvent(sentence=sentence, citations=(citation,))

    def _write(self, prompt: Prompt, writer: "_Writer", job: "_Job", stop: threading.Event) -> Iterator[Event]:
        whole = True
        for output in self._llm.stream(prompt.messages, max_tokens=self._settings.llm.answer_tokens, stop=stop):
            if isinstance(output, Reading):
                yield StageEvent(stage="reading", done=output.done, total=output.total)
            elif isinstance(output, Piece):
                if job.first_token_s is None:
                    job.first_token_s = job.elapsed()
                    yield StageEvent(stage="answering")
                yield from writer.feed(output.text)
            elif isinstance(output, Finished):
                job.tokens, job.stopped = output.tokens, output.stopped
                whole = not (output.cut or output.stopped)
        yield from writer.close(whole=whole)


class _Job:
    """What is known so far of one answer."""

    def __init__(self, question: str, model: str) -> None:
        self._began = time.perf_counter()
        self.question, self.model = question, model
        self.retrieved: tuple[Passage, ...] = ()
        self.period: Days | None = None
        self.evidence: tuple[Span, ...] = ()
        self.retrieve_s = 0.0
        self.first_token_s: float | None = None
        self.tokens = Tokens()
        self.stopped = False

    def elapsed(self) -> float:
        return time.perf_counter() - self._began

    def refuse(self, reason: Refusal, writer: "_Writer | None" = None) -> Answer:
        return self._answer(REFUSALS[reason], writer, refused=True, reason=reason)

    def finish(self, writer: "_Writer") -> Answer:
        if writer.sentences or self.stopped:
            return self._answer(" ".join(one.text for one in writer.sentences), writer)
        return self.refuse("not_supported" if writer.dropped and not writer.declined else "not_answered", writer)

    def _answer(
        self, text: str, writer: "_Writer | None", *, refused: bool = False, reason: Refusal | None = None
    ) -> Answer:
        return Answer(
            question=self.question,
            text=text,
            sentences=tuple(writer.sentences) if writer else (),
            citations=tuple(writer.citations) if writer else (),
            refused=refused,
            reason=reason,
            evidence=self.evidence,
            retrieved=self.retrieved,
            dropped_markers=writer.dropped_markers if writer else 0,
            dropped_sentences=tuple(writer.dropped) if writer else (),
            stopped=self.stopped,
            model=self.model,
            timings=Timings(retrieve_s=self.retrieve_s, first_token_s=self.first_token_s, total_s=self.elapsed()),
            tokens=self.tokens,
            period=self.period,
        )


class _Writer:
    """Turns pieces of text into events: words as they come, each sentence settled when it is finished."""

    def __init__(self, attributor: Attributor, split: Split, refusal: str, min_support: float) -> None:
        self._attributor, self._split = attributor, split
        self._refusal, self._min_support = _plain(refusal), min_support
        self._markers = MarkerFilter()
        self._text = ""  # of the sentence being written
        self._sent = 0  # how much of it was sent
        self.sentences: list[Sentence] = []
        self.citations: list[Citation] = []
        self.dropped: list[str] = []
        self.declined = False

    @property
    def dropped_markers(self) -> int:
        return self._markers.dropped

    def feed(self, piece: str) -> Iterator[Event]:
        self._text += self._markers.feed(piece)
        yield from self._settle(everything=False)
        yield from self._send()

    def close(self, *, whole: bool) -> Iterator[Event]:
        """Settle what is left; words that break off in the middle of a sentence (not `whole`) end in dots."""
        self._text += self._markers.feed("", last=True)
        if not whole and self._text.strip() and self._text.rstrip()[-1] not in ENDS:
            self._text = f"{self._text.rstrip()}…"
        yield from self._settle(everything=True)

    def _settle(self, *, everything: bool) -> Iterator[Event]:
        spans = self._split(self._text)
        finished = spans if everything else spans[:-1]
        for start, end in finished:
            yield self._sentence(self._text[start:end])
        if finished:
            self._text = self._text[finished[-1][1] :].lstrip()
            self._sent = 0

    def _send(self) -> Iterator[Event]:
        """Words not sent yet, unless they may still become the refusal."""
        begins = _plain(self._text)
        if self.declined or self._refusal.startswith(begins) or self._declines(self._text):
            return
        if len(self._text) > self._sent:
            yield TextEvent(text=self._text[self._sent :])
            self._sent = len(self._text)

    def _sentence(self, text: str) -> SentenceEvent:
        if self.declined or _plain(text).startswith(self._refusal):
            self.declined = True  # whatever it adds after that, it said that it does not know
            return SentenceEvent(sentence=None)
        support = self._attributor.support(text)
        if not support.sentences or support.score < self._min_support:
            self.declined = self._declines(text)
            if not self.declined:
                self.dropped.append(text)
            return SentenceEvent(sentence=None)
        sentence, citations = self._attributor.cite(text, len(self.sentences), support)
        self.sentences.append(sentence)
        self.citations.extend(citations)
        return SentenceEvent(sentence=sentence, citations=tuple(citations))

    def _declines(self, text: str) -> bool:
        plain = _plain(text)
        return plain.startswith(self._refusal) or bool(_DECLINES.match(plain))


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s']", "", text.lower().replace("’", "'")).split())
