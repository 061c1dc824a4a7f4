"""Search, prompt, model, attribution: from a question to a stream of events that ends with the Answer."""

import datetime as dt
import functools
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing

from bot.answer.again import again
from bot.answer.asking import claim_odds, odds
from bot.answer.finder import RETRIEVED, Finder, readable
from bot.answer.job import Job
from bot.answer.judge import Judge
from bot.answer.recent import Recent
from bot.answer.writer import Writer
from bot.answerable import Calibration
from bot.cite import Attributor, EvidenceSentence, Split, evidence_sentences
from bot.config import Settings
from bot.dates import asked, asks_for_day, meant
from bot.disagree import told
from bot.embed import Embedder
from bot.errors import PromptError, Stopped
from bot.evidence import Evidence
from bot.llm import LLM, NOTHING, Finished, Piece, ReadAhead, Reading
from bot.prompt import Prompt, PromptFile, build, continued
from bot.retrieve import Retriever
from bot.schema import (
    AnswerEvent,
    Article,
    Days,
    Event,
    Filters,
    Passage,
    SentenceEvent,
    Span,
    StageEvent,
    Tokens,
    Trace,
    Turn,
)
from bot.segments import cut

SHOWN_BEFORE = 3  # sentences nearest to a follow-up that the turn before must have shown, for its prompt to go on
NO_WORDS = "Nothing."  # stands where a prompt wants words and only its beginning is read
CUT = 64  # articles whose sentences are remembered


class Answerer:
    """Holds what answering needs; `ask` may be called from several threads."""

    def __init__(
        self,
        retriever: Retriever,
        llm: LLM,
        embedder: Embedder,
        prompt: PromptFile,
        split: Split,
        settings: Settings,
        calibrations: Sequence[Calibration] = (),
        check: PromptFile | None = None,
        claim: PromptFile | None = None,
        min_claim_odds: float | None = None,
    ) -> None:
        """`calibrations` are those that may fit the embedder and the model, the most telling first.

        `check` asks the model whether a text answers a question; it is used where a calibration wants it, and where
        nothing is refused by them, so that a calibration can be made. `claim` asks it whether the passages state a
        sentence of an answer, unless `min_claim_odds` (bot.models.catalogue) are not known.
        """
        self._llm, self._embedder = llm, embedder
        self._finder = Finder(retriever, settings.retrieve)
        self._prompt, self._split, self._settings = prompt, split, settings
        wanted = any("odds" in one.weights for one in calibrations) or settings.answer.min_answerable == 0
        self._claim = claim if settings.cite.ask_model and min_claim_odds is not None else None
        self._min_claim_odds = min_claim_odds or 0.0
        self._cut = functools.lru_cache(CUT)(lambda text: cut(text, split))
        self._judge = Judge(llm, check if wanted else None, calibrations, settings.answer, self._cut)
        self._budget = llm.context_tokens - settings.llm.answer_tokens
        self._recent = Recent()

    def ask(
        self,
        question: str,
        *,
        search: str | None = None,
        history: Sequence[Turn] = (),
        thread: Sequence[Turn] = (),
        filters: Filters | None = None,
        stop: threading.Event | None = None,
        weigh: bool = False,
    ) -> Iterator[Event]:
        """Events up to the AnswerEvent; `search` replaces the question when passages are looked for.

        Of the turns that it leans on, the `thread`, the model is shown those of `history`. With `weigh`, a check that
        was left out as it would hardly refuse is made once the answer is there, for what its trace tells.

        Raises PromptError for a question that is empty or too long, LLMError and StoreError where those rooms fail.
        """
        question = readable(question)
        looked_for = self._trace(search or question, filters or Filters())
        job = Job(question, self._llm.name, looked_for)
        stop = stop or threading.Event()
        yield StageEvent(stage="searching")
        today = looked_for.filters.today or dt.date.today()
        leans = looked_for.searched != question
        job.period, job.retrieved, found = self._finder.find(
            question, looked_for.searched, looked_for.filters, today, thread
        )
        job.retrieve_s = job.elapsed()
        if not found.passages:
            yield AnswerEvent(answer=job.refuse("nothing_found"))
            return
        prompt, judged = self._prompt_for(job, found, history, looked_for.filters, today)
        job.evidence = tuple(Span(article=one.article, start=one.start, end=one.end) for one in prompt.shown)
        evidence = evidence_sentences(prompt.shown, self._split)
        writer = self._writer(question, history, evidence, stop)
        try:
            # A question that leans on earlier turns asks nothing by itself: only the search can judge it.
            yield from self._judge.judge(job, prompt, judged, None if leans else found, stop)
            if not job.unanswerable:
                yield from self._write(prompt, writer, job, stop)
                begun = judged is prompt.shown  # it did not go on from another, which reads nothing again either
                nothing = begun and not (writer.sentences or job.stopped)
                if nothing and (slower := self._slower(prompt, question, found, history, today)):
                    prompt, writer = slower, self._writer(question, history, evidence, stop)
                    yield from self._write(prompt, writer, job, stop)
        except Stopped:
            job.stopped = True
        job.trace_prompt(prompt, self._llm.count_tokens)
        if not job.stopped:
            yield from self._compare(question, writer, evidence)
        answer = job.finish(writer)
        if weigh and not (job.stopped or leans):
            answer = self._judge.weighed(answer, job, prompt, judged, found, stop)
        if not (answer.refused or answer.stopped):
            turns = [*history, Turn(question=question, answer=answer.text)]
            self._recent.note(turns, looked_for.filters, prompt)
        yield AnswerEvent(answer=answer)

    def search(self, question: str, count: int, filters: Filters) -> list[Passage]:
        """The `count` best passages, best first; words such as "this week" limit them as they do for an answer."""
        today = filters.today or dt.date.today()
        return list(self._finder.search(question, asked(question, today), filters, max(count, RETRIEVED))[1][:count])

    def warm(self) -> None:
        """Make the search ready, so that the first question does not wait for it."""
        self._finder.warm()

    def forget(self) -> None:
        """Forget the prompts of earlier answers: what is asked next does not depend on them."""
        self._recent.forget()

    def read_for(
        self,
        question: str,
        *,
        search: str | None = None,
        thread: Sequence[Turn] = (),
        filters: Filters | None = None,
        stop: threading.Event,
    ) -> ReadAhead:
        """Let the model read now what `ask` with the same arguments would show it."""
        if not self._llm.keeps:
            return NOTHING
        filters = filters or Filters()
        today = filters.today or dt.date.today()
        *_, found = self._finder.find(question, search or question, filters, today, thread)
        if not found.passages:
            return NOTHING
        return self._llm.keep(self._build(question, found, (), today, hurried=self._hurries).messages, stop=stop)

    def read_article(self, article: Article, *, stop: threading.Event, spare: bool = True) -> ReadAhead:
        """Let the model read all of an article, so that answers from it come sooner.

        With `spare`, nothing that it used is forgotten for it.
        """
        if not article.text.strip():
            return NOTHING
        whole = Passage(
            article=article.id,
            start=0,
            end=len(article.text),
            title=article.title,
            text=article.text,
            date=article.date,
        )
        return self._llm.keep(self._alone(whole).messages, stop=stop, spare=spare)

    def read_beginnings(self, stop: threading.Event) -> None:
        """Let the model read what its prompts begin with, so that the first question does not wait for it.

        A model that keeps what it reads keeps it for other processes. Raises LLMError, and Stopped when `stop` is set.
        """
        nothing = Passage(article="", start=0, end=len(NO_WORDS), title="", text=NO_WORDS)
        alone = self._alone(nothing)
        self._llm.prepare(alone.messages, stop=stop)
        self._judge.read_beginning(nothing, alone, stop)
        if self._claim:
            odds(self._llm, self._claim, NO_WORDS, [nothing], stop)

    @property
    def keeps(self) -> bool:
        """Whether the model keeps what it read of articles."""
        return self._llm.keeps

    def has_room(self) -> bool:
        """Whether the model can read more without forgetting what it read before; False where it keeps nothing."""
        return self._llm.has_room()

    def _trace(self, searched: str, filters: Filters) -> Trace:
        support, answerable = self._settings.cite.min_support, self._settings.answer.min_answerable
        return Trace(searched=searched, filters=filters, min_support=support, min_answerable=answerable)

    @property
    def _hurries(self) -> bool:
        """Whether a question is asked at first without a sentence that is read again."""
        return self._settings.answer.quick and self._llm.keeps

    def _slower(
        self, prompt: Prompt, question: str, found: Evidence, history: Sequence[Turn], today: dt.date
    ) -> Prompt | None:
        """For a quick prompt that nothing came of, one that reads a sentence again. docs/experiments.md, Kept segments.

        None where the user wants none read, it was read already, or less would be shown for it.
        """
        if not self._hurries or self._settings.retrieve.repeat == 0:
            return None
        try:
            slower = self._build(question, found, history, today, hurried=False)
        except PromptError:
            return None
        return slower if slower.shown == prompt.shown and slower.messages != prompt.messages else None

    def _writer(
        self, question: str, history: Sequence[Turn], evidence: Sequence[EvidenceSentence], stop: threading.Event
    ) -> Writer:
        says = claim_odds(self._llm, self._claim, stop) if self._claim else None
        earlier = " ".join(f"{turn.question} {turn.answer}" for turn in history)
        embed = self._embedder.embed_documents
        attributor = Attributor(question, evidence, embed, says, self._min_claim_odds, earlier)
        return Writer(attributor, self._split, self._prompt.header.refusal, self._settings.cite)

    def _prompt_for(
        self, job: Job, found: Evidence, history: Sequence[Turn], filters: Filters, today: dt.date
    ) -> tuple[Prompt, Sequence[Passage]]:
        """The prompt, and the passages found for the question that say how well it can be answered.

        A follow-up goes on from the prompt of the turn before, where that shows the words nearest to it already, and
        nothing from beyond the period that it asks about; unless it asks for a day: then words such as "on Monday" are
        shown with what they mean.
        """
        question = job.question
        before = self._recent.find(history, filters) if history and not asks_for_day(question) else None
        if before and _will_do(before, found.nearest[:SHOWN_BEFORE], job.period):
            texts = self._finder.texts({one.article for one in before.shown})
            if all(texts.get(run.article, "")[run.start : run.end] == run.text for run in before.shown):
                prompt = continued(
                    before,
                    history[-1].answer,
                    self._prompt,
                    question,
                    count_tokens=self._llm.count_tokens,
                    budget=self._budget,
                    today=today,
                    days=meant(question, today),
                    stretches={id_: self._cut(text) for id_, text in texts.items()},
                )
                if prompt:
                    return prompt, found.passages
        prompt = self._build(question, found, history, today, hurried=self._hurries)
        return prompt, prompt.shown

    def _build(
        self, question: str, found: Evidence, history: Sequence[Turn], today: dt.date, *, hurried: bool
    ) -> Prompt:
        sentences = again(question, found.nearest, *self._repeated(hurried, bool(history)))
        return build(
            self._prompt,
            question,
            found.passages,
            history,
            nearest=sentences.read,
            twice=sentences.joined,
            count_tokens=self._llm.count_tokens,
            budget=self._budget,
            today=today,
            days=meant(question, today),
            stretches={id_: self._cut(text) for id_, text in found.texts.items()} if self._llm.keeps else None,
        )

    def _alone(self, passage: Passage) -> Prompt:
        """A prompt of one passage and no question, however long; its parts are what is read ahead."""
        anything = sys.maxsize  # it is read in pieces
        stretches = {passage.article: self._cut(passage.text)}
        count = self._llm.count_tokens
        return build(self._prompt, "", [passage], (), count_tokens=count, budget=anything, stretches=stretches)

    def _repeated(self, hurried: bool, follows: bool) -> tuple[int, int]:
        """How many sentences are read again next to the question, and how many are joined again before it.

        Turns stand between the passages and a question that follows them. docs/experiments.md, Kept segments.
        """
        if hurried:
            return 0, 0 if follows else 1
        wanted = self._settings.retrieve.repeat
        return wanted if wanted is not None else 1 if self._llm.keeps else 3, 0

    def _compare(self, question: str, writer: Writer, evidence: Sequence[EvidenceSentence]) -> Iterator[SentenceEvent]:
        """Add what another article says otherwise, if one does."""
        if found := told(question, writer.sentences, writer.citations, evidence, self._embedder.embed_documents):
            sentence, citation = found
            writer.sentences.append(sentence)
            writer.citations.append(citation)
            yield SentenceEvent(sentence=sentence, citations=(citation,))

    def _write(self, prompt: Prompt, writer: Writer, job: Job, stop: threading.Event) -> Iterator[Event]:
        """What comes of a prompt; once it is read, the first word and the tokens are those of this one."""
        whole, read = True, False
        limit = self._settings.llm.answer_tokens
        with closing(self._llm.stream(prompt.messages, max_tokens=limit, stop=stop)) as outputs:
            for output in outputs:
                if isinstance(output, Reading):
                    if not read:
                        read, job.first_token_s = True, None
                        job.tokens = Tokens(prompt=output.total, reused=output.done)
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


def _will_do(before: Prompt, nearest: Sequence[Passage], period: Days | None) -> bool:
    """Whether a prompt shows what is `nearest` to another question, and only articles of the period it asks about."""
    if period and not all(one.date and period.first <= one.date <= period.last for one in before.shown):
        return False
    return all(any(_within(one, run) for run in before.shown) for one in nearest)


def _within(one: Span, other: Span) -> bool:
    return one.overlap(other) == one.end - one.start
