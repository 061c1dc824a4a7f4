"""A model that reads every prompt whole: what joining is measured against."""

import threading
from collections.abc import Generator, Sequence

from bot.llm.base import LLM, NOTHING, Output, ReadAhead
from bot.schema import Message


class Whole:
    """`llm` without what it read before; its cells and its turns are shared with whoever else uses it."""

    def __init__(self, llm: LLM) -> None:
        self._llm = llm
        self.name, self.context_tokens, self.keeps = llm.name, llm.context_tokens, False

    @property
    def seed(self) -> int:
        return self._llm.seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self._llm.seed = seed

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return self._llm.count_tokens(messages)

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: threading.Event
    ) -> Generator[Output, None, None]:
        return self._llm.stream(_whole(messages), max_tokens=max_tokens, stop=stop)

    def odds(self, messages: Sequence[Message], words: tuple[str, str], *, stop: threading.Event) -> float | None:
        return self._llm.odds(_whole(messages), words, stop=stop)

    def keep(self, messages: Sequence[Message], *, stop: threading.Event, spare: bool = False) -> ReadAhead:
        return NOTHING

    def prepare(self, messages: Sequence[Message], *, stop: threading.Event) -> None:
        """All is read each time."""

    def has_room(self) -> bool:
        return False

    def close(self) -> None:
        """The model is closed by who made it."""


def _whole(messages: Sequence[Message]) -> list[Message]:
    return [message.model_copy(update={"parts": ()}) for message in messages]
