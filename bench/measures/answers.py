"""Answers from what the model read before, from nothing, and follow-ups; against whole prompts and bare llama.cpp."""

import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from bot.chat import Chat
from bot.cli.compose import open_chat, open_embedder, open_ingester, open_llm, open_store
from bot.config import PROJECT, Settings
from bot.errors import ModelError
from bot.evaluate.cases import Question, load_questions
from bot.llm import LlamaCpp, Output, Piece, Reading
from bot.llm.whole import Whole
from bot.models.files import resolve
from bot.schema import Answer, AnswerEvent, Message, Turn
from measures.bare import Bare
from measures.measure import Measure, medians, middle

SEEDS = PROJECT / "seeds"
ANSWER_TOKENS, SHORTEST = 32, 8  # of an answer that is timed
TEXT = "The harbour ferry carries more people every year, and the council wants a bridge."


class Cold(Whole):
    """The model as it is by default, which notes the last prompt and the checks before it; see `unread`."""

    def __init__(self, llm: LlamaCpp) -> None:
        super().__init__(llm)
        self.keeps = True
        self.checks: list[Sequence[Message]] = []
        self.prompt: Sequence[Message] = ()

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event
    ) -> Generator[Output, None, None]:
        self.prompt = messages
        return self._llm.stream(messages, max_tokens=max_tokens, stop=stop)

    def odds(self, messages: Sequence[Message], words: tuple[str, str], *, stop: threading.Event) -> float | None:
        if not self.prompt:  # what is checked after it does not delay it
            self.checks.append(messages[-1:])  # its examples were read before
        return self._llm.odds(messages, words, stop=stop)


@contextmanager
def unread(llm: LlamaCpp) -> Iterator[None]:
    """As long as this lasts, no segment of an article is known; what prompts begin with is."""
    assert llm._joiner
    find = llm._joiner.find
    everything = type("", (), {"__contains__": lambda *_: True})()
    with mock.patch.object(llm._joiner, "find", lambda reads, _=(): find(reads, everything)):
        yield


class Asked(NamedTuple):
    """One question asked in all ways; `bare` are seconds to read what the one without read segments had to read.

    `prompt` is empty where that one was refused before an answer.
    """

    answers: Mapping[str, Answer]
    bare: float
    prompt: Sequence[Message]


def measure(settings: Settings, count: int, folder: Path) -> list[Measure]:
    """The first `count` answerable questions of the samples, and as many of their conversations."""
    embedder = open_embedder(settings)
    store = open_store(settings, embedder, folder)
    open_ingester(settings, embedder, store).ingest([SEEDS / "articles"])
    llm = open_llm(settings)
    if not isinstance(llm, LlamaCpp) or not llm.keeps:
        raise ModelError(
            "Only a model that keeps what it read can be measured. Choose another, or cache.join = always."
        )
    quick = settings.model_copy(update={"answer": settings.answer.model_copy(update={"quick": True})})
    cold = Cold(llm)
    ways = {
        "whole": open_chat(settings, embedder, store, Whole(llm)),
        "cold": open_chat(settings, embedder, store, cold),
        "joined": open_chat(settings, embedder, store, llm),
        "quick": open_chat(quick, embedder, store, llm),
    }
    with closing(Bare(resolve(settings.llm.model, settings.models_dir, "llm").path)) as bare:
        questions = [one for one in load_questions(SEEDS / "questions.jsonl") if one.answerable and not one.history]
        for chat in ways.values():  # the examples of checks are read once
            chat.read_beginnings()
            ask(llm, chat, questions[0].question)
        bare.read(llm._tokens.whole([Message(role="user", content=TEXT)]))
        asked = [ask_all_ways(llm, cold, ways, bare, one) for one in questions[1 : count + 1]]
        talks = [talk(llm, ways, one) for one in load_questions(SEEDS / "conversations.jsonl")[:count]]
        rates = [rate for one in asked if one.prompt and (rate := written(llm, bare, one.prompt))]
    llm.close()
    store.close()
    return [*of_questions(asked), *of_talks(talks), *of_rates(rates)]


def ask_all_ways(llm: LlamaCpp, cold: Cold, ways: Mapping[str, Chat], bare: Bare, question: Question) -> Asked:
    answers = {way: ask(llm, chat, question.question) for way, chat in ways.items() if way != "cold"}
    cold.checks, cold.prompt = [], ()
    with unread(llm):
        answers["cold"] = ask(llm, ways["cold"], question.question, read=False)
    known = answers["cold"].tokens.reused  # what all prompts begin with
    new = [llm._tokens.whole(check) for check in cold.checks]
    if cold.prompt:
        new.append(llm._tokens.whole(cold.prompt)[known:])
    return Asked(answers, sum(map(bare.read, new)), cold.prompt)


def ask(
    llm: LlamaCpp,
    chat: Chat,
    question: str,
    history: Sequence[Turn] = (),
    *,
    onward: bool = False,
    read: bool = True,
) -> Answer:
    """With the articles read before, where the chat's model keeps them; the last prompt is forgotten first."""
    if read:
        chat.read_for(question, history)
    if not onward:
        llm._cells.keep(0)
    *_, last = chat.ask(question, history)
    assert isinstance(last, AnswerEvent)
    return last.answer


def talk(llm: LlamaCpp, ways: Mapping[str, Chat], question: Question) -> tuple[float, float] | None:
    """First word of a follow-up: going on from the prompt before, and by a whole prompt; None where it begins anew."""
    history: list[Turn] = []
    for earlier in question.history:
        found = ask(llm, ways["joined"], earlier.question, history)
        history.append(Turn(question=earlier.question, answer=found.text, refused=found.refused))
    before = found.tokens.prompt
    onward = ask(llm, ways["joined"], question.question, history, onward=True)
    if onward.tokens.reused < before or onward.timings.first_token_s is None:
        return None
    whole = ask(llm, ways["whole"], question.question, history)
    return None if whole.timings.first_token_s is None else (onward.timings.first_token_s, whole.timings.first_token_s)


class Rates(NamedTuple):
    """Seconds for a token of a prompt and of its answer, ours and bare llama.cpp's for the same tokens."""

    prompt: tuple[float, float]
    answer: tuple[float, float]


def written(llm: LlamaCpp, bare: Bare, messages: Sequence[Message]) -> Rates | None:
    """A prompt that is read from its beginning, and its answer; None where that is too short to be timed."""
    prompt = llm._tokens.whole(messages)
    llm._cells.keep(0)
    began, read, arrivals = time.perf_counter(), 0.0, []
    for output in Whole(llm).stream(messages, max_tokens=ANSWER_TOKENS, stop=threading.Event()):
        if isinstance(output, Reading) and output.done == output.total:
            read = time.perf_counter() - began
        elif isinstance(output, Piece):
            arrivals.append(time.perf_counter())
    answer = [token for token in llm._cells.tokens[len(prompt) :] if isinstance(token, int)]
    if len(answer) < SHORTEST:
        return None
    ours = read / len(prompt), (arrivals[-1] - arrivals[0]) / (len(answer) - 1)
    return Rates((ours[0], bare.read(prompt) / len(prompt)), (ours[1], bare.write(answer)))


def of_questions(asked: Sequence[Asked]) -> list[Measure]:
    both = [one for one in asked if all(answer.timings.first_token_s for answer in one.answers.values())]
    first = {way: [float(one.answers[way].timings.first_token_s or 0) for one in both] for way in both[0].answers}
    total = {way: [one.answers[way].timings.total_s for one in both] for way in first}

    def against_whole(name: str, way: str, times: Mapping[str, list[float]], what: str) -> Measure:
        return Measure(name, *medians(list(zip(times[way], times["whole"], strict=True))), what)

    return [
        against_whole("first token, articles read before", "joined", first, "the prompt read whole"),
        against_whole("whole answer, articles read before", "joined", total, "the prompt read whole"),
        against_whole("first token, quick", "quick", first, "the prompt read whole"),
        against_whole("whole answer, quick", "quick", total, "the prompt read whole"),
        Measure(
            "first token, nothing read before",
            *middle(list(zip(first["cold"], (one.bare for one in both), strict=True))),
            "bare llama.cpp reading the same",
        ),
    ]


def of_talks(talks: Sequence[tuple[float, float] | None]) -> list[Measure]:
    onward = [pair for pair in talks if pair]
    name = "first token of a follow-up on what is shown"
    return [Measure(name, *medians(onward), "the prompt read whole")] if onward else []


def of_rates(rates: Sequence[Rates]) -> list[Measure]:
    return [
        Measure("a token of the prompt", *middle([one.prompt for one in rates]), "bare llama.cpp", "ms"),
        Measure("a token of the answer", *middle([one.answer for one in rates]), "bare llama.cpp", "ms"),
    ]
