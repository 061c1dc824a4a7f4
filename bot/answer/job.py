"""What is known so far of one answer, and the Answer made of it.

It decides when an answer is a refusal: nothing was found, the passages are unlikely to answer the question, the model
said that it does not know, or nothing of what it said is supported by the evidence.
"""

import time
from collections.abc import Mapping
from typing import Any

from bot.answer.writer import Writer
from bot.prompt import CountTokens, Prompt
from bot.schema import (
    Answer,
    Days,
    Message,
    Passage,
    PromptMessage,
    Refusal,
    Span,
    Timings,
    Tokens,
    Trace,
)

REFUSALS: dict[Refusal, str] = {
    "nothing_found": "No article matches this question.",
    "not_answered": "The articles do not answer this question.",
    "not_supported": "The articles do not support an answer to this question.",
}


def told(signals: Mapping[str, float], probability: float | None) -> dict[str, Any]:
    """What a Trace has of how likely it is that the passages answer the question."""
    return {
        "signals": {name: round(value, 4) for name, value in signals.items()},
        "answerable": None if probability is None else round(probability, 4),
    }


class Job:
    """What is known so far of one answer."""

    def __init__(self, question: str, model: str, trace: Trace) -> None:
        self._began = time.perf_counter()
        self.question, self.model, self._trace = question, model, trace
        self.retrieved: tuple[Passage, ...] = ()
        self.period: Days | None = None
        self.evidence: tuple[Span, ...] = ()
        self.retrieve_s = 0.0
        self.checked_s: float | None = None
        self.first_token_s: float | None = None
        self.tokens: Tokens | None = None  # None until the model reads the answer's prompt
        self.stopped = False
        self.unanswerable = False

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

    def judge(self, signals: Mapping[str, float], probability: float | None) -> None:
        """Note how likely it is that the passages answer the question; too little makes the answer a refusal."""
        self._trace = self._trace.model_copy(update=told(signals, probability))
        self.unanswerable = probability is not None and probability < self._trace.min_answerable

    def refuse(self, reason: Refusal, writer: Writer | None = None) -> Answer:
        return self._answer(REFUSALS[reason], writer, refused=True, reason=reason)

    def finish(self, writer: Writer) -> Answer:
        if self.unanswerable:
            return self.refuse("not_answered", writer)
        if writer.sentences or self.stopped:
            return self._answer(" ".join(one.text for one in writer.sentences), writer)
        return self.refuse("not_supported" if writer.dropped and not writer.declined else "not_answered", writer)

    def _answer(
        self, text: str, writer: Writer | None, *, refused: bool = False, reason: Refusal | None = None
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
            timings=Timings(
                retrieve_s=self.retrieve_s,
                checked_s=self.checked_s,
                first_token_s=self.first_token_s,
                total_s=self.elapsed(),
            ),
            tokens=self.tokens or Tokens(),
            period=self.period,
            trace=self._trace.model_copy(update={"left_out": tuple(writer.left_out) if writer else ()}),
        )
