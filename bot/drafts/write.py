"""Asks the language model for the question to an answer, and whether a text answers a question.

It judges nothing of what comes.
"""

import re
import threading
from collections.abc import Sequence
from typing import NamedTuple

from bot.doubt.names import plain_names
from bot.drafts.pick import Source
from bot.llm import LLM, Piece
from bot.prompt import PromptFile
from bot.schema import Message

TOKENS = 60  # of a question, at most
YES, NO = "Yes", "No"

_LABEL = re.compile(r"^\W*question\W*:", re.IGNORECASE)
_AROUND = ' \t\r*"“”'


class Written(NamedTuple):
    """A question in the model's words, "" if it wrote none, and the answer that it was asked for."""

    question: str
    answer: str


class Writer:
    """Writes with `llm`, by the prompts of these names."""

    def __init__(self, llm: LLM, draft: PromptFile, draft_check: PromptFile, check: PromptFile) -> None:
        self._llm, self._draft, self._draft_check, self._check = llm, draft, draft_check, check
        self.name = llm.name

    def write(self, source: Source, answer: str, stop: threading.Event) -> Written:
        """The model's question, worded again if it names nothing.

        Raises LLMError when the model fails, PromptError for a prompt that cannot be filled in.
        """
        name = source.name(answer)
        passage = {"title": source.article.title, "date": source.article.date, "text": source.words}
        values = {"passages": [passage], "lead": source.lead, "answer": answer, "name": name}
        messages = self._draft.render(values)
        question = self._said(messages, stop)
        if (again := self._draft.header.again.replace("NAME", name)) and question and not plain_names(question):
            talk = [Message(role="assistant", content=question), Message(role="user", content=again)]
            question = self._said([*messages, *talk], stop)
        return Written(question, answer)

    def _said(self, messages: Sequence[Message], stop: threading.Event) -> str:
        """The first line of the reply that has words."""
        output = self._llm.stream(messages, max_tokens=TOKENS, stop=stop)
        reply = "".join(piece.text for piece in output if isinstance(piece, Piece))
        lines = (_LABEL.sub("", line).strip(_AROUND) for line in reply.splitlines())
        return next(filter(None, lines), "")

    def right(self, written: Written, text: str, stop: threading.Event) -> float | None:
        """Log-odds (natural) of Yes: by the text, this is the answer to the question. None if the model cannot tell."""
        return self._odds(self._draft_check, text, stop, question=written.question, answer=written.answer)

    def answered(self, question: str, text: str, stop: threading.Event) -> float | None:
        """Log-odds of Yes: the text answers exactly this question. None where the model cannot tell."""
        return self._odds(self._check, text, stop, question=question)

    def _odds(self, prompt: PromptFile, text: str, stop: threading.Event, **asked: str) -> float | None:
        messages = prompt.render({"passages": [{"text": " ".join(text.split())}], **asked})
        return self._llm.odds(messages, (YES, NO), stop=stop)
