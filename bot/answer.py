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

from bot.cite import Attributor, EvidenceSentence, MarkerFilter, Split, Support, evidence_sentences
from bot.config import Settings
from bot.dates import asked, keeps
from bot.disagree import newer_first, told
from bot.embed import Embedder
from bot.errors import PromptError, Stopped
from bot.llm import LLM, Finished, Piece, Reading
from bot.prompt import CountTokens, Prompt, PromptFile, build
from bot.retrieve import Retriever
from bot.schema import (
    Answer,
    AnswerEvent,
    Citation,
    Days,
    Event,
    Filters,
    LeftOut,
    Message,
    Passage,
    PromptMessage,
    Refusal,
    Sentence,
    SentenceEvent,
    Span,
    StageEvent,
    TextEvent,
    Timings,
    Tokens,
    Trace,
    Turn,
)

log = logging.getLogger("bot.answer")

RETRIEVED = 20  # passages listed in an Answer at most; what the model is shown comes from the first of them

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
        looked_for = Trace(
            searched=search or question,
            filters=filters or Filters(),
            min_support=self._settings.cite.min_support,
        )
        job = _Job(question, self._llm.name, looked_for)
        stop = stop or threading.Event()
        yield StageEvent(stage="searching")
        today = looked_for.filters.today or dt.date.today()
        job.period, job.retrieved = self._search(looked_for.searched, asked(question, today), looked_for.filters)
        room = self._settings.retrieve.characters
        passages = self._retriever.evidence(looked_for.searched, job.retrieved, room)
        job.retrieve_s = job.elapsed()
        if not passages:
            yield AnswerEvent(answer=job.refuse("nothing_found"))
            return
        prompt = self._build(question, passages, history, today)
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
        job.trace_prompt(prompt, self._llm.count_tokens)
        if not job.stopped:
            yield from self._compare(question, writer, evidence)
        yield AnswerEvent(answer=job.finish(writer))

    def warm(self) -> None:
        """Make the search ready, so that the first question does not wait for it."""
        self._retriever.warm()

    def _search(self, question: str, period: Days | None, filters: Filters) -> tuple[Days | None, tuple[Passage, ...]]:
        """The passages, and `period` if it limits them: not where the user set limits, or it holds nothing near."""
        filters = filters.model_copy(update={"today": None})
        anywhere = tuple(self._retriever.search(question, RETRIEVED, filters))
        if period is None or filters != Filters():
            return None, anywhere
        within = tuple(self._retriever.search(question, RETRIEVED, Filters(since=period.first, until=period.last)))
        return (period, within) if keeps(within, anywhere) else (None, anywhere)

    def _build(self, question: str, passages: Sequence[Passage], history: Sequence[Turn], today: dt.date) -> Prompt:
        return build(
            self._prompt,
            question,
            newer_first(passages),
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

    def __init__(self, question: str, model: str, trace: Trace) -> None:
        self._began = time.perf_counter()
        self.question, self.model, self._trace = question, model, trace
        self.retrieved: tuple[Passage, ...] = ()
        self.period: Days | None = None
        self.evidence: tuple[Span, ...] = ()
        self.retrieve_s = 0.0
        self.first_token_s: float | None = None
        self.tokens = Tokens()
        self.stopped = False

    def elapsed(self) -> float:
        return time.perf_counter() - self._began

    def trace_prompt(self, prompt: Prompt, count_tokens: CountTokens) -> None:
        """Note what the model was asked; this is done last, as counting would put off the first word."""
        markup = count_tokens([Message(role="user", content="")])

        def words(text: str) -> int:
            # Counted as a message alone: some chat templates refuse a prompt that ends in the middle of a conversation.
            return max(0, count_tokens([Message(role="user", content=text)]) - markup)

        messages = tuple(
            PromptMessage(role=one.role, content=one.content, tokens=words(one.content)) for one in prompt.messages
        )
        counts = tuple(words(one.text) for one in prompt.shown)
        self._trace = self._trace.model_copy(update={"messages": messages, "evidence_tokens": counts})

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
            dropped_sentences=writer.dropped if writer else (),
            stopped=self.stopped,
            model=self.model,
            timings=Timings(retrieve_s=self.retrieve_s, first_token_s=self.first_token_s, total_s=self.elapsed()),
            tokens=self.tokens,
            period=self.period,
            trace=self._trace.model_copy(update={"left_out": tuple(writer.left_out) if writer else ()}),
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
        self.left_out: list[LeftOut] = []
        self.declined = False

    @property
    def dropped(self) -> tuple[str, ...]:
        return tuple(one.text for one in self.left_out if one.reason == "unsupported")

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
            return self._leave_out(text)
        support = self._attributor.support(text)
        if not support.sentences or support.score < self._min_support:
            self.declined = self._declines(text)
            return self._leave_out(text, support)
        sentence, citations = self._attributor.cite(text, len(self.sentences), support)
        self.sentences.append(sentence)
        self.citations.extend(citations)
        return SentenceEvent(sentence=sentence, citations=tuple(citations))

    def _leave_out(self, text: str, support: Support | None = None) -> SentenceEvent:
        self.left_out.append(
            LeftOut(
                text=text,
                reason="declined" if self.declined else "unsupported",
                support=round(support.score, 4) if support else None,
                nearest=support.sentences[0].span if support and support.sentences else None,
            )
        )
        return SentenceEvent(sentence=None)

    def _declines(self, text: str) -> bool:
        plain = _plain(text)
        return plain.startswith(self._refusal) or bool(_DECLINES.match(plain))


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s']", "", text.lower().replace("’", "'")).split())
